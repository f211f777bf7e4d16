import { describe, expect, test } from "vitest";
import { RomanaError } from "../model/index.ts";
import type { WatchBatch } from "./store.ts";
import { type History, WatchHub } from "./watch-hub.ts";

const batch = (revision: number, key: string, value = ""): WatchBatch => ({
  revision,
  changes: [{ key, entry: { key, value, createRevision: revision, modRevision: revision } }],
});

const LIMITS = { revisions: 4, characters: 1000 };

/** The revisions that a watch shows up to and including `last`. */
async function read(hub: WatchHub, prefix: string, after: number, last: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const { revision } of hub.watch(prefix, after, new AbortController().signal)) {
    seen.push(revision);
    if (revision >= last) break;
  }
  return seen;
}

describe("without a history", () => {
  test.each([
    ["revisions", LIMITS, ""],
    ["characters", { revisions: 1000, characters: 1000 }, "x".repeat(249)],
  ])("what is kept is bounded by %s, and the rest compacted", async (_, limits, value) => {
    const hub = new WatchHub(0, limits);
    for (let revision = 1; revision <= 100; revision++) {
      hub.publish(batch(revision, "k", value));
      expect(hub.oldest).toBeLessThanOrEqual(Math.max(0, revision - 4));
      expect(hub.oldest).toBeGreaterThanOrEqual(revision - 9);
    }
    await expect(read(hub, "", 50, 100)).rejects.toMatchObject({ code: "compacted" });
    expect(await read(hub, "", 96, 100)).toEqual([97, 98, 99, 100]);
  });

  test("one batch that is larger than all that may be kept is kept", async () => {
    const hub = new WatchHub(0, LIMITS);
    hub.publish(batch(1, "k", "x".repeat(5000)));
    expect(await read(hub, "", 0, 1)).toEqual([1]);
  });

  test("a watcher that falls behind ends with `compacted` and where it could start", async () => {
    const hub = new WatchHub(0, LIMITS);
    const batches = hub.watch("", 0, new AbortController().signal);
    hub.publish(batch(1, "k"));
    await batches.next();
    for (let revision = 2; revision <= 100; revision++) hub.publish(batch(revision, "k"));
    const error = await batches.next().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "compacted", failure: { oldest: hub.oldest } });
  });
});

describe("with a history", () => {
  /** A history of everything behind `oldest`, three batches at a time. */
  function historyOf(all: readonly WatchBatch[], bounds: { oldest: number }): History {
    return {
      oldest: () => bounds.oldest,
      read: (after) => all.slice(after, after + 3),
    };
  }

  test("a slow watcher goes from the history over to what is recent, with nothing left out or twice", async () => {
    const all: WatchBatch[] = [];
    const hub = new WatchHub(0, LIMITS, historyOf(all, { oldest: 0 }));
    const batches = hub.watch("", 0, new AbortController().signal);
    const seen: number[] = [];
    for (let revision = 1; revision <= 60; revision++) {
      all.push(batch(revision, "k"));
      hub.publish(all.at(-1) as WatchBatch);
      if (revision % 3 === 0) seen.push(((await batches.next()).value as WatchBatch).revision);
    }
    while (seen.length < 60) seen.push(((await batches.next()).value as WatchBatch).revision);
    expect(seen).toEqual(all.map(({ revision }) => revision));
  });

  test("a watcher in the history ends when that is compacted", async () => {
    const bounds = { oldest: 0 };
    const all = Array.from({ length: 100 }, (_, index) => batch(index + 1, "k"));
    const hub = new WatchHub(100, LIMITS, historyOf(all, bounds));
    const batches = hub.watch("", 0, new AbortController().signal);
    await batches.next();
    bounds.oldest = 50;
    const drain = async (): Promise<void> => {
      while (!(await batches.next()).done);
    };
    await expect(drain()).rejects.toMatchObject({ code: "compacted", failure: { oldest: 50 } });
  });

  test("reading far behind lets other work in between", async () => {
    const all = Array.from({ length: 3000 }, (_, index) => batch(index + 1, "other"));
    const hub = new WatchHub(3000, LIMITS, historyOf(all, { oldest: 0 }));
    let turns = 0;
    let done = false;
    const count = (): void => {
      turns += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const stop = new AbortController();
    const found = hub.watch("mine", 0, stop.signal).next();
    while (turns < 500) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    expect(await found).toEqual({ done: true, value: undefined });
    done = true;
  });
});

test("close() ends watches that wait and watches to come", async () => {
  const hub = new WatchHub(0, LIMITS);
  const waiting = read(hub, "", 0, 1);
  const closed = new RomanaError("closed", { code: "unavailable" });
  hub.close(closed);
  await expect(waiting).rejects.toBe(closed);
  await expect(read(hub, "", 0, 1)).rejects.toBe(closed);
});
