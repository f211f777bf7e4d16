import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignSlots, SLOTS } from "./slots.ts";
import { stableHash, stablePair } from "./stable-hash.ts";

const itself = (name: string): string => name;

/** The same by the letter: all pairs in the order of their numbers, one after the other. */
function slowSlots(members: readonly string[]): readonly string[] {
  const names = [...new Set(members)].toSorted();
  const pairs = names
    .flatMap((member) =>
      Array.from({ length: SLOTS }, (_, slot) => ({
        member,
        slot,
        value: stablePair(stableHash(member), slot),
      })),
    )
    .toSorted((a, b) => a.value - b.value || a.slot - b.slot || (a.member < b.member ? -1 : 1));
  const owners = new Map<number, string>();
  const owned = new Map(names.map((name) => [name, 0]));
  for (const { member, slot } of pairs) {
    const has = owned.get(member) ?? 0;
    const least = Math.floor(SLOTS / names.length);
    const taken = [...owned.values()].filter((count) => count > least).length;
    if (owners.has(slot) || has > least || (has === least && taken === SLOTS % names.length)) continue;
    owners.set(slot, member);
    owned.set(member, has + 1);
  }
  return Array.from({ length: SLOTS }, (_, slot) => owners.get(slot) ?? "").filter((name) => name !== "");
}

function moved(before: readonly string[], after: readonly string[]): number {
  return before.filter((member, slot) => member !== after[slot]).length;
}

/** Addresses as endpoints have them: alike but for a few bits. */
const address = fc.integer({ min: 0, max: 0xffff }).map((value) => `10.0.${value >> 8}.${value & 255}`);
const addresses = (constraints: fc.UniqueArrayConstraints<string, string>): fc.Arbitrary<string[]> =>
  fc.uniqueArray(address, constraints);

describe("assignSlots()", () => {
  test("nobody has a slot where nobody is", () => {
    expect(assignSlots([], itself)).toEqual([]);
  });

  test("all hosts and versions agree", () => {
    const slots = assignSlots(["10.1.0.3", "10.2.0.3", "10.3.0.3"], itself);
    expect(
      slots
        .slice(0, 12)
        .map((member) => member.slice(3, 4))
        .join(""),
    ).toBe("311222322332");
  });

  test("of two members with the same key the first counts", () => {
    const slots = assignSlots(["a1", "b1", "a2"], (name) => name.slice(0, 1));
    expect(new Set(slots)).toEqual(new Set(["a1", "b1"]));
  });

  test("every member gets as many as any other, or one more", () => {
    fc.assert(
      fc.property(addresses({ minLength: 1, maxLength: 200 }), (members) => {
        const slots = assignSlots(members, itself);
        const counts = members.map((member) => slots.filter((owner) => owner === member).length);
        const share = SLOTS / members.length;
        expect(slots).toHaveLength(SLOTS);
        expect(Math.min(...counts)).toBe(Math.floor(share));
        expect(Math.max(...counts)).toBe(Math.ceil(share));
      }),
      { numRuns: 60 },
    );
  });

  test("more members than slots is no harm", () => {
    const members = Array.from({ length: SLOTS + 5 }, (_, index) => `member ${index}`);
    const slots = assignSlots(members, itself);
    expect(new Set(slots).size).toBe(SLOTS);
  });

  test("the order of members does not matter", () => {
    fc.assert(
      fc.property(
        addresses({ minLength: 1, maxLength: 40 }).chain((members) =>
          fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
        ),
        ([members, shuffled]) => {
          expect(assignSlots(shuffled, itself)).toEqual(assignSlots(members, itself));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("a member more or less moves at most 1.5 times its share; a few slots more where shares are small", () => {
    fc.assert(
      fc.property(addresses({ minLength: 2, maxLength: 64 }), ([newcomer, ...members]) => {
        const before = assignSlots(members, itself);
        const after = assignSlots([...members, newcomer as string], itself);
        const slack = members.length <= 16 ? 0 : SLOTS / 50;
        expect(moved(before, after)).toBeLessThanOrEqual((1.5 * SLOTS) / members.length + slack);
      }),
      { numRuns: 200 },
    );
  });

  test("says the same as all pairs gone through one by one", () => {
    fc.assert(
      fc.property(addresses({ minLength: 1, maxLength: 12 }), (members) => {
        expect(assignSlots(members, itself)).toEqual(slowSlots(members));
      }),
      { numRuns: 20 },
    );
  });
});
