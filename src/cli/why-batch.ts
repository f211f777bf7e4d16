import { type Fault, hasCode, invalidInput } from "../model/index.ts";
import { isAddress, parseAddress } from "../net/index.ts";
import type { Flow } from "../policy/index.ts";
import { readTraffic } from "./why-traffic.ts";

/** Columns of a line of four or five values without a title line; five are those of a 5-tuple. */
const UNTITLED: Readonly<Record<number, readonly string[]>> = {
  4: ["source", "destination", "protocol", "port"],
  5: ["source", "destination", "protocol", "source_port", "port"],
};
/** All columns. The source port is read and means nothing to policies. */
const COLUMNS = ["source", "destination", "protocol", "source_port", "port", "icmp_type", "icmp_code"];

/** Most faults that are told; a file in another format has one in each line. */
const MOST_FAULTS = 20;

type Row = Readonly<Record<string, string>>;

/**
 * Flows of a text, one a line: JSON objects, or values with commas between them, with or without a title line. Empty
 * lines and those that begin with `#` do not count.
 * @throws RomanaError `invalid-input` with the faults of each line.
 */
export function parseFlows(text: string, name: string): readonly Flow[] {
  const faults: Fault[] = [];
  const flows: Flow[] = [];
  let titles: readonly string[] | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const values = line.split(",").map((value) => value.trim());
    if (!line.startsWith("{") && titles === undefined && flows.length === 0 && values.includes("source")) {
      titles = values;
      continue;
    }
    try {
      const row = line.startsWith("{")
        ? parseJson(line)
        : rowOf(titles ?? UNTITLED[values.length] ?? [], values);
      flows.push(flowOf(row));
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      for (const { path, reason } of error.failure.faults) {
        faults.push({ path: `line ${index + 1}${path === "" ? "" : `, ${path}`}`, reason });
      }
    }
    if (faults.length >= MOST_FAULTS) break;
  }
  if (faults.length > 0) throw invalidInput(`read ${name}`, faults);
  return flows;
}

function rowOf(titles: readonly string[], values: readonly string[]): Row {
  if (titles.length !== values.length) {
    const wanted = titles.length === 0 ? "4 or 5" : String(titles.length);
    throw fault("", `has ${values.length} values, not ${wanted}`);
  }
  return Object.fromEntries(titles.map((title, index) => [title, values[index] as string]));
}

function parseJson(line: string): Row {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw fault("", "is not JSON");
  }
  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, String(item)]));
}

function flowOf(row: Row): Flow {
  const unknown = Object.keys(row).filter((key) => !COLUMNS.includes(key));
  if (unknown.length > 0) throw fault(unknown.join(", "), `unknown; there are ${COLUMNS.join(", ")}`);
  const [source, destination] = ["source", "destination"].map((key) => {
    const text = row[key] ?? "";
    if (!isAddress(text)) throw fault(key, `"${text}" is not an IP address`);
    return parseAddress(text);
  }) as [Flow["source"], Flow["source"]];
  if (source.family !== destination.family)
    throw fault("destination", "is of another family than the source");
  const given = (key: string): string | undefined => (row[key] === "" ? undefined : row[key]);
  const traffic = readTraffic({
    protocol: given("protocol"),
    port: given("port"),
    icmpType: given("icmp_type"),
    icmpCode: given("icmp_code"),
  });
  return { source, destination, ...traffic(source.family) };
}

function fault(path: string, reason: string): Error {
  return invalidInput("read flow", [{ path, reason }]);
}
