import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { scratchDirectory } from "./scratch.case.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { Store } from "./store.ts";

function temporaryPath(): string {
  const directory = scratchDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, "romana.db");
}

/** A closed store. */
async function closedStore(count = 60): Promise<string> {
  const path = temporaryPath();
  const store = openSqliteStore(path);
  await fill(store, count);
  await store.close();
  return path;
}

/** One key of 1 kB after the other, each in a commit of its own. */
async function fill(store: Store, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await store.transact([], [{ type: "put", key: `key/${index}`, value: "v".repeat(1000) }]);
  }
}

/** What a crash leaves behind: the files of a store that is still open; another process copies, see createPrivate(). */
async function crashedStore(count = 60): Promise<string> {
  const path = temporaryPath();
  const store = openSqliteStore(path);
  await fill(store, count);
  const copy = temporaryPath();
  execFileSync("cp", [path, `${path}-wal`, dirname(copy)]);
  await store.close();
  return copy;
}

/** Overwrites part of a file in another process, see createPrivate(). */
function scribble(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes.fill("garbage!", offset, offset + 64);
  writeFileSync(path, bytes);
}

const openError = (path: string): unknown => {
  try {
    void openSqliteStore(path).close();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("a new store", () => {
  test("is readable by its owner only", async () => {
    const directory = join(dirname(temporaryPath()), "deep", "down");
    const path = join(directory, "romana.db");
    const store = openSqliteStore(path);
    await fill(store, 1);
    const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);
    expect(mode(directory)).toBe("700");
    expect(["", "-wal", "-shm", ".lock"].map((suffix) => mode(path + suffix))).toEqual([
      "600",
      "600",
      "600",
      "600",
    ]);
    await store.close();
    expect(mode(path)).toBe("600");
  });

  test("leaves the rights of a directory that was there", async () => {
    const path = temporaryPath();
    chmodSync(dirname(path), 0o750);
    await openSqliteStore(path).close();
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o750);
  });

  test("replaces the remains of one that was never finished", async () => {
    const path = temporaryPath();
    writeFileSync(`${path}.new`, "half");
    writeFileSync(`${path}.new-wal`, "half");
    await openSqliteStore(path).close();
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("is there again after close(), with entries, revision and history", async () => {
    const path = await closedStore(10);
    const store = openSqliteStore(path);
    expect(await store.revision()).toBe(10);
    expect((await store.list("")).entries.length).toBe(10);
    const stop = new AbortController();
    for await (const batch of store.watch("", 3, stop.signal)) {
      expect(batch.revision).toBe(4);
      break;
    }
    await store.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});

describe("the owner", () => {
  test("is one: a second open in the same process is refused", async () => {
    const path = temporaryPath();
    const store = openSqliteStore(path);
    expect(openError(path)).toMatchObject({
      code: "unavailable",
      message: `Cannot open store "${path}": another process has it open (it holds the lock on "${path}.lock")`,
    });
    await fill(store, 1);
    await store.close();
    expect(openError(path)).toBeUndefined();
  });

  test("is one: another process is refused until the first has died", async () => {
    const path = await closedStore(1);
    const module = join(import.meta.dirname, "sqlite-store.ts");
    const program = `import { openSqliteStore } from ${JSON.stringify(module)};
      openSqliteStore(${JSON.stringify(path)}); console.log("open"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    expect(openError(path)).toMatchObject({ code: "unavailable" });
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(openError(path)).toBeUndefined();
  });

  test("does not keep others from reading", async () => {
    const path = temporaryPath();
    const store = openSqliteStore(path);
    await fill(store, 2);
    const reader = new DatabaseSync(path, { readOnly: true });
    expect(reader.prepare("SELECT max(revision) AS revision FROM log").get()).toEqual({ revision: 2 });
    reader.close();
    await store.close();
  });
});

describe("what is not a store is refused and left as it is", () => {
  function foreignDatabase(path: string): void {
    const database = new DatabaseSync(path);
    database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    database.close();
  }
  async function newerFormat(path: string): Promise<void> {
    await openSqliteStore(path).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
  }
  const cases: [string, (path: string) => void | Promise<void>, code: string, reason: string][] = [
    ["an empty file", (path) => writeFileSync(path, ""), "internal", "is damaged: it has only 0 bytes"],
    ["a text", (path) => writeFileSync(path, "romana ".repeat(1000)), "internal", "file is not a database"],
    ["a short text", (path) => writeFileSync(path, "romana"), "internal", "it has only 6 bytes"],
    ["a database of another program", foreignDatabase, "unsupported", "it is a database of another program"],
    ["a newer format", newerFormat, "unsupported", "it has format 99, this program reads format 1"],
    [
      "a write-ahead log alone",
      (path) => writeFileSync(`${path}-wal`, "x".repeat(100)),
      "internal",
      `it is missing, though its write-ahead log`,
    ],
  ];
  test.each(cases)("%s", async (_, make, code, reason) => {
    const path = temporaryPath();
    await make(path);
    const file = existsSync(path) ? path : `${path}-wal`;
    const before = readFileSync(file);
    expect(openError(path)).toMatchObject({ code, message: expect.stringContaining(reason) });
    expect(openError(path)).toMatchObject({
      message: expect.stringContaining(`Cannot open store "${path}": `),
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a directory", () => {
    const path = temporaryPath();
    mkdirSync(path);
    expect(openError(path)).toMatchObject({
      code: "unsupported",
      message: `Cannot open store "${path}": it is not a file`,
    });
  });

  test("a path below a file", () => {
    const path = temporaryPath();
    writeFileSync(path, "");
    expect(openError(join(path, "romana.db"))).toMatchObject({ code: "unavailable" });
  });
});

describe("a damaged store is refused with what to do", () => {
  const advice = (path: string): string =>
    `restore a backup, or examine it with: sqlite3 "${path}" "PRAGMA integrity_check"`;

  const damages: [string, (path: string, size: number) => void][] = [
    ["header overwritten", (path) => scribble(path, 0)],
    ["cut to half", (path, size) => truncateSync(path, Math.floor(size / 2 / 4096) * 4096)],
    ["cut inside a page", (path, size) => truncateSync(path, size - 1000)],
    ["cut to one page", (path) => truncateSync(path, 4096)],
    ["cut inside the header", (path) => truncateSync(path, 50)],
    ["a page overwritten", (path, size) => scribble(path, Math.floor(size / 2 / 4096) * 4096)],
  ];
  describe.each([
    ["closed", closedStore],
    ["crashed", crashedStore],
  ])("%s", (state, make) => {
    test.each(damages)("%s", async (_, damage) => {
      const path = await make();
      // What a crash leaves in the file is little: the rest is in the write-ahead log, which can heal it.
      if (state === "crashed") rmSync(`${path}-wal`);
      damage(path, statSync(path).size);
      const error = openError(path);
      expect(error).toMatchObject({ code: "internal" });
      expect((error as Error).message).toContain(`Cannot open store "${path}": the file is damaged: `);
      expect((error as Error).message).toContain(advice(path));
    });
  });

  test("a log row that is no JSON", async () => {
    const path = await crashedStore(3);
    const database = new DatabaseSync(path);
    database.exec("UPDATE log SET changes = '[' WHERE revision = 2");
    database.close();
    writeFileSync(`${path}-wal`, "");
    expect(openError(path)).toMatchObject({
      code: "internal",
      message: expect.stringContaining("its log is unreadable"),
    });
  });

  test("the write-ahead log lost after a crash; an empty one accepts the loss", async () => {
    const path = await crashedStore(3);
    rmSync(`${path}-wal`);
    const message = `its write-ahead log "${path}-wal" is missing, and the last commits with it`;
    expect(openError(path)).toMatchObject({ code: "internal", message: expect.stringContaining(message) });
    expect(openError(path)).toMatchObject({ message: expect.stringContaining(message) });
    writeFileSync(`${path}-wal`, "");
    expect(openError(path)).toBeUndefined();
  });
});

describe("after a crash", () => {
  /** Numbers of the keys that are there, in order. */
  async function recovered(path: string): Promise<number[]> {
    const store = openSqliteStore(path);
    const { entries } = await store.list("key/");
    const numbers = entries.map(({ key }) => Number(key.slice(4))).sort((a, b) => a - b);
    expect(await store.revision()).toBe(numbers.length);
    await store.close();
    return numbers;
  }

  test("everything is there", async () => {
    expect((await recovered(await crashedStore(100))).length).toBe(100);
  });

  test.each([0.05, 0.3, 0.5, 0.77, 0.9, 0.999])(
    "with %d of the write-ahead log: a prefix of history",
    async (part) => {
      const path = await crashedStore(100);
      truncateSync(`${path}-wal`, Math.floor(statSync(`${path}-wal`).size * part));
      const numbers = await recovered(path);
      expect(numbers.length).toBeLessThan(100);
      expect(numbers).toEqual(Array.from(numbers, (_, index) => index));
      if (part > 0.1) expect(numbers.length).toBeGreaterThan(0);
    },
  );

  test("with garbage in the write-ahead log: a prefix of history", async () => {
    const path = await crashedStore(100);
    scribble(`${path}-wal`, Math.floor(statSync(`${path}-wal`).size / 2));
    const numbers = await recovered(path);
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers.length).toBeLessThan(100);
    expect(numbers).toEqual(Array.from(numbers, (_, index) => index));
  });
});

describe("backup()", () => {
  test("is a complete store of its own, taken while the store works on", async () => {
    const path = temporaryPath();
    const store = openSqliteStore(path);
    await fill(store, 50);
    const target = `${path}.backup`;
    const [, result] = await Promise.all([
      store.backup(target),
      store.transact([], [{ type: "put", key: "later", value: "" }]),
    ]);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    const copy = openSqliteStore(target);
    expect((await copy.list("key/")).entries).toEqual((await store.list("key/")).entries);
    expect(await copy.revision()).toBeLessThanOrEqual(result.revision);
    await copy.close();
    expect(existsSync(`${target}.new`)).toBe(false);
    await store.close();
  });

  test("does not overwrite", async () => {
    const path = await closedStore(1);
    const store = openSqliteStore(path);
    await expect(store.backup(path)).rejects.toMatchObject({ code: "conflict", failure: { name: path } });
    await expect(store.backup(join(path, "x"))).rejects.toMatchObject({ code: "unavailable" });
    await store.close();
  });

  test("is finished before the store closes", async () => {
    const path = temporaryPath();
    const store = openSqliteStore(path);
    await fill(store, 20);
    const copied = store.backup(`${path}.backup`);
    await store.close();
    expect(existsSync(`${path}.backup`)).toBe(true);
    await copied;
    expect(openError(`${path}.backup`)).toBeUndefined();
  });
});

test("when the log cannot be synced nothing is certain, and nothing more is told until the store is opened anew", async () => {
  const path = temporaryPath();
  const store = openSqliteStore(path);
  const watched: number[] = [];
  const watching = (async () => {
    for await (const { revision } of store.watch("", 0, AbortSignal.timeout(60_000))) watched.push(revision);
  })();
  await fill(store, 1);
  const log = syncedDescriptor(path);
  closeSync(log);
  // One of these takes its number, and cannot be synced.
  const fillers = [openSync("/dev/null", "r")];
  while (fillers.at(-1) !== log) fillers.push(openSync("/dev/null", "r"));
  for (const filler of fillers.slice(0, -1)) closeSync(filler);
  const failure = { code: "unavailable", message: expect.stringContaining("EINVAL") as string };
  await expect(store.transact([], [{ type: "put", key: "lost", value: "" }])).rejects.toMatchObject(failure);
  await expect(store.get("lost")).rejects.toMatchObject(failure);
  await expect(store.list("")).rejects.toMatchObject(failure);
  await expect(store.transact([], [{ type: "put", key: "more", value: "" }])).rejects.toMatchObject(failure);
  expect(watched).toEqual([1]);
  await store.close();
  await expect(watching).rejects.toMatchObject({ code: "unavailable" });
  const database = new DatabaseSync(path, { readOnly: true });
  expect(database.prepare("SELECT clean FROM state").get()).toEqual({ clean: 0 });
  database.close();
  const again = openSqliteStore(path);
  expect((await again.get("key/0"))?.modRevision).toBe(1);
  await fill(again, 1);
  await again.close();
});

/** The file descriptor that the store syncs its log by: it is open for reading only. */
function syncedDescriptor(path: string): number {
  const found = readdirSync("/proc/self/fd").filter((fd) => {
    try {
      const flags = /flags:\s*0*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
      return readlinkSync(`/proc/self/fd/${fd}`) === `${path}-wal` && Number.parseInt(flags, 8) % 4 === 0;
    } catch {
      return false;
    }
  });
  return Number(found[0]);
}
