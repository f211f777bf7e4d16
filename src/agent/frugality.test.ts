import { expect, test } from "vitest";
import { Frugality } from "./frugality.ts";

const MB = 1_000_000;

/** What a program needs in turn at each look, in megabytes, with what lies around; returns the looks that gave back. */
function attempts(looks: readonly { readonly needed: number; readonly garbage: number }[]): number[] {
  let resident = 0;
  let needed = 0;
  const released: number[] = [];
  let at = 0;
  const frugality = new Frugality(() => {
    const before = resident;
    resident = needed;
    released.push(at);
    return { before: before * MB, after: resident * MB };
  });
  for (const look of looks) {
    resident = Math.max(resident, look.needed + look.garbage);
    needed = look.needed;
    frugality.look(resident * MB);
    at++;
  }
  return released;
}

const rest = (count: number, needed = 70): { needed: number; garbage: number }[] =>
  Array.from({ length: count }, () => ({ needed, garbage: 0 }));

test("nothing but one series for a program at rest", () => {
  expect(attempts(rest(200))).toEqual([0, 2, 6, 14, 30]);
});
test("much given back begins the series anew", () => {
  expect(attempts([{ needed: 70, garbage: 60 }, ...rest(200)])).toEqual([0, 1, 3, 7, 15, 31]);
});
test("what was in use at the first attempt is given back by a later one", () => {
  const released = attempts([...rest(1, 130), ...rest(200)]);
  expect(released.slice(0, 3)).toEqual([0, 2, 3]);
});
test("growth begins a new series at once", () => {
  const grown = [...rest(100), { needed: 90, garbage: 5 }, ...rest(3, 90)];
  expect(attempts(grown).filter((at) => at >= 100)).toEqual([100, 102]);
});
