import { addressBits, formatAddress, formatPrefix, isSameAddress } from "../net/index.ts";
import {
  type KernelChange,
  type KernelRoute,
  type Link,
  type LinkAddress,
  MAIN_TABLE,
  type ProxyNeighbour,
  ROMANA_PROTOCOL,
} from "../system/kernel.ts";
import { type DesiredEndpoint, type DesiredHost, type DesiredRoute, proxiedAddresses } from "./desired.ts";
import { isOwnDeviceName } from "./device-name.ts";
import { isAsDesired, kernelRoute, ownSlot, slotOf } from "./route-slot.ts";

/** What the kernel has now. */
export interface ActualNetwork {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** Routes of the main table, of all protocols. */
  readonly routes: readonly KernelRoute[];
  readonly neighbours: readonly ProxyNeighbour[];
  /** Link-local addresses that endpoints' devices had when they were last seen. */
  readonly linkLocals: readonly LinkAddress[];
}

/** Kinds of things that drift, for counters. */
export type DriftKind = "link" | "address" | "route" | "neighbour" | "sysctl" | "table";

/** A change that makes one thing as it should be. */
export interface Repair {
  readonly kind: DriftKind;
  /** What it is about, for people and for damping: `route 10.2.0.0/16`. */
  readonly item: string;
  readonly change: KernelChange;
}

/** How a desired route was found in the kernel. */
export interface RouteFinding {
  readonly route: DesiredRoute;
  readonly state: "present" | "missing" | "drifted";
}

/** The difference of the kernel from what it should be. */
export interface NetworkDiff {
  /** In the order in which they are to be made: add before delete. */
  readonly repairs: readonly Repair[];
  readonly routes: readonly RouteFinding[];
  /** Devices with a name of ours that belong to no endpoint. */
  readonly staleDevices: readonly string[];
}

/**
 * Compares links, gateway addresses, routes and proxied neighbours with what should be. Only what is ours by
 * protocol number, by place or by name is ever part of a repair.
 * @param prune look for own devices that belong to no endpoint, too
 */
export function diffNetwork(
  host: DesiredHost,
  endpoints: readonly DesiredEndpoint[],
  actual: ActualNetwork,
  prune: boolean,
): NetworkDiff {
  const links = new Map(actual.links.map((link) => [link.name, link]));
  const { wanted, findings, repairs: routeRepairs } = diffRoutes(host, endpoints, actual.routes, links);
  const neighbours = diffNeighbours(endpoints, actual.neighbours, links);
  const addresses = diffAddresses(host, actual.addresses, links);
  return {
    repairs: [
      ...linksUp(host, endpoints, links),
      ...addresses.add,
      ...lostLinkLocals(actual.linkLocals, actual.addresses, links),
      ...routeRepairs,
      ...neighbours.add,
      ...staleRoutes(wanted, actual.routes),
      ...addresses.remove,
      ...neighbours.remove,
    ],
    staleDevices: prune ? staleDevices(endpoints, actual.links) : [],
    routes: findings,
  };
}

/** A device by which the kernel was asked what it can; it lives longer only when its maker was killed. */
const PROBE_NAME = /^romprobe[0-9]+$/;

type Links = ReadonlyMap<string, Link>;

function linksUp(host: DesiredHost, endpoints: readonly DesiredEndpoint[], links: Links): Repair[] {
  return [host.gateway.name, ...endpoints.map(({ device }) => device)].flatMap((name): Repair[] => {
    const link = links.get(name);
    if (link === undefined || link.up) return [];
    return [{ kind: "link", item: `device ${name}`, change: { type: "set-link-up", link: link.index } }];
  });
}

function diffAddresses(
  { gateway }: DesiredHost,
  actual: readonly LinkAddress[],
  links: Links,
): { add: Repair[]; remove: Repair[] } {
  const link = links.get(gateway.name);
  if (link === undefined) return { add: [], remove: [] };
  const there = actual.filter((address) => address.link === link.index && !isLinkLocal(address));
  const wanted = gateway.addresses.map(
    (address): LinkAddress => ({ link: link.index, address, prefixLength: addressBits(address.family) }),
  );
  const repair = (type: "add-address" | "delete-address", address: LinkAddress): Repair => ({
    kind: "address",
    item: `address ${formatAddress(address.address)}`,
    change: { type, address },
  });
  return {
    add: wanted
      .filter((address) => !there.some((other) => isSameLinkAddress(address, other)))
      .map((address) => repair("add-address", address)),
    remove: there
      .filter((address) => !wanted.some((other) => isSameLinkAddress(address, other)))
      .map((address) => repair("delete-address", address)),
  };
}

/** Without one the host cannot ask for its neighbour: the kernel gives it with the device, but not again when it is lost. */
function lostLinkLocals(
  linkLocals: Iterable<LinkAddress>,
  actual: readonly LinkAddress[],
  links: Links,
): Repair[] {
  const have = new Set(actual.filter(isLinkLocal).map(({ link }) => link));
  const up = new Map([...links.values()].filter((link) => link.up).map((link) => [link.index, link.name]));
  return [...linkLocals].flatMap((address): Repair[] => {
    const device = up.get(address.link);
    if (device === undefined || have.has(address.link)) return [];
    const item = `link-local address of ${device}`;
    return [{ kind: "address", item, change: { type: "add-address", address } }];
  });
}

