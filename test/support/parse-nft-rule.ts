import type { KeyField, Match, PacketLog, Rule, Verdict } from "../../src/firewall/table.ts";
import { addressBits, type Family, prefixMask } from "../../src/net/index.ts";
import { type DeviceIndices, parseAddressOrPrefix, parseDevice, parseOneAddress } from "./nft-values.ts";
import type { NftWords } from "./nft-words.ts";

const LOOPBACK = '"lo"';
const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["tcp", 6],
  ["udp", 17],
  ["sctp", 132],
]);
const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ["ip", 4],
  ["icmp", 4],
  ["ip6", 6],
  ["icmpv6", 6],
]);
const NEIGHBOUR_DISCOVERY = ["nd-neighbor-advert", "nd-neighbor-solicit"];
const ROUTER_DISCOVERY = [
  "mld-listener-query",
  "mld-listener-report",
  "mld2-listener-report",
  "nd-router-advert",
  "nd-router-solicit",
];

/** Reads one rule up to the end of its line, as the renderer writes it or as nft lists it. */
export function parseNftRule(words: NftWords, devices: DeviceIndices): Rule {
  const matches: Match[] = [];
  for (let match = readMatch(words, devices); match; match = readMatch(words, devices)) matches.push(match);
  const counter = words.takeIf("counter", "name") ? words.name() : undefined;
  const log = words.peek() === "limit" ? readLog(words) : undefined;
  const isBare = counter === undefined && log === undefined;
  const verdict = readVerdict(words) ?? (isBare ? undefined : ({ kind: "continue" } as const));
  if (verdict === undefined) throw words.fault("neither a match that we know nor a verdict");
  words.endLine();
  return { matches, ...(counter !== undefined && { counter }), ...(log && { log }), verdict };
}

function readLog(words: NftWords): PacketLog {
  words.expect("limit", "rate");
  const perSecond = Number(/^([1-9][0-9]*)\/second$/.exec(words.take())?.[1]);
  if (Number.isNaN(perSecond)) throw words.fault("no rate that we know", -1);
  words.expect("burst", `${perSecond}`, "packets", "log", "prefix");
  const prefix = words.quoted();
  words.expect("group");
  return { prefix, group: words.number(), perSecond };
}

function readVerdict(words: NftWords): Verdict | undefined {
  switch (words.peek()) {
    case "accept":
    case "drop":
    case "return":
    case "notrack":
      return { kind: words.take() as "accept" | "drop" | "return" | "notrack" };
    case "goto":
    case "jump":
      return { kind: words.take() as "goto" | "jump", chain: words.name() };
    default:
      return undefined;
  }
}

