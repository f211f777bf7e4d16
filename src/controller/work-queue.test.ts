import { afterEach, describe, expect, test } from "vitest";
import { RomanaError } from "../model/index.ts";
import { WorkQueue } from "./work-queue.ts";

const unavailable = (): RomanaError => new RomanaError("away", { code: "unavailable" });
const refused = (): RomanaError => new RomanaError("no", { code: "internal" });

/** Runs what is ready. */
async function settled(): Promise<void> {
  for (let round = 0; round < 20; round++) await Promise.resolve();
}

interface Waiting {
  readonly milliseconds: number;
  readonly go: () => void;
}

/** A queue whose work ends, and whose time passes, when the test says so. Keys that start with "late" are late. */
class Rig {
  readonly log: string[] = [];
  readonly waits: Waiting[] = [];
  readonly queue: WorkQueue;
  readonly #open = new Map<string, { resolve: (again?: number) => void; reject: (error: Error) => void }>();

  constructor(concurrency = 10) {
    this.queue = new WorkQueue({
      concurrency,
      random: () => 1,
      isLate: (key) => key.startsWith("late"),
      onFailure: (key, _, attempt) => this.log.push(`failed ${key} ${attempt}`),
      handle: (key) => {
        this.log.push(`start ${key}`);
        return new Promise((resolve, reject) => {
          this.#open.set(key, { resolve: (again) => resolve(again), reject });
        });
      },
      sleep: (milliseconds, signal) =>
        new Promise((resolve, reject) => {
          const wait = {
            milliseconds,
            go: () => {
              this.waits.splice(this.waits.indexOf(wait), 1);
              resolve();
            },
          };
          this.waits.push(wait);
          signal?.addEventListener("abort", () => {
            this.waits.splice(this.waits.indexOf(wait), 1);
            reject(new Error("aborted"));
          });
        }),
    });
  }

  async end(key: string, result?: number | Error): Promise<void> {
    const open = this.#open.get(key);
    this.#open.delete(key);
    if (result instanceof Error) open?.reject(result);
    else open?.resolve(result);
    await settled();
  }

  /** What has happened since the last look. */
  async look(): Promise<string[]> {
    await settled();
    return this.log.splice(0);
  }

  async pass(): Promise<void> {
    // What goes takes itself out of the list.
    for (const { go } of this.waits.toReversed()) go();
    await settled();
  }
}

let rig: Rig;
afterEach(async () => {
  const closed = rig.queue.close();
  for (const key of ["a", "b", "c", "late", "late2"]) await rig.end(key);
  await closed;
});

describe("WorkQueue", () => {
  test("works on as many keys as it may, on one key once, and again when it was added meanwhile", async () => {
    rig = new Rig(2);
    for (const key of ["a", "b", "c", "a"]) rig.queue.add(key);
    expect(await rig.look()).toEqual(["start a", "start b"]);
    expect(rig.queue.length).toBe(3);
    await rig.end("b");
    expect(await rig.look()).toEqual(["start c"]);
    await rig.end("a");
    expect(await rig.look()).toEqual(["start a"]);
    await rig.end("a");
    await rig.end("c");
    expect(await rig.look()).toEqual([]);
    await rig.queue.idle();
  });

  test("tries again with growing waits, each failure told; success starts anew", async () => {
    rig = new Rig();
    rig.queue.add("a");
    const waited: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      await rig.end("a", unavailable());
      waited.push(rig.waits[0]?.milliseconds as number);
      expect(rig.queue.failing).toBe(1);
      await rig.pass();
    }
    expect(waited).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    await rig.end("a");
    expect(rig.queue.failing).toBe(0);
    rig.queue.add("a");
    await rig.end("a", refused());
    expect(rig.waits.map(({ milliseconds }) => milliseconds)).toEqual([500]);
    expect((await rig.look()).filter((line) => line.startsWith("failed"))).toEqual([
      ...Array.from({ length: 9 }, (_, attempt) => `failed a ${attempt}`),
      "failed a 0",
    ]);
  });

  test("a key that is added while it waits is worked on at once, and only once", async () => {
    rig = new Rig();
    rig.queue.add("a");
    await rig.end("a", refused());
    rig.queue.add("a");
    expect(rig.waits).toEqual([]);
    expect(await rig.look()).toEqual(["start a", "failed a 0", "start a"]);
  });

  test("a handler may ask to be called again later", async () => {
    rig = new Rig();
    rig.queue.add("a");
    await rig.end("a", 700);
    expect(rig.waits.map(({ milliseconds }) => milliseconds)).toEqual([700]);
    await rig.pass();
    expect(await rig.look()).toEqual(["start a", "start a"]);
  });

  test("late keys wait for what was added before them, not for what comes after", async () => {
    rig = new Rig();
    rig.queue.add("a");
    rig.queue.add("late");
    rig.queue.add("b");
    expect(await rig.look()).toEqual(["start a", "start b"]);
    await rig.end("a");
    expect(await rig.look()).toEqual(["start late"]);
  });

  test("late keys wait while an earlier key fails for a moment, but not when it fails for good", async () => {
    rig = new Rig();
    rig.queue.add("a");
    rig.queue.add("late");
    await rig.end("a", unavailable());
    expect(await rig.look()).toEqual(["start a", "failed a 0"]);
    await rig.pass();
    expect(await rig.look()).toEqual(["start a"]);
    await rig.end("a", refused());
    expect(await rig.look()).toEqual(["failed a 1", "start late"]);
  });

  test("a key that is added again while late ones wait for it does not hold them longer", async () => {
    rig = new Rig();
    rig.queue.add("a");
    rig.queue.add("late");
    rig.queue.add("a");
    await rig.end("a");
    expect(await rig.look()).toEqual(["start a", "start a", "start late"]);
    rig.queue.add("late2");
    expect(await rig.look()).toEqual([]);
    await rig.end("a");
    expect(await rig.look()).toEqual(["start late2"]);
  });

  test("closed, it takes nothing more and waits for what is under way", async () => {
    rig = new Rig(1);
    rig.queue.add("a");
    rig.queue.add("b");
    let isClosed = false;
    const closed = rig.queue.close().then(() => {
      isClosed = true;
    });
    rig.queue.add("c");
    await settled();
    expect(isClosed).toBe(false);
    await rig.end("a", unavailable());
    await closed;
    expect(await rig.look()).toEqual(["start a"]);
    expect(rig.waits).toEqual([]);
  });
});
