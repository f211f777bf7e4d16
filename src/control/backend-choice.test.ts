import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Backend } from "../model/index.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import { backendsFromLog, type LoggedBeat } from "./backend-choice.reference.ts";
import { chooseBackends, type Health, heartbeatName, MAX_BACKENDS } from "./backend-choice.ts";
import { Hearing } from "./hearing.ts";

const HOSTS = ["a", "b", "c"] as const;

/** Member `index` of three hosts in turn, in the order of addresses. */
function member(index: number): Backend {
  return {
    host: HOSTS[index % 3] as string,
    addresses: { ipv4: { family: 4, value: 0x0a00_0000n + BigInt(index) } },
  };
}
const MEMBERS = Array.from({ length: 9 }, (_, index) => member(index));

const always: Health = { stateOf: () => "heard", isHealthy: () => true };

describe("chooseBackends()", () => {
  test("is in the order of addresses, IPv4 first, and not of their text", () => {
    const texts = ["fd00::1", "10.0.0.10", "10.0.0.9", "9.0.0.1"];
    const members = texts.map((text) => {
      const address = parseAddress(text);
      return { host: "a", addresses: { [`ipv${address.family}`]: address } };
    });
    const chosen = chooseBackends(members, false, [], always);
    expect(chosen.map(({ addresses }) => heartbeatName(addresses))).toEqual([
      "9.0.0.1",
      "10.0.0.9",
      "10.0.0.10",
      "fd00::1",
    ]);
  });

  test(`has at most ${MAX_BACKENDS}, those with the lowest addresses`, () => {
    const members = Array.from({ length: MAX_BACKENDS + 1 }, (_, index) => member(index)).reverse();
    const chosen = chooseBackends(members, false, [], always);
    expect(chosen).toHaveLength(MAX_BACKENDS);
    expect(chosen[0]).toEqual(member(0));
    expect(chosen.at(-1)).toEqual(member(MAX_BACKENDS - 1));
  });
});

const stepArbitrary = fc.oneof(
  { weight: 3, arbitrary: fc.record({ wait: fc.constantFrom(100, 900, 2000, 2999, 3001, 5999, 6000) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      beat: fc.constantFrom(...HOSTS),
      healthy: fc.subarray(MEMBERS.map(({ addresses }) => heartbeatName(addresses))),
    }),
  },
  { weight: 1, arbitrary: fc.record({ members: fc.subarray(MEMBERS) }) },
);

test("what is kept step by step is what follows from all that was ever heard", () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 40 }), fc.boolean(), (steps, hasChecks) => {
      const hearing = new Hearing();
      const log: LoggedBeat[] = [];
      let now = 0;
      let members: readonly Backend[] = MEMBERS;
      // What an earlier romanad has stored.
      let stored: readonly Backend[] = MEMBERS.slice(0, 4);
      for (const step of steps) {
        if ("wait" in step) now += step.wait;
        else if ("members" in step) ({ members } = step);
        else {
          hearing.take(step.beat, step.healthy, now);
          log.push({ host: step.beat, at: now, healthy: step.healthy });
        }
        const health = {
          stateOf: (host: string) => hearing.stateOf(host, now),
          isHealthy: (host: string, name: string) => hearing.isHealthy(host, name),
        };
        const chosen = chooseBackends(members.toReversed(), hasChecks, stored, health);
        expect(chosen).toEqual(backendsFromLog(log, members, hasChecks, stored, now));
        stored = chosen;
      }
    }),
    { numRuns: 500 },
  );
});

describe("a heartbeat says something new", () => {
  test.each([
    ["the first", [], true],
    ["the same again", [{ at: 0, healthy: ["1"] }], false],
    ["another endpoint", [{ at: 0, healthy: ["2"] }], true],
    ["one more endpoint", [{ at: 0, healthy: [] }], true],
    ["after silence", [{ at: -6000, healthy: ["1"] }], true],
  ] as const)("%s", (_, before, isNew) => {
    const hearing = new Hearing();
    for (const { at, healthy } of before) hearing.take("a", healthy, at);
    expect(hearing.take("a", ["1"], 0)).toBe(isNew);
  });

  test("names are texts of addresses", () => {
    const ipv6 = parseAddress("FD00::0001");
    expect(heartbeatName({ ipv6 })).toBe(formatAddress(ipv6));
    expect(heartbeatName({ ipv4: parseAddress("10.0.0.1"), ipv6 })).toBe("10.0.0.1");
  });
});
