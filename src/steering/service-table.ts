import { type Family, formatAddress, formatPrefix } from "../net/index.ts";
import type { Hairpin, Pool, PortRule, ServiceRules } from "./service-rules.ts";
import { SLOTS } from "./slots.ts";

/** The table of services; a fixed name, as nobody else's may be in its place. */
export const SERVICES_TABLE = "romana_services";

/** Most characters of a comment that the kernel keeps. */
const COMMENT_LENGTH = 120;
const FAMILIES = [4, 6] as const;
/** A key that nft 1.0.6 can list again and that matches the number of a slot; it cannot list `jhash`. */
const SLOT_TYPE = `numgen inc mod ${SLOTS}`;

/**
 * The whole table as one transaction for `nft -f`. Only the first packet of a flow passes through it:
 * connection tracking remembers the member, so that a flow stays where it is while slots move.
 */
export function renderServiceTable(rules: ServiceRules): string {
  const { pools, ports, hairpins, prefixes } = rules;
  return [
    `add table inet ${SERVICES_TABLE}`,
    `delete table inet ${SERVICES_TABLE}`,
    `table inet ${SERVICES_TABLE} {`,
    [
      ...[...pools.values()].map((pool) => block(`map ${pool.name}`, poolLines(pool))),
      ...FAMILIES.map((family) =>
        mapText(
          `hairpins${family}`,
          `type ipv${family}_addr . ipv${family}_addr : ipv${family}_addr`,
          of(family, hairpins.values()).map(hairpinElement),
        ),
      ),
      ...[...ports.values()].map((port) =>
        block(`chain ${port.name}`, [comment(port.comment), portRuleText(port)]),
      ),
      ...FAMILIES.map((family) =>
        mapText(
          `ports${family}`,
          `type ipv${family}_addr . inet_proto . inet_service : verdict`,
          of(family, ports.values()).map(dispatchElement),
        ),
      ),
      ...baseChains(prefixes).map(({ text }) => text),
    ]
      .map(indent)
      .join("\n\n"),
    "}",
    "",
  ].join("\n");
}

/** What is in the kernel's table, as far as it is known. */
export interface ServiceTableState {
  /** By name; undefined for one whose content is not known. */
  readonly pools: ReadonlyMap<string, Pool | undefined>;
  readonly ports: ReadonlyMap<string, PortRule | undefined>;
  /** The rest of the table; undefined while that is not known. */
  readonly rest: Pick<ServiceRules, "prefixes" | "hairpins"> | undefined;
}

/** One transaction on the way to other rules, and what is in the table after it. */
export interface ServiceStep {
  readonly text: string;
  readonly after: ServiceTableState;
}

/** A transaction of so many elements takes the kernel and nft some 40 ms. */
const STEP_ELEMENTS = 2 * SLOTS;

