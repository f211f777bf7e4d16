import { stableHash, stablePair } from "./stable-hash.ts";

/** The kernel hashes a flow to one of so many slots, each of which belongs to one member. Prime, as hashes like it. */
export const SLOTS = 1021;

/** Of 2^32 hash values; what is below comes first. */
const RANGE = 2 ** 32;
/** Candidates of one pass, so that their positions fit beside a hash into 53 bits. */
const POSITIONS = 2 ** 21;

/**
 * Gives every slot to one of the members. Each member gets as many as any other, or one more; a member that comes or goes changes
 * the owner of about as many slots as it has; the order of the members does not matter. So every host gives the same
 * answer for the same members without asking anybody.
 *
 * Each pair of a slot and a member has a number; the pairs are gone through by it, and the slot is the member's if it is still nobody's
 * and the member has not got enough.
 * @param keyOf what tells members apart, the same on every host; of two with the same key the first counts
 * @returns the member of each of the {@link SLOTS} slots; empty without members
 */
export function assignSlots<T>(members: readonly T[], keyOf: (member: T) => string): readonly T[] {
  const byKey = new Map(members.toReversed().map((member) => [keyOf(member), member]));
  const sorted = [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const count = sorted.length;
  if (count === 0) return [];
  const owners = ownersOf(sorted.map(([key]) => stableHash(key)));
  return owners.map((owner) => (sorted[owner] as (typeof sorted)[number])[1]);
}

/** By slot, the index of its owner in the hashes. Goes through pairs a part of the hash values at a time: the first decide almost all. */
function ownersOf(hashes: readonly number[]): number[] {
  const count = hashes.length;
  const least = Math.floor(SLOTS / count);
  let spare = SLOTS % count;
  const owners = Array.from({ length: SLOTS }, () => -1);
  const owned = Array.from({ length: count }, () => 0);
  const isOpen = (member: number): boolean => (owned[member] as number) < least + (spare > 0 ? 1 : 0);
  let from = 0;
  for (let until = (2 * RANGE) / count; from < RANGE; until *= 2) {
    for (const { slot, member } of candidates(hashes, owners, isOpen, from, until)) {
      if (owners[slot] !== -1 || !isOpen(member)) continue;
      if (owned[member] === least) spare--;
      owners[slot] = member;
      owned[member] = (owned[member] as number) + 1;
    }
    from = until;
  }
  return owners;
}

/** Pairs of free slots and open members whose number is in the range, by number, then slot, then member. */
function* candidates(
  hashes: readonly number[],
  owners: readonly number[],
  isOpen: (member: number) => boolean,
  from: number,
  until: number,
): Generator<{ readonly slot: number; readonly member: number }> {
  const found: number[] = [];
  const pairs: number[] = [];
  const open = [...hashes.keys()].filter(isOpen);
  for (let slot = 0; slot < SLOTS; slot++) {
    if (owners[slot] !== -1) continue;
    for (const member of open) {
      const value = stablePair(hashes[member] as number, slot);
      if (value < from || value >= until) continue;
      found.push(value * POSITIONS + pairs.length);
      pairs.push(slot * hashes.length + member);
    }
  }
  for (const value of Float64Array.from(found).sort()) {
    const pair = pairs[value % POSITIONS] as number;
    yield { slot: Math.floor(pair / hashes.length), member: pair % hashes.length };
  }
}
