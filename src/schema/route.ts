import { z } from "zod";
import { type Address, formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import { oneOf, strict } from "./decode.ts";
import { addressSchema, nameSchema, prefixSchema } from "./text.ts";

const routeShape = {
  destination: prefixSchema,
  type: oneOf(["unicast", "blackhole"]),
  gateway: addressSchema.exactOptional(),
  device: z.string().exactOptional(),
};

/** A route of an agent's report. */
export const routeStatusSchema = strict({
  ...routeShape,
  state: oneOf(["present", "missing", "drifted"]),
});

/** A route of a host, wanted and seen. */
export const routeRowSchema = strict({
  ...routeShape,
  purpose: oneOf(["relocation"]).exactOptional().meta({
    description: "`relocation`: of an endpoint that is on another host than its address says.",
  }),
  state: oneOf(["present", "missing", "drifted", "unknown", "unwanted"]).meta({
    description:
      "As the agent reported; unknown: wanted, but not reported; unwanted: reported, but not wanted any more.",
  }),
}).meta({ id: "Route" });

const hostRoutesSchema = strict({
  host: nameSchema,
  reportedAt: z.int().exactOptional().meta({
    description: "When the agent reported, in milliseconds since 1970 UTC; absent when it never did.",
  }),
  routes: z.array(routeRowSchema),
}).meta({ id: "HostRoutes", description: "The routes of one host." });

/** The routes of some hosts. */
export const hostRoutesListSchema = strict({ items: z.array(hostRoutesSchema) });

/** How many routes the network needs, with and without aggregation. */
export const routeCountsSchema = strict({
  hosts: z.int(),
  prefixesPerHost: z.int().meta({ description: "Prefixes of tenants' segments on one host." }),
  before: z.int().meta({ description: "Routes that all hosts would need for them." }),
  after: z.int().meta({ description: "Routes that all hosts really have." }),
}).meta({ id: "RouteCounts" });

/** The routes of one host. */
export type HostRoutes = z.output<typeof hostRoutesSchema>;
/** How many routes the network needs, with and without aggregation. */
export type RouteCounts = z.output<typeof routeCountsSchema>;

/** A route with any state, as it is in reports and listings. */
interface RouteWithState<S> {
  readonly destination: Prefix;
  readonly type: "unicast" | "blackhole";
  readonly gateway?: Address;
  readonly device?: string;
  readonly purpose?: "relocation";
  readonly state: S;
}

/** A route as JSON. */
export function encodeRoute<S>(route: RouteWithState<S>): {
  destination: string;
  type: "unicast" | "blackhole";
  gateway?: string;
  device?: string;
  purpose?: "relocation";
  state: S;
} {
  return {
    destination: formatPrefix(route.destination),
    type: route.type,
    ...(route.gateway && { gateway: formatAddress(route.gateway) }),
    ...(route.device !== undefined && { device: route.device }),
    ...(route.purpose !== undefined && { purpose: route.purpose }),
    state: route.state,
  };
}
