import { readFileSync } from "node:fs";
import { type Document, parseAllDocuments } from "yaml";
import { invalidInput } from "../model/index.ts";

/** File descriptor of standard input, which the name "-" stands for. */
const STANDARD_INPUT = 0;

/** Most aliases that a document may resolve to. */
const MAX_ALIASES = 100;

/**
 * The documents of a file: YAML with `---` between them, or JSON. A document that is a list counts as its items.
 * @throws RomanaError `invalid-input` when the file cannot be read, holds none, or one does not parse.
 */
export function readDocuments(file: string): readonly unknown[] {
  const name = file === "-" ? "standard input" : `file "${file}"`;
  const documents = parseDocuments(readText(file, name), name);
  if (documents.length === 0)
    throw invalidInput(`read ${name}`, [{ path: "", reason: "it has no document" }]);
  return documents;
}

/** The one document of a file. @throws RomanaError `invalid-input` as {@link readDocuments}, or for several. */
export function readDocument(file: string): unknown {
  const documents = readDocuments(file);
  if (documents.length === 1) return documents[0];
  const reason = `it has ${documents.length} documents, and only one is wanted`;
  throw invalidInput(`read file "${file}"`, [{ path: "", reason }]);
}

/** The documents of a text; `name` is for messages. */
export function parseDocuments(text: string, name: string): readonly unknown[] {
  const documents = parseAllDocuments(text, { uniqueKeys: true });
  const parsed = "empty" in documents ? [] : documents;
  const faults = parsed.flatMap(({ errors }) =>
    errors.map(({ message }) => ({ path: "", reason: (message.split("\n")[0] as string).replace(/:$/, "") })),
  );
  if (faults.length > 0) throw invalidInput(`read ${name}`, faults);
  return parsed.flatMap((document): unknown[] => {
    const value = toPlainData(document, name);
    if (Array.isArray(value)) return value;
    return value === null || value === undefined ? [] : [value];
  });
}

function toPlainData(document: Document.Parsed, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // A ReferenceError: an unknown alias, or too many of them.
    throw invalidInput(`read ${name}`, [{ path: "", reason: (error as Error).message }]);
  }
}

function readText(file: string, name: string): string {
  try {
    return readFileSync(file === "-" ? STANDARD_INPUT : file, "utf8");
  } catch (error) {
    throw invalidInput(`read ${name}`, [{ path: "", reason: (error as Error).message }]);
  }
}

/** A document as it is written: one that was shown says its revision, too. */
export function withoutRevision(document: unknown): unknown {
  if (typeof document !== "object" || document === null || Array.isArray(document)) return document;
  const { revision: _, ...rest } = document as Record<string, unknown>;
  return rest;
}
