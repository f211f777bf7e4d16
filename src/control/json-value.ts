import { type Prefix, parsePrefix } from "../net/index.ts";

/** Reads one value of JSON data. @throws Error of any kind when it is another one. */
export type Read<T> = (value: unknown) => T;

/** An object of JSON data that has no other keys than the known ones. */
export function readFields<K extends string>(
  value: unknown,
  known: ReadonlySet<K>,
): Readonly<Partial<Record<K, unknown>>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SyntaxError(`${JSON.stringify(value)} is no object`);
  }
  for (const key of Object.keys(value)) {
    if (!known.has(key as K)) throw new SyntaxError(`${JSON.stringify(key)} is no known field`);
  }
  return value as Partial<Record<K, unknown>>;
}

/** A list of as many values as there are, but no more than `most`. */
export function listOf<T>(read: Read<T>, most = Number.POSITIVE_INFINITY): Read<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new SyntaxError(`${JSON.stringify(value)} is no list`);
    if (value.length > most) throw new SyntaxError(`a list has more than ${most} entries`);
    return value.map((entry) => read(entry));
  };
}

/** One of a few words. */
export function wordOf<const W extends string>(words: readonly W[]): Read<W> {
  return (value) => {
    const word = words.find((known) => known === value);
    if (word === undefined)
      throw new SyntaxError(`${JSON.stringify(value)} is not one of ${words.join(", ")}`);
    return word;
  };
}

/** Text that matches. */
export function textOf(pattern: RegExp): Read<string> {
  return (value) => {
    if (typeof value === "string" && pattern.test(value)) return value;
    throw new SyntaxError(`${JSON.stringify(value)} is not the text that belongs there`);
  };
}

/** Text of at most so many characters. */
export function textUpTo(length: number): Read<string> {
  return (value) => {
    if (typeof value === "string" && value.length <= length) return value;
    throw new SyntaxError(`${JSON.stringify(value)} is no text of up to ${length} characters`);
  };
}

/** An integer from 0 on. */
export function integerUpTo(most: number): Read<number> {
  return (value) => {
    if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) {
      return value as number;
    }
    throw new SyntaxError(`${JSON.stringify(value)} is no integer from 0 to ${most}`);
  };
}

/** True or false. */
export function readBoolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new SyntaxError(`${JSON.stringify(value)} is neither true nor false`);
}

/** A prefix in text form. */
export function readPrefix(value: unknown): Prefix {
  if (typeof value === "string") return parsePrefix(value);
  throw new SyntaxError(`${JSON.stringify(value)} is no prefix`);
}
