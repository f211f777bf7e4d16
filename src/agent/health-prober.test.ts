import { beforeEach, describe, expect, test } from "vitest";
import { ManualTimers } from "../../test/support/manual-timers.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import { HealthProber, type HealthTarget, type Probe } from "./health-prober.ts";

const CHECK = { protocol: "tcp", port: 80, interval: 500, timeout: 500, failures: 2, successes: 2 } as const;

let timers: ManualTimers;
let prober: HealthProber;
let probes: Probe[];
/** Addresses that answer. */
let answering: Set<string>;
let changes: number;

function target(number: number, change: Partial<HealthTarget> = {}): HealthTarget {
  const key = `10.1.1.${number}`;
  const address = parseAddress(key);
  return {
    key,
    address,
    source: parseAddress("10.1.0.1"),
    checks: [CHECK],
    wasHealthy: () => false,
    ...change,
  };
}

beforeEach(() => {
  timers = new ManualTimers();
  probes = [];
  answering = new Set(["10.1.1.1", "10.1.1.2"]);
  changes = 0;
  const probe = (asked: Probe): Promise<boolean> => {
    probes.push(asked);
    return Promise.resolve(answering.has(formatAddress(asked.address)) && asked.port !== 81);
  };
  prober = new HealthProber({ probe, timers, onChange: () => changes++ });
});

describe("HealthProber", () => {
  test("an endpoint is healthy with the first answer", async () => {
    prober.follow([target(1), target(3)]);
    expect(prober.healthy).toEqual([]);
    await timers.advance(0);
    expect(prober.healthy).toEqual(["10.1.1.1"]);
    expect(changes).toBe(1);
  });

  test("one that was healthy before is so until probes have failed so often", async () => {
    prober.follow([target(3, { wasHealthy: () => true })]);
    expect(prober.healthy).toEqual(["10.1.1.3"]);
    await timers.advance(499);
    expect(prober.healthy).toEqual(["10.1.1.3"]);
    await timers.advance(1);
    expect(prober.healthy).toEqual([]);
  });

  test.each([
    ["a failure alone changes nothing", [false, true, false, true], true],
    ["two in a row do", [true, false, false], false],
    ["one success is not enough then", [false, false, true], false],
    ["two in a row are", [false, false, true, true], true],
  ])("%s", async (_, results, expected) => {
    prober.follow([target(1)]);
    await timers.advance(0);
    for (const hasAnswered of results) {
      answering = new Set(hasAnswered ? ["10.1.1.1"] : []);
      await timers.advance(500);
    }
    expect(prober.healthy).toEqual(expected ? ["10.1.1.1"] : []);
  });

  test("all checks have to hold", async () => {
    prober.follow([target(1, { checks: [CHECK, { ...CHECK, port: 81 }] })]);
    await timers.advance(2_000);
    expect(prober.healthy).toEqual([]);
    prober.follow([target(1, { checks: [CHECK] })]);
    await timers.advance(0);
    expect(prober.healthy).toEqual(["10.1.1.1"]);
  });

  test("looks as often as the check says, from the address that it was given", async () => {
    prober.follow([target(1)]);
    await timers.advance(2_100);
    expect(probes).toHaveLength(5);
    expect(probes[0]).toMatchObject({ source: parseAddress("10.1.0.1"), port: 80, timeout: 500 });
  });

  test("who is followed again goes on as it was", async () => {
    prober.follow([target(1)]);
    await timers.advance(100);
    prober.follow([target(1), target(2)]);
    await timers.advance(0);
    expect(prober.healthy).toEqual(["10.1.1.1", "10.1.1.2"]);
    expect(probes).toHaveLength(2);
  });

  test("with other checks, what was true is true for now", async () => {
    prober.follow([target(1)]);
    await timers.advance(0);
    answering.clear();
    prober.follow([target(1, { checks: [{ ...CHECK, interval: 600 }] })]);
    expect(prober.healthy).toEqual(["10.1.1.1"]);
    await timers.advance(600);
    expect(prober.healthy).toEqual([]);
  });

  test("forgets who is gone, and tells so", async () => {
    prober.follow([target(1)]);
    await timers.advance(0);
    prober.follow([]);
    expect(prober.healthy).toEqual([]);
    expect(changes).toBe(2);
    await timers.advance(5_000);
    expect(probes).toHaveLength(1);
  });

  test("a late answer counts for nobody who is gone", async () => {
    let settle: (value: boolean) => void = () => {};
    prober = new HealthProber({
      probe: () =>
        new Promise((resolve) => {
          settle = resolve;
        }),
      timers,
      onChange: () => changes++,
    });
    prober.follow([target(1)]);
    await timers.advance(0);
    prober.close();
    settle(true);
    await timers.advance(1_000);
    expect([prober.healthy, changes]).toEqual([[], 0]);
  });
});
