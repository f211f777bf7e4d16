import { expect, test } from "vitest";
import { ManualTimers } from "../../test/support/manual-timers.ts";
import { Alarm, pause } from "./timers.ts";

test("an alarm rings once, at the earliest of its times", async () => {
  const timers = new ManualTimers(0);
  const rings: number[] = [];
  const alarm = new Alarm(timers, () => rings.push(timers.now()));
  alarm.set(100);
  alarm.set(300);
  alarm.set(50);
  expect(alarm.isSet).toBe(true);
  await timers.advance(1_000);
  expect(rings).toEqual([50]);
  expect(alarm.isSet).toBe(false);
  alarm.set(10);
  alarm.clear();
  await timers.advance(1_000);
  expect(rings).toEqual([50]);
});

test("an alarm may be set again while it rings", async () => {
  const timers = new ManualTimers(0);
  const rings: number[] = [];
  const alarm = new Alarm(timers, () => {
    rings.push(timers.now());
    if (rings.length < 3) alarm.set(10);
  });
  alarm.set(10);
  await timers.advance(1_000);
  expect(rings).toEqual([10, 20, 30]);
});

test("a pause ends with its time or with the signal", async () => {
  const timers = new ManualTimers(0);
  const abort = new AbortController();
  const ends: string[] = [];
  void pause(timers, 100, new AbortController().signal).then(() => ends.push("time"));
  void pause(timers, 10_000, abort.signal).then(() => ends.push("signal"));
  await timers.advance(100);
  abort.abort();
  await timers.advance(0);
  void pause(timers, 10_000, abort.signal).then(() => ends.push("at once"));
  await timers.advance(0);
  expect(ends).toEqual(["time", "signal", "at once"]);
});
