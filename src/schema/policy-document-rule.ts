import {
  type PortRange,
  PROTOCOLS_OF_ICMP,
  PROTOCOLS_WITH_PORTS,
  type TrafficMatch,
} from "../model/index.ts";
import { below, type DocumentFaults, type Fields, isFields } from "./document-faults.ts";
import { parseProtocol } from "./protocol.ts";

/** What one entry of `rules` says. */
export interface DocumentRule {
  readonly traffic: readonly TrafficMatch[];
  readonly stateful: boolean;
}

/** Fields of an entry of `rules`. */
export const RULE_FIELDS = [
  "protocol",
  "ports",
  "port_ranges",
  "icmp_type",
  "icmp_code",
  "is_stateful",
] as const;
const MAX_PORT = 65_535;
const MAX_ICMP = 255;
const ICMP = 1;

/** The highest code of ICMP types that have others than 0, as the first Romana knew them (RFC 792, RFC 1812). */
const MAX_CODES: ReadonlyMap<number, number> = new Map([
  [3, 15],
  [5, 3],
  [11, 1],
]);

/** Reads `rules`. Faults have the words and the order of the first Romana. */
export function readDocumentRules(value: unknown, path: string, faults: DocumentFaults): DocumentRule[] {
  if (value !== undefined && value !== null && !Array.isArray(value)) {
    faults.add(path, "expected a list of rules");
    return [];
  }
  const entries: readonly unknown[] = value ?? [];
  if (entries.length === 0) faults.add(path, "No rules specified.");
  return entries.flatMap((entry, index) => {
    const place = below(path, index);
    if (isFields(entry)) return [readRule(entry, index + 1, place, faults)];
    faults.add(place, `Rule #${index + 1}: expected keys and values.`);
    return [];
  });
}

function readRule(fields: Fields, number: number, path: string, faults: DocumentFaults): DocumentRule {
  const fault = (key: string, reason: string): void =>
    faults.add(below(path, key), `Rule #${number}: ${reason}`);
  faults.addUnknown(fields, path, RULE_FIELDS, new Map());
  const protocol = readProtocol(fields, fault);
  const ranges = readPortRanges(fields["port_ranges"], fault);
  const ports = readPorts(fields["ports"], fault);
  const icmp = readIcmp(fields, protocol, fault);
  const allPorts = [...ports, ...ranges];
  if (allPorts.length > 0 && protocol !== undefined) {
    if (PROTOCOLS_OF_ICMP.has(protocol)) {
      fault("ports", "ICMP protocol is specified but ports are also specified.");
    } else if (!PROTOCOLS_WITH_PORTS.has(protocol)) {
      fault("ports", "A protocol without ports is specified but ports are also specified.");
    }
  }
  const stateful = fields["is_stateful"] ?? true;
  if (typeof stateful !== "boolean") fault("is_stateful", "is_stateful is neither true nor false.");
  const base: TrafficMatch = {
    ...(protocol !== undefined && protocol !== ANY && { protocol }),
    ...(icmp !== undefined && { icmp }),
  };
  return {
    traffic: allPorts.length === 0 ? [base] : allPorts.map((range) => ({ ...base, ports: range })),
    stateful: stateful !== false,
  };
}

/** Stands for the word `any`; no protocol has this number. */
const ANY = -1;

type AddFault = (key: string, reason: string) => void;

function readProtocol({ protocol: value }: Fields, fault: AddFault): number | undefined {
  if (value === undefined || value === null || value === "") {
    fault("protocol", "No protocol specified.");
    return undefined;
  }
  if (typeof value === "string" && value.trim().toLowerCase() === "any") return ANY;
  const protocol = typeof value === "string" || typeof value === "number" ? parseProtocol(value) : undefined;
  if (protocol === undefined) fault("protocol", `Invalid protocol: ${textOf(value)}.`);
  return protocol;
}

function readPorts(value: unknown, fault: AddFault): PortRange[] {
  const ports = listOf(value);
  const bad = ports.filter((port) => !isPort(port));
  if (bad.length > 0) fault("ports", `The following ports are invalid: ${bad.map(textOf).join(", ")}.`);
  return ports.filter(isPort).map((port) => ({ first: port, last: port }));
}

function readPortRanges(value: unknown, fault: AddFault): PortRange[] {
  // The first sample file has one pair instead of a list of pairs.
  const isPair = Array.isArray(value) && value.length === 2 && value.every((item) => !Array.isArray(item));
  const pairs = isPair ? [value] : listOf(value);
  const ranges: PortRange[] = [];
  const bad: unknown[] = [];
  for (const pair of pairs) {
    const [first, last, ...more] = listOf(pair);
    if (isPort(first) && isPort(last) && first <= last && more.length === 0) ranges.push({ first, last });
    else bad.push(pair);
  }
  if (bad.length > 0) {
    const list = bad.map((pair) => listOf(pair).map(textOf).join("-")).join(", ");
    fault("port_ranges", `The following port ranges are invalid: ${list}.`);
  }
  return ranges;
}

function readIcmp(
  { icmp_type: type, icmp_code: code }: Fields,
  protocol: number | undefined,
  fault: AddFault,
): TrafficMatch["icmp"] {
  if (isAbsent(type) && isAbsent(code)) return undefined;
  if (protocol === undefined || !PROTOCOLS_OF_ICMP.has(protocol)) {
    fault(
      isAbsent(type) ? "icmp_code" : "icmp_type",
      "ICMP protocol is not specified but ICMP Code and/or ICMP Type are also specified.",
    );
    return undefined;
  }
  if (isAbsent(type)) {
    fault("icmp_code", "ICMP Code is specified but ICMP Type is not.");
    return undefined;
  }
  if (!isIcmpNumber(type)) {
    fault("icmp_type", `Invalid ICMP type: ${textOf(type)}.`);
    return undefined;
  }
  if (isAbsent(code)) return { type };
  const highest = protocol === ICMP ? (MAX_CODES.get(type) ?? 0) : MAX_ICMP;
  if (isIcmpNumber(code) && code <= highest) return { type, code };
  fault("icmp_code", `Invalid ICMP code for type ${type}: ${textOf(code)}.`);
  return undefined;
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_PORT;
}

function isIcmpNumber(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ICMP;
}

/** The items of a list; anything else is one item, so that it is looked at and not lost. */
function listOf(value: unknown): readonly unknown[] {
  if (isAbsent(value)) return [];
  return Array.isArray(value) ? value : [value];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}
