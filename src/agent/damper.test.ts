import { describe, expect, test } from "vitest";
import { Damper } from "./damper.ts";

const OPTIONS = { free: 3, first: 100, longest: 400, calm: 1_000 };

/** Waits before each of `count` repairs of one thing, each made as soon as it may be. */
function waits(count: number): number[] {
  const damper = new Damper(OPTIONS);
  let now = 0;
  return Array.from({ length: count }, () => {
    const wait = damper.wait("table", now);
    now += wait;
    damper.record("table", now);
    return wait;
  });
}

describe("Damper", () => {
  test("lets the first repairs through, then waits longer up to the bound", () => {
    expect(waits(7)).toEqual([0, 0, 0, 100, 200, 400, 400]);
  });

  test("a thing that was left alone starts anew", () => {
    const damper = new Damper(OPTIONS);
    for (let now = 0; now < 5; now++) damper.record("table", now);
    expect(damper.wait("table", 5)).toBe(399);
    damper.record("table", 1_005);
    expect(damper.wait("table", 1_005)).toBe(0);
  });

  test("things do not wait for each other", () => {
    const damper = new Damper(OPTIONS);
    for (let now = 0; now < 5; now++) damper.record("table", now);
    expect(damper.wait("route 10.2.0.0/16", 5)).toBe(0);
  });

  test("fights() names what is being fought over, until it is left alone", () => {
    const damper = new Damper(OPTIONS);
    damper.record("route 10.2.0.0/16", 0);
    for (let now = 0; now < 4; now++) damper.record("table", now);
    expect(damper.fights(10)).toEqual([{ item: "table", repairs: 4 }]);
    expect(damper.fights(1_004)).toEqual([]);
  });
});
