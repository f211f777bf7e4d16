import { type Fault, invalidInput, PROTOCOLS_OF_ICMP, PROTOCOLS_WITH_PORTS } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { type Flow, PROTOCOL } from "../policy/index.ts";
import { PROTOCOL_NUMBERS, parseProtocol } from "../schema/index.ts";

/** What a flow carries, as texts. */
export interface TrafficTexts {
  readonly protocol?: string | undefined;
  readonly port?: string | undefined;
  readonly icmpType?: string | undefined;
  readonly icmpCode?: string | undefined;
}

/** What a flow of a family carries. */
export type TrafficOf = (family: Family) => Omit<Flow, "source" | "destination">;

/** Of a ping: echo request. */
const ECHO: Readonly<Record<Family, number>> = { 4: 8, 6: 128 };

/**
 * What flows carry. The word `icmp` means ICMP of either family, `1` and `58` mean themselves; without a type it is an
 * echo request. Without a protocol it is TCP.
 * @throws RomanaError `invalid-input` with all faults.
 */
export function readTraffic({ protocol: word = "tcp", port, icmpType, icmpCode }: TrafficTexts): TrafficOf {
  const protocol = parseProtocol(word);
  const words = [...PROTOCOL_NUMBERS.keys()].join(", ");
  const hasPorts = protocol !== undefined && PROTOCOLS_WITH_PORTS.has(protocol);
  const isIcmp = protocol !== undefined && PROTOCOLS_OF_ICMP.has(protocol);
  const faults: (Fault | false)[] = [
    protocol === undefined && {
      path: "protocol",
      reason: `"${word}" is neither one of ${words} nor a number`,
    },
    hasPorts && port === undefined && { path: "port", reason: `is missing beside protocol ${word}` },
    !hasPorts &&
      protocol !== undefined &&
      port !== undefined && { path: "port", reason: `protocol ${word} has no ports` },
    outOfRange("port", port, 65_535),
    !isIcmp && icmpType !== undefined && { path: "icmp-type", reason: `protocol ${word} is not ICMP` },
    icmpType === undefined &&
      icmpCode !== undefined && { path: "icmp-type", reason: "is missing beside icmp-code" },
    outOfRange("icmp-type", icmpType, 255),
    outOfRange("icmp-code", icmpCode, 255),
  ];
  const found = faults.filter((fault): fault is Fault => fault !== false);
  if (protocol === undefined || found.length > 0) throw invalidInput("read traffic", found);
  if (!isIcmp) return () => ({ protocol, ...(port !== undefined && { port: Number(port) }) });
  return (family) => ({
    protocol: word.toLowerCase() !== "icmp" ? protocol : family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6,
    icmp: { type: Number(icmpType ?? ECHO[family]), code: Number(icmpCode ?? 0) },
  });
}

function outOfRange(path: string, text: string | undefined, most: number): Fault | false {
  if (text === undefined || (/^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= most)) return false;
  return { path, reason: `"${text}" is not a number up to ${most}` };
}
