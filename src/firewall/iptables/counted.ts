import { type Family, parsePrefix } from "../../net/index.ts";
import type { RuleReference } from "../../rules/index.ts";
import type { CountedRules, Generation, IptablesChain } from "./input.ts";
import { formatNet } from "./pattern.ts";
import { setPrefix } from "./set-book.ts";

/** What the kernel has counted at one place for a rule of a policy, since the place was made. */
export interface PlaceTally {
  /** The place, unique in its family and generation. */
  readonly place: string;
  readonly by: RuleReference;
  readonly packets: number;
  readonly bytes: number;
}

/** The chains whose rules count for rules of policies. */
export function countedChains(chains: readonly IptablesChain[]): CountedRules["chains"] {
  return new Map(
    chains
      .filter(({ rules }) => rules.some(({ by }) => by !== undefined))
      .map(({ name, rules }) => [name, rules.map(({ by }) => by)]),
  );
}

/**
 * Reads what rules have counted from what `iptables-save --counters` says of a family. A chain that has not as many rules
 * as were made is somebody else's by now, and says nothing. Rules that counted nothing are left out.
 */
export function readCountedChains(saved: string, { chains }: CountedRules): readonly PlaceTally[] {
  const filter = saved.split(/^(?=\*)/m).find((table) => table.startsWith("*filter\n")) ?? "";
  const rules = new Map<string, string[]>();
  for (const [, count = "", chain = ""] of filter.matchAll(/^(?:\[(\d+:\d+)\] )?-A (\S+) /gm)) {
    if (!chains.has(chain)) continue;
    const there = rules.get(chain);
    if (there === undefined) rules.set(chain, [count]);
    else there.push(count);
  }
  return [...rules].flatMap(([chain, counts]) => {
    const made = chains.get(chain) ?? [];
    if (made.length !== counts.length) return [];
    return made.flatMap((by, index) => {
      const [packets = 0, bytes = 0] = (counts[index] ?? "").split(":").map(Number);
      return by === undefined || packets === 0 ? [] : [{ place: `${chain} ${index}`, by, packets, bytes }];
    });
  });
}

/** Reads what elements have counted from `ipset save`; elements that nobody made are left out, and who counted nothing. */
export function readCountedSets(
  saved: string,
  { sets }: CountedRules,
  family: Family,
  generation: Generation,
): readonly PlaceTally[] {
  const prefix = setPrefix(generation, family);
  const tallies: PlaceTally[] = [];
  for (const [, name = "", element = "", packets, bytes] of saved.matchAll(
    /^add (\S+) (\S+) packets ([1-9]\d*) bytes (\d+)/gm,
  )) {
    if (!name.startsWith(prefix)) continue;
    const by = sets.get(name.slice(prefix.length))?.get(canonicalElement(element));
    if (by === undefined) continue;
    tallies.push({ place: `${name} ${element}`, by, packets: Number(packets), bytes: Number(bytes) });
  }
  return tallies;
}

/**
 * Sets and elements that `ipset save` tells of, or `ipset restore` is to make, as text that is equal for equal ones.
 * @param names of the sets to look at
 */
export function canonicalSets(text: string, names: ReadonlySet<string>): string {
  const lines = text.split("\n").flatMap((line) => {
    const [verb, name = "", word = ""] = line.split(" ", 3);
    if (!names.has(name)) return [];
    if (verb === "create") return [`${verb} ${name} ${word}`];
    return verb === "add" ? [`${verb} ${name} ${canonicalElement(word)}`] : [];
  });
  return lines.sort().join("\n");
}

/** The element as we write it: ipset writes some IPv6 addresses with an IPv4 address at their end (RFC 5952, section 5). */
function canonicalElement(text: string): string {
  const [net = "", ...rest] = text.split(",");
  if (!net.includes(".") || !net.includes(":")) return text;
  const whole = net.includes("/") ? net : `${net}/128`;
  return [formatNet(parsePrefix(whole)), ...rest].join(",");
}
