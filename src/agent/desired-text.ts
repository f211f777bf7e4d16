import { formatAddress } from "../net/index.ts";
import type { DesiredText } from "../schema/index.ts";
import { proxiedAddresses } from "./desired.ts";
import type { Inventory } from "./inventory.ts";
import { formatRoute } from "./route-slot.ts";
import type { RulesKeeper } from "./rules-keeper.ts";

/** The desired state as text for people, in the words of `sysctl`, `ip` and `nft` (or `ipset`, `iptables`); undefined while nothing is known. */
export function renderDesired(
  inventory: Pick<Inventory, "host" | "hostSysctls" | "endpoints" | "indexOf" | "underlay">,
  rules: Pick<RulesKeeper, "text">,
): DesiredText | undefined {
  const { host, endpoints, underlay } = inventory;
  if (host === undefined) return undefined;
  const { gateway, firewall } = host;
  const sorted = endpoints.toSorted((a, b) => (a.device < b.device ? -1 : 1));
  const devices = sorted.map(({ device, owns }) => ({
    name: device,
    index: inventory.indexOf(device),
    owns,
  }));
  const routes = [...host.routes, ...sorted.flatMap((endpoint) => endpoint.routes)];
  return {
    sysctls: lines([inventory.hostSysctls, ...sorted.map(({ sysctls }) => sysctls)].flatMap(sysctlLines)),
    links: lines([
      `${gateway.name} type ${gateway.kind} up`,
      ...gateway.addresses.map((address) => `${formatAddress(address)} dev ${gateway.name}`),
      ...sorted.map(({ device, isOwnDevice }) => `${device} type ${isOwnDevice ? "veth" : "tap"} up`),
    ]),
    routes: lines(routes.map((route) => `${formatRoute(route)} proto 114`)),
    neighbours: lines(
      sorted.flatMap((endpoint) =>
        proxiedAddresses(endpoint).map((address) => `proxy ${formatAddress(address)} dev ${endpoint.device}`),
      ),
    ),
    ...rules.text({ ...firewall, devices, underlayDevices: [...underlay] }),
  };
}

function sysctlLines(values: ReadonlyMap<string, string>): string[] {
  return [...values].map(([name, value]) => `${name} = ${value}`);
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\n`).join("");
}
