import {
  type AddressPlan,
  type Fault,
  type GroupLevel,
  invalidInput,
  type Numbering,
} from "../model/index.ts";
import { addressBits, type Prefix } from "../net/index.ts";
import { groupBits } from "./layout.ts";

/** Widest level: IDs stay exact integers and lists of them stay small. */
export const MAX_LEVEL_BITS = 32;
/** Widest stride: a /64 for each endpoint. */
export const MAX_STRIDE_BITS = 64;

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

/**
 * The plan of a specification.
 * @throws RomanaError `invalid-input` with every fault: widths that do not add up, are out of bounds, …
 */
export function createPlan(spec: PlanSpec): AddressPlan {
  const numbering = spec.numbering ?? "literal";
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
    reservedEndpoints: spec.reservedEndpoints ?? (numbering === "literal" ? [0] : []),
  };
  const faults = [...widthFaults(plan), ...groupFaults(plan), ...sumFaults(plan), ...reservedFaults(plan)];
  if (faults.length > 0) throw invalidInput("use address plan", faults);
  return plan;
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

function groupFaults(plan: AddressPlan): Fault[] {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const [index, { name }] of plan.groupLevels.entries()) {
    if (seen.has(name))
      faults.push({ path: `groupLevels.${index}.name`, reason: `"${name}" is there twice` });
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
  if (sum === wanted) return [];
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
