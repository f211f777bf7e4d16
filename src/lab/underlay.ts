import { writeFileSync } from "node:fs";
import { formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import { createNamespace, inNamespace, namespacePath } from "../system/namespace.ts";
import { runIp } from "./command.ts";
import type { LabBridge, LabHost, LabTopology } from "./topology.ts";

/** The interface of a host on the underlay. */
const UNDERLAY_INTERFACE = "eth0";

/**
 * What makes the underlay's namespace a router. Reverse path filters of the machine's defaults would drop what
 * comes back another way.
 */
const ROUTER_SYSCTLS = [
  "ipv4/ip_forward=1",
  "ipv4/conf/all/rp_filter=0",
  "ipv4/conf/default/rp_filter=0",
  "ipv6/conf/all/forwarding=1",
] as const;

/** Makes the underlay's namespace with a bridge per leaf group. */
export async function createUnderlay({ underlay, bridges }: LabTopology): Promise<void> {
  createNamespace(underlay);
  inNamespace(namespacePath(underlay), () => {
    for (const setting of ROUTER_SYSCTLS) {
      const [name, value] = setting.split("=") as [string, string];
      writeFileSync(`/proc/sys/net/${name}`, value);
    }
  });
  await runIp(namespacePath(underlay), ["link set lo up", ...bridges.flatMap(bridgeLines)]);
}

/**
 * Makes the namespace of a host and joins it to its bridge. The veth pair never is in any other namespace. It has
 * no default route, which would hide that a route of the agent is missing: only other bridges are behind the router.
 */
export async function createHostNamespace(lab: LabTopology, host: LabHost): Promise<void> {
  createNamespace(host.namespace);
  await runIp(namespacePath(lab.underlay), [
    `link add ${host.port} type veth peer name ${UNDERLAY_INTERFACE} netns ${host.namespace}`,
    `link set ${host.port} master ${host.bridge.name} up`,
  ]);
  const { prefixes, router } = host.bridge;
  const others = lab.bridges.filter((bridge) => bridge !== host.bridge);
  await runIp(namespacePath(host.namespace), [
    "link set lo up",
    `link set ${UNDERLAY_INTERFACE} up`,
    ...(["ipv4", "ipv6"] as const).flatMap((family) => [
      addressLine(UNDERLAY_INTERFACE, formatAddress(host.underlay[family]), prefixes[family]),
      ...others.map(
        (bridge) =>
          `route add ${formatPrefix(bridge.prefixes[family])} via ${formatAddress(router[family])} dev ${UNDERLAY_INTERFACE}`,
      ),
    ]),
  ]);
}

/** Makes the namespace of an endpoint; its interface comes with the attachment. */
export async function createEndpointNamespace(namespace: string): Promise<void> {
  createNamespace(namespace);
  await runIp(namespacePath(namespace), ["link set lo up"]);
}

/**
 * Teaches the underlay's router where the hosts' prefixes are. With a single bridge there is nothing to route:
 * hosts reach each other without it.
 */
export async function routeHosts(
  { underlay, bridges }: LabTopology,
  routes: readonly { readonly host: LabHost; readonly prefix: Prefix }[],
): Promise<void> {
  if (bridges.length === 1) return;
  const lines = routes.map(({ host, prefix }) => {
    const gateway = prefix.family === 4 ? host.underlay.ipv4 : host.underlay.ipv6;
    return `route replace ${formatPrefix(prefix)} via ${formatAddress(gateway)} dev ${host.bridge.name}`;
  });
  await runIp(namespacePath(underlay), lines);
}

function bridgeLines({ name, prefixes, router }: LabBridge): string[] {
  return [
    `link add ${name} type bridge`,
    addressLine(name, formatAddress(router.ipv4), prefixes.ipv4),
    addressLine(name, formatAddress(router.ipv6), prefixes.ipv6),
    `link set ${name} up`,
  ];
}

function addressLine(device: string, address: string, { family, length }: Prefix): string {
  return `addr add ${address}/${length} dev ${device}${family === 6 ? " nodad" : ""}`;
}
