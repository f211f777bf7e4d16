import { invalidInput } from "../../model/index.ts";
import type { Family } from "../../net/index.ts";
import type { RuleEntry } from "../../rules/index.ts";

/** What iptables and ipset call the protocols whose ports they both know. */
const PORT_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

const ICMP: Readonly<Record<Family, number>> = { 4: 1, 6: 58 };

/** Ranges of at most so many ports become elements of sets one by one; wider ones are matched by a rule. */
const MOST_PORTS = 16;

/** The kind of packets of a rule, as iptables matches it, and as ports of elements where sets can hold it. */
export interface TrafficText {
  /** Words of the rule; empty: all packets. */
  readonly words: string;
  /** Ports as in elements of `hash:net,port`, such as `tcp:80`. */
  readonly ports?: readonly string[];
}

/**
 * The text of a kind of packets; undefined when the family has no such packets.
 * @throws RomanaError `invalid-input` for what iptables would take for more than it is: it must not be left out.
 */
export function trafficText(
  { family: only, protocol, ports, icmp }: RuleEntry["traffic"],
  family: Family,
): TrafficText | undefined {
  if ((only ?? family) !== family) return undefined;
  if (protocol === undefined) {
    if (ports !== undefined || icmp !== undefined) throw unknownTraffic("needs a protocol");
    return { words: "" };
  }
  if (protocol === ICMP[family === 4 ? 6 : 4]) return undefined;
  // iptables reads 0 as "all protocols", and ICMP type 255 as "all types".
  if (protocol === 0) throw unknownTraffic("has protocol 0, which iptables takes for all");
  if (icmp !== undefined) return { words: icmpWords(family, protocol, icmp) };
  const name = PORT_PROTOCOLS.get(protocol);
  if (ports === undefined) return { words: `-p ${name ?? protocol}` };
  if (name === undefined) throw unknownTraffic(`has ports of protocol ${protocol}, which has none here`);
  return portText(name, ports.first, ports.last);
}

function portText(name: string, first: number, last: number): TrafficText {
  if (first === 0 && last === 65_535) return { words: `-p ${name}` };
  const words = `-p ${name} -m ${name} --dport ${first === last ? first : `${first}:${last}`}`;
  if (last - first >= MOST_PORTS) return { words };
  const ports = Array.from({ length: last - first + 1 }, (_, index) => `${name}:${first + index}`);
  return { words, ports };
}

function icmpWords(
  family: Family,
  protocol: number,
  { type, code }: { readonly type: number; readonly code?: number },
): string {
  if (protocol !== ICMP[family]) throw unknownTraffic(`has an ICMP type of protocol ${protocol}`);
  if (type === 255) throw unknownTraffic("has ICMP type 255, which iptables takes for all");
  const kind = code === undefined ? `${type}` : `${type}/${code}`;
  return family === 4 ? `-p icmp -m icmp --icmp-type ${kind}` : `-p ipv6-icmp -m icmp6 --icmpv6-type ${kind}`;
}

function unknownTraffic(reason: string): Error {
  return invalidInput("render a rule for iptables", [{ path: "traffic", reason }]);
}
