import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFakeClock, type Entry, openSqliteStore, type Store } from "../../src/store/index.ts";

/** A file system of 3 MB and a path for a store in it. */
function smallDisk(): { path: string; fill: () => void; free: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "romana-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "romana-full", directory]);
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", directory]);
    rmdirSync(directory);
  });
  const ballast = join(directory, "ballast");
  return {
    path: join(directory, "romana.db"),
    fill() {
      // dd fails when there is no more room, which is the aim.
      execFileSync("sh", ["-c", `dd if=/dev/zero of=${ballast} bs=4k 2>/dev/null || true`]);
    },
    free: () => rmSync(ballast, { force: true }),
  };
}

const VALUE = "v".repeat(5000);

/** Writes pairs of keys until the store refuses; returns the numbers that were accepted and the refusal. */
async function writeUntilRefused(
  store: Store,
  start: number,
): Promise<{ accepted: number[]; refusal: unknown }> {
  const accepted: number[] = [];
  for (let number = start; number < start + 10_000; number++) {
    try {
      await store.transact(
        [],
        [
          { type: "put", key: `a/${number}`, value: VALUE },
          { type: "put", key: `b/${number}`, value: VALUE },
        ],
      );
      accepted.push(number);
    } catch (refusal) {
      return { accepted, refusal };
    }
  }
  throw new Error("the disk is never full");
}

async function numbersOf(store: Store, prefix: string): Promise<number[]> {
  const { entries } = await store.list(prefix);
  return entries.map(({ key }: Entry) => Number(key.slice(2))).sort((a, b) => a - b);
}

async function expectExactly(store: Store, numbers: readonly number[]): Promise<void> {
  expect(await numbersOf(store, "a/")).toEqual(numbers);
  expect(await numbersOf(store, "b/")).toEqual(numbers);
  expect(await store.revision()).toBe(numbers.length);
}

test("a full disk: refused with the reason, nothing half done, and it works again when there is room", async () => {
  const disk = smallDisk();
  const store = openSqliteStore(disk.path);
  const first = await writeUntilRefused(store, 0);
  expect(first.accepted.length).toBeGreaterThan(10);
  expect(first.refusal).toMatchObject({
    code: "unavailable",
    message: `Cannot write store "${disk.path}": database or disk is full`,
  });
  await expectExactly(store, first.accepted);
  for (let again = 0; again < 5; again++) {
    await expect(store.transact([], [{ type: "put", key: "c", value: VALUE }])).rejects.toMatchObject({
      code: "unavailable",
    });
  }
  await expectExactly(store, first.accepted);

  execFileSync("mount", ["-o", "remount,size=12m", join(disk.path, "..")]);
  const second = await writeUntilRefused(store, 1000);
  expect(second.accepted.length).toBeGreaterThan(10);
  await store.close();

  execFileSync("mount", ["-o", "remount,size=64m", join(disk.path, "..")]);
  const reopened = openSqliteStore(disk.path);
  await expectExactly(reopened, [...first.accepted, ...second.accepted]);
  await reopened.transact([], [{ type: "put", key: "c", value: VALUE }]);
  await reopened.close();
});

test("waiting transactions that do not fit are all refused, watchers see only what was committed", async () => {
  const disk = smallDisk();
  const store = openSqliteStore(disk.path);
  const { accepted } = await writeUntilRefused(store, 0);
  disk.fill();
  const stop = new AbortController();
  const batches = store.watch("", accepted.length, stop.signal)[Symbol.asyncIterator]();
  const crowd = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      store.transact([], [{ type: "put", key: `crowd/${index}`, value: VALUE }]),
    ),
  );
  expect(crowd.filter(({ status }) => status === "fulfilled")).toEqual([]);
  execFileSync("mount", ["-o", "remount,size=64m", join(disk.path, "..")]);
  const { revision } = await store.transact([], [{ type: "put", key: "after", value: "" }]);
  const { value } = await batches.next();
  stop.abort();
  expect(value).toMatchObject({ revision, changes: [{ key: "after" }] });
  expect((await store.list("crowd/")).entries).toEqual([]);
  await store.close();
});

test("a lease that expires while the disk is full ends when there is room", async () => {
  const disk = smallDisk();
  const clock = createFakeClock();
  const store = openSqliteStore(disk.path, { clock });
  const lease = await store.grantLease(10);
  await store.transact([], [{ type: "put", key: "c", value: "1", lease }]);
  await writeUntilRefused(store, 0);
  disk.fill();
  clock.advance(10_000);
  await expect(store.transact([], [{ type: "put", key: "d", value: VALUE }])).rejects.toMatchObject({
    code: "unavailable",
  });
  expect((await store.get("c"))?.value).toBe("1");
  await expect(store.keepLease(lease)).rejects.toMatchObject({ code: "not-found" });
  execFileSync("mount", ["-o", "remount,size=64m", join(disk.path, "..")]);
  clock.advance(1000);
  await store.transact([], []);
  expect(await store.get("c")).toBeUndefined();
  await store.close();
});

test("a store is not made, nor opened, on a full disk, and opens when there is room", async () => {
  const disk = smallDisk();
  disk.fill();
  expect(() => openSqliteStore(disk.path)).toThrow(`Cannot open store "${disk.path}": `);
  expect(existsSync(disk.path)).toBe(false);
  disk.free();
  const store = openSqliteStore(disk.path);
  await store.transact([], [{ type: "put", key: "a", value: "1" }]);
  await store.close();
  disk.fill();
  expect(() => openSqliteStore(disk.path)).toThrow(`Cannot open store "${disk.path}": `);
  disk.free();
  const again = openSqliteStore(disk.path);
  expect((await again.get("a"))?.value).toBe("1");
  await again.close();
});

test("a backup that does not fit leaves nothing behind", async () => {
  const disk = smallDisk();
  const store = openSqliteStore(disk.path);
  const { accepted } = await writeUntilRefused(store, 0);
  const target = `${disk.path}.backup`;
  await expect(store.backup(target)).rejects.toMatchObject({ code: "unavailable" });
  expect([existsSync(target), existsSync(`${target}.new`)]).toEqual([false, false]);
  const elsewhere = join(mkdtempSync(join(tmpdir(), "romana-full-")), "romana.db");
  onTestFinished(() => rmSync(join(elsewhere, ".."), { recursive: true }));
  await store.backup(elsewhere);
  const copy = openSqliteStore(elsewhere);
  await expectExactly(copy, accepted);
  await copy.close();
  await store.close();
});
