import type { Family } from "../../net/index.ts";
import type { Generation } from "./input.ts";

/** Types of sets that we use, with their letter in names. */
const TYPES = { "hash:net": "N", "hash:net,port": "P", "hash:net,iface": "I" } as const;

/** A type of set, as ipset calls it. */
export type SetType = keyof typeof TYPES;

/** All sets have the same room, since ipset takes two sets for the same only if this is equal. */
const MOST_ELEMENTS = 1_048_576;

/**
 * The sets of one family and generation. Rules with the same elements share a set; the name of a set says its
 * generation and type, so that whatever an aborted attempt has left under the name can be emptied and used.
 */
export class SetBook {
  readonly #family: Family;
  readonly #generation: Generation;
  readonly #names = new Map<string, string>();
  readonly #lines: string[] = [];

  constructor(family: Family, generation: Generation) {
    this.#family = family;
    this.#generation = generation;
  }

  /** The name of a set with these elements, in whatever order they come. */
  nameOf(type: SetType, elements: Iterable<string>): string {
    const sorted = [...new Set(elements)].sort();
    const key = `${type} ${sorted.join(" ")}`;
    let name = this.#names.get(key);
    if (name !== undefined) return name;
    name = `${setPrefix(this.#generation, this.#family)}${TYPES[type]}${this.#names.size}`;
    this.#names.set(key, name);
    const family = this.#family === 4 ? "inet" : "inet6";
    this.#lines.push(
      `create ${name} ${type} family ${family} maxelem ${MOST_ELEMENTS} -exist`,
      `flush ${name}`,
      ...sorted.map((element) => `add ${name} ${element}`),
    );
    return name;
  }

  /** What `ipset restore` takes. */
  text(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }
}

/** How the names of all sets of a generation and family begin; those of the other one can go once rules changed. */
export function setPrefix(generation: Generation, family: Family): string {
  return `ROMANA-${generation}${family}`;
}
