import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocuments, readDocument, readDocuments } from "./documents.ts";

describe("parseDocuments()", () => {
  test.each<[string, string, unknown[]]>([
    ["YAML", "name: a\nid: 1\n", [{ name: "a", id: 1 }]],
    ["several documents", "name: a\n---\nname: b\n", [{ name: "a" }, { name: "b" }]],
    ["a list", "- name: a\n- name: b\n", [{ name: "a" }, { name: "b" }]],
    ["JSON", '{"name": "a"}', [{ name: "a" }]],
    ["an empty document among others", "---\n---\nname: a\n", [{ name: "a" }]],
    ["nothing", "# nothing\n", []],
    ["a name that objects have by nature", "constructor: 1\n", [{ constructor: 1 }]],
  ])("reads %s", (_, text, documents) => {
    expect(parseDocuments(text, "file")).toEqual(documents);
  });
  test.each<[string, string]>([
    ["a key twice", "name: a\nname: b\n"],
    ["an open bracket", "name: [a\n"],
    ["an alias to nothing", "name: *a\n"],
  ])("refuses %s", (_, text) => {
    expect(() => parseDocuments(text, "file")).toThrow(/^Cannot read file: [^\n]+$/);
  });
});

describe("files", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "romana-documents-"));
    writeFileSync(join(directory, "empty.yaml"), "");
    writeFileSync(join(directory, "two.yaml"), "a: 1\n---\na: 2\n");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test("a file without a document is refused", () => {
    expect(() => readDocuments(join(directory, "empty.yaml"))).toThrow("it has no document");
  });
  test("a file that is not there is refused with its name", () => {
    expect(() => readDocuments(join(directory, "none.yaml"))).toThrow(
      /Cannot read file ".*none\.yaml": .*ENOENT/,
    );
  });
  test("only one document where only one is wanted", () => {
    expect(() => readDocument(join(directory, "two.yaml"))).toThrow(
      "it has 2 documents, and only one is wanted",
    );
  });
});
