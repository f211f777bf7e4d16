import type { Direction, PolicyVerdict, SegmentCode, Tier, TrafficMatch } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";

/**
 * Who, as a rule sees it. `tenant`, `segment` and `local` read identity bits, so they say nothing about exceptions,
 * whose bits mean nothing: these are `block`. `any` and `prefix` are about addresses and hold for both.
 */
export type Party =
  | { readonly kind: "any" }
  | { readonly kind: "local" }
  | { readonly kind: "tenant"; readonly tenant: number }
  | { readonly kind: "segment"; readonly tenant: number; readonly code: SegmentCode }
  /** The addresses of one exception. */
  | { readonly kind: "block"; readonly block: Prefix }
  | { readonly kind: "prefix"; readonly prefix: Prefix }
  /** The machine that the other side's endpoint runs on. */
  | { readonly kind: "host" }
  /** As a subject: this machine, over these interfaces and with these addresses; absent: all. */
  | {
      readonly kind: "machine";
      readonly interfaces?: readonly string[];
      readonly addresses?: readonly Prefix[];
    };

/** The rule that an entry comes from. */
export interface RuleReference {
  readonly policy: string;
  /** Position in the policy's rules, from 0. */
  readonly rule: number;
}

/** One allowed (or refused) combination. Port names are ports by now. */
export interface RuleEntry {
  /** Destination of ingress, source of egress. */
  readonly subject: Party;
  readonly peer: Party;
  readonly traffic: Omit<TrafficMatch, "portName">;
  readonly stateful: boolean;
  /** All rules that say the same, the deciding one first. */
  readonly by: readonly RuleReference[];
}

/** Entries that need no order among them: one verdict, one place in the order. */
export interface RuleLayer {
  /** The same as long as verdict and place stay; unique in its tier and direction. */
  readonly key: string;
  readonly verdict: PolicyVerdict;
  readonly entries: readonly RuleEntry[];
}

/** All layers of one direction, and who is isolated in it by policies. */
export interface DirectionRules {
  readonly tiers: Readonly<Record<Tier, readonly RuleLayer[]>>;
  /** Subjects that are dropped behind the standard tier. Identities of isolated tenants come on top in ingress. */
  readonly isolated: readonly { readonly subject: Party; readonly by: readonly string[] }[];
}

/** What all hosts enforce; the same on each of them. */
export interface RuleModel {
  readonly endpoints: Readonly<Record<Direction, DirectionRules>>;
  /** Subjects are `host` (traffic between this machine and its own endpoints) or `machine`. */
  readonly machines: Readonly<Record<Direction, DirectionRules>>;
  /** Blocks of all exceptions: whoever has such an address is nobody else. */
  readonly exceptions: readonly Prefix[];
  /**
   * What the isolation of tenants accepts of ingress when an exception is on either side, behind the standard tier. For
   * identities the renderers know it from tenants and segments.
   */
  readonly exceptionDefaults: readonly RuleEntry[];
  /** Exceptions of isolated or unknown tenants: dropped in ingress behind that, whether policies isolate them or not. */
  readonly isolatedExceptions: readonly Party[];
}
