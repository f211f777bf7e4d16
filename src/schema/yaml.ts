import { parseDocument } from "yaml";
import { type Fault, invalidInput } from "../model/index.ts";

/** Most aliases that a document may resolve to; more is an attack, not a configuration. */
const MAX_ALIASES = 100;

/**
 * Reads one YAML 1.2 document (JSON is one, too) as plain data. An empty document is an empty object.
 * @throws RomanaError `invalid-input` with the line of every fault; `what` starts the message: `Cannot <what>: …`.
 */
export function readYaml(text: string, what: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const faults = document.errors.map(({ message, pos }): Fault => {
    const line = text.slice(0, pos[0]).split("\n").length;
    return { path: `line ${line}`, reason: message };
  });
  if (faults.length > 0) throw invalidInput(what, faults);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch (error) {
    // A ReferenceError: an unknown alias, or too many of them.
    throw invalidInput(what, [{ path: "", reason: (error as Error).message }]);
  }
}

/** As {@link readYaml}, for a document of keys and values. */
export function readYamlMapping(text: string, what: string): object {
  const document = readYaml(text, what);
  if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  throw invalidInput(what, [{ path: "", reason: "expected keys and values" }]);
}
