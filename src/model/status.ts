import type { Address, Prefix } from "../net/index.ts";
import type { VirtualIpStatus } from "./virtual-ip.ts";

/** One route of an agent's report: what it wants in the kernel and whether it is there. */
export interface RouteStatus {
  readonly destination: Prefix;
  readonly type: "unicast" | "blackhole";
  readonly gateway?: Address;
  readonly device?: string;
  /** `present`: as wanted; `missing`: not in the kernel; `drifted`: somebody changed it. */
  readonly state: "present" | "missing" | "drifted";
}

/** Packets and bytes. */
export interface Tally {
  readonly packets: number;
  readonly bytes: number;
}

/** What a rule of a policy has decided; without a rule: what was dropped because the policy isolates. */
export interface RuleTally extends Tally {
  readonly policy: string;
  /** Position in the policy's rules, from 0. */
  readonly rule?: number;
}

/** Packets that a host has dropped for one reason. */
export interface DropTally extends Tally {
  readonly reason: string;
}

/** What the rules of a host have counted. */
export interface HostCounters {
  /** Those that decided most, by policy and rule; each packet counts for the rule that decided about it. */
  readonly rules: readonly RuleTally[];
  /** How many others there are that decided something. */
  readonly omitted: number;
  readonly drops: readonly DropTally[];
}

/** What the rules of one policy have decided, on some hosts. */
export interface PolicyCounters {
  readonly policy: string;
  /** Those that decided something; as in {@link RuleTally}. */
  readonly rules: readonly Omit<RuleTally, "policy">[];
}

/** What all hosts have counted. */
export interface AllCounters {
  /** How many hosts have reported counters. */
  readonly hosts: number;
  /** Rules that hosts have not told of: more packets may have been decided than are told. */
  readonly omitted: number;
  /** By ID. */
  readonly policies: readonly PolicyCounters[];
  readonly drops: readonly DropTally[];
}

/** What an agent reports about its host. */
export interface HostStatus {
  /** The kernel is as the network was at this revision, but for what `problems` say; 0 before the first look. */
  readonly observedRevision: number;
  readonly state: "ok" | "degraded";
  /** Sentences for people: what is not as it should be. */
  readonly problems: readonly string[];
  readonly routes: readonly RouteStatus[];
  /** Number of endpoints that are attached on the host. */
  readonly attachments: number;
  /** Absent from reports of agents that do not count. */
  readonly counters?: HostCounters;
  /** Absent from reports of agents that know none. */
  readonly virtualIps?: readonly VirtualIpStatus[];
  /** Version of the agent. */
  readonly version: string;
  /** When the agent wrote it, in milliseconds since 1970 UTC. */
  readonly reportedAt: number;
}

/** What an agent sends: a host has thousands of routes, and they change seldom. */
export interface HostReport extends Omit<HostStatus, "routes"> {
  /** Absent: as in the report before. */
  readonly routes?: readonly RouteStatus[];
}
