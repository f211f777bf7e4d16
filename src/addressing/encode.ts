import { type AddressPlan, type Fault, invalidInput, type SegmentCode } from "../model/index.ts";
import { type Address, addressBits, createAddress, type Prefix, prefixMask, prefixOf } from "../net/index.ts";
import {
  codeBits,
  endpointIds,
  groupIds,
  type HostPosition,
  hostIds,
  hostPrefixLength,
  type Identity,
  type IdRange,
  segmentCodes,
  segmentPrefixLength,
  segmentShift,
  tenantPrefixLength,
  tenantShift,
  V1_RESERVED_VALUES,
} from "./layout.ts";

/** ID of the tenant that owns the host's own addresses under literal numbering (design, section 2). */
const INFRASTRUCTURE_TENANT = 0;

/**
 * The address of an identity; with a stride, the one the endpoint is known by (the first of its own block
 * under literal numbering).
 * @throws RomanaError `invalid-input` when an ID does not fit its width: an ID never spills into its neighbour.
 */
export function encodeAddress(plan: AddressPlan, identity: Identity): Address {
  const segment = segmentPrefix(plan, identity, identity.tenant, identity.code);
  refuse(outside("endpoint", identity.endpoint, endpointIds(plan, identity.code.extraBits)));
  const stride = BigInt(identity.endpoint) << BigInt(plan.strideBits);
  const value = plan.numbering === "v1" ? stride + BigInt(V1_RESERVED_VALUES) : stride;
  return createAddress(plan.family, segment.value + value);
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

/** The prefix of a segment code on a host. */
export function segmentPrefix(
  plan: AddressPlan,
  position: HostPosition,
  tenant: number,
  code: SegmentCode,
): Prefix {
  const parent = tenantPrefix(plan, position, tenant);
  refuse(codeFaults(plan, code));
  return {
    family: plan.family,
    value: parent.value | (BigInt(code.code) << BigInt(segmentShift(plan, code.extraBits))),
    length: segmentPrefixLength(plan, code.extraBits),
  };
}

/** The prefix of a tenant on a host. */
export function tenantPrefix(plan: AddressPlan, position: HostPosition, tenant: number): Prefix {
  const parent = hostPrefix(plan, position);
  refuse(outside("tenant", tenant, { first: INFRASTRUCTURE_TENANT, last: 2 ** plan.tenantBits - 1 }));
  return {
    family: plan.family,
    value: parent.value | (BigInt(tenant) << BigInt(tenantShift(plan))),
    length: tenantPrefixLength(plan),
  };
}

/** The prefix of a host: what other hosts have a route for. */
export function hostPrefix(plan: AddressPlan, position: HostPosition): Prefix {
  const parent = groupPrefix(plan, position.groups);
  if (position.groups.length !== plan.groupLevels.length) {
    const levels = plan.groupLevels.map((level) => level.name).join("/") || "no group";
    refuse([{ path: "groups", reason: `the plan wants ${levels}, got ${position.groups.length} group IDs` }]);
  }
  const ids = hostIds(plan);
  refuse(outside("host", position.host, ids));
  const field = plan.numbering === "v1" ? position.host - ids.first : position.host;
  const length = hostPrefixLength(plan);
  return {
    family: plan.family,
    value: parent.value | (BigInt(field) << BigInt(addressBits(plan.family) - length)),
    length,
  };
}

/** The prefix of a topology group, from the IDs of its path; an empty path is the whole network. */
export function groupPrefix(plan: AddressPlan, ids: readonly number[]): Prefix {
  let { value, length } = plan.prefix;
  for (const [index, id] of ids.entries()) {
    const level = plan.groupLevels[index];
    if (level === undefined) {
      throw invalidInput("encode group", [{ path: "groups", reason: `the plan has ${index} group levels` }]);
    }
    refuse(outside(level.name, id, groupIds(plan, index)));
    length += level.bits;
    value |= BigInt(id) << BigInt(addressBits(plan.family) - length);
  }
  return { family: plan.family, value, length };
}

/** The host's own address: the first usable one of its prefix (design, section 2). */
export function gatewayAddress(plan: AddressPlan, position: HostPosition): Address {
  return createAddress(plan.family, hostPrefix(plan, position).value + 1n);
}

/** The bits that say network and tenant, the same on every host. */
export function tenantMask(plan: AddressPlan): bigint {
  return prefixMask(plan.family, plan.prefix.length) | field(plan.tenantBits, tenantShift(plan));
}

/** The bits that say network, tenant and segment code of this width, the same on every host. */
export function segmentMask(plan: AddressPlan, extraBits: number): bigint {
  return tenantMask(plan) | field(codeBits(plan, extraBits), segmentShift(plan, extraBits));
}

/** What an address of the tenant is under {@link tenantMask}. */
export function tenantKey(plan: AddressPlan, tenant: number): bigint {
  refuse(outside("tenant", tenant, { first: INFRASTRUCTURE_TENANT, last: 2 ** plan.tenantBits - 1 }));
  return plan.prefix.value | (BigInt(tenant) << BigInt(tenantShift(plan)));
}

/** What an address of the segment code is under {@link segmentMask}. */
export function segmentKey(plan: AddressPlan, tenant: number, code: SegmentCode): bigint {
  refuse(codeFaults(plan, code));
  return tenantKey(plan, tenant) | (BigInt(code.code) << BigInt(segmentShift(plan, code.extraBits)));
}

/** Why the code does not fit the plan; empty when it does. */
export function codeFaults(plan: AddressPlan, code: SegmentCode): readonly Fault[] {
  const bits = codeBits(plan, code.extraBits);
  if (!Number.isInteger(code.extraBits) || bits < 0 || code.extraBits > plan.endpointBits) {
    const reason = `${code.extraBits} extra bits leave no room in ${plan.segmentBits} segment + ${plan.endpointBits} endpoint bits`;
    return [{ path: "segment", reason }];
  }
  return outside("segment", code.code, segmentCodes(plan, code.extraBits));
}

function field(bits: number, shift: number): bigint {
  return ((1n << BigInt(bits)) - 1n) << BigInt(shift);
}

function outside(path: string, id: number, { first, last }: IdRange): readonly Fault[] {
  if (Number.isInteger(id) && id >= first && id <= last) return [];
  return [{ path, reason: `ID ${id} is not in ${first}..${last}` }];
}

function refuse(faults: readonly Fault[]): void {
  if (faults.length > 0) throw invalidInput("encode address", faults);
}