function diffRoutes(
  host: DesiredHost,
  endpoints: readonly DesiredEndpoint[],
  actual: readonly KernelRoute[],
  links: Links,
): { wanted: ReadonlySet<string>; findings: RouteFinding[]; repairs: Repair[] } {
  const bySlot = Map.groupBy(
    actual.filter((route) => slotOf(route) !== undefined),
    slotOf,
  );
  const wanted = new Set<string>();
  const findings: RouteFinding[] = [];
  const repairs: Repair[] = [];
  const compare = (route: DesiredRoute): RouteFinding["state"] => {
    const slot = ownSlot(route.destination);
    wanted.add(slot);
    const device = route.device === undefined ? undefined : links.get(route.device)?.index;
    const there = bySlot.get(slot) ?? [];
    const others = there.filter((other) => !isAsDesired(route, device, other));
    const isThere = there.length > others.length;
    if (isThere && others.length === 0) return "present";
    // Without its device the route cannot be; what stands in its place is not removed for nothing.
    if (route.device !== undefined && device === undefined) return "missing";
    const item = `route ${formatPrefix(route.destination)}`;
    if (!isThere) {
      repairs.push({
        kind: "route",
        item,
        change: { type: "replace-route", route: kernelRoute(route, device) },
      });
    }
    // Replacing takes the place of one of them; what was appended besides would share the traffic.
    for (const other of others.slice(isThere ? 0 : 1)) {
      repairs.push({ kind: "route", item, change: { type: "delete-route", route: other } });
    }
    return there.length === 0 ? "missing" : "drifted";
  };
  // An endpoint stands where the host has a route for it, as it has for one of another host.
  const wired = new Map(
    endpoints.flatMap(({ routes }) => routes.map((route) => [ownSlot(route.destination), route] as const)),
  );
  for (const desired of host.routes) {
    const slot = ownSlot(desired.destination);
    const route = wired.get(slot) ?? desired;
    wired.delete(slot);
    findings.push({ route, state: compare(route) });
  }
  for (const route of wired.values()) compare(route);
  return { wanted, findings, repairs };
}

/** Own routes that nobody wants any more; foreign ones are never among them. */
function staleRoutes(wanted: ReadonlySet<string>, actual: readonly KernelRoute[]): Repair[] {
  return actual.flatMap((route): Repair[] => {
    if (route.protocol !== ROMANA_PROTOCOL || route.table !== MAIN_TABLE) return [];
    const slot = slotOf(route);
    if (slot !== undefined && wanted.has(slot)) return [];
    const item = `route ${formatPrefix(route.destination)}`;
    return [{ kind: "route", item, change: { type: "delete-route", route } }];
  });
}

function diffNeighbours(
  endpoints: readonly DesiredEndpoint[],
  actual: readonly ProxyNeighbour[],
  links: Links,
): { add: Repair[]; remove: Repair[] } {
  const keyOf = ({ link, address }: ProxyNeighbour): string => `${link} ${formatAddress(address)}`;
  const there = new Set(actual.map(keyOf));
  const wanted = endpoints.flatMap((endpoint) => {
    const link = links.get(endpoint.device)?.index;
    if (link === undefined) return [];
    return proxiedAddresses(endpoint).map((address): ProxyNeighbour => ({ link, address }));
  });
  const wantedKeys = new Set(wanted.map(keyOf));
  const devices = new Set(wanted.map(({ link }) => link));
  const names = new Map([...links.values()].map(({ index, name }) => [index, name]));
  const repair = (
    type: "add-proxy-neighbour" | "delete-proxy-neighbour",
    neighbour: ProxyNeighbour,
  ): Repair => ({
    kind: "neighbour",
    item: `proxied neighbour ${formatAddress(neighbour.address)} on ${names.get(neighbour.link)}`,
    change: { type, neighbour },
  });
  return {
    add: wanted
      .filter((neighbour) => !there.has(keyOf(neighbour)))
      .map((neighbour) => repair("add-proxy-neighbour", neighbour)),
    remove: actual
      .filter((neighbour) => devices.has(neighbour.link) && !wantedKeys.has(keyOf(neighbour)))
      .map((neighbour) => repair("delete-proxy-neighbour", neighbour)),
  };
}

/** Left over from an earlier life. */
function staleDevices(endpoints: readonly DesiredEndpoint[], links: readonly Link[]): string[] {
  const wanted = new Set(endpoints.map(({ device }) => device));
  return links.flatMap(({ name, kind }) => {
    const isOwn = (kind === "veth" && isOwnDeviceName(name)) || PROBE_NAME.test(name);
    return isOwn && !wanted.has(name) ? [name] : [];
  });
}

function isSameLinkAddress(a: LinkAddress, b: LinkAddress): boolean {
  return a.link === b.link && a.prefixLength === b.prefixLength && isSameAddress(a.address, b.address);
}

/** True for fe80:: addresses, which the kernel gives by itself. */
export function isLinkLocal({ address }: LinkAddress): boolean {
  return address.family === 6 && address.value >> 118n === 0x3fan;
}
