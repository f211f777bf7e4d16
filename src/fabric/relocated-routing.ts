import type { Host, Network, Relocation } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { createRouting, type DesiredRoute } from "../routing/index.ts";
import type { DeviceRoute, DeviceRouting, NextHop } from "./device-route.ts";

/**
 * The same with the routes of agents to endpoints that are on another host than their address says, and what is wrong
 * with them. They are the agents' own, with a fabric and without one, and lead to
 * hosts that they reach themselves; routers know prefixes only.
 */
export function withRelocations<R extends DeviceRouting>(
  routing: R,
  networks: readonly Network[],
  hosts: readonly Host[],
  relocations: readonly Relocation[],
): R {
  if (relocations.length === 0) return routing;
  const desired = createRouting(networks, hosts, relocations);
  const isHost = new Set(hosts.map(({ name }) => name));
  return {
    ...routing,
    routesOf(device) {
      const routes = routing.routesOf(device);
      if (!isHost.has(device)) return routes;
      const near = new Set(routes.flatMap(neighboursOf));
      const moved = desired
        .routesOf(device)
        .routes.filter(
          ({ kind, gateway }) =>
            kind === "relocation" && (gateway === undefined || near.has(formatAddress(gateway))),
        );
      return [...routes, ...moved.map(deviceRoute)];
    },
  };
}

function neighboursOf({ kind, origin, nextHops }: DeviceRoute): readonly string[] {
  return kind === "host" && origin === "agent" ? nextHops.map(({ address }) => formatAddress(address)) : [];
}

function deviceRoute({ network, destination, host = "", gateway }: DesiredRoute): DeviceRoute {
  const nextHops: readonly NextHop[] = gateway === undefined ? [] : [{ address: gateway, device: host }];
  return { network, destination, kind: "relocation", origin: "agent", owner: host, nextHops };
}
