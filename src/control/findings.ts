/** What can be wrong in the store; each is explained in docs/ipam.md. */
export type FindingKind =
  | "unknown-key"
  | "unparsable-value"
  | "dangling-reference"
  | "unowned-code"
  | "id-out-of-bounds"
  | "reserved-id"
  | "wrong-segment"
  | "wrong-address"
  | "duplicate-address"
  | "missing-index"
  | "stale-index"
  | "wrong-claim"
  | "missing-claim"
  | "overlapping-codes"
  | "overlapping-networks"
  | "wrong-chain"
  | "wrong-usage"
  | "cooling-in-use"
  | "expired-cooling"
  | "unfinished-change";

/** One thing that is not as it should be. */
export interface Finding {
  readonly kind: FindingKind;
  /** The store's key that it is about. */
  readonly key: string;
  /** A sentence for people. */
  readonly message: string;
  /** What repair did about it; absent when it did nothing, which leaves it to a human. */
  readonly repaired?: string;
}

/** What a check found. */
export interface CheckReport {
  /** True when no finding is left but those that repair mended and expired cool-downs. */
  readonly clean: boolean;
  /** Revision of the store that the report describes. */
  readonly revision: number;
  /** Endpoints that were looked at. */
  readonly endpoints: number;
  /** Keys that were looked at. */
  readonly keys: number;
  /** How many findings of each kind there are. */
  readonly counts: ReadonlyMap<FindingKind, number>;
  /** The first {@link MAX_FINDINGS} of each kind. */
  readonly findings: readonly Finding[];
}

/** Most findings of one kind that a report lists. */
export const MAX_FINDINGS = 100;
