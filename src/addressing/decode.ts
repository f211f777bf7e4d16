import type { AddressPlan, SegmentCode } from "../model/index.ts";
import { type Address, addressBits, prefixContains } from "../net/index.ts";
import {
  codeBits,
  DEFAULT_EXTRA_BITS,
  endpointBitsBehind,
  type Identity,
  V1_RESERVED_VALUES,
} from "./layout.ts";

/** An address read as bits. `endpoint` is undefined for the reserved values below the first endpoint. */
export interface Decoded extends Omit<Identity, "endpoint"> {
  readonly endpoint: number | undefined;
  /** Distance from the endpoint's own address inside its block; 0 without a stride, negative below it (v1). */
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
  let shift = addressBits(plan.family) - plan.prefix.length;
  const take = (bits: number): number => {
    shift -= bits;
    return Number((address.value >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
  };
  const groups = plan.groupLevels.map((level) => take(level.bits));
  const host = take(plan.hostBits) + (plan.numbering === "v1" ? 1 : 0);
  const tenant = take(plan.tenantBits);
  const rest = address.value & ((1n << BigInt(shift)) - 1n);
  const code = codeOf(plan, rest, codesOfTenant(tenant));
  return { groups, host, tenant, code, ...endpointOf(plan, rest, code.extraBits) };
}

function codeOf(plan: AddressPlan, rest: bigint, codes: readonly SegmentCode[]): SegmentCode {
  const valueAt = (extraBits: number): number =>
    Number(rest >> BigInt(endpointBitsBehind(plan, extraBits) + plan.strideBits));
  for (const code of codes) {
    if (codeBits(plan, code.extraBits) >= 0 && valueAt(code.extraBits) === code.code) return code;
  }
  return { code: valueAt(DEFAULT_EXTRA_BITS), extraBits: DEFAULT_EXTRA_BITS };
}

function endpointOf(
  plan: AddressPlan,
  rest: bigint,
  extraBits: number,
): { endpoint: number | undefined; offset: bigint } {
  const bits = BigInt(endpointBitsBehind(plan, extraBits) + plan.strideBits);
  const value = rest & ((1n << bits) - 1n);
  const stride = 1n << BigInt(plan.strideBits);
  if (plan.numbering === "literal") return { endpoint: Number(value / stride), offset: value % stride };
  const reserved = BigInt(V1_RESERVED_VALUES);
  if (value < reserved) return { endpoint: undefined, offset: 0n };
  const endpoint = value / stride - reserved / stride;
  return { endpoint: Number(endpoint), offset: value - reserved - endpoint * stride };
}
