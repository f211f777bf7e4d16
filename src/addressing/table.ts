import type { AddressPlan } from "../model/index.ts";
import {
  addressBits,
  addressPrefix,
  createAddress,
  formatAddress,
  type Prefix,
  prefixMask,
} from "../net/index.ts";
import { type BitField, codeFieldsOf, fieldMask, fieldsOf } from "./bit-field.ts";
import { formatSegmentCode } from "./codes.ts";
import type { Decoded } from "./decode.ts";
import { encodeAddress, endpointPrefix } from "./encode.ts";
import {
  assignedHostIds,
  assignedSegmentCodes,
  DEFAULT_EXTRA_BITS,
  endpointCapacity,
  endpointIds,
  groupIds,
  type Identity,
  type IdRange,
  isAllocatable,
  tenantIds,
} from "./layout.ts";
import { groupPrefix, hostPrefix, segmentPrefix, tenantPrefix } from "./prefixes.ts";

/** One level of a plan, as people look at it. */
export interface PlanRow {
  /** `network`, the names of the group levels, `host`, `tenant`, `segment`, `endpoint`, `stride`. */
  readonly level: string;
  readonly bits: number;
  /** Length of the prefix that ends with this level. */
  readonly prefixLength: number;
  /** The bits of this level as an address: `0.255.0.0`. */
  readonly mask: string;
  /** The bits of this level and all above it: `255.255.0.0`. */
  readonly netmask: string;
  /** IDs that are given out when none is chosen; the network and the stride have none. */
  readonly ids?: IdRange;
  /** How many IDs can be given out; addresses of each endpoint for the stride. */
  readonly count: number;
  /** What the level looks like for one ID; the same IDs in all rows. */
  readonly example: { readonly id?: number; readonly prefix: Prefix };
}

/** One level of an address, as people look at it. */
export interface IdentityRow {
  readonly level: string;
  /** The ID as text; a segment's code may have extra bits. Undefined where there is no endpoint. */
  readonly id: string | undefined;
  readonly prefix: Prefix;
}

/** The endpoint of the seed's example: 11 in segment 1 of tenant 1 on host 1. */
const SEED_IDS = { group: 1, host: 1, tenant: 1, code: 1, endpoint: 11 };

/** The levels of a plan, most significant first. */
export function planTable(plan: AddressPlan): readonly PlanRow[] {
  let prefixLength = 0;
  return levelsOf(plan, exampleOf(plan)).map(({ level, field, ids, count, id, prefix }): PlanRow => {
    prefixLength += field.bits;
    return {
      level,
      bits: field.bits,
      prefixLength,
      mask: text(plan, fieldMask(field)),
      netmask: text(plan, prefixMask(plan.family, prefixLength)),
      ...(ids && { ids }),
      count: count ?? (ids === undefined ? 0 : ids.last - ids.first + 1),
      example: { ...(id !== undefined && { id }), prefix },
    };
  });
}

/** The levels of a decoded address with the prefix of each, most significant first; the network is left out. */
export function identityTable(plan: AddressPlan, identity: Decoded | Identity): readonly IdentityRow[] {
  const { groups, host, tenant, code, endpoint } = identity;
  const segment = segmentPrefix(plan, identity, tenant, code);
  return [
    ...plan.groupLevels.map(({ name }, index) => ({
      level: name,
      id: String(groups[index]),
      prefix: groupPrefix(plan, groups.slice(0, index + 1)),
    })),
    { level: "host", id: String(host), prefix: hostPrefix(plan, identity) },
    { level: "tenant", id: String(tenant), prefix: tenantPrefix(plan, identity, tenant) },
    { level: "segment", id: formatSegmentCode(code), prefix: segment },
    {
      level: "endpoint",
      id: endpoint === undefined ? undefined : String(endpoint),
      prefix: endpoint === undefined ? segment : endpointPrefix(plan, { ...identity, endpoint }),
    },
  ];
}

interface Level {
  readonly level: string;
  readonly field: BitField;
  readonly ids?: IdRange;
  /** Where it is not the number of IDs in the range. */
  readonly count?: number;
  /** ID and prefix of the example. */
  readonly id?: number;
  readonly prefix: Prefix;
}

function levelsOf(plan: AddressPlan, example: Identity): readonly Level[] {
  const { groups, host, tenant, code, endpoint } = example;
  const { prefix, family, groupLevels, strideBits } = plan;
  const fields = fieldsOf(plan);
  const codeFields = codeFieldsOf(plan, code.extraBits);
  const codes = assignedSegmentCodes(plan, code.extraBits);
  const network = { bits: prefix.length, shift: BigInt(addressBits(family) - prefix.length) };
  const levels: Level[] = [
    { level: "network", field: network, count: 1, prefix },
    ...groupLevels.map(({ name }, index) => ({
      level: name,
      field: fields.groups[index] as BitField,
      ids: groupIds(plan, index),
      id: groups[index] as number,
      prefix: groupPrefix(plan, groups.slice(0, index + 1)),
    })),
    {
      level: "host",
      field: fields.host,
      ids: assignedHostIds(plan),
      id: host,
      prefix: hostPrefix(plan, example),
    },
    {
      level: "tenant",
      field: fields.tenant,
      ids: tenantIds(plan),
      id: tenant,
      prefix: tenantPrefix(plan, example, tenant),
    },
    {
      level: "segment",
      field: codeFields.code,
      ...(codes.first <= codes.last && { ids: codes }),
      id: code.code,
      prefix: segmentPrefix(plan, example, tenant, code),
    },
    {
      level: "endpoint",
      field: codeFields.endpoint,
      ids: allocatableIds(plan),
      count: endpointCapacity(plan, code.extraBits),
      id: endpoint,
      prefix: endpointPrefix(plan, example),
    },
  ];
  if (strideBits === 0) return levels;
  const own = addressPrefix(encodeAddress(plan, example));
  return [...levels, { level: "stride", field: fields.stride, count: 2 ** strideBits, prefix: own }];
}

/** From the first endpoint ID that is not reserved to the last. */
function allocatableIds(plan: AddressPlan): IdRange {
  let { first, last } = endpointIds(plan, DEFAULT_EXTRA_BITS);
  while (first < last && !isAllocatable(plan, DEFAULT_EXTRA_BITS, first)) first++;
  while (first < last && !isAllocatable(plan, DEFAULT_EXTRA_BITS, last)) last--;
  return { first, last };
}

/** The seed's IDs, or the nearest that the plan can hold. */
function exampleOf(plan: AddressPlan): Identity {
  const nearest = (id: number, { first, last }: IdRange): number => Math.max(first, Math.min(id, last));
  const codes = assignedSegmentCodes(plan, DEFAULT_EXTRA_BITS);
  const endpoints = allocatableIds(plan);
  let endpoint = nearest(SEED_IDS.endpoint, endpoints);
  while (!isAllocatable(plan, DEFAULT_EXTRA_BITS, endpoint)) endpoint++;
  return {
    groups: plan.groupLevels.map((_, index) => nearest(SEED_IDS.group, groupIds(plan, index))),
    host: nearest(SEED_IDS.host, assignedHostIds(plan)),
    tenant: nearest(SEED_IDS.tenant, tenantIds(plan)),
    code: {
      code: codes.last < codes.first ? 0 : nearest(SEED_IDS.code, codes),
      extraBits: DEFAULT_EXTRA_BITS,
    },
    endpoint,
  };
}

function text(plan: AddressPlan, value: bigint): string {
  return formatAddress(createAddress(plan.family, value));
}
