import { formatAddress, formatPrefix } from "../net/index.ts";
import type { DeviceRole, DeviceRoute, DeviceRouting } from "./device-route.ts";
import type { FabricRouting } from "./fabric-routing.ts";

/** What happens to one route of a device. */
export interface RouteChange {
  readonly change: "add" | "remove" | "replace";
  /** The route afterwards; the one that goes, when it is removed. */
  readonly route: DeviceRoute;
}

/** What happens to the routes of a device. */
export interface DeviceChanges {
  readonly device: string;
  readonly role: DeviceRole;
  readonly changes: readonly RouteChange[];
  /** How many routes it has before and afterwards. */
  readonly before: number;
  readonly after: number;
}

/** The devices whose routes are different, new and lost ones among them; devices that keep theirs are left out. */
export function routeChanges(before: DeviceRouting, after: DeviceRouting): readonly DeviceChanges[] {
  const roles = new Map([...before.devices, ...after.devices].map(({ name, role }) => [name, role]));
  return [...roles].flatMap(([device, role]) => {
    const [old, next] = [before.routesOf(device), after.routesOf(device)];
    const changes = old === next ? [] : changesOf(old, next);
    return changes.length === 0 ? [] : [{ device, role, changes, before: old.length, after: next.length }];
  });
}

/**
 * As {@link routeChanges}, for two states of one fabric between which hosts came or went: looks only at the racks that changed,
 * since nothing outside of a rack depends on its hosts.
 */
export function hostChanges(before: FabricRouting, after: FabricRouting): readonly DeviceChanges[] {
  if (before.map !== after.map || before.parts !== after.parts) return routeChanges(before, after);
  const touched = [...after.racks.keys()].filter((path) => before.racks.get(path) !== after.racks.get(path));
  return routeChanges(only(before, touched), only(after, touched));
}

/** The leaves and hosts of some racks. */
function only(routing: FabricRouting, paths: readonly string[]): DeviceRouting {
  const { racks, map } = routing;
  return {
    devices: paths.flatMap((path) => [
      ...(map.racks.get(path)?.leaves ?? []).map(({ name }) => ({ name, role: "leaf", rack: path }) as const),
      ...(racks.get(path)?.hosts ?? []).map(
        ({ host }) => ({ name: host.name, role: "host", rack: path }) as const,
      ),
    ]),
    routesOf: (device) => routing.routesOf(device),
    problemsOf: (device) => routing.problemsOf(device),
  };
}

function changesOf(old: readonly DeviceRoute[], next: readonly DeviceRoute[]): readonly RouteChange[] {
  // Most routes are the very same objects in both.
  const [olds, nexts] = [new Set(old), new Set(next)];
  const known = new Map(old.filter((route) => !nexts.has(route)).map((route) => [keyOf(route), route]));
  const changes: RouteChange[] = [];
  for (const route of next) {
    if (olds.has(route)) continue;
    const key = keyOf(route);
    const previous = known.get(key);
    known.delete(key);
    if (previous === undefined) changes.push({ change: "add", route });
    else if (wayOf(previous) !== wayOf(route)) changes.push({ change: "replace", route });
  }
  return [...changes, ...[...known.values()].map((route): RouteChange => ({ change: "remove", route }))];
}

function keyOf({ network, destination }: DeviceRoute): string {
  return `${network} ${formatPrefix(destination)}`;
}

function wayOf({ kind, origin, nextHops }: DeviceRoute): string {
  return [
    kind,
    origin,
    ...nextHops.map(({ address, device }) => `${device} ${formatAddress(address)}`),
  ].join();
}
