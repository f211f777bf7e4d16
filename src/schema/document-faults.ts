import type { z } from "zod";
import { type Fault, hasCode } from "../model/index.ts";
import { decodeWith, quote } from "./decode.ts";
import { didYouMean } from "./did-you-mean.ts";

/** An object of a document, before anybody has looked at its fields. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * The faults of a document that is read by hand, because it has words and an order of its own for them. What is in
 * the wrong place or unknown is told last.
 */
export class DocumentFaults {
  readonly #faults: Fault[] = [];
  readonly #late: Fault[] = [];

  add(path: string, reason: string): void {
    this.#faults.push({ path, reason });
  }

  addLate(path: string, reason: string): void {
    this.#late.push({ path, reason });
  }

  /** A fault for every field that is not known; `hints` say where a field belongs that is in the wrong place. */
  addUnknown(
    fields: Fields,
    path: string,
    known: readonly string[],
    hints: ReadonlyMap<string, string>,
  ): void {
    for (const key of Object.keys(fields)) {
      if (known.includes(key)) continue;
      this.addLate(below(path, key), hints.get(key) ?? `unknown field${didYouMean(key, known)}`);
    }
  }

  /** The value of a field that is text; undefined when it is absent, empty or a fault. */
  text(fields: Fields, key: string, path: string): string | undefined {
    const value = fields[key];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value === "string") return value;
    this.add(below(path, key), `expected text, got ${quote(value)}`);
    return undefined;
  }

  /** The value of a field that a schema reads; undefined when it is absent or a fault. */
  read<S extends z.ZodType>(schema: S, value: unknown, path: string): z.output<S> | undefined {
    try {
      return decodeWith(schema, "read field", value);
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      for (const { path: inner, reason } of error.failure.faults) {
        this.add([path, inner].filter((part) => part !== "").join("."), reason);
      }
      return undefined;
    }
  }

  all(): readonly Fault[] {
    return [...this.#faults, ...this.#late];
  }
}

/** The path of a field. */
export function below(path: string, key: string | number): string {
  return path === "" ? String(key) : `${path}.${key}`;
}

/** True when the value has fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
