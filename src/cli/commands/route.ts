import { formatAddress, formatPrefix } from "../../net/index.ts";
import { encodeRoute, type HostRoutes } from "../../schema/index.ts";
import type { Noun } from "../command.ts";
import { type Column, count, renderFields, renderTable, type Tone } from "../format.ts";

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
  { title: "state", value: ({ state }) => state, tone: ({ state }) => TONES[state] },
];

/** `romana route`. */
export const route: Noun = {
  name: "route",
  summary: "Routes of every host, as they should be and as they are",
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
