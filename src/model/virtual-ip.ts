import type { Address } from "../net/index.ts";
import type { AddressPair } from "./nouns.ts";
import type { LabelRequirement } from "./policy.ts";

/** Which hosts may hold a virtual IP. */
export type HostSelector =
  | { readonly by: "names"; readonly names: readonly string[] }
  /** All must hold. */
  | { readonly by: "labels"; readonly requirements: readonly LabelRequirement[] };

/** An address on the underlay that one healthy host has at a time, and another one when that fails (ADR 0016). */
export interface VirtualIp {
  readonly name: string;
  /** At least one. */
  readonly addresses: AddressPair;
  /** The candidates; absent: all hosts. */
  readonly hosts?: HostSelector;
  /** Its identifier in the orchestrator. */
  readonly externalId?: string;
  /** Who may have it in its kernel. Absent until the first host was chosen. */
  readonly holder?: string;
  /** When the holder was chosen, in milliseconds since 1970 UTC. */
  readonly since?: number;
  /** It goes away as soon as its holder cannot have it any more; nobody shall hold it. */
  readonly deleting?: true;
}

/** Whether the holder has it: `held`, `moving` while somebody is about to take it, `vacant` when nobody can. */
export type VirtualIpState = "held" | "moving" | "vacant";

/** A virtual IP and how it is. */
export interface VirtualIpDetails extends VirtualIp {
  readonly state: VirtualIpState;
  /** A sentence for people when it is not held. */
  readonly reason?: string;
}

/** Virtual IPs that a host was told to hold and does not, with a sentence for people. */
export interface VirtualIpRefusal {
  readonly name: string;
  readonly reason: string;
}

/** How one agent sees a virtual IP that it was told to hold. */
export interface VirtualIpStatus {
  readonly name: string;
  readonly state: "held" | "taking" | "refused";
  readonly device?: string;
  readonly reason?: string;
}

/** The addresses of a virtual IP, IPv4 first. */
export function virtualIpAddresses({
  addresses: { ipv4, ipv6 },
}: Pick<VirtualIp, "addresses">): readonly Address[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

/**
 * Times of virtual IPs. What matters is their order: an address is out of a kernel `slack` + `lifetime` + `kernelDelay`
 * after the last heartbeat that romanad has seen was sent, and romanad waits longer than that.
 */
export const VIRTUAL_IP_TIMES = {
  /** Between two heartbeats of a holder, and of those who come next, in milliseconds. */
  beat: 400,
  /** Between two heartbeats of other candidates, in milliseconds. */
  idleBeat: 5_000,
  /** How old an acknowledged heartbeat may be that gives a full lifetime, in milliseconds. */
  slack: 400,
  /** Of an address in the kernel, in seconds. */
  lifetime: 2,
  /** How much later than asked for a kernel deletes an address at most, in milliseconds (ADR 0016). */
  kernelDelay: 1_250,
  /** From the last acknowledgement until another host may have it, in milliseconds. */
  handOver: 3_800,
  /** A host that has refused is asked again after so many milliseconds. */
  refusal: 10_000,
} as const;
