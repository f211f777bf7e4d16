/** Long because it is the one list of everything that a store promises. */
import { describe, expect, onTestFinished, test } from "vitest";
import { hasCode } from "../model/index.ts";
import {
  type Compare,
  type LeaseId,
  MAX_KEY_BYTES,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  type Store,
  type WatchBatch,
  type Write,
} from "./store.ts";

/** A store to test, and the time its leases live in. */
export interface StoreFixture {
  readonly store: Store;
  /** Lets so many seconds pass for leases. */
  readonly advance: (seconds: number) => Promise<void>;
  /** Removes what the fixture made, the store included. */
  readonly dispose: () => Promise<void>;
}

const ABSENT = 0;
const HALF_PAIR = "a\ud800b";

const put = (key: string, value = key, lease?: LeaseId): Write =>
  lease === undefined ? { type: "put", key, value } : { type: "put", key, value, lease };
const remove = (key: string): Write => ({ type: "delete", key });

async function keysOf(store: Store, prefix = ""): Promise<string[]> {
  return (await store.list(prefix)).entries.map(({ key }) => key);
}

/** Puts the keys in one transaction and returns its revision. */
async function write(store: Store, ...writes: Write[]): Promise<number> {
  const result = await store.transact([], writes);
  expect(result.committed).toBe(true);
  return result.revision;
}

/** The next `count` batches of a watch. */
async function take(batches: AsyncIterable<WatchBatch>, count: number): Promise<WatchBatch[]> {
  const taken: WatchBatch[] = [];
  if (count === 0) return taken;
  for await (const batch of batches) if (taken.push(batch) === count) break;
  return taken;
}

/** The first `count` batches below the prefix after the revision. */
async function watched(store: Store, prefix: string, after: number, count: number): Promise<WatchBatch[]> {
  const stop = new AbortController();
  const batches = await take(store.watch(prefix, after, stop.signal), count);
  stop.abort();
  return batches;
}

