import { afterAll, describe, expect, test } from "vitest";
import { MutantBench, mutated } from "./mutant-bench.ts";
import { POLICY_MUTATIONS } from "./policy-mutations.ts";

/** Copies in which mutations wait for their turn. */
const idle = [new MutantBench(), new MutantBench()];

afterAll(() => {
  for (const bench of idle) bench.close();
});

/** As many at once as there are copies. */
async function onBench<T>(work: (bench: MutantBench) => Promise<T>): Promise<T> {
  const bench = idle.pop();
  if (bench === undefined) throw new Error("more tests run at once than there are copies");
  try {
    return await work(bench);
  } finally {
    idle.push(bench);
  }
}

describe("mistakes in policies are noticed", () => {
  test.concurrent("without a mistake all tests pass", async ({ expect: expectHere }) => {
    const { passed, failed } = await onBench((bench) => bench.run());
    expectHere(failed).toEqual([]);
    expectHere(passed).toBeGreaterThan(500);
  });

  test.concurrent.each(POLICY_MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
    "%s",
    async (_, mutation) => {
      const { failed } = await onBench((bench) => bench.run(mutation));
      expect(failed).not.toEqual([]);
    },
  );
});

describe("mutated()", () => {
  const mutation = { name: "m", file: "f.ts", text: "a", replacement: "b" };

  test.each([
    ["x", 'mutation "m": its text is 0 times in f.ts, not once'],
    ["a a", 'mutation "m": its text is 2 times in f.ts, not once'],
  ])("refuses %j", (source, message) => {
    expect(() => mutated(source, mutation)).toThrow(message);
  });

  test("replaces", () => {
    expect(mutated("xay", mutation)).toBe("xby");
  });
});
