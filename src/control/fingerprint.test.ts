import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bucketOf, Fingerprint } from "./fingerprint.ts";

function add(fingerprint: Fingerprint, name: string, place: string, sign: 1 | -1): void {
  fingerprint.add(name, 0, name.length, place, 0, place.length, sign);
}

const text = fc.string({ maxLength: 6 });
const pairs = fc.array(fc.tuple(text, text), { maxLength: 40 });

describe("Fingerprint", () => {
  test("is zero for the same pairs in any order", () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const fingerprint = new Fingerprint();
        for (const [name, place] of list) add(fingerprint, name, place, 1);
        for (const [name, place] of list.toReversed()) add(fingerprint, name, place, -1);
        expect(fingerprint.differing().size).toBe(0);
      }),
    );
  });

  test("differs exactly in the bucket of a name whose pair is missing or other", () => {
    fc.assert(
      fc.property(pairs, text, text, text, (list, name, place, other) => {
        fc.pre(place !== other);
        const fingerprint = new Fingerprint();
        for (const [each, where] of list) {
          add(fingerprint, each, where, 1);
          add(fingerprint, each, where, -1);
        }
        add(fingerprint, name, place, 1);
        expect([...fingerprint.differing()]).toEqual([bucketOf(name)]);
        add(fingerprint, name, other, -1);
        expect([...fingerprint.differing()]).toEqual([bucketOf(name)]);
      }),
    );
  });

  test.each([
    ["ab", "c", "a", "bc"],
    ["a", "", "", "a"],
    ["x", "y", "y", "x"],
  ])("(%s, %s) is not (%s, %s)", (name, place, otherName, otherPlace) => {
    const fingerprint = new Fingerprint();
    add(fingerprint, name, place, 1);
    add(fingerprint, otherName, otherPlace, -1);
    expect(fingerprint.differing().size).toBeGreaterThan(0);
  });

  test("reads parts of texts", () => {
    const fingerprint = new Fingerprint();
    fingerprint.add("xxnamexx", 2, 6, "//spot", 2, 6, 1);
    add(fingerprint, "name", "spot", -1);
    expect(fingerprint.differing().size).toBe(0);
  });

  test("no two of a hundred thousand pairs cancel each other", () => {
    const fingerprint = new Fingerprint();
    for (let index = 0; index < 100_000; index++) {
      add(fingerprint, `web-${index}`, `host-1/main/t/0000000001/${index}`, 1);
      add(fingerprint, `web-${index}`, `host-1/main/t/0000000001/${index + 1}`, -1);
    }
    expect(fingerprint.differing().size).toBe(1024);
  });
});
