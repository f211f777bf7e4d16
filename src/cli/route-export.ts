import { readFileSync } from "node:fs";
import {
  configurationData,
  configurationOf,
  type FabricRouting,
  fillTemplate,
  joinBlocks,
  type Passwords,
  renderBird,
  renderFrr,
} from "../fabric/index.ts";
import { invalidInput } from "../model/index.ts";
import type { Input, Option, Result } from "./command.ts";
import { readDocument } from "./documents.ts";
import { renderJson } from "./format.ts";
import { wrongInput } from "./input.ts";

/** How a configuration is written. */
export const EXPORT_OPTIONS: readonly Option[] = [
  {
    name: "format",
    value: "FORMAT",
    choices: ["bird", "frr", "json"],
    summary: "BIRD 2 (when left out), FRR, or plain data for tools of other vendors",
  },
  {
    name: "passwords",
    value: "FILE",
    summary: "Passwords of sessions: their names in the fabric as keys",
    complete: "file",
  },
  {
    name: "template",
    value: "FILE",
    summary: "An own text around the parts: {{head}}, {{bfd}}, {{kernel}}, {{origins}}, {{sessions}}",
    complete: "file",
  },
];

/** The result of `route export`. @throws RomanaError `invalid-input`, or `not-found` for an unknown device. */
export function exportResult(routing: FabricRouting, device: string, input: Input): Result {
  const passwordFile = input.text("passwords");
  const templateFile = input.text("template");
  const format = input.text("format") ?? "bird";
  const passwords = passwordFile === undefined ? new Map() : readPasswords(passwordFile);
  const configuration = configurationOf(routing, device, passwords);
  if (format === "json") {
    if (templateFile !== undefined)
      throw wrongInput("--template", "cannot be used together with --format json");
    const data = configurationData(configuration);
    return { data, text: () => renderJson(data) };
  }
  const blocks = format === "frr" ? renderFrr(configuration) : renderBird(configuration);
  const text =
    templateFile === undefined
      ? joinBlocks(blocks)
      : fillTemplate(readFile(templateFile), blocks, configuration);
  return { data: { device, format, text }, text: () => text.trimEnd() };
}

function readPasswords(file: string): Passwords {
  const document = readDocument(file);
  if (typeof document !== "object" || document === null)
    throw invalidInput(`read file "${file}"`, [{ path: "", reason: "expected names and passwords" }]);
  const entries = Object.entries(document);
  const faults = entries
    .filter(([, value]) => typeof value !== "string")
    .map(([path]) => ({ path, reason: "expected a string" }));
  if (faults.length > 0) throw invalidInput(`read file "${file}"`, faults);
  return new Map(entries as [string, string][]);
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw invalidInput(`read file "${file}"`, [{ path: "", reason: (error as Error).message }]);
  }
}
