import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import {
  type DeviceRoute,
  type DeviceRouting,
  type Trace,
  type TraceEnd,
  type TraceStep,
  traceRoute,
} from "../fabric/index.ts";
import { type Host, notFound, plansOf, RomanaError } from "../model/index.ts";
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  isAddress,
  parseAddress,
} from "../net/index.ts";
import type { Result } from "./command.ts";
import { EXIT } from "./exit.ts";
import { type Column, renderTable, type Tone } from "./format.ts";
import { routeData, viaText } from "./route-show.ts";
import type { RouteSite } from "./route-site.ts";
import type { WhySource } from "./why-source.ts";

const WORDS: Readonly<Record<Exclude<TraceEnd, "arrived">, string>> = {
  blackhole: "dropped: no host of the rack has the address",
  "no-route": "dropped: it has no route",
  "unknown-router": "a router that nothing is known of",
  loop: "goes round in circles",
};

const TONES: Readonly<Record<TraceEnd, Tone>> = {
  arrived: "good",
  blackhole: "bad",
  "no-route": "bad",
  "unknown-router": "warning",
  loop: "bad",
};

const COLUMNS: readonly Column<TraceStep>[] = [
  { title: "hop", value: ({ depth }) => depth, align: "right" },
  { title: "device", value: ({ device }) => device },
  { title: "route", value: ({ route }) => route && formatPrefix(route.destination) },
  { title: "kind", value: ({ route }) => route?.kind },
  { title: "of", value: ({ route }) => route?.owner },
  { title: "from", value: ({ route }) => route?.origin, wide: true },
  {
    title: "then",
    value: ({ route, end }) => (end === undefined ? route && viaText(route) : endText(route, end)),
    tone: ({ end }) => end && TONES[end],
  },
];

function endText(route: DeviceRoute | undefined, end: TraceEnd): string {
  if (end !== "arrived") return WORDS[end];
  return route?.kind === "relocation"
    ? "arrives: it is here, whatever its address says"
    : "arrives: its own prefix";
}

/**
 * The result of `route trace`: who is asked for is a host, an endpoint or an address. Exit code 1 when some way does not arrive.
 * @throws RomanaError `not-found`.
 */
export async function traceResult(
  routing: DeviceRouting,
  site: RouteSite,
  source: () => Promise<WhySource>,
  words: { readonly from: string; readonly to: string; readonly family: Family | undefined },
): Promise<Result> {
  const to = await addressesOf(site, source, words.to);
  const address = words.family === undefined ? to[0] : to.find(({ family }) => family === words.family);
  if (address === undefined) throw notFound(`IPv${words.family} address of`, words.to);
  const start =
    site.hosts.some(({ name }) => name === words.from) || isDevice(routing, words.from)
      ? words.from
      : hostOf(routing, await addressesOf(site, source, words.from), words.from);
  const trace = traceRoute(routing, start, address);
  return {
    data: traceData(start, address, trace),
    text: (screen) =>
      `${start} to ${formatAddress(address)}\n${renderTable(screen, COLUMNS, trace.steps, "")}`,
    exitCode: trace.arrives ? EXIT.ok : EXIT.findings,
  };
}

function traceData(from: string, to: Address, { steps, arrives }: Trace): object {
  return {
    from,
    to: formatAddress(to),
    arrives,
    steps: steps.map(({ route, ...step }) => ({ ...step, ...(route && { route: routeData(route) }) })),
  };
}

function isDevice(routing: DeviceRouting, name: string): boolean {
  return routing.devices.some((device) => device.name === name);
}

/** Addresses of who is asked for, IPv4 first: of a host, the first usable one of its prefix in each network. */
async function addressesOf(
  { networks, hosts }: RouteSite,
  source: () => Promise<WhySource>,
  text: string,
): Promise<readonly Address[]> {
  if (isAddress(text)) return [parseAddress(text)];
  const host = hosts.find(({ name }) => name === text);
  if (host !== undefined)
    return networks.flatMap((network) => plansOf(network).flatMap((plan) => gatewayOf(network, plan, host)));
  const endpoint = await (await source()).findEndpoint(text);
  if (endpoint === undefined) throw notFound("host or endpoint", text);
  const { ipv4, ipv6 } = endpoint.addresses;
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

function gatewayOf(
  network: RouteSite["networks"][number],
  plan: ReturnType<typeof plansOf>[number],
  host: Host,
): readonly Address[] {
  try {
    return [gatewayAddress(plan, hostPosition(network, host))];
  } catch (error) {
    if (error instanceof RomanaError) return [];
    throw error;
  }
}

/** The host whose prefix an address is in. */
function hostOf(routing: DeviceRouting, addresses: readonly Address[], text: string): string {
  for (const { name, role } of routing.devices) {
    if (role !== "host") continue;
    for (const address of addresses) {
      const trace = traceRoute(routing, name, address);
      if (trace.steps[0]?.end === "arrived") return name;
    }
  }
  throw notFound("host of address", text);
}
