import { z } from "zod";
import { type Fault, invalidInput, RomanaError } from "../model/index.ts";
import { didYouMean } from "./did-you-mean.ts";

/** The most characters of a refused value that a fault quotes. */
const QUOTED_LENGTH = 80;

/** Separates the reasons of the unknown fields of one object inside one zod message. */
const KEY_SEPARATOR = "\n";

/**
 * Reads unknown data through a schema. `verb` and noun start the message: `Cannot <what>: …`.
 * @throws RomanaError `invalid-input` with all faults and their paths.
 */
export function decodeWith<S extends z.ZodType>(schema: S, what: string, value: unknown): z.output<S> {
  const result = schema.safeParse(value, { error: reasonOf, reportInput: true });
  if (result.success) return result.data;
  throw invalidInput(what, result.error.issues.flatMap(faultsOf));
}

/**
 * Reads data of our own programs, which may be newer than this one: unknown fields are left out, but for those of
 * policies: a condition that is left out would let more pass.
 * @throws RomanaError `internal` when a field that is known here is missing or wrong.
 */
export function decodeLenient<S extends z.ZodType>(schema: S, what: string, value: unknown): z.output<S> {
  let result = schema.safeParse(value, { error: reasonOf, reportInput: true });
  if (!result.success && dropUnknown(value, result.error.issues)) {
    result = schema.safeParse(value, { error: reasonOf, reportInput: true });
  }
  if (result.success) return result.data;
  const { message } = invalidInput(what, result.error.issues.flatMap(faultsOf));
  throw new RomanaError(message, { code: "internal" });
}

/** Deletes the unknown fields that the issues name; false when there are none, or some may not be left out. */
function dropUnknown(value: unknown, issues: readonly z.core.$ZodIssue[]): boolean {
  const unknown = issues.filter((issue) => issue.code === "unrecognized_keys");
  if (unknown.some(({ path }) => isInPolicy(value, path))) return false;
  for (const { path, keys } of unknown) {
    const holder = path.reduce(fieldOf, value);
    for (const key of keys) delete (holder as Record<PropertyKey, unknown>)[key];
  }
  return unknown.length > 0;
}

/** True when the path leads to a policy or into one. */
function isInPolicy(value: unknown, path: readonly PropertyKey[]): boolean {
  const holders = [value, ...path.map((_, index) => path.slice(0, index + 1).reduce(fieldOf, value))];
  return holders.some(
    (holder) => typeof holder === "object" && holder !== null && Object.hasOwn(holder, "appliedTo"),
  );
}

function fieldOf(holder: unknown, key: PropertyKey): unknown {
  return (holder as Record<PropertyKey, unknown>)[key];
}

/** An object that knows all of its fields: an unknown one is a fault that names the nearest known one. */
export function strict<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => `unknown field${didYouMean(key, known)}`).join(KEY_SEPARATOR)
        : undefined,
  });
}

/** One of a few words; another word is a fault that names the nearest of them. */
export function oneOf<const W extends readonly [string, ...string[]]>(
  words: W,
): z.ZodEnum<{ [K in W[number]]: K }> {
  return z.enum(words, {
    error: ({ input }) => {
      if (input === undefined) return "is missing";
      const list = words.join(", ");
      if (typeof input !== "string") return `expected one of ${list}, got ${kindOf(input)}`;
      return `${quote(input)} is not one of ${list}${didYouMean(input, words)}`;
    },
  });
}

/**
 * Text with a meaning: `parse` makes the value or throws a SyntaxError whose message becomes the fault.
 * `meta` describes the text in OpenAPI.
 */
export function textOf<T>(
  parse: (text: string) => T,
  meta: { description: string; examples?: string[]; format?: string; pattern?: string },
): z.ZodPipe<z.ZodString, z.ZodTransform<T, string>> {
  return z
    .string()
    .meta(meta)
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        context.addIssue({ code: "custom", message: error.message, input: text });
        return z.NEVER;
      }
    });
}

/** Text that matches a pattern; `rule` ends the sentence `"…" is not …`. */
export function patterned(pattern: RegExp, rule: string): z.ZodString {
  return z.string().regex(pattern, {
    error: ({ input }) => `${quote(String(input))} is not ${rule}`,
  });
}

/** The value as it appears in a fault: JSON, cut when long. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= QUOTED_LENGTH ? text : `${text.slice(0, QUOTED_LENGTH)}…`;
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === "unrecognized_keys") {
    const reasons = issue.message.split(KEY_SEPARATOR);
    return issue.keys.map((key, index) => ({
      path: [...issue.path, key].join("."),
      reason: reasons[index] as string,
    }));
  }
  return [{ path: issue.path.join("."), reason: issue.message }];
}

/** Reasons for the faults that zod finds by itself; schemas give their own for patterns and unions. */
function reasonOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") {
    if (issue.input === undefined) return "is missing";
    return `expected ${withArticle(String(issue.expected))}, got ${kindOf(issue.input)}`;
  }
  if (issue.code === "too_small" || issue.code === "too_big") return sizeReason(issue);
  return undefined;
}

function sizeReason(issue: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig>): string {
  const small = issue.code === "too_small";
  const limit = small ? issue.minimum : issue.maximum;
  if (issue.origin === "string" || issue.origin === "array") {
    const unit = issue.origin === "string" ? "characters" : "items";
    return `has ${small ? "fewer" : "more"} than ${limit} ${unit}`;
  }
  return `${quote(issue.input)} is ${small ? "less" : "more"} than ${limit}`;
}

function withArticle(expected: string): string {
  if (expected === "int") return "an integer";
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return quote(value);
}
