import type { AddressPlan } from "../model/index.ts";
import { addressBits } from "../net/index.ts";
import { codeBits, endpointBitsBehind, hostPrefixLength, tenantPrefixLength } from "./layout.ts";

/** A run of bits of an address; `shift` is the distance of its lowest bit from the lowest of the address. */
export interface BitField {
  readonly bits: number;
  readonly shift: bigint;
}

/** Where the levels that do not depend on the segment code lie. */
export interface PlanFields {
  /** One per group level. */
  readonly groups: readonly BitField[];
  readonly host: BitField;
  readonly tenant: BitField;
  /** The bits of each endpoint's own block. */
  readonly stride: BitField;
}

/** Where a segment code of one width and the endpoint IDs behind it lie. */
export interface CodeFields {
  readonly code: BitField;
  readonly endpoint: BitField;
}

/** What has been worked out for a plan; plans never change. */
interface Known {
  readonly fields: PlanFields;
  readonly codes: Map<number, CodeFields>;
}

const KNOWN = new WeakMap<AddressPlan, Known>();

/** The number in a field of an address value. */
export function readField(value: bigint, { bits, shift }: BitField): number {
  return Number(BigInt.asUintN(bits, value >> shift));
}

/** The address value with the number in a field and zeros elsewhere; the number must fit. */
export function placeField(number: number, { shift }: BitField): bigint {
  return BigInt(number) << shift;
}

/** Ones in the field, zeros elsewhere. */
export function fieldMask({ bits, shift }: BitField): bigint {
  return ((1n << BigInt(bits)) - 1n) << shift;
}

/** The fields of a plan. */
export function fieldsOf(plan: AddressPlan): PlanFields {
  return knownOf(plan).fields;
}

/** The fields of a segment code with this many bits more than the plan's, which must not take more than there are. */
export function codeFieldsOf(plan: AddressPlan, extraBits: number): CodeFields {
  const { codes } = knownOf(plan);
  let fields = codes.get(extraBits);
  if (fields === undefined) {
    const endpointBits = endpointBitsBehind(plan, extraBits);
    const behind = endpointBits + plan.strideBits;
    fields = {
      code: { bits: codeBits(plan, extraBits), shift: BigInt(behind) },
      endpoint: { bits: endpointBits, shift: BigInt(plan.strideBits) },
    };
    codes.set(extraBits, fields);
  }
  return fields;
}

function knownOf(plan: AddressPlan): Known {
  let known = KNOWN.get(plan);
  if (known === undefined) {
    known = { fields: workOut(plan), codes: new Map() };
    KNOWN.set(plan, known);
  }
  return known;
}

function workOut(plan: AddressPlan): PlanFields {
  const endingAt = (bits: number, prefixLength: number): BitField => ({
    bits,
    shift: BigInt(addressBits(plan.family) - prefixLength),
  });
  let length = plan.prefix.length;
  const groups = plan.groupLevels.map(({ bits }) => {
    length += bits;
    return endingAt(bits, length);
  });
  return {
    groups,
    host: endingAt(plan.hostBits, hostPrefixLength(plan)),
    tenant: endingAt(plan.tenantBits, tenantPrefixLength(plan)),
    stride: { bits: plan.strideBits, shift: 0n },
  };
}
