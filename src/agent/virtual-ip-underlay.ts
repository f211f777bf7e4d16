import {
  type Address,
  addressBits,
  isSameAddress,
  type Prefix,
  prefixContains,
  prefixOf,
} from "../net/index.ts";
import type { Kernel, Link } from "../system/kernel.ts";
import { isLinkLocal } from "./network-diff.ts";

/** A subnet that a device of this machine is in. */
export interface Subnet {
  readonly link: Link;
  readonly prefix: Prefix;
}

/** What of the kernel matters for virtual IPs. */
export interface Underlay {
  /** Of devices that are up and have a carrier. */
  readonly subnets: readonly Subnet[];
  /** Addresses of ours. */
  readonly leased: readonly { readonly link: Link; readonly address: Address }[];
  /** The smallest subnet with the address. */
  subnetOf(address: Address): Subnet | undefined;
  /** True when the machine has the address, and it is not ours. */
  hasOfOthers(address: Address): boolean;
}

/** Reads the kernel. Link-local and loopback subnets do not count, nor those of one address. */
export function readUnderlay(kernel: Pick<Kernel, "links" | "addresses">): Underlay {
  const links = new Map(kernel.links().map((link) => [link.index, link]));
  const subnets: Subnet[] = [];
  const leased: { link: Link; address: Address }[] = [];
  const others: Address[] = [];
  for (const found of kernel.addresses()) {
    const { address, prefixLength, isLeased } = found;
    const link = links.get(found.link);
    if (link === undefined) continue;
    if (isLeased === true) leased.push({ link, address });
    else others.push(address);
    const isWorking = link.up && link.hasNoCarrier !== true && link.name !== "lo" && link.mac !== undefined;
    const isSubnet = isLeased !== true && prefixLength < addressBits(address.family) && !isLinkLocal(found);
    if (isWorking && isSubnet) subnets.push({ link, prefix: prefixOf(address, prefixLength) });
  }
  return {
    subnets,
    leased,
    subnetOf: (address) =>
      subnets
        .filter(({ prefix }) => prefixContains(prefix, address))
        .toSorted((a, b) => b.prefix.length - a.prefix.length)[0],
    hasOfOthers: (address) => others.some((other) => isSameAddress(other, address)),
  };
}
