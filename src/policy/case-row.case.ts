import type { Direction, Policy } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { MachineTraffic } from "./target.ts";

/**
 * One line of a table: why, the policies, the direction, `FROM > TO`, what it carries, and the outcome as
 * `describeDecision()` writes it. Lines are asked in both families; those with ICMP in its own.
 */
export type CaseRow = readonly [
  reason: string,
  policies: readonly Policy[],
  direction: Direction,
  parties: string,
  traffic: string,
  expected: string,
  rest?: CaseRest,
];

/** What few lines need besides. */
export interface CaseRest {
  /** The other side is the machine that the endpoint runs on. */
  readonly ownHost?: true;
  /** It is about a machine and not about an endpoint. */
  readonly machine?: Omit<MachineTraffic, "flow">;
  /** Only this family. */
  readonly family?: Family;
}
