import {
  assignedHostIds,
  assignedSegmentCodes,
  endpointIds,
  type IdRange,
  MAX_LEVEL_BITS,
  segmentCodes,
  tenantIds,
} from "../addressing/index.ts";
import { type AddressPlan, type Network, plansOf } from "../model/index.ts";

/** IDs while there is no network that bounds them: literal numbering's first one up to the widest level's last. */
const UNBOUNDED: IdRange = { first: 1, last: 2 ** MAX_LEVEL_BITS - 1 };

/** Endpoint IDs behind a code, and which of them are never allocated. */
export interface EndpointRange extends IdRange {
  readonly reserved: readonly number[];
  /** How many IDs can be allocated. */
  readonly capacity: number;
}

/** Host IDs that fit every network, of those that are assigned when none is chosen. Empty when last < first. */
export function hostRange(networks: readonly Network[]): IdRange {
  return intersection(networks, assignedHostIds);
}

/** Tenant IDs that fit every network. Empty when last < first. */
export function tenantRange(networks: readonly Network[]): IdRange {
  return intersection(networks, tenantIds);
}

/**
 * Segment codes of a width that fit every network, of those that are assigned when none is chosen. Code 0 is among
 * them only where there is no other one. Empty when last < first.
 */
export function codeRange(networks: readonly Network[], extraBits: number): IdRange {
  const assigned = intersection(networks, (plan) => assignedSegmentCodes(plan, extraBits));
  const { first, last } = intersection(networks, (plan) => segmentCodes(plan, extraBits));
  return first === 0 && last === 0 ? { first, last } : assigned;
}

/** What has been worked out for a network, by extra bits; networks never change. */
const KNOWN = new WeakMap<Network, Map<number, EndpointRange>>();

/** The endpoint IDs of one host behind a code of this width: those that fit all plans of the network. */
export function endpointRange(network: Network, extraBits: number): EndpointRange {
  let known = KNOWN.get(network);
  if (known === undefined) {
    known = new Map();
    KNOWN.set(network, known);
  }
  let range = known.get(extraBits);
  if (range === undefined) {
    range = workOut(network, extraBits);
    known.set(extraBits, range);
  }
  return range;
}

function workOut(network: Network, extraBits: number): EndpointRange {
  const { first, last } = intersection([network], (plan) => endpointIds(plan, extraBits));
  const reserved = new Set(plansOf(network).flatMap((plan) => plan.reservedEndpoints));
  const inside = [...reserved].filter((id) => id >= first && id <= last).sort((a, b) => a - b);
  return { first, last, reserved: inside, capacity: Math.max(0, last - first + 1 - inside.length) };
}

function intersection(networks: readonly Network[], rangeOf: (plan: AddressPlan) => IdRange): IdRange {
  const ranges = networks.flatMap(plansOf).map(rangeOf);
  if (ranges.length === 0) return UNBOUNDED;
  return {
    first: Math.max(...ranges.map(({ first }) => first)),
    last: Math.min(...ranges.map(({ last }) => last)),
  };
}
