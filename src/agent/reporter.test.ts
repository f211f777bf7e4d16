import { describe, expect, test } from "vitest";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import { ManualTimers } from "../../test/support/manual-timers.ts";
import { Reporter } from "./reporter.ts";

function report() {
  const romanad = new FakeRomanad();
  const timers = new ManualTimers();
  const status = { problems: [] as string[], attachments: 0 };
  const reporter = new Reporter({
    host: "host-1",
    romanad,
    timers,
    status: () => ({
      observedRevision: 40,
      state: status.problems.length === 0 ? "ok" : "degraded",
      problems: status.problems,
      routes: [],
      attachments: status.attachments,
      version: "1.2.3",
      reportedAt: timers.now(),
    }),
  });
  return { romanad, timers, status, reporter };
}

describe("Reporter", () => {
  test("reports what has changed, once for many changes, and nothing twice", async () => {
    const { romanad, timers, status, reporter } = report();
    for (let time = 0; time < 10; time++) reporter.notice();
    await timers.advance(1_000);
    reporter.notice();
    await timers.advance(1_000);
    expect(romanad.reports).toHaveLength(1);
    status.problems = ["x"];
    reporter.notice();
    await timers.advance(1_000);
    expect(romanad.reports.map(({ state }) => state)).toEqual(["ok", "degraded"]);
  });

  test("tells the number of attachments a moment later", async () => {
    const { romanad, timers, status, reporter } = report();
    for (let time = 0; time < 100; time++) {
      status.attachments += 1;
      reporter.noticeCount();
      await timers.advance(10);
    }
    await timers.advance(2_000);
    expect(romanad.reports.map(({ attachments }) => attachments)).toEqual([100]);
  });

  test("tries again when romanad is away, and reports again when it may have forgotten", async () => {
    const { romanad, timers, reporter } = report();
    romanad.leave();
    reporter.notice();
    await timers.advance(2_000);
    romanad.comeBack();
    await timers.advance(5_000);
    expect(romanad.reports).toHaveLength(1);
    reporter.forget();
    await timers.advance(1_000);
    expect(romanad.reports).toHaveLength(2);
  });
});
