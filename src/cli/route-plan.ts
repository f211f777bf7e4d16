import { hostIds } from "../addressing/index.ts";
import { type DeviceChanges, type RouteChange, routeChanges } from "../fabric/index.ts";
import { type Host, invalidInput, notFound, plansOf } from "../model/index.ts";
import { formatPrefix, parseAddress } from "../net/index.ts";
import { chooseGroup } from "../routing/index.ts";
import { decodeNetwork } from "../schema/index.ts";
import type { Input, Option, Result } from "./command.ts";
import { readDocument } from "./documents.ts";
import { type Column, count, renderTable, type Tone } from "./format.ts";
import { wrongInput } from "./input.ts";
import { routeData, viaText } from "./route-show.ts";
import { type RouteSite, readFabric, routingOf } from "./route-site.ts";
import { addressPairOf, groupPath } from "./words.ts";

/** What shall be different. */
export const PLAN_OPTIONS: readonly Option[] = [
  { name: "add-host", value: "NAME", summary: "With this host more" },
  {
    name: "group",
    value: "PATH",
    summary: "The group of that host, or its first levels; otherwise the one with the fewest hosts",
  },
  {
    name: "id",
    value: "NUMBER",
    kind: "integer",
    summary: "The ID of that host; otherwise the lowest free one",
  },
  {
    name: "underlay",
    value: "ADDRESS",
    summary: "Underlay address of that host; one per family",
    many: true,
  },
  { name: "remove-host", value: "NAME", summary: "Without this host", complete: "host" },
  {
    name: "new-network",
    value: "FILE",
    summary: "With this network in the place of the one of its name: racks more, or fewer",
    complete: "file",
  },
  {
    name: "new-fabric",
    value: "FILE",
    summary: "With this fabric in the place of --fabric",
    complete: "file",
  },
];

/** The same change on several devices. */
interface ChangeRow {
  readonly change: RouteChange;
  readonly devices: readonly string[];
}

const TONES: Readonly<Record<RouteChange["change"], Tone>> = {
  add: "good",
  remove: "bad",
  replace: "warning",
};
/** Most devices that a line names. */
const NAMED = 3;

const COLUMNS: readonly Column<ChangeRow>[] = [
  { title: "change", value: ({ change }) => change.change, tone: ({ change }) => TONES[change.change] },
  { title: "destination", value: ({ change }) => formatPrefix(change.route.destination) },
  { title: "kind", value: ({ change }) => change.route.kind },
  { title: "of", value: ({ change }) => change.route.owner },
  { title: "via", value: ({ change }) => viaText(change.route) },
  { title: "on", value: ({ devices }) => devicesText(devices) },
];

/** The result of `route plan`. @throws RomanaError when what is asked for does not go. */
export function planResult(site: RouteSite, input: Input): Result {
  const next = changedSite(site, input);
  const [before, after] = [routingOf(site), routingOf(next)];
  const changes = routeChanges(before, after);
  const added = next.hosts.filter((host) => !site.hosts.includes(host));
  const problems = after.devices
    .flatMap(({ name }) => after.problemsOf(name))
    .concat(
      added.flatMap(({ name }) =>
        after.devices.some((one) => one.name === name) ? [] : after.problemsOf(name),
      ),
    )
    .map(({ device, reason }) => `${device}: ${reason}`);
  return {
    data: {
      hosts: added.map(({ name, id, group }) => ({ name, id, group })),
      devices: changes.map((one) => ({
        ...one,
        changes: one.changes.map(({ change, route }) => ({ change, route: routeData(route) })),
      })),
      problems,
    },
    text: (screen) =>
      [
        ...added.map(({ name, id, group }) => `host ${name}: group "${group.join("/")}", ID ${id}`),
        renderTable(screen, COLUMNS, rowsOf(changes), "No route changes"),
        summaryOf(changes),
        ...problems.map((reason) => screen.paint("bad", reason)),
      ].join("\n"),
  };
}

function changedSite(site: RouteSite, input: Input): RouteSite {
  const [adding, removing, networkFile, fabricFile] = [
    "add-host",
    "remove-host",
    "new-network",
    "new-fabric",
  ].map((option) => input.text(option));
  if (adding === undefined && removing === undefined && networkFile === undefined && fabricFile === undefined)
    throw wrongInput("route plan", "wants --add-host, --remove-host, --new-network or --new-fabric");
  let { networks, hosts } = site;
  if (networkFile !== undefined) {
    const network = decodeNetwork(readDocument(networkFile));
    networks = [...networks.filter(({ name }) => name !== network.name), network];
  }
  if (removing !== undefined) {
    if (!hosts.some(({ name }) => name === removing)) throw notFound("host", removing);
    hosts = hosts.filter(({ name }) => name !== removing);
  }
  if (adding !== undefined) hosts = [...hosts, newHost({ networks, hosts }, adding, input)];
  const fabric = fabricFile === undefined ? site.fabric : readFabric(fabricFile, networks);
  return { networks, hosts, relocations: site.relocations, ...(fabric && { fabric }) };
}

function newHost(
  { networks, hosts }: Pick<RouteSite, "networks" | "hosts">,
  name: string,
  input: Input,
): Host {
  if (hosts.some((host) => host.name === name))
    throw invalidInput(`add host "${name}"`, [{ path: "--add-host", reason: "it is there already" }]);
  const group = chooseGroup(networks, hosts, groupPath(input.text("group")));
  const taken = new Set(hosts.filter((host) => host.group.join("/") === group.join("/")).map(({ id }) => id));
  const id = input.integer("id") ?? freeId(networks, taken);
  if (taken.has(id))
    throw invalidInput(`add host "${name}"`, [
      { path: "--id", reason: `group "${group.join("/")}" has a host with ID ${id}` },
    ]);
  const { ipv4, ipv6 } = addressPairOf("--underlay", input.list("underlay"));
  return {
    name,
    id,
    group,
    underlay: { ...(ipv4 && { ipv4: parseAddress(ipv4) }), ...(ipv6 && { ipv6: parseAddress(ipv6) }) },
  };
}

/** The lowest ID from 1 that nobody has: what romanad would choose if none is cooling down. */
function freeId(networks: RouteSite["networks"], taken: ReadonlySet<number>): number {
  const last = Math.min(...networks.flatMap(plansOf).map((plan) => hostIds(plan).last));
  let id = 1;
  while (taken.has(id) && id < last) id++;
  return id;
}

/** Equal changes in one row, in the order in which they first appear. */
function rowsOf(all: readonly DeviceChanges[]): readonly ChangeRow[] {
  const rows = new Map<string, { change: RouteChange; devices: string[] }>();
  for (const { device, changes } of all) {
    for (const change of changes) {
      const { origin: _, ...rest } = change.route;
      const key = JSON.stringify([change.change, routeData({ ...rest, origin: "agent" })]);
      const row = rows.get(key) ?? { change, devices: [] };
      rows.set(key, row);
      row.devices.push(device);
    }
  }
  return [...rows.values()];
}

function devicesText(devices: readonly string[]): string {
  const more = devices.length - NAMED;
  return devices.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function summaryOf(all: readonly DeviceChanges[]): string {
  const parts = (["host", "leaf", "spine"] as const).flatMap((role) => {
    const of = all.filter((one) => one.role === role);
    return of.length === 0 ? [] : [count(of.length, role, role === "leaf" ? "leaves" : `${role}s`)];
  });
  const routes = all.reduce((sum, { changes }) => sum + changes.length, 0);
  return `${count(routes, "route")} on ${parts.length === 0 ? "no device" : parts.join(", ")}`;
}