/** The next match; undefined when none starts here. */
function readMatch(words: NftWords, devices: DeviceIndices): Match | undefined {
  const word = words.peek();
  if (words.takeIf("ct", "state", "established,related")) return { kind: "established" };
  if (words.takeIf("ct", "state", "established", ",", "related")) return { kind: "established" };
  if (words.takeIf("fib", "daddr", "type", "local")) return { kind: "to-this-machine" };
  if (word === "meta" && words.peek(1) === "pkttype") return readMulticast(words);
  if (words.takeIf("oif")) return readOutputLoopback(words);
  if (PROTOCOLS.has(word) || /^meta l4proto [0-9]/.test(ahead(words))) return readProtocolPort(words);
  if (/^icmp(v6)? type [a-z{]/.test(ahead(words))) return readIcmp(words);
  const field = readField(words);
  if (field === undefined) return undefined;
  return readComparison(words, field, devices);
}

/** The next three words. */
function ahead(words: NftWords): string {
  return [0, 1, 2].map((offset) => words.peek(offset)).join(" ");
}

function readMulticast(words: NftWords): Match {
  words.expect("meta", "pkttype");
  if (readList(words).sort().join() !== "broadcast,multicast")
    throw words.fault("not what we ask of types", -1);
  return { kind: "multicast" };
}

function readOutputLoopback(words: NftWords): Match {
  if (!words.takeIf("lo")) words.expect(LOOPBACK);
  return { kind: "output-loopback" };
}

/** `tcp dport 22` in a listing is what the renderer writes as `meta l4proto 6 th dport 22`. */
function readProtocolPort(words: NftWords): Match {
  const named = PROTOCOLS.get(words.peek());
  if (named === undefined) words.expect("meta", "l4proto");
  else words.take();
  const protocol = named ?? words.number();
  if (named === undefined) words.expect("th");
  words.expect("dport");
  return { kind: "protocol-port", protocol, port: words.number() };
}

function readIcmp(words: NftWords): Match {
  const family = FAMILIES.get(words.take());
  words.expect("type");
  if (words.takeIf("echo-request") && family !== undefined) return { kind: "echo-request", family };
  if (family === 4 && words.takeIf("redirect")) return { kind: "redirect" };
  const types = family === 6 ? readList(words).sort().join() : "";
  if (types === ROUTER_DISCOVERY.join()) return { kind: "router-discovery" };
  if (types !== NEIGHBOUR_DISCOVERY.join()) throw words.fault("not what we ask of ICMP", -1);
  words.expect("ip6", "hoplimit", "255");
  return { kind: "neighbour-discovery" };
}

function readList(words: NftWords): string[] {
  words.expect("{");
  const values = [words.take()];
  while (words.takeIf(",")) values.push(words.take());
  words.expect("}");
  return values;
}

/** One field of a packet; undefined when none starts here. */
function readField(words: NftWords): KeyField | undefined {
  if (words.takeIf("iif")) return { field: "input-index" };
  if (words.takeIf("iifname")) return { field: "input-name" };
  if (words.takeIf("oifname")) return { field: "output-name" };
  if (words.takeIf("meta", "nfproto")) return { field: "family" };
  if (words.takeIf("meta", "l4proto")) return { field: "protocol" };
  if (words.takeIf("th", "dport")) return { field: "destination-port" };
  for (const [word, family] of FAMILIES) {
    if (words.takeIf(word, "type")) return { field: "icmp-type", family };
    if (words.takeIf(word, "code")) return { field: "icmp-code", family };
    if (words.takeIf(word, "saddr")) return { field: "source", family, mask: readMask(words, family) };
    if (words.takeIf(word, "daddr")) return { field: "destination", family, mask: readMask(words, family) };
  }
  return undefined;
}

function readMask(words: NftWords, family: Family): bigint {
  if (!words.takeIf("&")) return prefixMask(family, addressBits(family));
  return parseOneAddress(family, words.take()).value;
}

/** What follows a field: more fields and a set, or a value. */
function readComparison(words: NftWords, first: KeyField, devices: DeviceIndices): Match {
  const key = [first];
  while (words.takeIf(".")) {
    const field = readField(words);
    if (field === undefined) throw words.fault("no field that we know");
    key.push(field);
  }
  const negated = words.takeIf("!=");
  if (!negated) words.takeIf("==");
  if (words.peek().startsWith("@")) {
    return { kind: "lookup", key, set: words.take().slice(1), negated };
  }
  const match = key.length === 1 ? readValue(words, first, negated, devices) : undefined;
  if (match === undefined) throw words.fault("no comparison that we know");
  return match;
}

function readValue(
  words: NftWords,
  field: KeyField,
  negated: boolean,
  devices: DeviceIndices,
): Match | undefined {
  if ("mask" in field) {
    if (field.mask !== prefixMask(field.family, addressBits(field.family))) return undefined;
    if (words.peek() === "{") return negated ? undefined : readStartingSource(words, field);
    const prefix = parseAddressOrPrefix(field.family, words.take());
    return { kind: negated ? `not-${field.field}` : field.field, prefix };
  }
  if (negated) return undefined;
  switch (field.field) {
    case "input-index":
      if (words.takeIf("lo") || words.takeIf(LOOPBACK)) return { kind: "loopback" };
      return { kind: "input-device", index: parseDevice(words.take(), devices) };
    case "input-name":
    case "output-name":
      return { kind: field.field, name: words.quoted() };
    case "family":
      if (words.takeIf("ipv4")) return { kind: "family", family: 4 };
      return words.takeIf("ipv6") ? { kind: "family", family: 6 } : undefined;
    default:
      return undefined;
  }
}

function readStartingSource(words: NftWords, field: Extract<KeyField, { mask: bigint }>): Match | undefined {
  if (field.family !== 6 || field.field !== "source") return undefined;
  return readList(words).sort().join() === "::,fe80::/10" ? { kind: "starting-source" } : undefined;
}
