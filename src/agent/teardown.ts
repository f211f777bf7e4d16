import { formatAddress, formatPrefix } from "../net/index.ts";
import { CHAIN_TABLE, SERVICES_TABLE } from "../steering/index.ts";
import type { IptablesRunner } from "../system/iptables.ts";
import { type Kernel, type KernelChange, MAIN_TABLE, ROMANA_PROTOCOL } from "../system/kernel.ts";
import { removedHops } from "./chain-routes.ts";
import { isOwnDeviceName } from "./device-name.ts";
import { type Removal, removeIptables, removeTable } from "./rules-removal.ts";

/** What the kernel objects of an agent are called. */
export interface TeardownNames {
  readonly gatewayInterface: string;
  readonly table: string;
}

/**
 * Removes everything of the agent's from the kernel: routes of its protocol, virtual IPs, devices with its names, its
 * rules in either form, and what steers flows.
 * Endpoints lose their connection. Sysctls stay, since nobody knows what they were before.
 */
export function tearDown(
  kernel: Kernel,
  iptables: IptablesRunner,
  names: TeardownNames,
  isDryRun: boolean,
): readonly Removal[] {
  const steps = stepsOf(kernel, names);
  const failures = new Map(
    isDryRun
      ? []
      : kernel.apply(steps.map(({ change }) => change)).map(({ change, errno }) => [change, errno]),
  );
  const removals = steps.map(({ item, change }): Removal => {
    const failure = failures.get(change);
    return { item, ...(failure !== undefined && { failure }) };
  });
  // Rules last, so that nothing is reachable without them.
  const tables = [SERVICES_TABLE, CHAIN_TABLE, names.table].flatMap((table) =>
    removeTable(kernel, table, isDryRun),
  );
  return [...removals, ...tables, ...removeIptables(iptables, isDryRun)];
}

function stepsOf(
  kernel: Kernel,
  { gatewayInterface }: TeardownNames,
): readonly { readonly item: string; readonly change: KernelChange }[] {
  const links = kernel.links();
  const gateway = links.find(({ name, kind }) => name === gatewayInterface && kind !== undefined);
  const gateways = new Set(
    kernel
      .addresses()
      .flatMap(({ link, address }) => (link === gateway?.index ? [formatAddress(address)] : [])),
  );
  const routes = kernel.routes(MAIN_TABLE, ROMANA_PROTOCOL);
  const leased = kernel.addresses().filter(({ isLeased }) => isLeased === true);
  const neighbours = kernel.proxyNeighbours().filter(({ address }) => gateways.has(formatAddress(address)));
  const shared = kernel
    .addresses()
    .filter(({ link, address }) => link !== gateway?.index && gateways.has(formatAddress(address)));
  const devices = links.filter(({ name, kind }) => kind === "veth" && isOwnDeviceName(name));
  return [
    ...routes.map((route) => ({
      item: `route ${formatPrefix(route.destination)}`,
      change: { type: "delete-route", route } as const,
    })),
    ...removedHops(kernel).map((change) => ({ item: hopText(change), change })),
    ...leased.map((address) => ({
      item: `virtual IP ${formatAddress(address.address)}`,
      change: { type: "delete-address", address } as const,
    })),
    ...shared.map((address) => ({
      item: `gateway ${formatAddress(address.address)} of a tap`,
      change: { type: "delete-address", address } as const,
    })),
    ...neighbours.map((neighbour) => ({
      item: `proxied neighbour ${formatAddress(neighbour.address)}`,
      change: { type: "delete-proxy-neighbour", neighbour } as const,
    })),
    ...[...devices, ...(gateway ? [gateway] : [])].map(({ name }) => ({
      item: `device ${name}`,
      change: { type: "delete-link", name } as const,
    })),
  ];
}

function hopText(change: KernelChange): string {
  if (change.type === "delete-rule") return `rule that leads to table ${change.rule.table}`;
  if (change.type !== "delete-route") return change.type;
  const { type, table } = change.route;
  return `${type} route of table ${table}`;
}

/** A removal in words. */
export function formatRemoval({ item, failure }: Removal, isDryRun: boolean): string {
  if (failure !== undefined) return `cannot remove ${item}: ${failure}`;
  return isDryRun ? `would remove ${item}` : `removed ${item}`;
}
