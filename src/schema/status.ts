import { z } from "zod";
import type { HostStatus } from "../model/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import { encodeRoute, routeStatusSchema } from "./route.ts";
import { revisionSchema } from "./text.ts";

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
