import { createHash } from "node:crypto";
import {
  type Element,
  type KeyPart,
  type KeyType,
  rawKey,
  type SetChange,
  type Table,
} from "../firewall/index.ts";
import { parseAddress } from "../net/index.ts";

/** What `nft list table` prints, taken apart. */
export interface Listing {
  /** Everything but the elements of named sets. */
  readonly shape: string;
  readonly sets: Elements;
}

/** Raw keys in hexadecimal, by set. Undefined where an element could not be read. */
export type Elements = ReadonlyMap<string, ReadonlySet<string> | undefined>;

/** Index of a device by its name, as the listing writes it. */
export type IndexOf = (device: string) => number | undefined;

const SET =
  /^\tset (\S+) \{\n\t\ttype ([^\n]+)\n(?:\t\t(?!elements)[^\n]*\n)*?\t\telements = \{([^}]*)\}\n/gm;

/** Reads the output of `nft list table`. */
export function readListing(text: string, indexOf: IndexOf): Listing {
  const sets = new Map<string, ReadonlySet<string> | undefined>();
  for (const [, set, type, elements] of text.matchAll(SET) as Iterable<[string, string, string, string]>) {
    sets.set(set, readElements(elements, type.split(" . ") as KeyType[], indexOf));
  }
  return { shape: text.replace(/^\t\telements = \{[^}]*\}\n/gm, ""), sets };
}

/** A short name for text, equal for equal text only. */
export function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** The elements of a table as they would be listed. */
export function elementsOf({ sets }: Table): Elements {
  return new Map(sets.map(({ name, elements }) => [name, new Set(elements.map(hexKey))]));
}

/**
 * What to change in elements that are there to make them those of the desired table; undefined when that cannot be
 * said.
 */
export function elementChanges(desired: Table, sets: Elements): readonly SetChange[] | undefined {
  const changes: SetChange[] = [];
  for (const { name, elements } of desired.sets) {
    const there = sets.has(name) ? sets.get(name) : new Set<string>();
    if (there === undefined) return undefined;
    const wanted = new Map(elements.map((element) => [hexKey(element), element]));
    const add = [...wanted].flatMap(([key, element]) => (there.has(key) ? [] : [rawKey(element)]));
    const remove = [...there].filter((key) => !wanted.has(key)).map((key) => Buffer.from(key, "hex"));
    if (add.length + remove.length > 0) changes.push({ table: desired.name, set: name, add, remove });
  }
  return changes;
}

function hexKey(element: Element): string {
  return Buffer.from(rawKey(element)).toString("hex");
}

function readElements(
  text: string,
  types: readonly KeyType[],
  indexOf: IndexOf,
): ReadonlySet<string> | undefined {
  const keys = new Set<string>();
  for (const element of text.split(",")) {
    const parts = element.trim().split(" . ");
    const read = types.map((type, index) => readPart(type, parts[index] ?? "", indexOf));
    if (parts.length !== types.length || read.includes(undefined)) return undefined;
    keys.add(hexKey(read as KeyPart[]));
  }
  return keys;
}

/** Undefined for what is not written as we write it: then nobody knows whose it is. */
function readPart(type: KeyType, text: string, indexOf: IndexOf): KeyPart | undefined {
  const name = /^"([^"]*)"$/.exec(text)?.[1];
  switch (type) {
    case "iface_index": {
      const value = name === undefined ? readNumber(text) : indexOf(name);
      return value === undefined ? undefined : { type, value };
    }
    case "ifname":
      return name === undefined ? undefined : { type, value: name };
    case "ipv4_addr":
    case "ipv6_addr": {
      try {
        return { type, value: parseAddress(text).value };
      } catch {
        return undefined;
      }
    }
    case "inet_proto":
      return text === "tcp" || text === "udp" ? { type, value: text } : undefined;
    case "inet_service": {
      const value = readNumber(text);
      return value === undefined ? undefined : { type, value };
    }
    default:
      return type satisfies never;
  }
}

function readNumber(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined;
}
