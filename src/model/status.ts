import type { Address, Prefix } from "../net/index.ts";

/** One route of an agent's report: what it wants in the kernel and whether it is there. */
export interface RouteStatus {
  readonly destination: Prefix;
  readonly type: "unicast" | "blackhole";
  readonly gateway?: Address;
  readonly device?: string;
  /** `present`: as wanted; `missing`: not in the kernel; `drifted`: somebody changed it. */
  readonly state: "present" | "missing" | "drifted";
}

/** What an agent reports about its host. */
export interface HostStatus {
  /** The revision of the view that the agent works from. */
  readonly observedRevision: number;
  readonly state: "ok" | "degraded";
  /** Sentences for people: what is not as it should be. */
  readonly problems: readonly string[];
  readonly routes: readonly RouteStatus[];
  /** Number of endpoints that are attached on the host. */
  readonly attachments: number;
  /** Version of the agent. */
  readonly version: string;
  /** When the agent wrote it, in milliseconds since 1970 UTC. */
  readonly reportedAt: number;
}
