import type { Host, Network } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { createRouting, type DesiredRoute } from "../routing/index.ts";
import type { DeviceRoute, DeviceRouting, NextHop } from "./device-route.ts";

/**
 * The routes of hosts where no fabric is known: those that agents install by themselves. Routers of groups are next hops
 * of which nothing is known but the address.
 */
export function createHostRouting(networks: readonly Network[], hosts: readonly Host[]): DeviceRouting {
  const routing = createRouting(networks, hosts);
  const owners = new Map(
    hosts.flatMap(({ name, underlay }) =>
      [underlay.ipv4, underlay.ipv6].flatMap((address) =>
        address === undefined ? [] : [[formatAddress(address), name] as const],
      ),
    ),
  );
  const nextHopOf = ({ gateway }: DesiredRoute): readonly NextHop[] => {
    if (gateway === undefined) return [];
    const text = formatAddress(gateway);
    return [{ address: gateway, device: owners.get(text) ?? text }];
  };
  return {
    devices: hosts.map(({ name, group }) => ({
      name,
      role: "host",
      ...(group.length > 0 && { rack: group.join("/") }),
    })),
    routesOf: (device) =>
      routing.routesOf(device).routes.map(
        (route): DeviceRoute => ({
          network: route.network,
          destination: route.destination,
          kind: route.kind,
          origin: "agent",
          owner: route.groups?.join("+") ?? route.host ?? "",
          nextHops: nextHopOf(route),
        }),
      ),
    problemsOf: (device) =>
      routing.routesOf(device).problems.map(({ network, family, reason }) => ({
        device,
        reason: `${network} IPv${family}: ${reason}`,
      })),
  };
}
