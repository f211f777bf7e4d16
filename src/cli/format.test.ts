import { describe, expect, test } from "vitest";
import {
  type Column,
  count,
  renderFields,
  renderJson,
  renderTable,
  renderYaml,
  type Screen,
} from "./format.ts";

const PLAIN: Screen = { wide: false, columns: 80, unicode: true, paint: (_, text) => text };
const WIDE: Screen = { ...PLAIN, wide: true };
const MARKED: Screen = { ...PLAIN, paint: (tone, text) => `<${tone}>${text}</>` };

interface Row {
  name: string;
  id?: number;
  note?: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "id", value: ({ id }) => id, align: "right" },
  { title: "note", value: ({ note }) => note, wide: true, tone: () => "bad" },
];

const ROWS: readonly Row[] = [
  { name: "web", id: 7, note: "first" },
  { name: "database", id: 12 },
  { name: "größe", note: "" },
];

describe("renderTable()", () => {
  test.each<[string, Screen, string]>([
    [
      "keeps wide columns back",
      PLAIN,
      ["NAME      ID", "web        7", "database  12", "größe      -"].join("\n"),
    ],
    [
      "shows them when asked",
      WIDE,
      ["NAME      ID  NOTE", "web        7  first", "database  12  -", "größe      -  -"].join("\n"),
    ],
  ])("%s", (_, screen, text) => {
    expect(renderTable(screen, COLUMNS, ROWS, "none")).toBe(text);
  });
  test("paints titles and cells with a tone", () => {
    const text = renderTable({ ...MARKED, wide: true }, COLUMNS.slice(2), ROWS.slice(0, 1), "none");
    expect(text).toBe("<faint>NOTE</>\n<bad>first</>");
  });
  test("says so when there is nothing", () => {
    expect(renderTable(PLAIN, COLUMNS, [], "No rows")).toBe("No rows");
  });
});

describe("renderFields()", () => {
  test("leaves out what is not there, and keeps zero", () => {
    const fields = [
      ["name", "web"],
      ["quota", undefined],
      ["endpoints", 0],
    ] as const;
    expect(renderFields(PLAIN, fields)).toBe("name       web\nendpoints  0");
  });
});

test("renderJson() indents by two", () => {
  expect(renderJson({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}');
});

test("renderYaml() quotes what would read as something else, and keeps long texts on one line", async () => {
  const long = "word ".repeat(40).trim();
  expect(await renderYaml({ name: "1", on: "yes", text: long })).toBe(`name: "1"\non: yes\ntext: ${long}`);
});

test.each<[number, string, string | undefined, string]>([
  [0, "host", undefined, "0 hosts"],
  [1, "host", undefined, "1 host"],
  [2, "process", "processes", "2 processes"],
])("count(%d, %s)", (number, noun, plural, text) => {
  expect(count(number, noun, plural)).toBe(text);
});