/** What is there according to a listing, with or without elements: the names of pools and ports. */
export function readServiceTable(listing: string): ServiceTableState {
  const names = (pattern: RegExp): Map<string, undefined> =>
    new Map([...listing.matchAll(pattern)].map((match) => [match[1] as string, undefined]));
  return {
    pools: names(/^\s*map (pool-\w+) \{/gm),
    ports: names(/^\s*chain (port-\w+) \{/gm),
    rest: undefined,
  };
}

/** The state of a table that {@link renderServiceTable} has made. */
export function serviceTableState({ pools, ports, prefixes, hairpins }: ServiceRules): ServiceTableState {
  return { pools, ports, rest: { prefixes, hairpins } };
}

/**
 * The transactions that make the table what the rules say, in which no service is ever without its members: pools first, in
 * parts that take their time, then all that uses them. Only what differs is named, and of a pool that is known only the
 * slots whose member is another one. Nothing when they are equal.
 */
export function* serviceSteps(
  before: ServiceTableState,
  after: ServiceRules,
): Generator<ServiceStep, void, undefined> {
  const pools = new Map(before.pools);
  let lines: string[] = [];
  let count = 0;
  for (const pool of after.pools.values()) {
    const change = poolChange(pool, before.pools);
    if (count > 0 && count + change.elements > STEP_ELEMENTS) {
      yield { text: transaction(lines), after: { ...before, pools: new Map(pools) } };
      lines = [];
      count = 0;
    }
    lines.push(...change.lines);
    count += change.elements;
    pools.set(pool.name, pool);
  }
  lines.push(...userChanges(before, after));
  if (lines.length > 0) yield { text: transaction(lines), after: serviceTableState(after) };
}

function poolChange(
  pool: Pool,
  before: ServiceTableState["pools"],
): { readonly lines: readonly string[]; readonly elements: number } {
  const old = before.get(pool.name);
  if (old === pool) return { lines: [], elements: 0 };
  if (old !== undefined) {
    const moved = slotElements(pool, (slot) => old.slots[slot]?.value !== pool.slots[slot]?.value);
    const lines = [
      ...elements(
        "delete",
        pool.name,
        moved.map(([slot]) => `${slot}`),
      ),
      ...elements(
        "add",
        pool.name,
        moved.map(([, text]) => text),
      ),
    ];
    return { lines, elements: moved.length };
  }
  const lines = before.has(pool.name)
    ? [
        `flush map ${here(pool.name)}`,
        ...elements(
          "add",
          pool.name,
          slotElements(pool).map(([, text]) => text),
        ),
      ]
    : [`add map ${here(pool.name)} { ${poolLines(pool).join("; ")}; }`];
  return { lines, elements: SLOTS };
}

/** What uses pools, and then what is not used any more. */
function userChanges(before: ServiceTableState, after: ServiceRules): readonly string[] {
  const { rest } = before;
  const isKnown = rest !== undefined;
  const changed = [...after.ports.values()].filter((port) => !isSamePort(before.ports.get(port.name), port));
  const stale = [...before.ports].filter(([name]) => !after.ports.has(name));
  const goneKeys = stale.flatMap(([, port]) => port ?? []);
  const hairpins = differences(rest?.hairpins ?? new Map<string, Hairpin>(), after.hairpins);
  const fresh = isKnown ? changed.filter(({ name }) => !before.ports.has(name)) : [...after.ports.values()];
  const bases = baseChains(after.prefixes);
  const hasSamePrefixes =
    isKnown && bases.every((chain, at) => chain.text === baseChains(rest.prefixes)[at]?.text);
  return [
    ...changed.flatMap((port) => [
      before.ports.has(port.name)
        ? `flush chain ${here(port.name)}`
        : `add chain ${here(port.name)} { ${comment(port.comment)}; }`,
      `add rule ${here(port.name)} ${portRuleText(port)}`,
    ]),
    ...FAMILIES.flatMap((family) => [
      ...(isKnown ? [] : [`flush map ${here(`ports${family}`)}`, `flush map ${here(`hairpins${family}`)}`]),
      ...(isKnown ? elements("delete", `ports${family}`, of(family, goneKeys).map(dispatchKey)) : []),
      ...elements("add", `ports${family}`, of(family, fresh).map(dispatchElement)),
      ...elements("delete", `hairpins${family}`, of(family, hairpins.gone).map(hairpinKey)),
      ...elements("add", `hairpins${family}`, of(family, hairpins.fresh).map(hairpinElement)),
    ]),
    ...(hasSamePrefixes
      ? []
      : bases.flatMap(({ name, rules }) => [
          `flush chain ${here(name)}`,
          ...rules.map((rule) => `add rule ${here(name)} ${rule}`),
        ])),
    ...stale.flatMap(([name]) => [`flush chain ${here(name)}`, `delete chain ${here(name)}`]),
    ...[...before.pools.keys()]
      .filter((name) => !after.pools.has(name))
      .map((name) => `delete map ${here(name)}`),
  ];
}

/** Hairpins to delete, and those to add then. */
function differences(
  before: ReadonlyMap<string, Hairpin>,
  after: ReadonlyMap<string, Hairpin>,
): { readonly gone: readonly Hairpin[]; readonly fresh: readonly Hairpin[] } {
  const missing = (from: typeof before, other: typeof before): Hairpin[] =>
    [...from].flatMap(([name, hairpin]) => {
      const twin = other.get(name);
      return twin !== undefined && hairpinElement(twin) === hairpinElement(hairpin) ? [] : [hairpin];
    });
  return { gone: missing(before, after), fresh: missing(after, before) };
}

/** A chain with a hook; its name and kind are always the same, its rules follow from the prefixes. */
interface BaseChain {
  readonly name: string;
  readonly rules: readonly string[];
  readonly text: string;
}

function baseChains(prefixes: ServiceRules["prefixes"]): readonly BaseChain[] {
  const dispatch = [
    "ip daddr . meta l4proto . th dport vmap @ports4",
    "ip6 daddr . meta l4proto . th dport vmap @ports6",
  ];
  const destinations = prefixes.map((prefix) => `${header(prefix.family)} daddr ${formatPrefix(prefix)}`);
  const chain = (name: string, rules: readonly string[], hook?: string): BaseChain => ({
    name,
    rules,
    text: block(`chain ${name}`, [...(hook === undefined ? [] : [`type ${hook}; policy accept;`]), ...rules]),
  });
  return [
    chain("prerouting", dispatch, "nat hook prerouting priority dstnat"),
    chain("output", dispatch, "nat hook output priority -100"),
    chain(
      "postrouting",
      FAMILIES.map((family) => {
        const ip = header(family);
        return `snat ${ip} to ${ip} saddr . ${ip} daddr map @hairpins${family}`;
      }),
      "nat hook postrouting priority srcnat",
    ),
    chain("refuse", ["meta l4proto tcp reject with tcp reset", "reject with icmpx type port-unreachable"]),
    chain(
      "forward",
      // Whoever forges a source is not answered, as the answer would go to somebody else.
      destinations.flatMap((destination) => [
        `${destination} fib saddr . iif oif exists goto refuse`,
        `${destination} drop`,
      ]),
      "filter hook forward priority filter - 1",
    ),
    chain(
      "refuse-own",
      destinations.map((destination) => `${destination} goto refuse`),
      "filter hook output priority filter - 1",
    ),
  ];
}

/** The slots of a pool, or some of them, with the texts of their elements. */
function slotElements(
  { slots }: Pool,
  isWanted: (slot: number) => boolean = () => true,
): readonly (readonly [number, string])[] {
  return slots.flatMap((address, slot) =>
    isWanted(slot) ? [[slot, `${slot} : ${formatAddress(address)}`] as const] : [],
  );
}

function poolLines(pool: Pool): readonly string[] {
  return [
    `typeof ${SLOT_TYPE} : ${header(pool.family)} daddr`,
    comment(pool.comment),
    elementsLine(slotElements(pool).map(([, text]) => text)),
  ];
}

function portRuleText({ address, protocol, pool, targetPort, spreadBy, seed }: PortRule): string {
  const source = `${header(address.family)} saddr${spreadBy === "flow" ? ` . ${protocol} sport` : ""}`;
  const slot = `jhash ${source} mod ${SLOTS} seed 0x${seed.toString(16)}`;
  return `meta l4proto ${protocol} dnat ${header(address.family)} to ${slot} map @${pool} : ${targetPort}`;
}

function dispatchKey({ address, protocol, port }: PortRule): string {
  return `${formatAddress(address)} . ${protocol} . ${port}`;
}

function dispatchElement(port: PortRule): string {
  return `${dispatchKey(port)} : goto ${port.name}`;
}

function hairpinKey({ address }: Hairpin): string {
  return `${formatAddress(address)} . ${formatAddress(address)}`;
}

function hairpinElement(hairpin: Hairpin): string {
  return `${hairpinKey(hairpin)} : ${formatAddress(hairpin.gateway)}`;
}

function isSamePort(one: PortRule | undefined, other: PortRule): boolean {
  return one !== undefined && portRuleText(one) === portRuleText(other);
}

function of<T extends { readonly address: { readonly family: Family } }>(
  family: Family,
  values: Iterable<T>,
): readonly T[] {
  return [...values].filter(({ address }) => address.family === family);
}

function elements(verb: "add" | "delete", map: string, texts: readonly string[]): readonly string[] {
  return texts.length === 0 ? [] : [`${verb} element ${here(map)} { ${texts.join(", ")} }`];
}

/** Where something is, as commands name it. */
function here(name: string): string {
  return `inet ${SERVICES_TABLE} ${name}`;
}

function header(family: Family): "ip" | "ip6" {
  return family === 4 ? "ip" : "ip6";
}

function mapText(name: string, type: string, texts: readonly string[]): string {
  return block(`map ${name}`, [type, ...(texts.length === 0 ? [] : [elementsLine(texts)])]);
}

function elementsLine(texts: readonly string[]): string {
  return `elements = { ${texts.join(", ")} }`;
}

function transaction(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function comment(words: string): string {
  return `comment "${words.slice(0, COMMENT_LENGTH)}"`;
}

function block(head: string, lines: readonly string[]): string {
  return [`${head} {`, ...lines.map(indent), "}"].join("\n");
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => (line === "" ? "" : `    ${line}`))
    .join("\n");
}
