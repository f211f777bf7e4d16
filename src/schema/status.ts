import { z } from "zod";
import type { Address, Prefix } from "../net/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import { encodeRoute, routeStatusSchema } from "./route.ts";
import { revisionSchema } from "./text.ts";

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

/** An agent's report. */
export const hostStatusSchema = strict({
  observedRevision: revisionSchema,
  state: oneOf(["ok", "degraded"]),
  problems: z.array(z.string().max(1000)).max(100),
  routes: z.array(routeStatusSchema),
  attachments: z.int().min(0),
  version: z.string().max(100),
  reportedAt: z.int().min(0),
}).meta({ id: "HostStatus", description: "What an agent reports about its host." });

/** An agent's report as JSON. */
export type HostStatusJson = z.input<typeof hostStatusSchema>;

/** Reads an agent's report. @throws RomanaError `invalid-input`. */
export function decodeHostStatus(value: unknown): HostStatus {
  return decodeWith(hostStatusSchema, "read host status", value);
}

/** An agent's report as JSON. */
export function encodeHostStatus(status: HostStatus): HostStatusJson {
  return {
    ...status,
    problems: [...status.problems],
    routes: status.routes.map(encodeRoute),
  };
}
