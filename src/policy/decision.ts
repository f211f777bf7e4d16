import type { PolicyVerdict, Tier } from "../model/index.ts";

/** A rule that matched. */
export interface MatchedRule {
  readonly policy: string;
  /** Position in the policy's rules, from 0. */
  readonly rule: number;
  readonly ruleName?: string;
  readonly tier: Tier;
  readonly verdict: PolicyVerdict;
}

/** What settled the question. */
export type DecidedBy =
  | ({ readonly kind: "rule" } & MatchedRule)
  /** The tenant isolates itself as a whole, and both sides are of it. */
  | { readonly kind: "same-tenant" }
  /** The tenant isolates its segments, and both sides are of the same one. */
  | { readonly kind: "same-segment" }
  /** No rule accepts, and the subject lets pass only what some rule accepts: all policies that want it so. */
  | { readonly kind: "isolated"; readonly by: "policies"; readonly policies: readonly string[] }
  /** The same, by the isolation of its tenant, or because nobody knows whose it is. */
  | { readonly kind: "isolated"; readonly by: "tenant" | "unknown-identity" }
  /** A process of the machine that the endpoint runs on; no rule says otherwise. */
  | { readonly kind: "own-host" }
  /** No rule says anything, and nothing isolates the subject. */
  | { readonly kind: "open" };

/** Something that was asked, and how it went. */
export type Considered =
  /** No target of the policy is the subject, so that none of its rules was asked. */
  | { readonly outcome: "target"; readonly policy: string; readonly tier: Tier }
  /** The rule matched, or which part of it did not. */
  | ({ readonly outcome: "matched" | "peer" | "traffic" } & MatchedRule);

/** What policies say of the first packet of a flow in one direction. */
export interface PolicyDecision {
  readonly verdict: "accept" | "drop";
  /** False: a rule decided that wants neither the packet nor its answers known to connection tracking. */
  readonly stateful: boolean;
  readonly decidedBy: DecidedBy;
  /** Rules that log the packet, in the order in which they were asked. */
  readonly logged: readonly MatchedRule[];
  /** All that was asked until the question was settled, in this order. */
  readonly considered: readonly Considered[];
}
