import { type AddressPlan, type Fault, invalidInput, type Numbering } from "../model/index.ts";
import { addressBits, formatPrefix, type Prefix } from "../net/index.ts";
import {
  assignedHostIds,
  assignedSegmentCodes,
  DEFAULT_EXTRA_BITS,
  endpointCapacity,
  type IdRange,
  MAX_LEVEL_BITS,
  tenantIds,
} from "./layout.ts";
import { createPlan, defaultReservedEndpoints, MAX_STRIDE_BITS } from "./plan.ts";

/** How many of each a plan shall have room for, when IDs are given out without choosing them. */
export interface Wanted {
  /** The block to cut up, of either family. */
  readonly prefix: Prefix;
  /** Default `literal`. */
  readonly numbering?: Numbering;
  /** From the outermost level: how many groups there are in each group of the level above. */
  readonly groups?: readonly { readonly name: string; readonly count: number }[];
  /** In each innermost group; in the whole network when there are no groups. */
  readonly hosts: number;
  readonly tenants: number;
  /** Of each tenant. */
  readonly segments: number;
  /** Of each segment on each host. */
  readonly endpoints: number;
  /** Each endpoint owns 2^strideBits addresses; default 0. */
  readonly strideBits?: number;
}

/** The level that gets the bits which are left over; `balanced`: the one that is fullest, bit by bit. */
export type Preference = "balanced" | "hosts" | "tenants" | "segments" | "endpoints";

/** One level of a proposal. */
export interface ProposedLevel {
  /** The name of a group level, or `host`, `tenant`, `segment`, `endpoint`. */
  readonly level: string;
  readonly bits: number;
  readonly wanted: number;
  /** How many there is room for. */
  readonly room: number;
  /** `room` less what is wanted. */
  readonly left: number;
  /** `room` divided by what is wanted: 1 is full, 2 can double. */
  readonly factor: number;
}

/** A plan that has room for what is wanted. */
export interface Proposal {
  readonly preference: Preference;
  readonly plan: AddressPlan;
  readonly levels: readonly ProposedLevel[];
}

/** A level while bits are being given to it. */
interface Level {
  readonly level: string;
  /** Where it is in what is wanted; that of a preferred level is the preference. */
  readonly path: string;
  readonly wanted: number;
  bits: number;
  /** How many this many bits hold. */
  readonly room: (bits: number) => number;
}

const PREFERENCES: readonly Preference[] = ["balanced", "hosts", "endpoints", "segments", "tenants"];

/**
 * Plans for what is wanted, `balanced` first. Each level gets the fewest bits that hold what is wanted of it;
 * bits that are left over go one by one to the level that is fullest (`balanced`), or all to one level until
 * it is at its widest and the rest as in `balanced`. Proposals that come out the same are given once.
 * @throws RomanaError `invalid-input` with all faults; when it does not fit, with the bits that are missing.
 */
export function proposePlans(wanted: Wanted): readonly Proposal[] {
  const levels = levelsOf(wanted);
  const faults = wantedFaults(wanted, levels);
  if (faults.length > 0) throw invalidInput("propose address plan", faults);
  for (const level of levels) {
    while (level.room(level.bits) < level.wanted) level.bits++;
  }
  const { prefix, strideBits = 0 } = wanted;
  const needed = levels.reduce((sum, { bits }) => sum + bits, strideBits);
  const spare = addressBits(prefix.family) - prefix.length - needed;
  if (spare < 0) throw invalidInput("propose address plan", [missingBits(wanted, levels, -spare)]);
  const seen = new Set<string>();
  const proposals: Proposal[] = [];
  for (const preference of PREFERENCES) {
    const filled = giveAway(levels, spare, preference);
    const widths = filled.map(({ bits }) => bits).join();
    if (seen.has(widths)) continue;
    seen.add(widths);
    proposals.push({ preference, plan: planOf(wanted, filled), levels: filled.map(describe) });
  }
  return proposals;
}

