import { type Address, prefixContains } from "../net/index.ts";
import type { DeviceRoute, DeviceRouting } from "./device-route.ts";

/** How a packet ends at a device. */
export type TraceEnd =
  /** In the prefix of this host, which knows its endpoints, or at one that is here in spite of its address. */
  | "arrived"
  /** In the prefix of a rack, at an address that no host of it has. */
  | "blackhole"
  | "no-route"
  /** At a router that nothing is known of. */
  | "unknown-router"
  /** Past this device again. */
  | "loop";

/** What one device does with the packet. */
export interface TraceStep {
  readonly device: string;
  /** The number of devices before it on the shortest way. */
  readonly depth: number;
  /** The route that decided, which is the longest that matches; absent where there is none. */
  readonly route?: DeviceRoute;
  /** Absent: it goes on to the next hops of the route. */
  readonly end?: TraceEnd;
}

/** All ways that packets may take, one of which each flow takes. */
export interface Trace {
  /** By depth; every device is there once. */
  readonly steps: readonly TraceStep[];
  /** True when every way ends in the host that the address belongs to. */
  readonly arrives: boolean;
}

/** Where packets from a device to an address go, by the routes that devices should have. */
export function traceRoute(routing: DeviceRouting, from: string, to: Address): Trace {
  const steps = new Map<string, TraceStep>();
  const known = new Set(routing.devices.map(({ name }) => name));
  let wave = [from];
  for (let depth = 0; wave.length > 0; depth++) {
    const next = new Set<string>();
    for (const device of wave) {
      const step = stepOf(routing, known, device, depth, to);
      steps.set(device, step);
      if (step.end !== undefined) continue;
      for (const hop of step.route?.nextHops ?? []) if (!steps.has(hop.device)) next.add(hop.device);
    }
    wave = [...next].filter((device) => !steps.has(device));
  }
  const looping = loopsOf(steps, from);
  const all = [...steps.values()].map(
    (step): TraceStep => (looping.has(step.device) ? { ...step, end: "loop" } : step),
  );
  return { steps: all, arrives: all.every(({ end }) => end === undefined || end === "arrived") };
}

/** The route that a device takes for an address. */
export function longestMatch(routes: readonly DeviceRoute[], to: Address): DeviceRoute | undefined {
  let best: DeviceRoute | undefined;
  for (const route of routes) {
    if (!prefixContains(route.destination, to)) continue;
    if (best === undefined || route.destination.length > best.destination.length) best = route;
  }
  return best;
}

function stepOf(
  routing: DeviceRouting,
  known: ReadonlySet<string>,
  device: string,
  depth: number,
  to: Address,
): TraceStep {
  if (!known.has(device)) return { device, depth, end: "unknown-router" };
  const route = longestMatch(routing.routesOf(device), to);
  if (route === undefined) return { device, depth, end: "no-route" };
  if (route.kind === "relocation" && route.owner === device) return { device, depth, route, end: "arrived" };
  if (route.kind !== "blackhole") return { device, depth, route };
  return { device, depth, route, end: route.owner === device ? "arrived" : "blackhole" };
}

/** Devices whose next hops lead back to one that the packet passed. */
function loopsOf(steps: ReadonlyMap<string, TraceStep>, from: string): ReadonlySet<string> {
  const loops = new Set<string>();
  const done = new Set<string>();
  const passed = new Set<string>();
  const visit = (device: string): void => {
    if (done.has(device)) return;
    const step = steps.get(device);
    passed.add(device);
    for (const hop of step?.end === undefined ? (step?.route?.nextHops ?? []) : []) {
      if (passed.has(hop.device)) loops.add(device);
      else visit(hop.device);
    }
    passed.delete(device);
    done.add(device);
  };
  visit(from);
  return loops;
}
