import Table from "cli-table3";

/** How results are printed. */
export type OutputFormat = "table" | "wide" | "json" | "yaml";

/** The words of `-o`. */
export const OUTPUT_FORMATS = ["table", "wide", "json", "yaml"] as const satisfies readonly OutputFormat[];

/** What a piece of text means; a terminal shows it as a colour. */
export type Tone = "good" | "bad" | "warning" | "faint" | "strong";

/** What the reader's terminal can show. */
export interface Screen {
  /** `-o wide`: columns that are usually left out are shown. */
  readonly wide: boolean;
  /** Characters per line. */
  readonly columns: number;
  /** False where only ASCII is safe. */
  readonly unicode: boolean;
  /** The text in the colour of the tone; the text itself where there are no colours. */
  paint(tone: Tone, text: string): string;
}

/** One column of a table of `T`. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | undefined;
  readonly align?: "left" | "right";
  /** Shown by `-o wide` only. */
  readonly wide?: boolean;
  /** How the cell is meant; no tone when undefined. */
  readonly tone?: (row: T) => Tone | undefined;
}

/** Stands for a value that is not there. */
export const NOTHING = "-";

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** A table with one line per row and titles in upper case; `empty` is what is printed when there is no row. */
export function renderTable<T>(
  screen: Screen,
  columns: readonly Column<T>[],
  rows: readonly T[],
  empty: string,
): string {
  if (rows.length === 0) return empty;
  const shown = columns.filter((column) => column.wide !== true || screen.wide);
  const table = newTable(shown.map((column) => column.align ?? "left"));
  table.push(shown.map((column) => screen.paint("faint", column.title.toUpperCase())));
  for (const row of rows) table.push(shown.map((column) => cellOf(screen, column, row)));
  return trimLines(table.toString());
}

/** Names and values below each other; undefined values are left out. */
export function renderFields(
  screen: Screen,
  fields: readonly (readonly [name: string, value: string | number | undefined])[],
): string {
  const table = newTable(["left", "left"]);
  for (const [name, value] of fields) {
    if (value !== undefined) table.push([screen.paint("faint", name), String(value)]);
  }
  return trimLines(table.toString());
}

/** JSON as people and programs read it, without a newline at the end. */
export function renderJson(data: unknown): string {
  return JSON.stringify(data, undefined, 2);
}

/** YAML without a newline at the end; long texts stay on one line. */
export async function renderYaml(data: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(data, { lineWidth: 0 }).trimEnd();
}

/** `1 host`, `2 hosts`, `2 processes`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

function newTable(colAligns: ("left" | "right")[]): Table.Table {
  return new Table({
    chars: NO_BORDERS,
    colAligns,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
  });
}

function cellOf<T>(screen: Screen, column: Column<T>, row: T): string {
  const value = column.value(row);
  const text = value === undefined || value === "" ? NOTHING : String(value);
  const tone = column.tone?.(row);
  return tone === undefined ? text : screen.paint(tone, text);
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
