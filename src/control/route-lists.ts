import { type Host, type HostStatus, notFound, type Relocation } from "../model/index.ts";
import { comparePrefixes, formatPrefix, prefixContainsPrefix } from "../net/index.ts";
import { createRouting, type DesiredRoute, servicePrefixes, summarizeRoutes } from "../routing/index.ts";
import type { Context } from "./context.ts";
import type { Routes } from "./control.ts";
import type { HostRoutes, RouteRow } from "./routes.ts";
import { readStatus } from "./statuses.ts";

/** Routes as they should be, beside what the agents report. */
export function createRoutes({ store, catalog }: Context): Routes {
  const hosts = (): Host[] =>
    [...catalog.hosts.values()].map(({ record }) => record.host).sort((a, b) => (a.name < b.name ? -1 : 1));
  const relocations = (): Relocation[] => [...catalog.relocations.values()].map(({ record }) => record);
  return {
    async list(host) {
      if (host !== undefined && !catalog.hosts.has(host)) throw notFound("host", host);
      const networks = catalog.visibleNetworks();
      const routing = createRouting(networks, hosts(), relocations());
      const services = networks
        .flatMap(servicePrefixes)
        .map(({ destination }): Wanted => ({ destination, type: "unicast" }));
      const names = host === undefined ? hosts().map(({ name }) => name) : [host];
      return await Promise.all(
        names.map(async (name) => {
          const wanted = [...routing.routesOf(name).routes.map(rowOf), ...services];
          return joinRoutes(name, wanted, await readStatus(store, name));
        }),
      );
    },
    async summary() {
      const tenants = [...catalog.tenants.values()].map(({ record }) => record.tenant);
      const segments = [...catalog.segments.values()].flatMap((ofTenant) =>
        [...ofTenant.values()].map(({ record }) => record.segment),
      );
      const summary = summarizeRoutes(catalog.visibleNetworks(), hosts(), tenants, segments);
      return {
        hosts: summary.hosts,
        prefixesPerHost: summary.prefixesPerHost,
        before: summary.before.total,
        after: summary.after.total,
      };
    },
  };
}

/**
 * What is wanted with the state that was reported for it, then what was reported besides. Routes inside the host's own
 * prefix are those of its endpoints, which the agent knows best.
 */
function joinRoutes(host: string, rows: readonly Wanted[], status: HostStatus | undefined): HostRoutes {
  const reported = new Map(status?.routes.map((route) => [formatPrefix(route.destination), route]));
  const wanted = rows.map((route): RouteRow => {
    const key = formatPrefix(route.destination);
    const seen = reported.get(key);
    reported.delete(key);
    // Where an endpoint of another host is, its own route stands there once it is wired.
    if (seen?.type === "unicast" && route.type === "blackhole") return { ...seen, purpose: "relocation" };
    return {
      ...route,
      ...(seen?.device !== undefined && { device: seen.device }),
      state: seen?.state ?? "unknown",
    };
  });
  const own = wanted.filter(({ type }) => type === "blackhole").map(({ destination }) => destination);
  const rest = [...reported.values()].map((route): RouteRow => {
    const isEndpoint = own.some((prefix) => prefixContainsPrefix(prefix, route.destination));
    return isEndpoint ? route : { ...route, state: "unwanted" };
  });
  return {
    host,
    ...(status && { reportedAt: status.reportedAt }),
    routes: [...wanted, ...rest.sort((a, b) => comparePrefixes(a.destination, b.destination))],
  };
}

/** A route that a host must have. */
type Wanted = Omit<RouteRow, "state">;

function rowOf({ destination, kind, gateway }: DesiredRoute): Wanted {
  const isLeading = kind !== "blackhole" && !(kind === "relocation" && gateway === undefined);
  const purpose = kind === "relocation" ? ({ purpose: kind } as const) : {};
  return { destination, type: isLeading ? "unicast" : "blackhole", ...(gateway && { gateway }), ...purpose };
}
