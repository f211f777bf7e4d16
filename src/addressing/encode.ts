import type { AddressPlan } from "../model/index.ts";
import { type Address, addressBits, type Prefix, prefixOf } from "../net/index.ts";
import { codeFieldsOf, placeField } from "./bit-field.ts";
import { identityFaults, refuse } from "./faults.ts";
import { type Identity, V1_RESERVED_VALUES } from "./layout.ts";
import { segmentValue } from "./prefixes.ts";

/**
 * The address of an identity; with a stride, the one the endpoint is known by (the first of its own block
 * under literal numbering).
 * @throws RomanaError `invalid-input` when an ID does not fit its width: an ID never spills into its neighbour.
 */
export function encodeAddress(plan: AddressPlan, identity: Identity): Address {
  refuse("encode address", identityFaults(plan, identity));
  const { tenant, code, endpoint } = identity;
  const block =
    segmentValue(plan, identity, tenant, code) |
    placeField(endpoint, codeFieldsOf(plan, code.extraBits).endpoint);
  return {
    family: plan.family,
    value: plan.numbering === "v1" ? block + BigInt(V1_RESERVED_VALUES) : block,
  };
}

/**
 * The block that an endpoint owns: 2^strideBits addresses around its address. Under v1 numbering the first
 * block would hold the reserved values, so endpoint 0 owns its one address only.
 */
export function endpointPrefix(plan: AddressPlan, identity: Identity): Prefix {
  const address = encodeAddress(plan, identity);
  const bits = plan.numbering === "v1" && identity.endpoint === 0 ? 0 : plan.strideBits;
  return prefixOf(address, addressBits(plan.family) - bits);
}
