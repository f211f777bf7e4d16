import type { Usage } from "../schema/index.ts";
import { type Fill, formatCount, formatShare, renderBar } from "./bars.ts";
import { type Column, renderTable, type Screen } from "./format.ts";

/** One line of the picture: what it is about, and how full that is. */
interface Row {
  readonly name: string;
  readonly note?: string | undefined;
  readonly fill: Fill;
}

const NARROWEST_BAR = 8;
const WIDEST_BAR = 50;

/** Characters between and around the columns beside the name, the note and the bar. */
const FIXED_WIDTH = 30;

/** Usage as tables whose last column is a picture: one for each level, from networks down to segments. */
export function renderUsage(screen: Screen, usage: Usage): string {
  const networks = usage.networks.flatMap(({ network, ...levels }): Row[] =>
    (["hosts", "tenants", "endpoints"] as const).map((level) => ({
      name: network,
      note: level,
      fill: levels[level],
    })),
  );
  const hosts = usage.hosts.map(({ host, endpoints }): Row => ({ name: host, fill: endpoints }));
  const tenants = usage.tenants.map(({ tenant, endpoints, quota }): Row => {
    const fill = quota === undefined ? endpoints : { used: endpoints.used, capacity: quota };
    return { name: tenant, note: quota === undefined ? undefined : "quota", fill };
  });
  const segments = usage.tenants.flatMap(({ tenant, segments: own }) =>
    own.map(({ segment, endpoints, fullest }): Row => {
      const name = `${tenant}/${segment}`;
      return fullest === undefined
        ? { name, fill: endpoints }
        : { name, note: `on ${fullest.host}`, fill: fullest };
    }),
  );
  const sections: [string, string, readonly Row[]][] = [
    ["Networks", "level", networks],
    ["Hosts", "", hosts],
    ["Tenants", "limit", tenants],
    ["Segments, each on the host where it is fullest", "where", segments],
  ];
  return sections
    .map(([title, note, rows]) => {
      const table = renderTable(screen, columnsFor(screen, note, rows), rows, "none");
      return `${screen.paint("strong", title)}\n${table}`;
    })
    .join("\n\n");
}

function columnsFor(screen: Screen, note: string, rows: readonly Row[]): Column<Row>[] {
  const longest = (texts: readonly string[]): number => Math.max(4, ...texts.map((text) => text.length));
  const taken = longest(rows.map(({ name }) => name)) + longest(rows.map((row) => row.note ?? ""));
  const width = Math.min(Math.max(screen.columns - taken - FIXED_WIDTH, NARROWEST_BAR), WIDEST_BAR);
  return [
    { title: "name", value: ({ name }) => name },
    ...(note === "" ? [] : [{ title: note, value: (row: Row) => row.note }]),
    { title: "used", value: ({ fill }) => formatCount(fill.used), align: "right" },
    { title: "of", value: ({ fill }) => formatCount(fill.capacity), align: "right" },
    { title: "share", value: ({ fill }) => formatShare(fill), align: "right" },
    { title: "", value: ({ fill }) => renderBar(screen, fill, width) },
  ];
}
