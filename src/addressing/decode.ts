import type { AddressPlan, SegmentCode } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { type BitField, codeFieldsOf, fieldsOf, readField } from "./bit-field.ts";
import {
  codeBits,
  DEFAULT_EXTRA_BITS,
  endpointBitsBehind,
  hostIds,
  type Identity,
  V1_RESERVED_VALUES,
} from "./layout.ts";

/** An address read as bits. */
export interface Decoded extends Omit<Identity, "endpoint"> {
  /** Undefined where v1 numbering has no endpoint: below the first one and in the rest of its block. */
  readonly endpoint: number | undefined;
  /** Distance from the endpoint's own address inside its block: 0 without a stride, never positive under v1. */
  readonly offset: bigint;
}

/** The codes that a tenant uses, so that codes of other widths than the plan's are recognised. */
export type CodesOfTenant = (tenant: number) => readonly SegmentCode[];

const NO_CODES: CodesOfTenant = () => [];

/**
 * The exact inverse of encoding: which IDs the bits say, or undefined when the address is not in the plan's
 * prefix. A code in use that covers the address decides the width; otherwise the plan's own width does.
 */
export function decodeAddress(
  plan: AddressPlan,
  address: Address,
  codesOfTenant: CodesOfTenant = NO_CODES,
): Decoded | undefined {
  if (!prefixContains(plan.prefix, address)) return undefined;
  const { value } = address;
  const fields = fieldsOf(plan);
  const groups = fields.groups.map((field) => readField(value, field));
  const hostField = readField(value, fields.host);
  const host = plan.numbering === "v1" ? hostField + hostIds(plan).first : hostField;
  const tenant = readField(value, fields.tenant);
  const code = codeIn(plan, value, codesOfTenant(tenant));
  const { endpoint, offset } = endpointIn(plan, value, codeFieldsOf(plan, code.extraBits).endpoint);
  return { groups, host, tenant, code, endpoint, offset };
}

function codeIn(plan: AddressPlan, value: bigint, codes: readonly SegmentCode[]): SegmentCode {
  for (const code of codes) {
    if (codeBits(plan, code.extraBits) < 0 || endpointBitsBehind(plan, code.extraBits) < 0) continue;
    if (readField(value, codeFieldsOf(plan, code.extraBits).code) === code.code) return code;
  }
  const code = readField(value, codeFieldsOf(plan, DEFAULT_EXTRA_BITS).code);
  return { code, extraBits: DEFAULT_EXTRA_BITS };
}

function endpointIn(
  plan: AddressPlan,
  value: bigint,
  field: BitField,
): { endpoint: number | undefined; offset: bigint } {
  const block = readField(value, field);
  const inBlock = plan.strideBits === 0 ? 0n : BigInt.asUintN(plan.strideBits, value);
  if (plan.numbering === "literal") return { endpoint: block, offset: inBlock };
  // Endpoint k has the value 3 + k·2^stride: a whole number of blocks and the same place in each.
  const firstBlock = Math.floor(V1_RESERVED_VALUES / 2 ** plan.strideBits);
  const place = plan.strideBits === 0 ? 0n : BigInt.asUintN(plan.strideBits, BigInt(V1_RESERVED_VALUES));
  const endpoint = block - firstBlock;
  const offset = inBlock - place;
  if (endpoint < 0 || (endpoint === 0 && offset !== 0n)) return { endpoint: undefined, offset: 0n };
  return { endpoint, offset };
}
