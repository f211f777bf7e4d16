import type { Network } from "../model/index.ts";
import {
  type Address,
  firstAddress,
  formatAddress,
  formatPrefix,
  lastAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from "../net/index.ts";

/** Longest service prefixes: one address at least can be given out. */
const LONGEST = { 4: 30, 6: 127 } as const;

/** Unspecified, loopback, link-local and multicast ones: nobody can be reached at them from elsewhere (IANA). */
const SPECIAL: readonly Prefix[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/96",
  "fe80::/10",
  "ff00::/8",
].map(parsePrefix);

/** The addresses of a service prefix that are given out: all but the first, and the last one of IPv4. */
export function serviceAddressRange(prefix: Prefix): { readonly first: bigint; readonly last: bigint } {
  const { value: last } = lastAddress(prefix);
  return { first: firstAddress(prefix).value + 1n, last: prefix.family === 4 ? last - 1n : last };
}

/** The lowest address of a service prefix that is not taken; undefined when there is none. */
export function lowestFreeServiceAddress(prefix: Prefix, taken: ReadonlySet<bigint>): Address | undefined {
  const { first, last } = serviceAddressRange(prefix);
  let value = first;
  while (taken.has(value)) value++;
  return value <= last ? { family: prefix.family, value } : undefined;
}

/** Why a service of a network cannot have an address; undefined when it can. */
export function serviceAddressFault({ name, services }: Network, address: Address): string | undefined {
  const prefix = address.family === 4 ? services?.ipv4 : services?.ipv6;
  if (prefix === undefined) return `network "${name}" has no IPv${address.family} prefix for services`;
  const text = formatAddress(address);
  if (!prefixContains(prefix, address)) {
    return `${text} is not in the service prefix ${formatPrefix(prefix)} of network "${name}"`;
  }
  const { first, last } = serviceAddressRange(prefix);
  if (address.value >= first && address.value <= last) return undefined;
  return `${text} is the ${address.value < first ? "first" : "last"} address of ${formatPrefix(prefix)}, which is not given out`;
}

/** Why a prefix cannot be one of services, whatever networks there are; undefined when it can. */
export function servicePrefixFault(prefix: Prefix, family: 4 | 6): string | undefined {
  const text = formatPrefix(prefix);
  if (prefix.family !== family) return `${text} is not a prefix of IPv${family}`;
  if (prefix.length > LONGEST[family]) return `${text} is longer than /${LONGEST[family]}`;
  const special = SPECIAL.find((one) => prefixesOverlap(one, prefix));
  return special && `${text} overlaps ${formatPrefix(special)}, whose addresses services cannot have`;
}
