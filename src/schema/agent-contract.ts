import { z } from "zod";
import { firewallSchema } from "./agent-config.ts";
import {
  attachmentCheckSchema,
  attachmentRefSchema,
  attachmentRequestSchema,
  attachmentSchema,
} from "./attachment.ts";
import { oneOf, strict } from "./decode.ts";
import { type RouteContract, reading } from "./route-contract.ts";
import { encodeHostStatus, hostCountersSchema, hostStatusSchema } from "./status.ts";
import { nameSchema, revisionSchema } from "./text.ts";

const refParams = strict({
  ref: attachmentRefSchema.meta({ description: "Name, an address, or the request token of the endpoint." }),
});

const { counters: _, ...agentStatusShape } = hostStatusSchema.shape;

/** What an agent says about itself on its own socket: its report to romanad, and whether romanad is there. */
export const agentStatusSchema = strict({
  host: nameSchema,
  ...agentStatusShape,
  romanad: strict({
    server: z.string(),
    connected: z.boolean(),
    error: z.string().exactOptional().meta({ description: "Why there is no connection." }),
    lostRevision: revisionSchema
      .exactOptional()
      .meta({ description: "Set when romanad's store is older than what the agent knew." }),
  }),
  policies: strict({
    count: z.int(),
    exceptions: z.int().meta({ description: "Endpoints that act as another segment, on all hosts." }),
    pending: z
      .array(z.string())
      .meta({ description: "The first of those that wait for somebody whom they name." }),
  }),
  firewall: firewallSchema.meta({ description: "What enforces." }),
  routing: strict({
    daemon: oneOf(["bird", "frr"]),
    running: z.boolean(),
    sessions: z
      .array(strict({ peer: z.string(), established: z.boolean() }))
      .meta({ description: "By the address of the neighbour." }),
    fault: z
      .string()
      .exactOptional()
      .meta({ description: "Why the configuration in force is not the one that should be." }),
  })
    .exactOptional()
    .meta({ description: "The routing daemon of this host; absent without one." }),
  repairs: z
    .array(strict({ kind: z.string(), count: z.int() }))
    .meta({ description: "How often the agent has mended what others changed, by kind, since it started." }),
}).meta({ id: "AgentStatus", description: "What an agent says about itself." });

/** What an agent works towards, as text for people. */
export const desiredTextSchema = strict({
  sysctls: z.string(),
  links: z.string(),
  routes: z.string(),
  neighbours: z.string(),
  table: z.string().exactOptional().meta({ description: "Rules of `firewall: nftables`." }),
  ipset: z.string().exactOptional().meta({ description: "Sets of `firewall: iptables`." }),
  iptables: z.string().exactOptional().meta({ description: "Rules of `firewall: iptables`, IPv4." }),
  ip6tables: z.string().exactOptional().meta({ description: "The same for IPv6." }),
}).meta({ id: "DesiredText", description: "What the agent works towards, as text for people." });

/** Every operation of an agent's local socket by its ID. */
export const AGENT_CONTRACT = {
  getAgentStatus: reading({
    path: "/v1/status",
    tag: "agent",
    summary: "Show how the agent is",
    response: agentStatusSchema,
    errors: [],
  }),
  getDesired: reading({
    path: "/v1/desired",
    tag: "agent",
    summary: "Show what the agent works towards, as text",
    response: desiredTextSchema,
    errors: [],
  }),
  getCounters: reading({
    path: "/v1/counters",
    tag: "agent",
    summary: "Show what the rules of the host have counted",
    response: hostCountersSchema,
    errors: [],
  }),
  listAttachments: reading({
    path: "/v1/attachments",
    tag: "attachments",
    summary: "List the attachments of the host",
    response: strict({ items: z.array(attachmentSchema) }),
    errors: [],
  }),
  getAttachment: reading({
    path: "/v1/attachments/:ref",
    tag: "attachments",
    summary: "Show an attachment",
    params: refParams,
    response: attachmentSchema,
  }),
  createAttachment: {
    method: "POST",
    path: "/v1/attachments",
    tag: "attachments",
    summary: "Attach an endpoint to a network namespace or a tap",
    body: attachmentRequestSchema,
    response: attachmentSchema,
    statuses: {
      201: "Attached, or attached again after its device was gone",
      200: "It was attached already",
    },
    errors: ["not-found", "conflict", "pool-exhausted", "quota-exceeded", "aborted", "kernel-refused"],
  },
  checkAttachment: {
    method: "POST",
    path: "/v1/attachments/:ref/check",
    tag: "attachments",
    summary: "Check that an attachment works, with a look into its network namespace",
    params: refParams,
    body: attachmentCheckSchema,
    response: strict({
      problems: z.array(z.string()).meta({ description: "All that is wrong; empty: it works." }),
    }),
    statuses: { 200: "Checked" },
    errors: ["not-found"],
  },
  deleteAttachment: {
    method: "DELETE",
    path: "/v1/attachments/:ref",
    tag: "attachments",
    summary: "Detach an endpoint; one that is not attached is no error",
    params: refParams,
    response: strict({
      detached: z.boolean().meta({ description: "False when there was no such attachment." }),
      released: z.boolean().meta({
        description: "False when romanad is yet to be told, or the endpoint was not allocated by attaching.",
      }),
    }),
    statuses: { 200: "Detached" },
    errors: [],
  },
} as const satisfies Record<string, RouteContract>;

/** What an agent says about itself. */
export type AgentStatus = z.output<typeof agentStatusSchema>;

/** What an agent says about itself, as JSON. */
export type AgentStatusJson = z.input<typeof agentStatusSchema>;

/** What an agent works towards, as text for people. */
export type DesiredText = z.output<typeof desiredTextSchema>;

/** What an agent says about itself, as JSON. */
export function encodeAgentStatus({
  host,
  romanad,
  policies,
  firewall,
  repairs,
  ...status
}: AgentStatus): AgentStatusJson {
  return { host, ...encodeHostStatus(status), romanad, policies, firewall, repairs };
}
