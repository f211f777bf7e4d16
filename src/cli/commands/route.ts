import { formatAddress, formatPrefix } from "../../net/index.ts";
import { encodeRoute, type HostRoutes } from "../../schema/index.ts";
import type { Noun } from "../command.ts";
import { EXIT } from "../exit.ts";
import { type Column, count, renderFields, renderTable, type Tone } from "../format.ts";
import { wrongInput } from "../input.ts";
import { EXPORT_OPTIONS, exportResult } from "../route-export.ts";
import { PLAN_OPTIONS, planResult } from "../route-plan.ts";
import { showDevice, showDevices } from "../route-show.ts";
import { endpointsOf, isFabric, routingOf, SITE_OPTIONS, siteOf } from "../route-site.ts";
import { traceResult } from "../route-trace.ts";

type Row = HostRoutes["routes"][number] & { readonly host: string };

const TONES: Readonly<Record<Row["state"], Tone>> = {
  present: "good",
  missing: "bad",
  drifted: "bad",
  unknown: "warning",
  unwanted: "warning",
};

const COLUMNS: readonly Column<Row>[] = [
  { title: "host", value: ({ host }) => host },
  { title: "destination", value: ({ destination }) => formatPrefix(destination) },
  { title: "type", value: ({ type }) => type },
  { title: "gateway", value: ({ gateway }) => gateway && formatAddress(gateway) },
  { title: "device", value: ({ device }) => device },
  { title: "for", value: ({ purpose }) => purpose },
  { title: "state", value: ({ state }) => state, tone: ({ state }) => TONES[state] },
];

