import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { scratchDirectory } from "./scratch.case.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite-store.ts";
import type { Compare, LeaseId, ListOptions, Store, WatchBatch, Write } from "./store.ts";

/** So small that a few transactions meet every way of folding. */
const LIMITS = {
  foldFrom: { keys: 4, characters: 10_000, revisions: 8 },
  foldKeys: 2,
  foldHidden: 2,
};

const KEYS = [
  "",
  "a",
  "a/",
  "a/1",
  "a/1\0",
  "a/2",
  "a/\uffff",
  "a/\u{1f600}",
  "b",
  "__proto__",
  "\u{10ffff}",
];
const key = fc.constantFrom(...KEYS.slice(1));
const bound = fc.constantFrom(...KEYS);

interface Draft {
  readonly compares: readonly { readonly key: string; readonly kind: "absent" | "current" | "stale" }[];
  readonly writes: readonly {
    readonly key: string;
    readonly value: string | null;
    readonly leased: boolean;
  }[];
}

const draft: fc.Arbitrary<Draft> = fc.record({
  compares: fc.array(fc.record({ key, kind: fc.constantFrom("absent", "current", "current", "stale") }), {
    maxLength: 2,
  }),
  writes: fc.uniqueArray(
    fc.record({
      key,
      value: fc.option(fc.string({ unit: "grapheme", maxLength: 5 }), { freq: 3 }),
      leased: fc.boolean(),
    }),
    { maxLength: 4, selector: (write) => write.key },
  ),
});

type Command =
  | { readonly do: "transact"; readonly drafts: readonly Draft[] }
  | {
      readonly do: "list";
      readonly prefix: string;
      readonly after: string | undefined;
      readonly limit: number | undefined;
    }
  | { readonly do: "compact"; readonly part: number }
  | { readonly do: "grant" | "revoke" | "keep" | "second" | "reopen" | "crash" | "history" };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("transact"), drafts: fc.array(draft, { maxLength: 4 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("list"),
      prefix: bound,
      after: fc.option(bound, { nil: undefined }),
      limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("compact"), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("grant", "revoke", "keep", "second", "second", "reopen", "crash", "history"),
    }),
  },
);

/** A store in its world: what the commands do to it, and what it answers. */
class World {
  readonly clock = createFakeClock();
  store: Store;
  lease: LeaseId | undefined;

  constructor(store: (world: World) => Store) {
    this.store = store(this);
  }

  async run(step: Command): Promise<unknown> {
    switch (step.do) {
      case "transact": {
        const resolved = await Promise.all(step.drafts.map((one) => this.#resolve(one)));
        return await Promise.all(resolved.map(([compares, writes]) => this.store.transact(compares, writes)));
      }
      case "list": {
        const options: ListOptions = {
          ...(step.after !== undefined && { after: step.after }),
          ...(step.limit !== undefined && { limit: step.limit }),
        };
        return await this.store.list(step.prefix, options);
      }
      case "compact":
        return await this.store.compact(Math.floor((await this.store.revision()) * step.part));
      case "grant":
        this.lease ??= await this.store.grantLease(3);
        return;
      case "revoke":
        if (this.lease !== undefined) await this.store.revokeLease(this.lease);
        this.lease = undefined;
        return;
      case "keep":
        return await this.keep();
      case "second":
        this.clock.advance(1000);
        return await this.store.transact([], []);
      case "history":
        return await history(this.store);
      default:
        return;
    }
  }

  /** Keeps the lease alive; forgets it when it has expired. */
  async keep(): Promise<boolean> {
    if (this.lease === undefined) return false;
    const kept = await this.store.keepLease(this.lease).then(
      () => true,
      () => false,
    );
    if (!kept) this.lease = undefined;
    return kept;
  }

  async #resolve({ compares, writes }: Draft): Promise<[Compare[], Write[]]> {
    const { lease } = this;
    const resolved = compares.map(async ({ key: name, kind }): Promise<Compare> => {
      const current = (await this.store.get(name))?.modRevision ?? 0;
      return { key: name, modRevision: { absent: 0, current, stale: current + 1 }[kind] };
    });
    return [
      await Promise.all(resolved),
      writes.map(({ key: name, value, leased }) => {
        if (value === null) return { type: "delete", key: name };
        return { type: "put", key: name, value, ...(leased && lease !== undefined && { lease }) };
      }),
    ];
  }
}

/** Everything that can be watched; the revision below which nothing can. */
async function history(store: Store): Promise<{ oldest: number; batches: WatchBatch[] }> {
  const revision = await store.revision();
  let oldest = 0;
  for (;;) {
    const batches: WatchBatch[] = [];
    const stop = new AbortController();
    try {
      if (oldest === revision) return { oldest, batches };
      for await (const batch of store.watch("", oldest, stop.signal)) {
        batches.push(batch);
        if (batch.revision === revision) return { oldest, batches };
      }
    } catch (error) {
      ({ oldest } = (error as { failure: { oldest: number } }).failure);
    } finally {
      stop.abort();
    }
  }
}

const open = (path: string, world: World): SqliteStore =>
  openSqliteStore(path, { clock: world.clock, limits: LIMITS });

/** What a crash would leave behind, in a new directory. */
function copyOf(path: string, directory: string): string {
  const copy = join(mkdtempSync(join(directory, "crash-")), "romana.db");
  const files = [path, `${path}-wal`].filter((file) => existsSync(file));
  execFileSync("cp", [...files, dirname(copy)]);
  return copy;
}

test("a SQLite store does what a memory store does, through restarts and crashes", async () => {
  const directory = scratchDirectory();
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40, size: "max" }), async (steps) => {
        let path = join(mkdtempSync(join(directory, "run-")), "romana.db");
        const durable = new World((world) => open(path, world));
        const memory = new World((world) => createMemoryStore({ clock: world.clock }));
        for (const step of steps) {
          // A lease may have expired meanwhile; a restart starts its time anew.
          if (step.do === "transact" || step.do === "grant") {
            expect(await durable.keep()).toBe(await memory.keep());
          }
          if (step.do === "reopen" || step.do === "crash") {
            if (step.do === "crash") path = copyOf(path, directory);
            await durable.store.close();
            durable.store = open(path, durable);
            expect(await durable.keep()).toBe(await memory.keep());
          }
          expect(await durable.run(step)).toEqual(await memory.run(step));
        }
        expect(await durable.store.list("")).toEqual(await memory.store.list(""));
        expect(await history(durable.store)).toEqual(await history(memory.store));
        await durable.store.close();
      }),
      { numRuns: 60 },
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
