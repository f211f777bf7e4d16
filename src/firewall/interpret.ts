import { type Address, type Prefix, prefixContains } from "../net/index.ts";
import {
  type Flow,
  flowOf,
  isEchoRequest,
  NEIGHBOUR_DISCOVERY_HOP_LIMIT,
  type Packet,
} from "../policy/index.ts";
import { LOOKUPS } from "./set-index.ts";
import type { Chain, Hook, KeyField, KeyPart, Match, Rule, Table } from "./table.ts";

/** A packet with the devices that it passes, as the kernel shows it to the table. */
export interface KernelPacket extends Packet {
  readonly device: { readonly name: string; readonly index: number };
  /** Absent for 0. */
  readonly mark?: number;
}

/** What the table did: the counter is the reason of a drop. */
export interface Outcome {
  readonly verdict: "accept" | "drop";
  readonly counter?: string;
}

/** A packet with what rules ask of it again and again. */
interface Asked {
  readonly table: Table;
  readonly packet: KernelPacket;
  readonly flow: Flow;
}

/** What a chain came to; undefined: its end, or a `return`. */
type Ending = Outcome | undefined;

const LOOPBACK_INDEX = 1;
const STARTING_SOURCES: readonly Prefix[] = [
  { family: 6, value: 0n, length: 128 },
  { family: 6, value: 0xfe80n << 112n, length: 10 },
];
const FAMILY_NUMBERS = { 4: 2, 6: 10 } as const;
const ROUTER_DISCOVERY: ReadonlySet<number> = new Set([133, 134, 130, 131, 143]);

/** Runs the rules of a table one by one over a packet, as the kernel does. */
export function interpret(table: Table, packet: KernelPacket): Outcome {
  const hook = hookOf(packet);
  const base = table.chains.find((chain) => chain.hook === hook);
  if (base === undefined) return { verdict: "accept" };
  return interpretChain(table, base.name, packet);
}

/** Runs one chain; the end of it, or a `return`, accepts. */
export function interpretChain(table: Table, name: string, packet: KernelPacket): Outcome {
  const asked = { table, packet, flow: flowOf(packet) };
  return runChain(asked, chainNamed(table, name)) ?? { verdict: "accept" };
}

/** True when a rule in front of connection tracking keeps the packet out of it. */
export function isUntracked(table: Table, packet: KernelPacket): boolean {
  const hook: Hook = packet.arrival.from === "host" ? "raw-output" : "raw-prerouting";
  const asked = { table, packet, flow: flowOf(packet) };
  return table.chains
    .filter((chain) => chain.hook === hook)
    .some(({ rules }) => rules.some(({ matches }) => matches.every((match) => holds(asked, match))));
}

function hookOf({ arrival, delivery }: KernelPacket): Hook {
  if (arrival.from === "host") return "output";
  return delivery === "host" ? "input" : "forward";
}

function chainNamed({ chains }: Table, name: string): Chain {
  return chains.find((chain) => chain.name === name) as Chain;
}

function runChain(asked: Asked, chain: Chain): Ending {
  for (const rule of chain.rules) {
    if (!rule.matches.every((match) => holds(asked, match))) continue;
    const { verdict } = rule;
    switch (verdict.kind) {
      case "accept":
      case "drop":
        return outcome(rule, chain, verdict.kind);
      case "return":
        return undefined;
      case "goto":
        return runChain(asked, chainNamed(asked.table, verdict.chain));
      case "jump": {
        const ending = runChain(asked, chainNamed(asked.table, verdict.chain));
        if (ending !== undefined) return ending;
        break;
      }
      case "continue":
      case "notrack":
        break;
    }
  }
  return undefined;
}

/** The counter of a drop is in the rule, or in the one before it when drops are logged. */
function outcome(rule: Rule, { rules }: Chain, verdict: "accept" | "drop"): Outcome {
  const counter = rule.counter ?? (verdict === "drop" ? rules[rules.indexOf(rule) - 1]?.counter : undefined);
  return counter === undefined ? { verdict } : { verdict, counter };
}

function holds(asked: Asked, match: Match): boolean {
  const { packet, flow } = asked;
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
    case "input-name":
    case "output-name":
      return (packet.interfaceName ?? device.name) === match.name;
    case "lookup":
      return isFound(asked, match);
    case "mark":
      return ((packet.mark ?? 0) & match.mask) === match.value;
    case "established":
      return packet.state === "established";
    case "loopback":
    case "output-loopback":
      return device.index === LOOPBACK_INDEX;
    case "family":
      return source.family === match.family;
    case "to-this-machine":
      return packet.delivery === "host";
    case "protocol-port":
      return flow.protocol === match.protocol && flow.port === match.port;
    case "echo-request":
      return isEchoRequest(packet) && source.family === match.family;
    case "neighbour-discovery":
      return traffic.kind === "neighbour-discovery" && traffic.hopLimit === NEIGHBOUR_DISCOVERY_HOP_LIMIT;
    case "router-discovery":
      return source.family === 6 && flow.icmp !== undefined && ROUTER_DISCOVERY.has(flow.icmp.type);
    case "router-solicitation":
      return traffic.kind === "configuration" && source.family === 6;
    case "dhcp-request":
      return traffic.kind === "configuration" && source.family === match.family;
    case "starting-source":
      return STARTING_SOURCES.some((prefix) => prefixContains(prefix, source));
    case "redirect":
      return traffic.kind === "redirect";
    case "multicast":
      return traffic.kind === "multicast" || traffic.kind === "configuration";
  }
}

/** A rule with a field that the packet does not have does not match, negated or not. */
function isFound(asked: Asked, match: Extract<Match, { kind: "lookup" }>): boolean {
  const parts: KeyPart[] = [];
  for (const field of match.key) {
    const part = readField(field, asked);
    if (part === undefined) return false;
    parts.push(part);
  }
  return LOOKUPS.of(asked.table, match.set).has(parts) !== match.negated;
}

function readField(field: KeyField, { packet, flow }: Asked): KeyPart | undefined {
  switch (field.field) {
    case "input-index":
      return { type: "iface_index", value: packet.device.index };
    case "input-name":
    case "output-name":
      return { type: "ifname", value: packet.device.name };
    case "family":
      return { type: "nf_proto", value: FAMILY_NUMBERS[packet.source.family] };
    case "protocol":
      return { type: "inet_proto", value: flow.protocol };
    case "destination-port":
      return flow.port === undefined ? undefined : { type: "inet_service", value: flow.port };
    case "icmp-type":
      return icmpPart(field.family, packet, flow.icmp?.type, "type");
    case "icmp-code":
      return icmpPart(field.family, packet, flow.icmp?.code, "code");
    case "source":
      return readAddress(packet.source, field);
    case "destination":
      return readAddress(packet.destination, field);
  }
}

function icmpPart(
  family: 4 | 6,
  { source }: KernelPacket,
  value: number | undefined,
  what: "type" | "code",
): KeyPart | undefined {
  if (value === undefined || source.family !== family) return undefined;
  return { type: family === 4 ? `icmp_${what}` : `icmpv6_${what}`, value };
}

function readAddress(
  { family, value }: Address,
  field: Extract<KeyField, { mask: bigint }>,
): KeyPart | undefined {
  if (family !== field.family) return undefined;
  return { type: family === 4 ? "ipv4_addr" : "ipv6_addr", value: value & field.mask };
}
