import { type Address, type Family, formatAddress, isSameAddress } from "../net/index.ts";
import { CHAIN_MARKS, CHAIN_RULE_PRIORITY, CHAIN_TABLES, type NumberedHop } from "../steering/index.ts";
import {
  type Kernel,
  type KernelChange,
  type KernelRoute,
  type KernelRule,
  type Link,
  ROMANA_PROTOCOL,
} from "../system/kernel.ts";

/** The way of a next hop, and what takes its packets when that is gone: never the main table. */
const METRICS = { way: 1, end: 2 } as const;

/** Rules and routes of ours, as the kernel has them. */
export interface HopState {
  readonly rules: readonly KernelRule[];
  /** Of the tables that the rules lead to, and of all tables that were asked for. */
  readonly routes: readonly KernelRoute[];
}

/** What to change: everything new is made before the packets are marked for it, and what is old goes after that. */
export interface HopChanges {
  readonly before: readonly KernelChange[];
  readonly after: readonly KernelChange[];
}

/** Reads the rules that are ours and the routing tables that they, and these hops, have. */
export function readHops(kernel: Kernel, hops: readonly NumberedHop[]): HopState {
  const rules = kernel.rules().filter(isOurs);
  const tables = new Set([...rules.map(({ table }) => table), ...hops.map(tableOf)]);
  return { rules, routes: [...tables].flatMap((table) => kernel.routes(table, ROMANA_PROTOCOL)) };
}

/** The numbers that next hops have in the kernel, by their keys; a way by a device is known with and without its name. */
export function hopNumbers({ routes }: HopState, links: readonly Link[]): ReadonlyMap<string, number> {
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return new Map(
    routes.flatMap(({ gateway, device, table }) => {
      if (gateway === undefined) return [];
      const number = table - CHAIN_TABLES;
      const name = device === undefined ? undefined : names.get(device);
      return ["", name]
        .filter((part) => part !== undefined)
        .map((part) => [`${formatAddress(gateway)} ${part}`, number] as const);
    }),
  );
}

/** What makes the kernel have exactly the rules and routes of the hops. */
export function hopChanges(
  hops: readonly NumberedHop[],
  state: HopState,
  links: readonly Link[],
): HopChanges {
  const indices = new Map(links.map(({ index, name }) => [name, index]));
  const rules = hops.map(ruleOf);
  const routes = hops.flatMap((hop) => routesOf(hop, indices));
  return {
    before: [
      ...routes
        .filter((route) => !state.routes.some((other) => isAsWanted(route, other)))
        .map((route): KernelChange => ({ type: "replace-route", route })),
      ...rules
        .filter((rule) => !state.rules.some((other) => isSameRule(rule, other)))
        .map((rule): KernelChange => ({ type: "add-rule", rule })),
    ],
    after: [
      ...state.rules
        .filter((rule) => !rules.some((other) => isSameRule(rule, other)))
        .map((rule): KernelChange => ({ type: "delete-rule", rule })),
      ...state.routes
        .filter((route) => !routes.some((other) => isSameSlot(route, other)))
        .map((route): KernelChange => ({ type: "delete-route", route })),
    ],
  };
}

/** What takes all next hops out of the kernel. */
export function removedHops(kernel: Kernel): readonly KernelChange[] {
  return hopChanges([], readHops(kernel, []), []).after;
}

/** True for a rule of ours: by its maker and its place. */
export function isOurs({ priority, protocol }: KernelRule): boolean {
  return protocol === ROMANA_PROTOCOL && priority === CHAIN_RULE_PRIORITY;
}

function tableOf({ number }: NumberedHop): number {
  return CHAIN_TABLES + number;
}

function ruleOf(hop: NumberedHop): KernelRule {
  return {
    family: hop.gateway.family,
    priority: CHAIN_RULE_PRIORITY,
    mark: hop.number << CHAIN_MARKS.hopShift,
    mask: CHAIN_MARKS.hop,
    table: tableOf(hop),
    protocol: ROMANA_PROTOCOL,
  };
}

/** A function whose device is not there has the end alone. */
function routesOf(hop: NumberedHop, indices: ReadonlyMap<string, number>): readonly KernelRoute[] {
  const { gateway, device } = hop;
  const common = { destination: everything(gateway), table: tableOf(hop), protocol: ROMANA_PROTOCOL };
  const end: KernelRoute = { ...common, type: "blackhole", metric: METRICS.end };
  const way: KernelRoute = { ...common, type: "unicast", gateway, metric: METRICS.way };
  if (device === undefined) return [end, way];
  const index = indices.get(device);
  return index === undefined ? [end] : [end, { ...way, device: index }];
}

function everything({ family }: Address): {
  readonly family: Family;
  readonly value: bigint;
  readonly length: number;
} {
  return { family, value: 0n, length: 0 };
}

/** The device of a gateway in the underlay is the kernel's choice. */
function isAsWanted(wanted: KernelRoute, found: KernelRoute): boolean {
  return (
    isSameSlot(wanted, found) &&
    wanted.type === found.type &&
    (wanted.device === undefined || wanted.device === found.device) &&
    (wanted.gateway === undefined ||
      (found.gateway !== undefined && isSameAddress(wanted.gateway, found.gateway)))
  );
}

function isSameSlot(a: KernelRoute, b: KernelRoute): boolean {
  return (
    a.table === b.table &&
    a.metric === b.metric &&
    a.destination.family === b.destination.family &&
    a.destination.length === b.destination.length
  );
}

function isSameRule(a: KernelRule, b: KernelRule): boolean {
  return a.family === b.family && a.mark === b.mark && a.mask === b.mask && a.table === b.table;
}
