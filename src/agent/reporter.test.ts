import { describe, expect, test } from "vitest";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import { ManualTimers } from "../../test/support/manual-timers.ts";
import { RomanaError, type RouteStatus } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { Reporter } from "./reporter.ts";

function report() {
  const romanad = new FakeRomanad();
  const timers = new ManualTimers();
  const status = { problems: [] as string[], attachments: 0, routes: [] as RouteStatus[] };
  const reporter = new Reporter({
    host: "host-1",
    romanad,
    timers,
    status: () => ({
      observedRevision: 40,
      state: status.problems.length === 0 ? "ok" : "degraded",
      problems: status.problems,
      routes: status.routes,
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

  test("tells routes when they have changed, when the last report failed, and when romanad may have forgotten", async () => {
    const { romanad, timers, status, reporter } = report();
    const tell = async (): Promise<void> => {
      reporter.notice();
      await timers.advance(6_000);
    };
    const route = { destination: parsePrefix("10.2.0.0/16"), type: "unicast" } as const;
    status.routes = [{ ...route, state: "missing" }];
    await tell();
    status.problems = ["x"];
    await tell();
    status.routes = [{ ...route, state: "missing" }];
    status.problems = ["y"];
    await tell();
    status.routes = [{ ...route, state: "present" }];
    await tell();
    romanad.before = (call) => {
      if (call === "report") throw new RomanaError("Cannot store status: no routes", { code: "aborted" });
    };
    status.problems = ["z"];
    await tell();
    romanad.before = undefined;
    await tell();
    reporter.forget();
    await tell();
    expect(romanad.sentRoutes).toEqual([1, undefined, undefined, 1, 1, 1]);
    expect(romanad.reports.at(-1)?.routes).toEqual([{ ...route, state: "present" }]);
  });
});
