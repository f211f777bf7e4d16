import {
  type Device,
  type DeviceRoute,
  type DeviceRouting,
  type FabricRouting,
  sessionsOf,
} from "../fabric/index.ts";
import { notFound } from "../model/index.ts";
import { formatAddress, formatPrefix } from "../net/index.ts";
import type { Result } from "./command.ts";
import { type Column, count, renderTable, type Screen } from "./format.ts";
import { isFabric } from "./route-site.ts";

/** One line of the list of devices. */
interface DeviceRow extends Device {
  readonly routes: number;
  readonly sessions: number;
  readonly problems: readonly string[];
}

const DEVICES: readonly Column<DeviceRow>[] = [
  { title: "device", value: ({ name }) => name },
  { title: "role", value: ({ role }) => role },
  { title: "rack", value: ({ rack }) => rack },
  { title: "routes", value: ({ routes }) => routes, align: "right" },
  { title: "sessions", value: ({ sessions }) => sessions, align: "right" },
  {
    title: "problems",
    value: ({ problems }) => problems.length,
    align: "right",
    tone: ({ problems }) => (problems.length > 0 ? "bad" : undefined),
  },
];

const ROUTES: readonly Column<DeviceRoute>[] = [
  { title: "destination", value: ({ destination }) => formatPrefix(destination) },
  { title: "kind", value: ({ kind }) => kind },
  { title: "of", value: ({ owner }) => owner },
  { title: "via", value: viaText },
  { title: "from", value: ({ origin }) => origin },
  { title: "network", value: ({ network }) => network, wide: true },
];

/** The next hops of a route, as people read them. */
export function viaText({ nextHops }: DeviceRoute): string {
  return nextHops
    .map(({ device, address }) =>
      device === formatAddress(address) ? device : `${device} (${formatAddress(address)})`,
    )
    .join(", ");
}

/** A route as JSON. */
export function routeData(route: DeviceRoute): object {
  const { destination, nextHops, ...rest } = route;
  return {
    ...rest,
    destination: formatPrefix(destination),
    nextHops: nextHops.map(({ device, address }) => ({ device, address: formatAddress(address) })),
  };
}

/** The result of `route show` without a device: all of them, with their numbers of routes. */
export function showDevices(routing: DeviceRouting | FabricRouting): Result {
  const rows = routing.devices.map(
    (device): DeviceRow => ({
      ...device,
      routes: routing.routesOf(device.name).length,
      sessions: isFabric(routing) ? sessionsOf(routing, device.name).length : 0,
      problems: routing.problemsOf(device.name).map(({ reason }) => reason),
    }),
  );
  return { data: rows, text: (screen) => renderTable(screen, DEVICES, rows, "No devices") };
}

/** The result of `route show DEVICE`. @throws RomanaError `not-found`. */
export function showDevice(routing: DeviceRouting | FabricRouting, name: string): Result {
  const problems = routing.problemsOf(name).map(({ reason }) => reason);
  const device = routing.devices.find((one) => one.name === name);
  if (device === undefined && problems.length === 0) throw notFound("device", name);
  const routes = routing.routesOf(name);
  return {
    data: { device: name, ...device, routes: routes.map(routeData), problems },
    text: (screen) =>
      [
        renderTable(screen, ROUTES, routes, "No routes"),
        ...(problems.length === 0 ? [] : [problemText(screen, problems)]),
      ].join("\n\n"),
  };
}

function problemText(screen: Screen, problems: readonly string[]): string {
  return [
    `${count(problems.length, "problem")}:`,
    ...problems.map((reason) => screen.paint("bad", reason)),
  ].join("\n");
}
