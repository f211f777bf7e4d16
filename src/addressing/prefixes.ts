import type { AddressPlan, SegmentCode } from "../model/index.ts";
import { type Address, createAddress, type Prefix } from "../net/index.ts";
import { codeFieldsOf, fieldsOf, placeField } from "./bit-field.ts";
import { codeFaults } from "./codes.ts";
import { groupFaults, positionFaults, refuse, tenantFaults } from "./faults.ts";
import {
  groupBits,
  type HostPosition,
  hostIds,
  hostPrefixLength,
  segmentPrefixLength,
  tenantPrefixLength,
} from "./layout.ts";

/**
 * The prefix of a topology group, from the IDs of its path; an empty path is the whole network.
 * @throws RomanaError `invalid-input` when an ID does not fit.
 */
export function groupPrefix(plan: AddressPlan, ids: readonly number[]): Prefix {
  refuse("encode group", groupFaults(plan, ids));
  const { family, groupLevels, prefix } = plan;
  const length = prefix.length + groupBits({ groupLevels: groupLevels.slice(0, ids.length) });
  return { family, value: prefix.value | groupsValue(plan, ids), length };
}

/**
 * The prefix of a host: what other hosts have a route for.
 * @throws RomanaError `invalid-input` when an ID does not fit.
 */
export function hostPrefix(plan: AddressPlan, position: HostPosition): Prefix {
  refuse("encode host", positionFaults(plan, position));
  return { family: plan.family, value: hostValue(plan, position), length: hostPrefixLength(plan) };
}

/**
 * The prefix of a tenant on a host.
 * @throws RomanaError `invalid-input` when an ID does not fit.
 */
export function tenantPrefix(plan: AddressPlan, position: HostPosition, tenant: number): Prefix {
  refuse("encode tenant", [...positionFaults(plan, position), ...tenantFaults(plan, tenant)]);
  const value = hostValue(plan, position) | placeField(tenant, fieldsOf(plan).tenant);
  return { family: plan.family, value, length: tenantPrefixLength(plan) };
}

/**
 * The prefix of a segment code on a host.
 * @throws RomanaError `invalid-input` when an ID does not fit.
 */
export function segmentPrefix(
  plan: AddressPlan,
  position: HostPosition,
  tenant: number,
  code: SegmentCode,
): Prefix {
  refuse("encode segment", [
    ...positionFaults(plan, position),
    ...tenantFaults(plan, tenant),
    ...codeFaults(plan, code),
  ]);
  return {
    family: plan.family,
    value: segmentValue(plan, position, tenant, code),
    length: segmentPrefixLength(plan, code.extraBits),
  };
}

/** The host's own address: the first usable one of its prefix (design, section 2). */
export function gatewayAddress(plan: AddressPlan, position: HostPosition): Address {
  return createAddress(plan.family, hostPrefix(plan, position).value + 1n);
}

/** The lowest address of a segment code on a host as an integer; the IDs must have been checked. */
export function segmentValue(
  plan: AddressPlan,
  position: HostPosition,
  tenant: number,
  code: SegmentCode,
): bigint {
  return (
    hostValue(plan, position) |
    placeField(tenant, fieldsOf(plan).tenant) |
    placeField(code.code, codeFieldsOf(plan, code.extraBits).code)
  );
}

function hostValue(plan: AddressPlan, position: HostPosition): bigint {
  const host = plan.numbering === "v1" ? position.host - hostIds(plan).first : position.host;
  const own = plan.prefix.value | placeField(host, fieldsOf(plan).host);
  return position.groups.length === 0 ? own : own | groupsValue(plan, position.groups);
}

function groupsValue(plan: AddressPlan, ids: readonly number[]): bigint {
  let value = 0n;
  for (const [index, field] of fieldsOf(plan).groups.entries()) value |= placeField(ids[index] ?? 0, field);
  return value;
}
