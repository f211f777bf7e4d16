import type { Chain, Element, Hook, KeyType, NamedSet, Table } from "../../src/firewall/table.ts";
import { type DeviceIndices, parseKeyPart, parseKeyType } from "./nft-values.ts";
import { NftWords } from "./nft-words.ts";
import { parseNftRule } from "./parse-nft-rule.ts";

const HOOKS: ReadonlyMap<string, Hook> = new Map([
  ["type filter hook input priority filter ; policy accept ;", "input"],
  ["type filter hook forward priority filter ; policy accept ;", "forward"],
  ["type filter hook output priority filter ; policy accept ;", "output"],
  ["type filter hook prerouting priority raw ; policy accept ;", "raw-prerouting"],
  ["type filter hook output priority raw ; policy accept ;", "raw-output"],
]);

/**
 * Reads a table out of the text that loads it, or out of what nft lists of it: the other way from the renderer, and
 * without a look at it. Elements, rules and chains keep their order; values of counters are left out.
 * @throws Error with the line, at the first word that does not belong where it stands.
 */
export function parseNft(text: string, devices: DeviceIndices = new Map()): Table {
  const words = new NftWords(text);
  words.skipLines();
  const replaced = words.takeIf("add", "table", "inet") ? words.name() : undefined;
  if (replaced !== undefined) {
    words.endLine();
    words.expect("delete", "table", "inet", replaced);
    words.endLine();
  }
  words.expect("table", "inet");
  const name = words.name();
  if (replaced !== undefined && replaced !== name) throw words.fault("replaces another table", -1);
  const counters: string[] = [];
  const sets: NamedSet[] = [];
  const chains: Chain[] = [];
  openBlock(words);
  while (!words.takeIf("}")) {
    if (words.takeIf("counter")) counters.push(readCounter(words));
    else if (words.takeIf("set")) sets.push(readSet(words, devices));
    else if (words.takeIf("chain")) chains.push(readChain(words, devices));
    else throw words.fault("neither a counter nor a set nor a chain");
  }
  words.endLine();
  if (words.peek() !== "") throw words.fault("expected the end of the text");
  checkNames(sets, chains, counters);
  return { name, counters, sets, chains };
}

function openBlock(words: NftWords): void {
  words.expect("{");
  words.endLine();
}

function closeBlock(words: NftWords): void {
  words.expect("}");
  words.endLine();
}

/** A listing without state has counters without values. */
function readCounter(words: NftWords): string {
  const name = words.name();
  openBlock(words);
  if (words.peek() === "packets") {
    readCount(words);
    words.endLine();
  }
  closeBlock(words);
  return name;
}

function readCount(words: NftWords): void {
  words.expect("packets");
  words.number();
  words.expect("bytes");
  words.number();
}

function readSet(words: NftWords, devices: DeviceIndices): NamedSet {
  const name = words.name();
  openBlock(words);
  words.expect("type");
  const key = [keyType(words)];
  while (words.takeIf(".")) key.push(keyType(words));
  words.endLine();
  const hasRanges = takeLine(words, "flags", "interval");
  const hasCounters = takeLine(words, "counter");
  words.expect("comment");
  const comment = words.quoted();
  words.endLine();
  const elements = words.takeIf("elements", "=")
    ? readElements(words, key, hasRanges, hasCounters, devices)
    : [];
  closeBlock(words);
  return {
    name,
    comment,
    key,
    ...(hasRanges && { hasRanges }),
    ...(hasCounters && { hasCounters }),
    elements,
  };
}

function takeLine(words: NftWords, ...line: readonly string[]): boolean {
  const isThere = words.takeIf(...line);
  if (isThere) words.endLine();
  return isThere;
}

function keyType(words: NftWords): KeyType {
  return located(words, () => parseKeyType(words.take()));
}

/** Elements between braces, in any number of lines; in listings, those of sets with counters tell of them. */
function readElements(
  words: NftWords,
  key: readonly KeyType[],
  hasRanges: boolean,
  hasCounters: boolean,
  devices: DeviceIndices,
): Element[] {
  const elements: Element[] = [];
  words.expect("{");
  words.skipLines();
  do {
    elements.push(readElement(words, key, hasRanges, devices));
    if (hasCounters && words.takeIf("counter") && words.peek() === "packets") readCount(words);
    const isLast = !words.takeIf(",");
    words.skipLines();
    if (isLast && words.peek() !== "}") throw words.fault("expected a comma");
  } while (!words.takeIf("}"));
  words.endLine();
  return elements;
}

function readElement(
  words: NftWords,
  key: readonly KeyType[],
  hasRanges: boolean,
  devices: DeviceIndices,
): Element {
  const element = key.map((type, index) => {
    if (index > 0) words.expect(".");
    return located(words, () => parseKeyPart(type, words.take(), devices));
  });
  if (!hasRanges && element.some((part) => "last" in part)) throw words.fault("a range in a set without", -1);
  return element;
}

function readChain(words: NftWords, devices: DeviceIndices): Chain {
  const name = words.name();
  openBlock(words);
  const hook = words.peek() === "type" ? readHook(words) : undefined;
  const rules = [];
  while (!words.takeIf("}")) rules.push(located(words, () => parseNftRule(words, devices)));
  words.endLine();
  return { name, ...(hook !== undefined && { hook }), rules };
}

function readHook(words: NftWords): Hook {
  const line: string[] = [];
  while (words.peek() !== "\n") line.push(words.take());
  const hook = HOOKS.get(line.join(" "));
  if (hook === undefined) throw words.fault(`no hook is "${line.join(" ")}"`);
  words.endLine();
  return hook;
}

/** Tells of faults of values where they are. */
function located<T>(words: NftWords, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Cannot read nft text")) throw error;
    throw words.fault(error instanceof Error ? error.message : "no value that we know", -1);
  }
}

/** Names are said once, and whatever a rule names is there. */
function checkNames(sets: readonly NamedSet[], chains: readonly Chain[], counters: readonly string[]): void {
  const known = {
    set: new Set(sets.map(({ name }) => name)),
    chain: new Set(chains.map(({ name }) => name)),
    counter: new Set(counters),
  };
  const said = { set: sets.length, chain: chains.length, counter: counters.length };
  for (const kind of ["set", "chain", "counter"] as const) {
    if (known[kind].size !== said[kind]) throw new Error(`Cannot read nft text: a ${kind} is there twice`);
  }
  const check = (kind: keyof typeof known, name: string | undefined): void => {
    if (name !== undefined && !known[kind].has(name)) {
      throw new Error(`Cannot read nft text: no ${kind} is called "${name}"`);
    }
  };
  for (const { matches, verdict, counter } of chains.flatMap(({ rules }) => rules)) {
    check("counter", counter);
    if ("chain" in verdict) check("chain", verdict.chain);
    for (const match of matches) if (match.kind === "lookup") check("set", match.set);
  }
}
