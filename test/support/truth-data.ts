import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { POLICY_ENGINES } from "../../src/cli/policy-engines.ts";

/** Where truth tables lie that were computed independently of this project: beside it, not in it. */
const FOLDER = join(import.meta.dirname, "../../../shared/data");

/** Everything that claims to know what policies mean: each is held against every truth. */
export const ENGINES = Object.entries(POLICY_ENGINES);

/** The truth table of a file as plain data; undefined, and a notice, when it is not there. */
export function loadTruth(file: string): unknown {
  const path = join(FOLDER, file);
  if (existsSync(path)) return JSON.parse(gunzipSync(readFileSync(path)).toString());
  process.stderr.write(`\nNOTICE: ${file} is not beside the project: only the project's own cases run.\n`);
  return undefined;
}