function levelsOf({ numbering = "literal", groups = [], strideBits = 0, ...wanted }: Wanted): Level[] {
  const reservedEndpoints = defaultReservedEndpoints(numbering);
  const size = ({ first, last }: IdRange): number => last - first + 1;
  return [
    ...groups.map(({ name, count }) => ({
      level: name,
      path: `groups.${name}`,
      wanted: count,
      bits: 1,
      room: (bits: number) => 2 ** bits,
    })),
    {
      level: "host",
      path: "hosts",
      wanted: wanted.hosts,
      bits: 1,
      room: (hostBits) => size(assignedHostIds({ numbering, hostBits })),
    },
    {
      level: "tenant",
      path: "tenants",
      wanted: wanted.tenants,
      bits: 1,
      room: (tenantBits) => size(tenantIds({ numbering, tenantBits })),
    },
    {
      level: "segment",
      path: "segments",
      wanted: wanted.segments,
      bits: 0,
      room: (segmentBits) => size(assignedSegmentCodes({ numbering, segmentBits }, DEFAULT_EXTRA_BITS)),
    },
    {
      level: "endpoint",
      path: "endpoints",
      wanted: wanted.endpoints,
      bits: 1,
      room: (endpointBits) =>
        endpointCapacity({ numbering, endpointBits, strideBits, reservedEndpoints }, DEFAULT_EXTRA_BITS),
    },
  ];
}

function wantedFaults({ strideBits = 0 }: Wanted, levels: readonly Level[]): Fault[] {
  const faults = levels.flatMap(({ path, wanted, room }) => {
    if (!Number.isInteger(wanted) || wanted < 1)
      return [{ path, reason: `${wanted} is not a number of 1 or more` }];
    const most = room(MAX_LEVEL_BITS);
    return wanted > most
      ? [{ path, reason: `${wanted} is more than the ${most} of ${MAX_LEVEL_BITS} bits` }]
      : [];
  });
  if (!Number.isInteger(strideBits) || strideBits < 0 || strideBits > MAX_STRIDE_BITS) {
    faults.push({ path: "strideBits", reason: `${strideBits} bits is not in 0..${MAX_STRIDE_BITS}` });
  }
  return faults;
}

function missingBits({ prefix, strideBits = 0 }: Wanted, levels: readonly Level[], missing: number): Fault {
  const parts = levels.map(({ level, wanted, bits }) => `${level} ${bits} (for ${wanted})`);
  if (strideBits > 0) parts.push(`stride ${strideBits}`);
  const there = addressBits(prefix.family) - prefix.length;
  const length = prefix.length - missing;
  const remedies = [
    ...(length < 1 ? [] : [`a /${length}`]),
    ...(prefix.family === 4 ? ["an IPv6 prefix"] : []),
  ];
  const reason =
    `${parts.join(" + ")} = ${there + missing} bits, but ${formatPrefix(prefix)} leaves ${there} ` +
    `(${missing} missing); ${remedies.length === 0 ? "no prefix" : remedies.join(" or ")} would do`;
  return { path: "prefix", reason };
}

/** The levels with the spare bits given out. */
function giveAway(levels: readonly Level[], spare: number, preference: Preference): Level[] {
  const filled = levels.map((level) => ({ ...level }));
  const preferred = filled.find(({ path }) => path === preference);
  if (preferred !== undefined) {
    const bits = Math.min(spare, MAX_LEVEL_BITS - preferred.bits);
    preferred.bits += bits;
    spare -= bits;
  }
  for (; spare > 0; spare--) fullest(filled).bits++;
  return filled;
}

/** The level with the smallest factor among those that can still grow; the first of equals. */
function fullest(levels: readonly Level[]): Level {
  const factor = ({ room, bits, wanted }: Level): number => room(bits) / wanted;
  return levels
    .filter(({ bits }) => bits < MAX_LEVEL_BITS)
    .reduce((found, level) => (factor(level) < factor(found) ? level : found));
}

function planOf(
  { prefix, numbering, groups = [], strideBits = 0 }: Wanted,
  levels: readonly Level[],
): AddressPlan {
  const bits = levels.map((level) => level.bits);
  const [hostBits, tenantBits, segmentBits, endpointBits] = bits.slice(groups.length) as [
    number,
    number,
    number,
    number,
  ];
  return createPlan({
    prefix,
    ...(numbering && { numbering }),
    groupLevels: groups.map(({ name }, index) => ({ name, bits: bits[index] as number })),
    hostBits,
    tenantBits,
    segmentBits,
    endpointBits,
    strideBits,
  });
}

function describe({ level, bits, wanted, room }: Level): ProposedLevel {
  const there = room(bits);
  return { level, bits, wanted, room: there, left: there - wanted, factor: there / wanted };
}
