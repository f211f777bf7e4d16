import { z } from "zod";
import type { AllCounters, HostCounters, HostReport, HostStatus, PolicyCounters } from "../model/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import { policyIdSchema } from "./policy.ts";
import { encodeRoute, routeStatusSchema } from "./route.ts";
import { revisionSchema } from "./text.ts";
import { virtualIpNameSchema } from "./virtual-ip.ts";

const tallyShape = {
  packets: z.int().min(0).meta({ description: "The first ones of connections; of stateless rules all." }),
  bytes: z.int().min(0),
};

const dropTallySchema = strict({ reason: z.string().max(100), ...tallyShape });

/** What rules have decided, by rule. */
const ruleTallyShape = {
  rule: z
    .int()
    .min(0)
    .exactOptional()
    .meta({ description: "Position in the policy; absent: dropped because the policy isolates." }),
  ...tallyShape,
};

/** What the rules of a host have counted. */
export const hostCountersSchema = strict({
  rules: z.array(strict({ policy: policyIdSchema, ...ruleTallyShape })).max(1_000),
  omitted: z.int().min(0).meta({ description: "Rules that decided something and are not told of." }),
  drops: z.array(dropTallySchema).max(100).meta({ description: "Dropped packets by reason." }),
}).meta({ id: "HostCounters", description: "What the rules of a host have counted." });

/** What the rules of one policy have decided on all hosts. */
export const policyCountersSchema = strict({
  policy: policyIdSchema,
  rules: z.array(strict(ruleTallyShape)),
}).meta({ id: "PolicyCounters", description: "What the rules of a policy have decided on all hosts." });

/** What all hosts have counted. */
export const allCountersSchema = strict({
  hosts: z.int().min(0).meta({ description: "Hosts whose agents have reported counters." }),
  omitted: z
    .int()
    .min(0)
    .meta({ description: "Rules that hosts have not told of; such policies may have decided more." }),
  policies: z.array(policyCountersSchema),
  drops: z.array(dropTallySchema).meta({ description: "Dropped packets by reason." }),
}).meta({ id: "AllCounters", description: "What the rules of all hosts have counted." });

const virtualIpStatusSchema = strict({
  name: virtualIpNameSchema,
  state: oneOf(["held", "taking", "refused"]),
  device: z.string().max(100).exactOptional(),
  reason: z.string().max(1000).exactOptional(),
}).meta({ description: "A virtual IP that the host is to hold, or still has." });

const hostStatusShape = {
  observedRevision: revisionSchema.meta({
    description: "Revision of the network that the host is made as; 0 before the first time.",
  }),
  state: oneOf(["ok", "degraded"]),
  problems: z.array(z.string().max(1000)).max(100),
  routes: z.array(routeStatusSchema),
  attachments: z.int().min(0),
  counters: hostCountersSchema.exactOptional(),
  virtualIps: z.array(virtualIpStatusSchema).max(10_000).exactOptional(),
  version: z.string().max(100),
  reportedAt: z.int().min(0),
};

/** How a host is. */
export const hostStatusSchema = strict(hostStatusShape).meta({
  id: "HostStatus",
  description: "What an agent has reported about its host.",
});

/** An agent's report. */
export const hostReportSchema = strict({
  ...hostStatusShape,
  routes: hostStatusShape.routes.exactOptional().meta({ description: "Absent: as in the report before." }),
}).meta({ id: "HostReport", description: "What an agent reports about its host." });

/** How a host is, as JSON. */
export type HostStatusJson = z.input<typeof hostStatusSchema>;

/** An agent's report as JSON. */
export type HostReportJson = z.input<typeof hostReportSchema>;

/** Reads how a host is. @throws RomanaError `invalid-input`. */
export function decodeHostStatus(value: unknown): HostStatus {
  return decodeWith(hostStatusSchema, "read host status", value);
}

/** How a host is, as JSON. */
export function encodeHostStatus({ routes, ...report }: HostStatus): HostStatusJson {
  return { ...encodeHostReport(report), routes: routes.map(encodeRoute) };
}

/** An agent's report as JSON. */
export function encodeHostReport({ counters, virtualIps, routes, ...rest }: HostReport): HostReportJson {
  return {
    ...rest,
    problems: [...rest.problems],
    ...(routes && { routes: routes.map(encodeRoute) }),
    ...(counters && { counters: encodeHostCounters(counters) }),
    ...(virtualIps && { virtualIps: [...virtualIps] }),
  };
}

/** What the rules of a policy have decided, as JSON. */
export function encodePolicyCounters({
  policy,
  rules,
}: PolicyCounters): z.input<typeof policyCountersSchema> {
  return { policy, rules: [...rules] };
}

/** What all hosts have counted, as JSON. */
export function encodeAllCounters({
  hosts,
  omitted,
  policies,
  drops,
}: AllCounters): z.input<typeof allCountersSchema> {
  return { hosts, omitted, policies: policies.map(encodePolicyCounters), drops: [...drops] };
}

/** What the rules of a host have counted, as JSON. */
export function encodeHostCounters({
  rules,
  omitted,
  drops,
}: HostCounters): z.input<typeof hostCountersSchema> {
  return { rules: [...rules], omitted, drops: [...drops] };
}
