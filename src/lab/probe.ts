import type { Address } from "../net/index.ts";
import type { Judgement } from "../policy/index.ts";

/** What a probe speaks. */
export type Protocol = "tcp" | "udp" | "icmp";

/** A place that probes come from or go to: a namespace with its addresses. */
export interface Station {
  readonly name: string;
  /** Path of its network namespace. */
  readonly namespace: string;
  /** True when it answers TCP and UDP probes; every kernel answers ICMP. */
  readonly serves: boolean;
}

/** One question: does a packet from here get there, and what should happen? */
export interface Probe {
  readonly from: Station;
  readonly to: Station;
  readonly protocol: Protocol;
  /** Where it goes to; it comes from the address that the kernel chooses. */
  readonly address: Address;
  /** Port of TCP and UDP, the same for all probes to one station; absent: one that the kernel chooses. */
  readonly port?: number;
  readonly expected: Judgement;
}

/**
 * What a probe saw. `answered`: by the right place; `refused`: it arrived, but nobody listens; `silent`: nothing
 * came back; `unreachable`: somebody on the way said so; `misrouted`: another place answered.
 */
export type Observation = "answered" | "refused" | "silent" | "unreachable" | "misrouted";

/** What came of a probe. */
export interface Outcome {
  readonly observed: Observation;
  /** Milliseconds until it was clear. */
  readonly elapsed: number;
}

/** Whether the packet got there. A refusal comes from the place itself. */
const ARRIVED: Readonly<Record<Observation, boolean>> = {
  answered: true,
  refused: true,
  misrouted: true,
  silent: false,
  unreachable: false,
};

/** True when the probe saw what was expected: an answer, or nothing that comes from there. */
export function isAsExpected({ expected, observed }: Pick<Probe, "expected"> & Outcome): boolean {
  return expected.verdict === "accept" ? observed === "answered" : !ARRIVED[observed];
}
