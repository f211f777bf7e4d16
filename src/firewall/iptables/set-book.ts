import type { Family } from "../../net/index.ts";
import type { RuleReference } from "../../rules/index.ts";
import type { Generation } from "./input.ts";

/** Types of sets that we use, with their letter in names. */
const TYPES = { "hash:net": "N", "hash:net,port": "P", "hash:net,iface": "I" } as const;

/** A type of set, as ipset calls it. */
export type SetType = keyof typeof TYPES;

/** All sets have the same room, since ipset takes two sets for the same only if this is equal. */
const MOST_ELEMENTS = 1_048_576;

const NOBODY: ReadonlyMap<string, RuleReference> = new Map();

/**
 * The sets of one family and generation. Rules with the same elements share a set if these count for the same rules of
 * policies. The name of a set says its generation and type and whether it counts, so that whatever an aborted attempt has
 * left under the name can be emptied and used.
 */
export class SetBook {
  readonly #family: Family;
  readonly #generation: Generation;
  readonly #names = new Map<string, string>();
  readonly #lines: string[] = [];
  readonly #counted = new Map<string, ReadonlyMap<string, RuleReference>>();

  constructor(family: Family, generation: Generation) {
    this.#family = family;
    this.#generation = generation;
  }

  /** The rule of a policy that each element counts for, by set without its generation. */
  get counted(): ReadonlyMap<string, ReadonlyMap<string, RuleReference>> {
    return this.#counted;
  }

  /**
   * The name of a set with these elements, in whatever order they come.
   * @param by the rules that elements count for; elements of a set without any are not counted
   */
  nameOf(type: SetType, elements: Iterable<string>, by = NOBODY): string {
    const sorted = [...new Set(elements)].sort();
    const counts = by.size > 0;
    const rules = sorted.map((element) => by.get(element));
    const key = JSON.stringify([type, sorted, counts && rules.map((rule) => [rule?.policy, rule?.rule])]);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const kind = `${counts ? "C" : ""}${TYPES[type]}${this.#names.size}`;
    const name = `${setPrefix(this.#generation, this.#family)}${kind}`;
    this.#names.set(key, name);
    if (counts) this.#counted.set(kind, by);
    const family = this.#family === 4 ? "inet" : "inet6";
    this.#lines.push(
      `create ${name} ${type} family ${family} maxelem ${MOST_ELEMENTS}${counts ? " counters" : ""} -exist`,
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
