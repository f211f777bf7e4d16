import {
  type AddressPlan,
  type Fault,
  type GroupLevel,
  invalidInput,
  type Numbering,
} from "../model/index.ts";
import { addressBits, formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from "../net/index.ts";
import { DEFAULT_EXTRA_BITS, endpointCapacity, groupBits, MAX_LEVEL_BITS } from "./layout.ts";

/** Widest stride: a /64 for each endpoint. */
export const MAX_STRIDE_BITS = 64;

/** Names that a group level cannot have because every plan has a level of that name. */
const LEVEL_NAMES = new Set(["network", "host", "tenant", "segment", "endpoint", "stride"]);

/** Blocks whose addresses the kernel never forwards (IANA special-purpose registries, 2026-11). */
const NEVER_FORWARDED: readonly (readonly [Prefix, string])[] = [
  [parsePrefix("0.0.0.0/8"), "this network"],
  [parsePrefix("127.0.0.0/8"), "loopback"],
  [parsePrefix("169.254.0.0/16"), "link-local"],
  [parsePrefix("224.0.0.0/4"), "multicast"],
  [parsePrefix("::/127"), "unspecified and loopback"],
  [parsePrefix("::ffff:0.0.0.0/96"), "IPv4-mapped"],
  [parsePrefix("fe80::/10"), "link-local"],
  [parsePrefix("ff00::/8"), "multicast"],
];

/** What an operator writes down for a plan; absent optional parts mean none, `literal` and the default. */
export interface PlanSpec {
  readonly prefix: Prefix;
  readonly numbering?: Numbering;
  readonly groupLevels?: readonly GroupLevel[];
  readonly hostBits: number;
  readonly tenantBits: number;
  readonly segmentBits: number;
  readonly endpointBits: number;
  readonly strideBits?: number;
  /** Default: `[0]` under literal numbering; v1 numbering has its own and takes none. */
  readonly reservedEndpoints?: readonly number[];
}

/** Endpoint IDs that are reserved when a plan says nothing: 0, the segment's own network address; v1 has its own. */
export function defaultReservedEndpoints(numbering: Numbering): readonly number[] {
  return numbering === "literal" ? [0] : [];
}

/**
 * The plan of a specification.
 * @throws RomanaError `invalid-input` with every fault: widths that do not add up, are out of bounds, …
 */
export function createPlan(spec: PlanSpec): AddressPlan {
  const numbering = spec.numbering ?? "literal";
  const reserved = spec.reservedEndpoints ?? defaultReservedEndpoints(numbering);
  const plan: AddressPlan = {
    family: spec.prefix.family,
    prefix: spec.prefix,
    numbering,
    groupLevels: spec.groupLevels ?? [],
    hostBits: spec.hostBits,
    tenantBits: spec.tenantBits,
    segmentBits: spec.segmentBits,
    endpointBits: spec.endpointBits,
    strideBits: spec.strideBits ?? 0,
    reservedEndpoints: [...new Set(reserved)].toSorted((a, b) => a - b),
  };
  const faults = [
    ...prefixFaults(plan.prefix),
    ...widthFaults(plan),
    ...levelNameFaults(plan),
    ...sumFaults(plan),
    ...reservedFaults(plan),
  ];
  if (faults.length === 0) faults.push(...capacityFaults(plan));
  if (faults.length > 0) throw invalidInput("use address plan", faults);
  return plan;
}

function prefixFaults(prefix: Prefix): Fault[] {
  return NEVER_FORWARDED.filter(([block]) => prefixesOverlap(prefix, block)).map(([block, use]) => ({
    path: "prefix",
    reason: `${formatPrefix(prefix)} overlaps ${formatPrefix(block)} (${use}), which is never routed`,
  }));
}

function widthFaults(plan: AddressPlan): Fault[] {
  const widths: [string, number, number, number][] = [
    ["hostBits", plan.hostBits, 1, MAX_LEVEL_BITS],
    ["tenantBits", plan.tenantBits, 1, MAX_LEVEL_BITS],
    ["segmentBits", plan.segmentBits, 0, MAX_LEVEL_BITS],
    ["endpointBits", plan.endpointBits, 1, MAX_LEVEL_BITS],
    ["strideBits", plan.strideBits, 0, MAX_STRIDE_BITS],
    ...plan.groupLevels.map((level, index): [string, number, number, number] => [
      `groupLevels.${index}.bits`,
      level.bits,
      1,
      MAX_LEVEL_BITS,
    ]),
  ];
  return widths
    .filter(([, bits, least, most]) => !Number.isInteger(bits) || bits < least || bits > most)
    .map(([path, bits, least, most]) => ({ path, reason: `${bits} bits is not in ${least}..${most}` }));
}

function levelNameFaults(plan: AddressPlan): Fault[] {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const [index, { name }] of plan.groupLevels.entries()) {
    const path = `groupLevels.${index}.name`;
    if (LEVEL_NAMES.has(name)) faults.push({ path, reason: `"${name}" is the name of a level already` });
    if (seen.has(name)) faults.push({ path, reason: `"${name}" is there twice` });
    seen.add(name);
  }
  return faults;
}

function sumFaults(plan: AddressPlan): Fault[] {
  const parts: [string, number][] = [
    ["prefix", plan.prefix.length],
    ["groups", groupBits(plan)],
    ["host", plan.hostBits],
    ["tenant", plan.tenantBits],
    ["segment", plan.segmentBits],
    ["endpoint", plan.endpointBits],
    ["stride", plan.strideBits],
  ];
  const sum = parts.reduce((total, [, bits]) => total + bits, 0);
  const wanted = addressBits(plan.family);
  if (sum === wanted || !Number.isInteger(sum)) return [];
  const list = parts.map(([name, bits]) => `${name} ${bits}`).join(" + ");
  const off = sum > wanted ? `${sum - wanted} too many` : `${wanted - sum} too few`;
  return [{ path: "", reason: `bits must add up to exactly ${wanted}, but ${list} = ${sum} (${off})` }];
}

function reservedFaults(plan: AddressPlan): Fault[] {
  if (plan.numbering === "v1" && plan.reservedEndpoints.length > 0) {
    return [
      { path: "reservedEndpoints", reason: "v1 numbering reserves values 0, 1 and 2 and takes no others" },
    ];
  }
  return plan.reservedEndpoints
    .filter((id) => !Number.isInteger(id) || id < 0 || id >= 2 ** plan.endpointBits)
    .map((id) => ({
      path: "reservedEndpoints",
      reason: `${id} is not an ID of ${plan.endpointBits} endpoint bits`,
    }));
}

function capacityFaults(plan: AddressPlan): Fault[] {
  if (endpointCapacity(plan, DEFAULT_EXTRA_BITS) > 0) return [];
  return [{ path: "endpointBits", reason: "no endpoint ID is left that is not reserved" }];
}
