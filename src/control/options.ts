import type { Store } from "../store/index.ts";
import type { PolicyTrial } from "./policy-control.ts";

/** Time as control needs it; tests pass their own. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Milliseconds that only go on, whoever sets the time; absent: as `now`. */
  monotonic?(): number;
  /** Calls `run` once after `milliseconds`; the returned function takes it back. */
  after(milliseconds: number, run: () => void): () => void;
}

/** A virtual IP got another holder. */
export interface VirtualIpMove {
  readonly name: string;
  /** Absent: it had none yet. */
  readonly from?: string;
  readonly to: string;
}

/** What {@link createControl} works with. */
export interface ControlOptions {
  readonly store: Store;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** How long a freed endpoint ID rests before it is used again, in milliseconds; default 60,000. */
  readonly coolDown?: number;
  /** Most endpoints of a network that may be on another host than their address says; default 1,000. */
  readonly maxRelocations?: number;
  /** Most endpoint IDs that are remembered in memory; what was not used for long is read again. Default 4,000,000. */
  readonly cachedIds?: number;
  /** Told when following the store failed; control goes on by itself. For logs. */
  readonly onTrouble?: (error: unknown) => void;
  /** Told when changes of policies were taken back, because nobody confirmed them in time. For logs. */
  readonly onRollBack?: (trial: PolicyTrial) => void;
  /** Told when a virtual IP got another holder. For logs. */
  readonly onMove?: (move: VirtualIpMove) => void;
}
