import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { scratchDirectory } from "./scratch.case.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";
import { describeStore, type StoreFixture } from "./store.case.ts";

async function fixture(options: SqliteStoreOptions): Promise<StoreFixture> {
  const directory = scratchDirectory();
  const clock = createFakeClock();
  const store = openSqliteStore(join(directory, "romana.db"), { clock, ...options });
  return {
    store,
    advance: async (seconds) => clock.advance(seconds * 1000),
    async dispose() {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Everything goes from the log to the table at once, or nearly. */
const EAGER = { foldFrom: { keys: 1, characters: 0, revisions: 0 }, foldHidden: 1 };

describeStore("SQLite store", () => fixture({}));
describeStore("SQLite store that folds all", () => fixture({ limits: { ...EAGER, foldKeys: 1e6 } }));
describeStore("SQLite store that folds one key at a time", () =>
  fixture({ limits: { ...EAGER, foldKeys: 1 } }),
);

test.each(["restart", "crash"])(
  "a lease and its keys outlast a %s, and its time starts anew",
  async (how) => {
    const directory = scratchDirectory();
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const clock = createFakeClock();
    const store = openSqliteStore(join(directory, "romana.db"), { clock });
    const lease = await store.grantLease(10);
    await store.transact([], [{ type: "put", key: "a", value: "1", lease }]);
    clock.advance(9000);
    let path = store.path;
    if (how === "crash") {
      path = join(mkdtempSync(join(directory, "copy-")), "romana.db");
      execFileSync("cp", [store.path, `${store.path}-wal`, dirname(path)]);
    }
    await store.close();
    const again = openSqliteStore(path, { clock });
    clock.advance(9000);
    await again.keepLease(lease);
    clock.advance(9999);
    expect((await again.transact([], [])).revision).toBe(1);
    clock.advance(1);
    expect((await again.transact([], [])).revision).toBe(2);
    expect(await again.get("a")).toBeUndefined();
    await again.close();
  },
);
