import type { AddressPlan, SegmentCode } from "../model/index.ts";

/** Widest level: IDs stay exact integers and their text stays short. */
export const MAX_LEVEL_BITS = 32;

/** What the range of a level's IDs depends on, so that it can be asked before there is a plan. */
type Widths<K extends keyof AddressPlan> = Pick<AddressPlan, K | "numbering">;

/** The plan's own code width: no bits borrowed from or lent to the endpoint level. */
export const DEFAULT_EXTRA_BITS = 0;

/** IDs of a host: one per group level, most significant first, then the host's own. */
export interface HostPosition {
  readonly groups: readonly number[];
  readonly host: number;
}

/** Everything that the bits of an endpoint's address say. */
export interface Identity extends HostPosition {
  readonly tenant: number;
  readonly code: SegmentCode;
  readonly endpoint: number;
}

/** Lowest and highest ID of a level, both inclusive. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

/** Values 0, 1 and 2 of each v1 segment: network, gateway and DHCP (original system, section 2.2). */
export const V1_RESERVED_VALUES = 3;

/** Width of a segment code in bits. */
export function codeBits(plan: Pick<AddressPlan, "segmentBits">, extraBits: number): number {
  return plan.segmentBits + extraBits;
}

/** Width of the endpoint level behind a code of this width, in bits. */
export function endpointBitsBehind(plan: Pick<AddressPlan, "endpointBits">, extraBits: number): number {
  return plan.endpointBits - extraBits;
}

/** Sum of the widths of the topology groups. */
export function groupBits(plan: Pick<AddressPlan, "groupLevels">): number {
  return plan.groupLevels.reduce((sum, level) => sum + level.bits, 0);
}

/** Length of the prefix of a host. */
export function hostPrefixLength(plan: AddressPlan): number {
  return plan.prefix.length + groupBits(plan) + plan.hostBits;
}

/** Length of the prefix of a tenant on a host. */
export function tenantPrefixLength(plan: AddressPlan): number {
  return hostPrefixLength(plan) + plan.tenantBits;
}

/** Length of the prefix of a segment code on a host. */
export function segmentPrefixLength(plan: AddressPlan, extraBits: number): number {
  return tenantPrefixLength(plan) + codeBits(plan, extraBits);
}

/** IDs that hosts may have. The number of them is 2^hostBits under either numbering. */
export function hostIds(plan: Widths<"hostBits">): IdRange {
  return plan.numbering === "v1"
    ? { first: 1, last: 2 ** plan.hostBits }
    : { first: 0, last: 2 ** plan.hostBits - 1 };
}

/** IDs that hosts get when none is chosen for them. */
export function assignedHostIds(plan: Widths<"hostBits">): IdRange {
  return { first: 1, last: hostIds(plan).last };
}

/** IDs that groups of the level may have. */
export function groupIds(plan: AddressPlan, level: number): IdRange {
  return { first: 0, last: 2 ** (plan.groupLevels[level]?.bits ?? 0) - 1 };
}

/** IDs that tenants may have. Under literal numbering tenant 0 is the infrastructure tenant and not among them. */
export function tenantIds(plan: Widths<"tenantBits">): IdRange {
  return { first: plan.numbering === "v1" ? 0 : 1, last: 2 ** plan.tenantBits - 1 };
}

/** Codes of this width that a segment may have. */
export function segmentCodes(plan: Pick<AddressPlan, "segmentBits">, extraBits: number): IdRange {
  return { first: 0, last: 2 ** codeBits(plan, extraBits) - 1 };
}

/** Codes of this width that segments get when none is chosen for them. */
export function assignedSegmentCodes(plan: Widths<"segmentBits">, extraBits: number): IdRange {
  return { first: plan.numbering === "v1" ? 0 : 1, last: segmentCodes(plan, extraBits).last };
}

/**
 * Endpoint IDs behind a code of this width, the reserved ones included. Under v1 numbering ID k has the value
 * 3 + k·2^strideBits, so the highest one is lower by the blocks that the reserved values fill; `last` is
 * less than `first` when nothing is left.
 */
export function endpointIds(plan: Widths<"endpointBits" | "strideBits">, extraBits: number): IdRange {
  const values = 2 ** endpointBitsBehind(plan, extraBits);
  if (plan.numbering === "literal") return { first: 0, last: values - 1 };
  return { first: 0, last: values - Math.ceil((V1_RESERVED_VALUES + 1) / 2 ** plan.strideBits) };
}

/** True when the endpoint ID lies behind a code of this width and is not reserved. */
export function isAllocatable(plan: AddressPlan, extraBits: number, endpoint: number): boolean {
  const { first, last } = endpointIds(plan, extraBits);
  return (
    Number.isInteger(endpoint) &&
    endpoint >= first &&
    endpoint <= last &&
    !plan.reservedEndpoints.includes(endpoint)
  );
}

/** How many endpoints one host can have behind one code of this width. */
export function endpointCapacity(
  plan: Widths<"endpointBits" | "strideBits" | "reservedEndpoints">,
  extraBits: number,
): number {
  const { first, last } = endpointIds(plan, extraBits);
  if (last < first) return 0;
  return last - first + 1 - plan.reservedEndpoints.filter((id) => id >= first && id <= last).length;
}
