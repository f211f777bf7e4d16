import type { Cell, Observation, PingReport } from "../lab/index.ts";
import { formatAddress } from "../net/index.ts";
import { type Column, count, NOTHING, renderTable, type Screen, type Tone } from "./format.ts";

/** One probe of a cell. */
type CellResult = Cell["results"][number];

/** Probes that are listed one by one; a broken lab has thousands. */
const LISTED = 40;

/** What a cell shows when all of its probes agree. */
const MARKS = {
  /** Reached, as expected. */
  open: ".",
  /** Not reached, as expected. */
  shut: "X",
  /** Reached, and should not be. */
  leak: "OPEN",
  /** Not reached, and should be. */
  loss: "LOST",
} as const;

const LEGEND = [
  `${MARKS.open} reached, ${MARKS.open}:t4 only by this, ${MARKS.shut} not reached: all as expected`,
  `${MARKS.leak} reached but should not be, ${MARKS.loss} not reached but should be (t, u, i = TCP, UDP, ICMP; 4, 6 = IPv4, IPv6)`,
];

interface Row {
  readonly name: string;
  readonly host: string;
  readonly number: number | undefined;
}

/** The matrix as a table, a row for each sender and a numbered column for each endpoint, then what is wrong. */
export function renderMatrix(screen: Screen, report: PingReport): string {
  const cells = new Map(report.cells.map((cell) => [keyOf(cell.from, cell.to), cell]));
  const at = (row: Row, to: string): Cell | undefined => cells.get(keyOf(row.name, to));
  const rows: Row[] = [
    ...report.hosts.map((name) => ({ name, host: name, number: undefined })),
    ...report.endpoints.map(({ name, host }, index) => ({ name, host, number: index + 1 })),
  ];
  const columns: Column<Row>[] = [
    { title: "#", value: ({ number }) => number ?? " ", align: "right" },
    { title: "from", value: ({ name }) => name },
    { title: "on", value: ({ host, name }) => (host === name ? " " : host) },
    ...report.endpoints.map(({ name }, index) => cellColumn(String(index + 1), (row) => at(row, name))),
    cellColumn("gateway", (row) => (row.name === row.host ? undefined : at(row, row.host))),
  ];
  const wrong = report.cells.flatMap((cell) => (cell.isAsExpected ? [] : describeCell(cell)));
  const missing = report.missing.map((name) => `${name} is not attached: it has no address`);
  return [
    renderTable(screen, columns, rows, "No endpoints"),
    "",
    ...LEGEND.map((line) => screen.paint("faint", line)),
    ...listed([...missing, ...wrong]).map((line) => screen.paint("bad", line)),
    summaryOf(screen, report),
  ].join("\n");
}

/** One word for a cell: `.` (and by what, when not by all), `X`, or a loud one that says which probes were not as expected. */
export function markOf({ results, isAsExpected }: Pick<Cell, "results" | "isAsExpected">): string {
  if (isAsExpected) return partly(MARKS.open, results, results.filter(isWanted)) || MARKS.shut;
  const words = [wordFor(MARKS.leak, results, false), wordFor(MARKS.loss, results, true)];
  return words.filter((word) => word !== "").join(",");
}

function wordFor(mark: string, results: readonly CellResult[], wanted: boolean): string {
  const judged = results.filter((result) => isWanted(result) === wanted);
  return partly(
    mark,
    judged,
    judged.filter((result) => !result.isAsExpected),
  );
}

/** The mark, with the probes that it is about when these are not all; nothing when there is none. */
function partly(mark: string, all: readonly CellResult[], some: readonly CellResult[]): string {
  if (some.length === 0) return "";
  if (some.length === all.length) return mark;
  return `${mark}:${some.map(({ protocol, address }) => `${protocol[0]}${address.family}`).join(",")}`;
}

function cellColumn(title: string, find: (row: Row) => Cell | undefined): Column<Row> {
  return {
    title,
    value: (row) => {
      const cell = find(row);
      return cell === undefined ? NOTHING : markOf(cell);
    },
    tone: (row) => toneOf(find(row)),
  };
}

function toneOf(cell: Cell | undefined): Tone {
  if (cell === undefined) return "faint";
  if (!cell.isAsExpected) return "bad";
  return cell.results.some(isWanted) ? "good" : "faint";
}

const SEEN: Readonly<Record<Observation, string>> = {
  answered: "was answered",
  refused: "was refused there",
  silent: "got no answer",
  unreachable: "was unreachable",
  misrouted: "was answered by somebody else",
};

function describeCell({ from, to, results }: Cell): string[] {
  return results
    .filter((result) => !result.isAsExpected)
    .map(({ protocol, address, observed, expected }) => {
      const verdict = expected.verdict === "accept" ? "be answered" : "not arrive";
      return `${from} to ${to}: ${protocol} to ${formatAddress(address)} ${SEEN[observed]}, should ${verdict} (${expected.reason})`;
    });
}

function listed(lines: readonly string[]): readonly string[] {
  if (lines.length <= LISTED) return lines;
  return [...lines.slice(0, LISTED), `and ${lines.length - LISTED} more (-o json lists all)`];
}

function summaryOf(screen: Screen, { cells, probes, port, elapsed, isAsExpected }: PingReport): string {
  const good = cells.filter((cell) => cell.isAsExpected).length;
  const counted = `${good} of ${count(cells.length, "cell")} as expected`;
  const work = `${count(probes, "probe")} (TCP and UDP port ${port}) in ${(elapsed / 1000).toFixed(1)} s`;
  return `${screen.paint(isAsExpected ? "good" : "bad", counted)}, ${work}`;
}

/** The cells for programs: every probe with what was expected and what was seen. */
export function encodeMatrix(report: PingReport): unknown {
  return {
    ...report,
    cells: report.cells.map(({ results, ...cell }) => ({
      ...cell,
      probes: results.map(({ protocol, address, expected, observed, elapsed, isAsExpected }) => ({
        protocol,
        address: formatAddress(address),
        expected: expected.verdict,
        reason: expected.reason,
        observed,
        milliseconds: Math.round(elapsed * 1000) / 1000,
        isAsExpected,
      })),
    })),
  };
}

function keyOf(from: string, to: string): string {
  return `${from}\n${to}`;
}

function isWanted({ expected }: CellResult): boolean {
  return expected.verdict === "accept";
}
