import type { AddressPlan, SegmentCode } from "../model/index.ts";
import { prefixMask } from "../net/index.ts";
import { codeFieldsOf, fieldMask, fieldsOf, placeField } from "./bit-field.ts";
import { codeFaults } from "./codes.ts";
import { refuse, tenantFaults } from "./faults.ts";

/** The bits that say network and tenant, the same on every host. */
export function tenantMask(plan: AddressPlan): bigint {
  return prefixMask(plan.family, plan.prefix.length) | fieldMask(fieldsOf(plan).tenant);
}

/** The bits that say network, tenant and segment code of this width, the same on every host. */
export function segmentMask(plan: AddressPlan, extraBits: number): bigint {
  return tenantMask(plan) | fieldMask(codeFieldsOf(plan, extraBits).code);
}

/**
 * What every address of the tenant is under {@link tenantMask}.
 * @throws RomanaError `invalid-input` when the ID does not fit.
 */
export function tenantKey(plan: AddressPlan, tenant: number): bigint {
  refuse("encode tenant", tenantFaults(plan, tenant));
  return plan.prefix.value | placeField(tenant, fieldsOf(plan).tenant);
}

/**
 * What every address of the segment code is under {@link segmentMask}.
 * @throws RomanaError `invalid-input` when an ID does not fit.
 */
export function segmentKey(plan: AddressPlan, tenant: number, code: SegmentCode): bigint {
  refuse("encode segment", [...tenantFaults(plan, tenant), ...codeFaults(plan, code)]);
  return tenantKey(plan, tenant) | placeField(code.code, codeFieldsOf(plan, code.extraBits).code);
}
