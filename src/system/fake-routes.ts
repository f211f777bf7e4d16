import {
  type Address,
  comparePrefixes,
  isSameAddress,
  type Prefix,
  prefixContains,
  prefixOf,
} from "../net/index.ts";
import type { KernelRoute, Link, LinkAddress } from "./kernel.ts";
import { MAIN_TABLE } from "./kernel.ts";

/** Protocol number of the routes that the kernel makes for its own addresses. */
const KERNEL_PROTOCOL = 2;
/** Metric of IPv6 routes that were given none. */
const IPV6_METRIC = 1024;
const IPV6_CONNECTED_METRIC = 256;
const LINK_LOCAL: Prefix = { family: 6, value: 0xfe80n << 112n, length: 10 };

/** What the routes depend on. */
export interface RouteSurroundings {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
}

/** The routes of a namespace in memory. */
export class FakeRoutes {
  readonly #slots = new Map<string, KernelRoute>();

  /** Routes of a table, those of addresses included. */
  list(table: number, { links, addresses }: RouteSurroundings): readonly KernelRoute[] {
    const up = new Set(links.filter((link) => link.up).map((link) => link.index));
    const connected = addresses.filter(({ link }) => up.has(link)).flatMap(connectedRoute);
    const all = [...this.#slots.values(), ...connected].filter((route) => route.table === table);
    return all.sort((a, b) => comparePrefixes(a.destination, b.destination) || a.metric - b.metric);
  }

  /** Writes a route into its slot; returns it as it reads back, undefined when nothing changed, or why it is refused. */
  replace(route: KernelRoute, surroundings: RouteSurroundings): KernelRoute | string | undefined {
    const resolved = this.#resolve(route, surroundings);
    if (typeof resolved === "string") return resolved;
    const slot = slotOf(resolved);
    const old = this.#slots.get(slot);
    if (old !== undefined && isSameRoute(old, resolved)) return undefined;
    this.#slots.set(slot, resolved);
    return resolved;
  }

  /** Deletes exactly this route (metric 0 stands for any) and returns it. */
  delete(route: KernelRoute): KernelRoute | undefined {
    for (const [slot, other] of this.#slots) {
      if (!isSameRoute(other, { ...route, metric: route.metric === 0 ? other.metric : route.metric }))
        continue;
      this.#slots.delete(slot);
      return other;
    }
    return undefined;
  }

  /** Drops what went with a link or an address; the kernel does not tell. */
  dropWhere(gone: (route: KernelRoute) => boolean): void {
    for (const [slot, route] of this.#slots) if (gone(route)) this.#slots.delete(slot);
  }

  #resolve(route: KernelRoute, surroundings: RouteSurroundings): KernelRoute | string {
    const { family } = route.destination;
    const metric = family === 6 && route.metric === 0 ? IPV6_METRIC : route.metric;
    const { source, gateway } = route;
    if (route.type !== "unicast") return { ...route, metric };
    const isOwn = surroundings.addresses.some(({ address }) => source && isSameAddress(address, source));
    if (source !== undefined && !isOwn) return "EINVAL";
    const device = route.device ?? (gateway && this.#deviceTo(gateway, surroundings));
    if (device === undefined) return gateway === undefined ? "ENODEV" : unreachable(gateway);
    const link = surroundings.links.find(({ index }) => index === device);
    if (link === undefined) return "ENODEV";
    if (!link.up) return "ENETDOWN";
    if (gateway !== undefined && !this.#isOnLink(gateway, device, surroundings)) return unreachable(gateway);
    return { ...route, metric, device };
  }

  #isOnLink(gateway: Address, device: number, surroundings: RouteSurroundings): boolean {
    if (prefixContains(LINK_LOCAL, gateway)) return true;
    return this.list(MAIN_TABLE, surroundings).some(
      (route) =>
        route.device === device && route.gateway === undefined && prefixContains(route.destination, gateway),
    );
  }

  #deviceTo(gateway: Address, surroundings: RouteSurroundings): number | undefined {
    const routes = this.list(MAIN_TABLE, surroundings).filter(
      (route) => route.gateway === undefined && prefixContains(route.destination, gateway),
    );
    return routes.toSorted((a, b) => b.destination.length - a.destination.length)[0]?.device;
  }
}

function unreachable(gateway: Address): string {
  if (gateway.family === 4) return "ENETUNREACH";
  return prefixContains(LINK_LOCAL, gateway) ? "EINVAL" : "EHOSTUNREACH";
}

/** The route that an address brings along. */
function connectedRoute({ link, address, prefixLength }: LinkAddress): KernelRoute[] {
  if (address.family === 4 && prefixLength === 32) return [];
  return [
    {
      destination: prefixOf(address, prefixLength),
      type: "unicast",
      device: link,
      ...(address.family === 4 ? { source: address } : {}),
      table: MAIN_TABLE,
      metric: address.family === 4 ? 0 : IPV6_CONNECTED_METRIC,
      protocol: KERNEL_PROTOCOL,
    },
  ];
}

function slotOf({ table, destination: { family, value, length }, metric }: KernelRoute): string {
  return `${table} ${family} ${value}/${length} ${metric}`;
}

function isSameRoute(a: KernelRoute, b: KernelRoute): boolean {
  return (
    slotOf(a) === slotOf(b) &&
    a.type === b.type &&
    a.protocol === b.protocol &&
    (a.device === b.device || b.device === undefined) &&
    isSameOptional(a.gateway, b.gateway) &&
    isSameOptional(a.source, b.source)
  );
}

function isSameOptional(a: Address | undefined, b: Address | undefined): boolean {
  return a === undefined || b === undefined ? a === b : isSameAddress(a, b);
}
