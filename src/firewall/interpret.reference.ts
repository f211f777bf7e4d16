import { type Address, type Prefix, prefixContains } from "../net/index.ts";
import { NEIGHBOUR_DISCOVERY_HOP_LIMIT, type Packet } from "../policy/index.ts";
import type { Chain, Element, KeyField, KeyPart, Match, Rule, Table } from "./table.ts";

/** A packet with the device that it came in by, as the kernel shows it to the table. */
export interface KernelPacket extends Packet {
  readonly device: { readonly name: string; readonly index: number };
}

/** What the table did: the counter is the reason of a drop. */
export interface Outcome {
  readonly verdict: "accept" | "drop";
  readonly counter?: string;
}

const LOOPBACK_INDEX = 1;
const STARTING_SOURCES: readonly Prefix[] = [
  { family: 6, value: 0n, length: 128 },
  { family: 6, value: 0xfe80n << 112n, length: 10 },
];

/** Runs the rules of a table one by one over a packet, as the kernel does. */
export function interpret(table: Table, packet: KernelPacket): Outcome {
  const hook = packet.delivery === "host" ? "input" : "forward";
  const base = table.chains.find((chain) => chain.hook === hook) as Chain;
  return runChain(table, base, packet);
}

function runChain(table: Table, chain: Chain, packet: KernelPacket): Outcome {
  const rule = chain.rules.find(({ matches }) => matches.every((match) => holds(table, match, packet)));
  if (rule === undefined) return { verdict: "accept" };
  if (rule.verdict.kind !== "goto") return outcome(rule, rule.verdict.kind);
  const { chain: name } = rule.verdict;
  return runChain(table, table.chains.find((next) => next.name === name) as Chain, packet);
}

function outcome({ counter }: Rule, verdict: "accept" | "drop"): Outcome {
  return counter === undefined ? { verdict } : { verdict, counter };
}

function holds(table: Table, match: Match, packet: KernelPacket): boolean {
  const { source, destination, traffic, device } = packet;
  switch (match.kind) {
    case "source":
      return prefixContains(match.prefix, source);
    case "not-source":
      return match.prefix.family === source.family && !prefixContains(match.prefix, source);
    case "not-destination":
      return match.prefix.family === destination.family && !prefixContains(match.prefix, destination);
    case "destination":
      return prefixContains(match.prefix, destination);
    case "input-device":
      return device.index === match.index;
    case "lookup":
      return isFound(table, match, packet);
    case "established":
      return packet.state === "established";
    case "loopback":
      return device.index === LOOPBACK_INDEX;
    case "echo-request":
      return traffic.kind === "echo-request" && source.family === match.family;
    case "neighbour-discovery":
      return traffic.kind === "neighbour-discovery" && traffic.hopLimit === NEIGHBOUR_DISCOVERY_HOP_LIMIT;
    case "starting-source":
      return STARTING_SOURCES.some((prefix) => prefixContains(prefix, source));
    case "redirect":
      return traffic.kind === "redirect";
    case "multicast":
      return traffic.kind === "multicast";
  }
}

/** A rule with a field that the packet does not have does not match, negated or not. */
function isFound(table: Table, match: Extract<Match, { kind: "lookup" }>, packet: KernelPacket): boolean {
  const parts = match.key.map((field) => readField(field, packet));
  if (parts.includes(undefined)) return false;
  const elements = table.sets.find(({ name }) => name === match.set)?.elements as readonly Element[];
  const found = elements.some((element) => element.every((part, index) => isSamePart(part, parts[index])));
  return found !== match.negated;
}

function readField(
  field: KeyField,
  { device, source, destination, traffic }: KernelPacket,
): KeyPart | undefined {
  switch (field.field) {
    case "input-index":
      return { type: "iface_index", value: device.index };
    case "input-name":
      return { type: "ifname", value: device.name };
    case "protocol":
      return traffic.kind === "tcp" || traffic.kind === "udp"
        ? { type: "inet_proto", value: traffic.kind }
        : undefined;
    case "destination-port":
      return "port" in traffic ? { type: "inet_service", value: traffic.port } : undefined;
    case "source":
      return readAddress(source, field);
    case "destination":
      return readAddress(destination, field);
  }
}

function readAddress(
  { family, value }: Address,
  field: Extract<KeyField, { mask: bigint }>,
): KeyPart | undefined {
  if (family !== field.family) return undefined;
  return { type: family === 4 ? "ipv4_addr" : "ipv6_addr", value: value & field.mask };
}

function isSamePart(a: KeyPart, b: KeyPart | undefined): boolean {
  return a.type === b?.type && a.value === b.value;
}
