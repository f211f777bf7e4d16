import type { AddressPlan } from "../model/index.ts";
import { type Address, addressBits, createAddress } from "../net/index.ts";
import type { Identity } from "./layout.ts";

/**
 * The slow obvious twin of encoding: the levels written as text of zeros and ones, one behind the other. It
 * trusts its IDs.
 */
export function encodeReference(plan: AddressPlan, identity: Identity): Address {
  const { groups, host, tenant, code, endpoint } = identity;
  const behind = plan.endpointBits - code.extraBits + plan.strideBits;
  const value =
    plan.numbering === "v1"
      ? 3n + BigInt(endpoint) * 2n ** BigInt(plan.strideBits)
      : BigInt(endpoint) * 2n ** BigInt(plan.strideBits);
  const text = [
    networkText(plan),
    ...plan.groupLevels.map((level, index) => binary(BigInt(groups[index] as number), level.bits)),
    binary(BigInt(plan.numbering === "v1" ? host - 1 : host), plan.hostBits),
    binary(BigInt(tenant), plan.tenantBits),
    binary(BigInt(code.code), plan.segmentBits + code.extraBits),
    binary(value, behind),
  ].join("");
  return createAddress(plan.family, BigInt(`0b${text}`));
}

/** The slow obvious twin of decoding, for an endpoint's own address and a code of known width. */
export function decodeReference(plan: AddressPlan, address: Address, extraBits: number): Identity {
  let rest = binary(address.value, addressBits(plan.family)).slice(plan.prefix.length);
  const take = (bits: number): bigint => {
    const taken = rest.slice(0, bits);
    rest = rest.slice(bits);
    return BigInt(`0b0${taken}`);
  };
  const groups = plan.groupLevels.map((level) => Number(take(level.bits)));
  const host = Number(take(plan.hostBits)) + (plan.numbering === "v1" ? 1 : 0);
  const tenant = Number(take(plan.tenantBits));
  const code = Number(take(plan.segmentBits + extraBits));
  const value = take(rest.length) - (plan.numbering === "v1" ? 3n : 0n);
  const endpoint = Number(value / 2n ** BigInt(plan.strideBits));
  return { groups, host, tenant, code: { code, extraBits }, endpoint };
}

function networkText(plan: AddressPlan): string {
  return binary(plan.prefix.value, addressBits(plan.family)).slice(0, plan.prefix.length);
}

function binary(value: bigint, bits: number): string {
  return bits === 0 ? "" : value.toString(2).padStart(bits, "0");
}