/** Defines the tests that every implementation of {@link Store} must pass. */
export function describeStore(name: string, open: () => Promise<StoreFixture>): void {
  async function fixture(): Promise<StoreFixture> {
    const made = await open();
    onTestFinished(() => made.dispose());
    return made;
  }
  const openStore = async (): Promise<Store> => (await fixture()).store;

  describe(`${name}: entries`, () => {
    test("get() of an absent key is undefined", async () => {
      const store = await openStore();
      expect(await store.get("a")).toBeUndefined();
    });

    test("an entry tells when it was created and last written", async () => {
      const store = await openStore();
      const first = await write(store, put("a", "1"));
      expect(await store.get("a")).toEqual({
        key: "a",
        value: "1",
        createRevision: first,
        modRevision: first,
      });
      const second = await write(store, put("a", "2"));
      expect(second).toBeGreaterThan(first);
      const updated = { key: "a", value: "2", createRevision: first, modRevision: second };
      expect(await store.get("a")).toEqual(updated);
      expect((await store.list("")).entries).toEqual([updated]);
      expect(await store.revision()).toBe(second);
    });

    test("a key that was deleted begins anew", async () => {
      const store = await openStore();
      await write(store, put("a", "1"));
      await write(store, remove("a"));
      expect(await store.get("a")).toBeUndefined();
      const revision = await write(store, put("a", "2"));
      expect(await store.get("a")).toMatchObject({ createRevision: revision, modRevision: revision });
    });

    test("put of the same value is a change", async () => {
      const store = await openStore();
      const first = await write(store, put("a", "1"));
      expect(await write(store, put("a", "1"))).toBeGreaterThan(first);
    });

    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "a\0b", "a\nb", '"', "\\", " "];
    test.each(names)("%j is a key like any other", async (key) => {
      const store = await openStore();
      expect(await store.get(key)).toBeUndefined();
      await write(store, put(key, "1"));
      expect((await store.get(key))?.value).toBe("1");
      expect(await keysOf(store)).toEqual([key]);
      expect((await store.transact([{ key, modRevision: ABSENT }], [])).committed).toBe(false);
      await write(store, remove(key));
      expect(await keysOf(store)).toEqual([]);
    });

    const values: [string, string][] = [
      ["empty", ""],
      ["zero bytes and line ends", "a\0b\r\nc\u2028"],
      ["characters beyond the BMP", "\u{1F600}\u{10FFFF}\uFFFF"],
      ["half a megabyte", "x".repeat(512 * 1024)],
    ];
    test.each(values)("a value comes back as it was: %s", async (_, value) => {
      const store = await openStore();
      const before = await store.revision();
      await write(store, put("a", value));
      expect((await store.get("a"))?.value === value).toBe(true);
      const [batch] = await watched(store, "", before, 1);
      expect(batch?.changes[0]?.entry?.value === value).toBe(true);
    });
  });

  describe(`${name}: list`, () => {
    test("keys come in the order of their UTF-8 bytes", async () => {
      const store = await openStore();
      const ordered = [
        "A",
        "a",
        "a\0",
        "a!",
        "a/",
        "a/b",
        "a0",
        "aa",
        "b",
        "é",
        "\ud7ff",
        "\ue000",
        "\uffff",
      ];
      ordered.push("\u{10000}", "\u{1F600}", "\u{10FFFF}");
      expect(ordered.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))).toEqual(ordered);
      for (const key of ordered.toReversed()) await write(store, put(key));
      expect(await keysOf(store)).toEqual(ordered);
      for (const [index, key] of ordered.entries()) {
        const page = await store.list("", { after: key });
        expect(page.entries.map((entry) => entry.key)).toEqual(ordered.slice(index + 1));
      }
    });

    const prefixes: [prefix: string, keys: string[]][] = [
      ["", ["a", "a/", "a/1", "a/2/x", "a0", "b/1", "\ud7ff!", "\ue000", "\u{10ffff}", "\u{10ffff}!"]],
      ["a", ["a", "a/", "a/1", "a/2/x", "a0"]],
      ["a/", ["a/", "a/1", "a/2/x"]],
      ["a/1", ["a/1"]],
      ["c", []],
      ["\ud7ff", ["\ud7ff!"]],
      ["\u{10ffff}", ["\u{10ffff}", "\u{10ffff}!"]],
      ["\u{10ffff}\u{10ffff}", []],
    ];
    test.each(prefixes)("prefix %j", async (prefix, keys) => {
      const store = await openStore();
      await write(store, ...(prefixes[0] as [string, string[]])[1].map((key) => put(key)));
      expect(await keysOf(store, prefix)).toEqual(keys);
    });

    test("pages join up to the whole", async () => {
      const store = await openStore();
      const keys = Array.from({ length: 25 }, (_, index) => `k/${String(index).padStart(2, "0")}`);
      await write(store, put("j"), ...keys.map((key) => put(key)), put("l"));
      const seen: string[][] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.list("k/", { limit: 10, ...(after !== undefined && { after }) });
        expect(page.revision).toBe(await store.revision());
        seen.push(page.entries.map(({ key }) => key));
        expect(page.more).toBe(seen.length < 3);
        if (!page.more) break;
        after = page.entries.at(-1)?.key;
      }
      expect(seen).toEqual([keys.slice(0, 10), keys.slice(10, 20), keys.slice(20)]);
    });

    const pages: [options: { after?: string; limit?: number }, keys: string[], more: boolean][] = [
      [{ limit: 1 }, ["k/1"], true],
      [{ limit: 2 }, ["k/1", "k/3"], true],
      [{ limit: 3 }, ["k/1", "k/3", "k/5"], false],
      [{ limit: 4 }, ["k/1", "k/3", "k/5"], false],
      [{ after: "k/2" }, ["k/3", "k/5"], false],
      [{ after: "k/3", limit: 1 }, ["k/5"], false],
      [{ after: "k/5" }, [], false],
      [{ after: "a" }, ["k/1", "k/3", "k/5"], false],
      [{ after: "z" }, [], false],
    ];
    test.each(pages)("list %j", async (options, keys, more) => {
      const store = await openStore();
      await write(store, put("j"), put("k/1"), put("k/3"), put("k/5"), put("l"));
      const page = await store.list("k/", options);
      expect([page.entries.map(({ key }) => key), page.more]).toEqual([keys, more]);
    });

    test("a long listing is one moment", async () => {
      const store = await openStore();
      const count = 21_000;
      for (let start = 0; start < count; start += 100) {
        await write(store, ...Array.from({ length: 100 }, (_, index) => put(`k/${start + index}`, "old")));
      }
      const before = await store.revision();
      const listing = store.list("k/");
      await write(store, ...Array.from({ length: 100 }, (_, index) => put(`k/${index * 200}`, "new")));
      await write(store, remove("k/1"), put("k/new", "new"));
      const page = await listing;
      expect(page).toMatchObject({ revision: before, more: false });
      expect(page.entries.length).toBe(count);
      expect(page.entries.filter(({ value }) => value !== "old")).toEqual([]);
      const longPage = await store.list("k/", { limit: 20_500 });
      expect([longPage.entries.length, longPage.more]).toEqual([20_500, true]);
    });

    test.each([0, -1, 1.5, Number.NaN])("limit %s is refused", async (limit) => {
      const store = await openStore();
      await expect(store.list("", { limit })).rejects.toMatchObject({ code: "invalid-input" });
    });

    test.each([
      [HALF_PAIR, {}],
      ["", { after: HALF_PAIR }],
    ])("%j %j is refused", async (prefix, options) => {
      const store = await openStore();
      await expect(store.list(prefix, options)).rejects.toMatchObject({ code: "invalid-input" });
    });
  });

  describe(`${name}: transactions`, () => {
    // State before: `old` written twice, `gone` written and deleted, `none` never there.
    const cases: [what: string, key: string, expected: "absent" | "first" | "current", committed: boolean][] =
      [
        ["create a new key", "none", "absent", true],
        ["create a deleted key", "gone", "absent", true],
        ["create a key that is there", "old", "absent", false],
        ["update from the current revision", "old", "current", true],
        ["update from an old revision", "old", "first", false],
        ["update a deleted key", "gone", "first", false],
        ["update a key that never was", "none", "first", false],
      ];
    describe.each(["put", "delete"] as const)("%s", (type) => {
      test.each(cases)("%s", async (_, key, expected, committed) => {
        const store = await openStore();
        const first = await write(store, put("old", "1"), put("gone", "1"));
        const current = await write(store, put("old", "2"), remove("gone"));
        const compare: Compare = { key, modRevision: { absent: ABSENT, first, current }[expected] };
        const before = await store.get(key);
        const result = await store.transact([compare], [type === "put" ? put(key, "3") : remove(key)]);
        if (!committed) {
          expect(result).toEqual({ committed: false, revision: current, failed: [compare] });
          expect(await store.get(key)).toEqual(before);
          expect(await store.revision()).toBe(current);
        } else {
          expect(result.committed).toBe(true);
          expect((await store.get(key))?.value).toBe(type === "put" ? "3" : undefined);
        }
      });
    });

    test("all compares must hold, and those that do not are named", async () => {
      const store = await openStore();
      const revision = await write(store, put("a"), put("b"));
      const holds = { key: "a", modRevision: revision };
      const fails = [
        { key: "b", modRevision: ABSENT },
        { key: "c", modRevision: revision },
      ];
      const result = await store.transact([holds, ...fails], [put("a", "x"), put("d")]);
      expect(result).toEqual({ committed: false, revision, failed: fails });
      expect(await keysOf(store)).toEqual(["a", "b"]);
      expect((await store.get("a"))?.value).toBe("a");
    });

    test("all writes of a transaction have one revision", async () => {
      const store = await openStore();
      await write(store, put("c", "1"));
      const revision = await write(store, put("b"), put("a"), remove("c"));
      const { entries } = await store.list("");
      expect(entries.map((entry) => [entry.key, entry.modRevision])).toEqual([
        ["a", revision],
        ["b", revision],
      ]);
    });

    test("what changes nothing takes no revision", async () => {
      const store = await openStore();
      const revision = await write(store, put("a"));
      expect(await store.transact([], [])).toEqual({ committed: true, revision });
      expect(await store.transact([], [remove("x"), remove("y")])).toEqual({ committed: true, revision });
      expect(await store.transact([{ key: "x", modRevision: ABSENT }], [])).toEqual({
        committed: true,
        revision,
      });
      expect(await store.revision()).toBe(revision);
    });

    const many = (count: number): Write[] =>
      Array.from({ length: count }, (_, index) => put(`k${index}`, ""));
    const longest = "k".repeat(MAX_KEY_BYTES);
    const refused: [what: string, compares: Compare[], writes: Write[]][] = [
      ["a key put twice", [], [put("a", "1"), put("a", "2")]],
      ["a key put and deleted", [], [put("a"), remove("a")]],
      ["a key deleted twice", [], [remove("a"), remove("a")]],
      ["an empty key", [], [put("", "1")]],
      ["an empty key to delete", [], [remove("")]],
      ["an empty key to compare", [{ key: "", modRevision: 0 }], []],
      ["half a surrogate pair in a key", [], [put(HALF_PAIR, "1")]],
      ["half a surrogate pair in a value", [], [put("a", HALF_PAIR)]],
      ["half a surrogate pair to compare", [{ key: HALF_PAIR, modRevision: 0 }], []],
      ["a key that is too long", [], [put(`${longest}k`, "1")]],
      ["a key that is too long in bytes", [], [put("é".repeat(MAX_KEY_BYTES / 2 + 1), "1")]],
      ["a negative revision", [{ key: "a", modRevision: -1 }], []],
      ["half a revision", [{ key: "a", modRevision: 0.5 }], []],
      ["too many writes", [], many(MAX_TRANSACTION_OPERATIONS + 1)],
      [
        "too many compares",
        many(MAX_TRANSACTION_OPERATIONS + 1).map(({ key }) => ({ key, modRevision: 0 })),
        [],
      ],
      ["too many bytes", [], [put("a", "x".repeat(MAX_TRANSACTION_BYTES))]],
    ];
    test.each(refused)("%s is refused", async (_, compares, writes) => {
      const store = await openStore();
      const revision = await write(store, put("z"));
      await expect(store.transact(compares, writes)).rejects.toMatchObject({ code: "invalid-input" });
      await expect(store.transact(compares, [put("b"), ...writes])).rejects.toMatchObject({
        code: "invalid-input",
      });
      expect(await keysOf(store)).toEqual(["z"]);
      expect(await store.revision()).toBe(revision);
    });

    test("the limits themselves are allowed", async () => {
      const store = await openStore();
      await write(store, ...many(MAX_TRANSACTION_OPERATIONS));
      await write(store, put(longest, ""));
      await write(store, put("a", "x".repeat(MAX_TRANSACTION_BYTES - 1)));
      expect((await keysOf(store)).length).toBe(MAX_TRANSACTION_OPERATIONS + 2);
    });

    test("of 100 creates of one key at once, one wins", async () => {
      const store = await openStore();
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          store.transact([{ key: "a", modRevision: ABSENT }], [put("a", String(index))]),
        ),
      );
      const winner = results.findIndex(({ committed }) => committed);
      expect(results.filter(({ committed }) => committed).length).toBe(1);
      expect((await store.get("a"))?.value).toBe(String(winner));
    });

    test("1,000 increments of 4 counters at once lose none", async () => {
      const store = await openStore();
      async function increment(key: string): Promise<void> {
        for (;;) {
          const entry = await store.get(key);
          const next = String(Number(entry?.value ?? 0) + 1);
          const compare = { key, modRevision: entry?.modRevision ?? ABSENT };
          if ((await store.transact([compare], [put(key, next)])).committed) return;
        }
      }
      await Promise.all(Array.from({ length: 1000 }, (_, index) => increment(`counter/${index % 4}`)));
      const { entries } = await store.list("counter/");
      expect(entries.map(({ value }) => value)).toEqual(["250", "250", "250", "250"]);
    });
  });

  describe(`${name}: watch`, () => {
    test("shows the past from any revision on, then what comes", async () => {
      const store = await openStore();
      const start = await store.revision();
      const first = await write(store, put("a", "1"));
      const second = await write(store, put("a", "2"), put("b", "1"));
      const third = await write(store, remove("b"));
      const past: WatchBatch[] = [
        {
          revision: first,
          changes: [{ key: "a", entry: { key: "a", value: "1", createRevision: first, modRevision: first } }],
        },
        {
          revision: second,
          changes: [
            {
              key: "a",
              entry: { key: "a", value: "2", createRevision: first, modRevision: second },
              previous: "1",
            },
            { key: "b", entry: { key: "b", value: "1", createRevision: second, modRevision: second } },
          ],
        },
        { revision: third, changes: [{ key: "b", previous: "1" }] },
      ];
      expect(await watched(store, "", start, 3)).toEqual(past);
      expect(await watched(store, "", first, 2)).toEqual(past.slice(1));
      expect(await watched(store, "", second, 1)).toEqual(past.slice(2));

      const live = watched(store, "", second, 2);
      const fourth = await write(store, put("c", "1"));
      expect((await live).map(({ revision }) => revision)).toEqual([third, fourth]);
    });

    test("shows only what is below the prefix", async () => {
      const store = await openStore();
      const start = await store.revision();
      const live = watched(store, "b/", start, 3);
      await write(store, put("a"), put("b"), put("b0"));
      await write(store, put("b/2"), put("a"), put("b/1"), put("c"));
      await write(store, put("a"));
      await write(store, put("b/"));
      await write(store, remove("b/1"), remove("a"));
      const shown = (batches: WatchBatch[]): string[][] =>
        batches.map(({ changes }) => changes.map(({ key }) => key));
      expect(shown(await live)).toEqual([["b/2", "b/1"], ["b/"], ["b/1"]]);
      expect(shown(await watched(store, "b/", start, 3))).toEqual([["b/2", "b/1"], ["b/"], ["b/1"]]);
    });

    test("many watchers each get everything in order", async () => {
      const store = await openStore();
      const start = await store.revision();
      const watchers = Array.from({ length: 20 }, (_, index) =>
        watched(store, index % 2 === 0 ? "" : `k/${index}/`, start, 30),
      );
      const written = Array.from({ length: 30 }, (_, round) =>
        store.transact(
          [],
          Array.from({ length: 20 }, (__, index) => put(`k/${index}/${round}`)),
        ),
      );
      const revisions = (await Promise.all(written)).map(({ revision }) => revision);
      for (const batches of await Promise.all(watchers)) {
        expect(batches.map(({ revision }) => revision)).toEqual(revisions);
      }
    });

    test("a watcher that reads slowly misses nothing", async () => {
      const store = await openStore();
      const start = await store.revision();
      const stop = new AbortController();
      const batches = store.watch("k/", start, stop.signal)[Symbol.asyncIterator]();
      const seen: number[] = [];
      const written: number[] = [];
      for (let round = 0; round < 20; round++) {
        for (let index = 0; index < 5; index++) written.push(await write(store, put(`k/${index}`)));
        const { value } = await batches.next();
        seen.push((value as WatchBatch).revision);
      }
      while (seen.length < written.length) seen.push(((await batches.next()).value as WatchBatch).revision);
      stop.abort();
      expect(seen).toEqual(written);
    });

    test("a watch after a revision still to come waits for it", async () => {
      const store = await openStore();
      const start = await store.revision();
      const live = watched(store, "", start + 2, 1);
      const revisions: number[] = [];
      for (let index = 0; index < 4; index++) revisions.push(await write(store, put("a")));
      expect((await live)[0]?.revision).toBe(revisions.find((revision) => revision > start + 2));
    });

    test("ends when its signal aborts: before, while waiting, and while there is more", async () => {
      const store = await openStore();
      const start = await store.revision();
      expect(await take(store.watch("", start, AbortSignal.abort()), 1)).toEqual([]);

      const waiting = new AbortController();
      const none = take(store.watch("", start, waiting.signal), 1);
      await write(store, put("a"));
      expect((await none).length).toBe(1);
      const last = await store.revision();
      const idle = take(store.watch("", last, waiting.signal), 1);
      waiting.abort();
      expect(await idle).toEqual([]);

      await write(store, put("b"));
      const early = new AbortController();
      const seen: number[] = [];
      for await (const { revision } of store.watch("", start, early.signal)) {
        seen.push(revision);
        early.abort();
      }
      expect(seen.length).toBe(1);
    });
  });

  describe(`${name}: compaction`, () => {
    /** Six revisions of one key. */
    async function history(store: Store): Promise<number[]> {
      const revisions: number[] = [];
      for (let index = 0; index < 6; index++) revisions.push(await write(store, put("a", String(index))));
      return revisions;
    }

    test("a watch from before it ends with `compacted` and the oldest start", async () => {
      const store = await openStore();
      const revisions = await history(store);
      const compacted = revisions[3] as number;
      await store.compact(compacted);
      const error = await watched(store, "", revisions[0] as number, 1).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "compacted", failure: { oldest: compacted } });
      const rest = await watched(store, "", compacted, 2);
      expect(rest.map(({ revision }) => revision)).toEqual(revisions.slice(4));
      expect(rest[0]?.changes[0]?.previous).toBe("3");
    });

    test("entries stay", async () => {
      const store = await openStore();
      const revisions = await history(store);
      const [first, last] = [revisions[0] as number, revisions[5] as number];
      await store.compact(last);
      expect(await store.get("a")).toEqual({
        key: "a",
        value: "5",
        createRevision: first,
        modRevision: last,
      });
      expect(await store.revision()).toBe(last);
      expect(await write(store, put("b"))).toBeGreaterThan(last);
    });

    test("again, or further back, it changes nothing", async () => {
      const store = await openStore();
      const revisions = await history(store);
      await store.compact(revisions[3] as number);
      await store.compact(revisions[3] as number);
      await store.compact(revisions[1] as number);
      expect((await watched(store, "", revisions[3] as number, 2)).length).toBe(2);
    });

    test("a watcher that has seen everything is not disturbed", async () => {
      const store = await openStore();
      const start = await store.revision();
      const live = watched(store, "b", start, 1);
      const revisions = await history(store);
      await store.compact(revisions[5] as number);
      const revision = await write(store, put("b"));
      expect((await live)[0]?.revision).toBe(revision);
    });

    test("a watcher that is behind ends with `compacted`", async () => {
      const store = await openStore();
      const start = await store.revision();
      const batches = store.watch("", start, new AbortController().signal)[Symbol.asyncIterator]();
      const revisions = await history(store);
      await batches.next();
      await store.compact(revisions[4] as number);
      const drain = async (): Promise<void> => {
        while (!(await batches.next()).done);
      };
      await expect(drain()).rejects.toMatchObject({ code: "compacted" });
    });

    test.each([1, 1.5 - 1, Number.NaN])("revision current + %s is refused", async (ahead) => {
      const store = await openStore();
      await write(store, put("a"));
      const error = await store.compact((await store.revision()) + ahead).catch((reason: unknown) => reason);
      expect(hasCode(error, "invalid-input")).toBe(true);
    });
  });

  describe(`${name}: leases`, () => {
    test("keys go when the lease expires, all at one revision, in order", async () => {
      const { store, advance } = await fixture();
      const lease = await store.grantLease(10);
      await write(store, put("b", "1", lease), put("keep"));
      const start = await write(store, put("a", "2", lease));
      const live = watched(store, "", start, 1);
      await advance(9);
      expect(await keysOf(store)).toEqual(["a", "b", "keep"]);
      await advance(2);
      expect((await live)[0]?.changes).toEqual([
        { key: "a", previous: "2" },
        { key: "b", previous: "1" },
      ]);
      expect(await keysOf(store)).toEqual(["keep"]);
      await expect(store.keepLease(lease)).rejects.toMatchObject({ code: "not-found" });
      await expect(store.transact([], [put("c", "1", lease)])).rejects.toMatchObject({ code: "not-found" });
    });

    test("keepLease() starts its time anew", async () => {
      const { store, advance } = await fixture();
      const lease = await store.grantLease(10);
      const start = await write(store, put("a", "1", lease));
      for (let round = 0; round < 3; round++) {
        await advance(6);
        await store.keepLease(lease);
      }
      await advance(6);
      expect(await keysOf(store)).toEqual(["a"]);
      await advance(5);
      expect((await watched(store, "", start, 1))[0]?.changes).toEqual([{ key: "a", previous: "1" }]);
    });

    test("revokeLease() takes its keys, once", async () => {
      const store = await openStore();
      const [lease, other] = [await store.grantLease(10), await store.grantLease(10)];
      expect(lease).not.toBe(other);
      await write(store, put("a", "1", lease), put("b", "1", other));
      await store.revokeLease(lease);
      expect(await keysOf(store)).toEqual(["b"]);
      const revision = await store.revision();
      await store.revokeLease(lease);
      expect(await store.revision()).toBe(revision);
      await expect(store.keepLease(lease)).rejects.toMatchObject({ code: "not-found" });
    });

    test("a lease without keys ends without a revision", async () => {
      const store = await openStore();
      const revision = await write(store, put("a"));
      await store.revokeLease(await store.grantLease(10));
      expect(await store.revision()).toBe(revision);
    });

    test("a key belongs to the lease of its last put only", async () => {
      const store = await openStore();
      const [first, second] = [await store.grantLease(10), await store.grantLease(10)];
      await write(store, put("freed", "1", first), put("moved", "1", first), put("gone", "1", first));
      await write(store, put("freed", "2"), put("moved", "2", second), remove("gone"));
      await write(store, put("gone", "2"));
      await store.revokeLease(first);
      expect(await keysOf(store)).toEqual(["freed", "gone", "moved"]);
      await store.revokeLease(second);
      expect(await keysOf(store)).toEqual(["freed", "gone"]);
    });

    test("a put with an unknown lease is refused with its whole transaction", async () => {
      const store = await openStore();
      const lease = await store.grantLease(10);
      await store.revokeLease(lease);
      const refused = store.transact([], [put("a"), put("b", "1", lease)]);
      const neighbour = store.transact([], [put("c")]);
      await expect(refused).rejects.toMatchObject({ code: "not-found" });
      expect((await neighbour).committed).toBe(true);
      expect(await keysOf(store)).toEqual(["c"]);
    });

    test.each([0, -1, 1.5, Number.NaN])("a time to live of %s seconds is refused", async (ttl) => {
      const store = await openStore();
      await expect(store.grantLease(ttl)).rejects.toMatchObject({ code: "invalid-input" });
    });
  });

  describe(`${name}: close()`, () => {
    test("finishes what was accepted and refuses the rest", async () => {
      const store = await openStore();
      const lease = await store.grantLease(10);
      const accepted = store.transact([], [put("a")]);
      const closing = store.close();
      expect((await accepted).committed).toBe(true);
      await closing;
      await store.close();
      const calls: (() => Promise<unknown>)[] = [
        () => store.revision(),
        () => store.get("a"),
        () => store.list(""),
        () => store.transact([], [put("b")]),
        () => store.grantLease(1),
        () => store.keepLease(lease),
        () => store.revokeLease(lease),
        () => store.compact(0),
        () => watched(store, "", 0, 1),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "unavailable" });
    });

    test("ends a waiting watch with `unavailable`", async () => {
      const store = await openStore();
      const waiting = watched(store, "", await store.revision(), 1);
      const ended = expect(waiting).rejects.toMatchObject({ code: "unavailable" });
      await store.close();
      await ended;
    });
  });
}