/** `romana route`. */
export const route: Noun = {
  name: "route",
  summary: "Routes of every device: what they should be, what they are, what a change would do",
  connection: "romanad",
  commands: [
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the routes that hosts should have, with what their agents see in the kernel",
      options: [{ name: "host", value: "HOST", summary: "Only those of this host", complete: "host" }],
      examples: ["romana route list", "romana route list --host host-1"],
      run: async (input, context) => {
        const client = await context.client();
        const host = input.text("host");
        const { items } = await client.call("listRoutes", { query: host === undefined ? {} : { host } });
        return {
          data: items.map((item) => ({ ...item, routes: item.routes.map(encodeRoute) })),
          text: (screen) => renderTable(screen, COLUMNS, rowsOf(items), "No routes") + silentHosts(items),
        };
      },
    },
    {
      verb: "summary",
      summary: "Count the routes of the whole network, before and after aggregation",
      examples: ["romana route summary"],
      run: async (_, context) => {
        const client = await context.client();
        const counts = await client.call("summarizeRoutes", {});
        const { hosts, prefixesPerHost, before, after } = counts;
        return {
          data: counts,
          text: (screen) =>
            renderFields(screen, [
              ["hosts", hosts],
              ["prefixes per host", prefixesPerHost],
              ["prefixes of all hosts", `${hosts * prefixesPerHost} (${prefixesPerHost} × ${hosts})`],
              ["routes before aggregation", `${before} (each prefix on each host)`],
              ["routes after aggregation", after],
            ]),
        };
      },
    },
    {
      verb: "show",
      summary: "Show the routes that a host, leaf or spine should have; without a device, how many each has",
      arguments: [{ name: "device", summary: "Host, leaf or spine", optional: true, complete: "host" }],
      options: SITE_OPTIONS,
      examples: [
        "romana route show host-1",
        "romana route show --fabric fabric.yaml",
        "romana route show spine-1 --fabric fabric.yaml --state state.yaml",
      ],
      run: async (input, context) => {
        const routing = routingOf(await siteOf(input, context));
        const device = input.maybeArgument("device");
        return device === undefined ? showDevices(routing) : showDevice(routing, device);
      },
    },
    {
      verb: "diff",
      summary: "List the routes of hosts that are not as they should be; exit code 1 when there are some",
      options: [{ name: "host", value: "HOST", summary: "Only those of this host", complete: "host" }],
      examples: ["romana route diff", "romana route diff --host host-1"],
      run: async (input, context) => {
        const client = await context.client();
        const host = input.text("host");
        const { items } = await client.call("listRoutes", { query: host === undefined ? {} : { host } });
        const differing = items
          .map((item) => ({ ...item, routes: item.routes.filter(({ state }) => state !== "present") }))
          .filter(({ routes }) => routes.length > 0);
        return {
          data: differing.map((item) => ({ ...item, routes: item.routes.map(encodeRoute) })),
          text: (screen) =>
            renderTable(screen, COLUMNS, rowsOf(differing), "All routes are as they should be") +
            silentHosts(differing),
          exitCode: differing.length === 0 ? EXIT.ok : EXIT.findings,
        };
      },
    },
    {
      verb: "plan",
      summary: "Show what a host, a rack or another fabric would change, before it is done",
      options: [...PLAN_OPTIONS, ...SITE_OPTIONS],
      examples: [
        "romana route plan --add-host host-9 --group zone-a/rack-1 --underlay 192.0.2.9",
        "romana route plan --remove-host host-1 --fabric fabric.yaml",
        "romana route plan --new-network network.yaml --fabric fabric.yaml --new-fabric more.yaml",
      ],
      run: async (input, context) => planResult(await siteOf(input, context), input),
    },
    {
      verb: "trace",
      summary:
        "Name every device that packets pass, and the route that decides; exit code 1 when a way ends early",
      arguments: [
        { name: "from", summary: "Host, leaf, spine, endpoint or address", complete: "endpoint" },
        { name: "to", summary: "Host, endpoint or address", complete: "endpoint" },
      ],
      options: [
        ...SITE_OPTIONS,
        { name: "family", value: "4|6", choices: ["4", "6"], summary: "IPv4 or IPv6, where both would do" },
      ],
      examples: [
        "romana route trace host-1 host-4",
        "romana route trace web-1 10.33.1.27 --fabric fabric.yaml",
        "romana route trace host-1 host-4 --family 6 --fabric fabric.yaml --state state.yaml",
      ],
      run: async (input, context) => {
        const site = await siteOf(input, context);
        const family = input.text("family");
        return await traceResult(routingOf(site), site, () => endpointsOf(input, context), {
          from: input.argument("from"),
          to: input.argument("to"),
          family: family === undefined ? undefined : family === "6" ? 6 : 4,
        });
      },
    },
    {
      verb: "export",
      summary: "Print the configuration of the routing daemon of a host, leaf or spine",
      arguments: [{ name: "device", summary: "Host, leaf or spine", complete: "host" }],
      options: [...EXPORT_OPTIONS, ...SITE_OPTIONS],
      examples: [
        "romana route export leaf-1 --fabric fabric.yaml --format frr",
        "romana route export host-1 --fabric fabric.yaml --passwords passwords.yaml",
        "romana route export host-1 --fabric fabric.yaml --template own.conf",
      ],
      run: async (input, context) => {
        const routing = routingOf(await siteOf(input, context));
        if (!isFabric(routing)) throw wrongInput("--fabric", "is missing: sessions are those of a fabric");
        return exportResult(routing, input.argument("device"), input);
      },
    },
  ],
};

function rowsOf(items: readonly HostRoutes[]): Row[] {
  return items.flatMap(({ host, routes }) => routes.map((entry) => ({ ...entry, host })));
}

/** A line about hosts whose agent never reported: what is said about their routes is only what they should be. */
function silentHosts(items: readonly HostRoutes[]): string {
  const silent = items.filter(({ reportedAt }) => reportedAt === undefined).map(({ host }) => host);
  return silent.length === 0
    ? ""
    : `\n\n${count(silent.length, "host")} without a report: ${silent.join(", ")}`;
}
