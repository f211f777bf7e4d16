import { expect, test } from "vitest";
import { runStep, type Said } from "./step.ts";

const FINDING = { reason: "it is gone", advice: "look" };

const CASES: [string, () => Promise<Said>, object][] = [
  ["nothing found", async () => ({ detail: "all" }), { result: "ok", detail: "all", findings: [] }],
  [
    "something found",
    async () => ({ detail: "all", findings: [FINDING] }),
    { result: "failed", detail: "all", findings: [FINDING] },
  ],
  ["not done", async () => ({ skipped: "no need" }), { result: "skipped", detail: "no need", findings: [] }],
  [
    "an error",
    () => Promise.reject(new Error("no way")),
    {
      result: "failed",
      detail: "it could not be done",
      findings: [{ reason: "no way", advice: "see the reason" }],
    },
  ],
];

test.each(CASES)("runStep(): %s", async (_, work, outcome) => {
  const times = [5, 17.4];
  const step = await runStep("it", new AbortController().signal, () => times.shift() ?? 0, work);
  expect(step).toEqual({ name: "it", elapsed: 12, ...outcome });
});

test("runStep() ends with an interrupt instead of a finding", async () => {
  const stop = new AbortController();
  const step = runStep(
    "it",
    stop.signal,
    () => 0,
    () => {
      stop.abort();
      return Promise.reject(new Error("interrupted"));
    },
  );
  await expect(step).rejects.toMatchObject({ failure: { code: "aborted" } });
});
