import { addressBits, formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import type { AddressPattern, EndAddresses } from "./chain-ends.ts";
import type { NumberedHop } from "./chain-hops.ts";
import { CHAIN_MARKS, CHAIN_TABLE, CHAIN_ZONE } from "./chain-marks.ts";
import type { ChainRules, FunctionMap, Lane, LaneFunction } from "./chain-rules.ts";
import { SLOTS } from "./slots.ts";

/** Transport protocols that have ports, so that flows between the same two addresses can differ. */
const WITH_PORTS = "meta l4proto { tcp, udp, sctp }";
const WITHOUT_PORTS = "meta l4proto != { tcp, udp, sctp }";

/** Counters of packets that a chain has dropped. */
export const CHAIN_DROPS = ["no-function", "no-way", "out-of-place"] as const;

/**
 * The table of chains as one transaction for `nft -f` (ADR 0018). In front of connection tracking a packet is given to the chain of its
 * source and destination; where it comes from says how far it is, and the mark and the DSCP where it goes next.
 * @param counters what the counters begin with, since replacing the table sets them to zero
 */
export function renderChainTable(
  rules: ChainRules,
  counters: ReadonlyMap<string, { readonly packets: number; readonly bytes: number }> = new Map(),
): string {
  const { lanes } = rules;
  const parts = [
    ...CHAIN_DROPS.map((name) => {
      const { packets, bytes } = counters.get(name) ?? { packets: 0, bytes: 0 };
      return block(`counter ${name}`, [`packets ${packets} bytes ${bytes}`]);
    }),
    hopSet(rules),
    block("set host_macs", [
      "type ether_addr",
      'comment "other hosts in links of this one"',
      ...elementLines(rules.hostMacs),
    ]),
    ...rules.maps.map(mapText),
    ...lanes.flatMap(endSets),
    ...lanes.flatMap((lane) => laneChains(lane, rules.underlayDevices)),
    block(
      "chain translated",
      lanes.flatMap((lane) => takeRules(lane, "translated")),
    ),
    block("chain prerouting", [
      "type filter hook prerouting priority raw + 10; policy accept;",
      `${markOf("mask")} != 0 meta mark set meta mark & ${hex(0xffffffff - CHAIN_MARKS.mask)}`,
      ...lanes.flatMap((lane) => takeRules(lane, "take")),
    ]),
    block("chain translations", [
      // Of flows to a service it is known only now who talks to whom.
      "type filter hook prerouting priority dstnat + 10; policy accept;",
      `${markOf("mask")} == 0 ct status snat,dnat goto translated`,
    ]),
    block("chain forward", [
      "type filter hook forward priority filter - 10; policy accept;",
      `${markOf("hop")} != 0 ${markOf("hop")} . oifname != @hops counter name no-way drop`,
    ]),
  ];
  return [
    `add table inet ${CHAIN_TABLE}`,
    `delete table inet ${CHAIN_TABLE}`,
    `table inet ${CHAIN_TABLE} {`,
    parts.map(indent).join("\n\n"),
    "}",
    "",
  ].join("\n");
}

function hopSet({ hops, underlayDevices }: ChainRules): string {
  const elements = hops.flatMap(({ number, device }) =>
    (device === undefined ? underlayDevices : [device]).map((name) => `${hopMark(number)} . "${name}"`),
  );
  return block("set hops", [
    "type mark . ifname",
    'comment "next hop and the device that leads to it"',
    ...elementLines(elements),
  ]);
}

function mapText({ name, slots }: FunctionMap): string {
  return block(`map ${name}`, [
    "type mark : mark",
    'comment "slot of a flow, and the next hop of the endpoint that has it"',
    ...elementLines(slots.map((hop, slot) => `${slot} : ${hopMark(hop)}`)),
  ]);
}

/** The mark that selects the routing table of a next hop. */
export function hopMark(number: NumberedHop["number"]): string {
  return hex(number << CHAIN_MARKS.hopShift);
}

/** Names of chains and sets of a lane: its first place is nobody else's. */
function laneName({ places, family }: Lane): string {
  return `${places[0]}_${family}`;
}

function placeName(lane: Lane, index: number): string {
  return `${lane.places[index]}_${lane.family}`;
}

/** The place that packets go to instead of one: functions that nobody can do and that are open are left out. */
function effective({ functions }: Lane, index: number): number {
  let place = index;
  while (isSkipped(functions[place])) place++;
  return place;
}

function isSkipped(one: LaneFunction | undefined): boolean {
  return one !== undefined && one.map === undefined && one.fail === "open";
}

function laneChains(lane: Lane, underlay: readonly string[]): readonly string[] {
  const last = lane.functions.length;
  const chains: string[] = [];
  for (const [index, one] of lane.functions.entries()) {
    if (isSkipped(one)) continue;
    chains.push(
      block(`chain place_${placeName(lane, index)}`, placeRules(lane, one, index)),
      block(`chain pass_${placeName(lane, index)}`, [
        `jump place_${placeName(lane, index)}`,
        `meta mark set meta mark | ${hex(CHAIN_MARKS.passing)} notrack`,
      ]),
    );
  }
  chains.push(
    block(`chain place_${placeName(lane, last)}`, lastPlaceRules(lane)),
    block(`chain pass_${placeName(lane, last)}`, arrivalRules(lane)),
    block(`chain enter_${laneName(lane)}`, enterRules(lane)),
    block(`chain take_${laneName(lane)}`, positionRules(lane, underlay)),
    block(`chain translated_${laneName(lane)}`, translatedRules(lane, underlay)),
  );
  return chains;
}

/** To an endpoint of the function: the same for all packets of a flow, on every host and in both directions. */
function placeRules(lane: Lane, { map, seed }: LaneFunction, index: number): readonly string[] {
  if (map === undefined) return ["counter name no-function drop"];
  const word = wordOf(lane);
  const [near, far] = lane.direction === "forward" ? ["s", "d"] : ["d", "s"];
  const addresses = `${word} ${near}addr . ${word} ${far}addr`;
  const slots = `mod ${SLOTS} seed ${hex(seed)}`;
  return [
    `${word} dscp set ${lane.places[index]}`,
    `${WITH_PORTS} meta mark set jhash ${addresses} . th ${near}port . th ${far}port ${slots}`,
    `${WITHOUT_PORTS} meta mark set jhash ${addresses} ${slots}`,
    `meta mark set meta mark map @${map}`,
  ];
}

/** Straight to the destination: a host of the network is told by the last place that all functions were met. */
function lastPlaceRules(lane: Lane): readonly string[] {
  const word = wordOf(lane);
  const last = lane.places[lane.functions.length];
  return [
    `${word} dscp set 0`,
    `${to(lane, lane.network)} ${notTo(lane, lane.own)} ${word} dscp set ${last}`,
  ];
}

/**
 * After the last function, where the packet is judged once more. The flow passes a second time where both of its ends are at this host:
 * its packets are tracked in a zone of their own, or, where answers do not come this way, not at all, and then the first time counts.
 */
function arrivalRules(lane: Lane): readonly string[] {
  const passing = `meta mark set meta mark | ${hex(CHAIN_MARKS.passing)}`;
  const arrived = `meta mark set meta mark | ${hex(CHAIN_MARKS.arrived)}`;
  const isSecond = [from(lane, lane.own), notFrom(lane, lane.network)];
  const second = lane.isBoth ? `${arrived} ct zone set ${CHAIN_ZONE} return` : `${passing} notrack return`;
  return [
    `jump place_${placeName(lane, lane.functions.length)}`,
    // Another table may have to translate what leaves the network.
    ...(lane.direction === "reverse" ? [`${notTo(lane, lane.network)} ${passing} return`] : []),
    `${notTo(lane, lane.own)} ${passing} notrack return`,
    ...(lane.direction === "forward" ? isSecond.map((match) => `${match} ${second}`) : []),
    arrived,
  ];
}

/** From the chain's own end, which is at this host or behind it. */
function enterRules(lane: Lane): readonly string[] {
  const first = effective(lane, 0);
  const isZoned = lane.direction === "reverse" && first < lane.functions.length;
  return [
    ...(isZoned
      ? [to(lane, lane.own), notTo(lane, lane.network)].map((match) => `${match} ct zone set ${CHAIN_ZONE}`)
      : []),
    `goto place_${placeName(lane, first)}`,
  ];
}

/** How far a packet is follows from where it comes from: a function's device, another host, or the chain's own end. */
function positionRules(lane: Lane, underlay: readonly string[]): readonly string[] {
  const passes = new Map(
    lane.functions.flatMap(({ devices }, index) =>
      devices.map((device) => [device, `goto pass_${placeName(lane, effective(lane, index + 1))}`] as const),
    ),
  );
  const places = [...lane.places.entries()].map(
    ([index, place]) => `${place} : goto pass_${placeName(lane, effective(lane, index))}`,
  );
  const fromHosts = `iifname ${namesText(underlay)}`;
  const isPlaced = `${wordOf(lane)} dscp vmap { ${places.join(", ")} }`;
  return [
    ...outsideChains(lane),
    ...(passes.size === 0
      ? []
      : [`iifname vmap { ${[...passes].map(([name, verdict]) => `"${name}" : ${verdict}`).join(", ")} }`]),
    ...(underlay.length === 0
      ? []
      : [
          `${fromHosts} ${from(lane, lane.network)} ${isPlaced}`,
          `${fromHosts} ${from(lane, lane.network)} ${to(lane, lane.own)} counter name out-of-place drop`,
          `${fromHosts} ${from(lane, lane.network)} return`,
          `${fromHosts} ether saddr @host_macs ${isPlaced}`,
          // From somebody who is no host of ours, as far as is known: it must not go round and round.
          `${fromHosts} ${notTo(lane, lane.own)} ${wordOf(lane)} dscp { ${lane.places.join(", ")} } counter name out-of-place drop`,
        ]),
    `${from(lane, lane.own)} goto enter_${laneName(lane)}`,
    `${notFrom(lane, lane.network)} ${to(lane, lane.own)} goto enter_${laneName(lane)}`,
  ];
}

function translatedRules(lane: Lane, underlay: readonly string[]): readonly string[] {
  const first = `goto place_${placeName(lane, effective(lane, 0))}`;
  const isHere = underlay.length === 0 ? "" : ` iifname != ${namesText(underlay)}`;
  return [
    ...outsideChains(lane),
    `${from(lane, lane.own)}${isHere} ${first}`,
    `${notFrom(lane, lane.network)} ${to(lane, lane.own)} ${first}`,
  ];
}

/** What hosts say themselves, and what stays in a link, is in no chain. */
function outsideChains(lane: Lane): readonly string[] {
  const word = wordOf(lane);
  const isEither = (what: NamedEnd): readonly string[] =>
    (["saddr", "daddr"] as const).flatMap((field) =>
      endMatches(lane, what, field).map((match) => `${match} return`),
    );
  return [
    "fib daddr type != unicast return",
    ...(lane.family === 6 ? ["ip6 daddr fe80::/10 return"] : []),
    ...["saddr", "daddr"].map((field) => `${word} ${field} ${patternText(lane, lane.gateways)} return`),
    ...functionEnds(lane).flatMap(isEither),
    ...withinTarget(lane).map((match) => `${match} return`),
  ];
}

/** Who sends to another one where the chain leads to: a packet between them would be in both directions at once. */
function withinTarget(lane: Lane): readonly string[] {
  const [source, destination] = ownEnds(lane) as [NamedEnd, NamedEnd];
  return lane.direction === "forward"
    ? endMatches(lane, destination, "saddr")
    : endMatches(lane, source, "daddr");
}

/** Rules that give packets from the source to the destination to the lane. */
function takeRules(lane: Lane, what: "take" | "translated"): readonly string[] {
  const verdict = `goto ${what}_${laneName(lane)}`;
  const [source, destination] = ownEnds(lane) as [NamedEnd, NamedEnd];
  const destinations = endMatches(lane, destination, "daddr");
  return endMatches(lane, source, "saddr").flatMap((from) =>
    destinations.map((to) => [from, to, verdict].filter((part) => part !== "").join(" ")),
  );
}

/** Somebody with the name that sets about them have. */
interface NamedEnd {
  readonly name: string;
  readonly end: EndAddresses;
}

function ownEnds(lane: Lane): readonly NamedEnd[] {
  return (["source", "destination"] as const).map((side) => ({
    name: `${side}_${laneName(lane)}`,
    end: lane[side],
  }));
}

function functionEnds(lane: Lane): readonly NamedEnd[] {
  return lane.functions.map(({ members }, index) => ({
    name: `members_${placeName(lane, index)}`,
    end: members,
  }));
}

/** Conditions of which one holds for an address of the end. */
function endMatches(lane: Lane, { name, end }: NamedEnd, side: "saddr" | "daddr"): readonly string[] {
  const { patterns, joined, left } = end;
  const field = `${wordOf(lane)} ${side}`;
  const without = left.length === 0 ? "" : ` ${field} != @${name}_left`;
  return [
    ...patterns.map((pattern) =>
      pattern.mask === 0n ? "" : `${field} ${patternText(lane, pattern)}${without}`,
    ),
    ...(joined.length === 0 ? [] : [`${field} @${name}_joined`]),
  ];
}

function endSets(lane: Lane): readonly string[] {
  return [...ownEnds(lane), ...functionEnds(lane)].flatMap(({ name, end: { joined, left } }) => [
    ...blockSet(lane, `${name}_joined`, "act as the segment", joined),
    ...blockSet(lane, `${name}_left`, "act as another segment", left),
  ]);
}

function blockSet(
  { family }: Lane,
  name: string,
  what: string,
  blocks: readonly Prefix[],
): readonly string[] {
  if (blocks.length === 0) return [];
  return [
    block(`set ${name}`, [
      `type ${family === 4 ? "ipv4_addr" : "ipv6_addr"}`,
      "flags interval",
      `comment "endpoints that ${what}"`,
      ...elementLines(blocks.map(prefixText)),
    ]),
  ];
}

function patternText({ family }: Lane, { mask, key }: AddressPattern): string {
  return `& ${formatAddress({ family, value: mask })} == ${formatAddress({ family, value: key })}`;
}

function from(lane: Lane, prefix: Prefix): string {
  return `${wordOf(lane)} saddr ${prefixText(prefix)}`;
}

function notFrom(lane: Lane, prefix: Prefix): string {
  return `${wordOf(lane)} saddr != ${prefixText(prefix)}`;
}

function to(lane: Lane, prefix: Prefix): string {
  return `${wordOf(lane)} daddr ${prefixText(prefix)}`;
}

function notTo(lane: Lane, prefix: Prefix): string {
  return `${wordOf(lane)} daddr != ${prefixText(prefix)}`;
}

function wordOf({ family }: Pick<Lane, "family">): string {
  return family === 4 ? "ip" : "ip6";
}

function prefixText(prefix: Prefix): string {
  return prefix.length === addressBits(prefix.family) ? formatAddress(prefix) : formatPrefix(prefix);
}

function namesText(names: readonly string[]): string {
  return `{ ${names.map((name) => `"${name}"`).join(", ")} }`;
}

function markOf(part: "mask" | "hop"): string {
  return `meta mark & ${hex(CHAIN_MARKS[part])}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

function elementLines(elements: readonly string[]): readonly string[] {
  return elements.length === 0 ? [] : ["elements = {", ...elements.map((element) => `    ${element},`), "}"];
}

function block(head: string, lines: readonly string[]): string {
  return [`${head} {`, ...lines.map((line) => `  ${line}`), "}"].join("\n");
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
