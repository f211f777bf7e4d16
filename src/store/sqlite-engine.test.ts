import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { scratchDirectory } from "./scratch.case.ts";
import { ENGINE_LIMITS, type EngineLimits, SqliteEngine } from "./sqlite-engine.ts";
import { createTables, readNumbers } from "./sqlite-schema.ts";
import type { Write } from "./store.ts";

const ALL = { start: "", end: undefined };

function openEngine(limits: Partial<EngineLimits> = {}): { database: DatabaseSync; engine: SqliteEngine } {
  const directory = scratchDirectory();
  const database = new DatabaseSync(join(directory, "romana.db"));
  onTestFinished(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });
  createTables(database);
  return { database, engine: new SqliteEngine(database, { ...ENGINE_LIMITS, ...limits }) };
}

const put = (key: string, value = ""): Write => ({ type: "put", key, value });

/** One batch of one transaction. */
function commit(engine: SqliteEngine, ...writes: Write[]): void {
  engine.begin();
  engine.transact([], writes);
  engine.commit();
}

const keysOf = (engine: SqliteEngine): string[] => engine.page(ALL, 1000).map(({ key }) => key);

const count = (database: DatabaseSync, table: string): number =>
  readNumbers(database, `SELECT count(*) FROM ${table}`)[0] as number;

describe("rollback()", () => {
  test("undoes entries, revision and history of the batch, and only that", () => {
    const { engine } = openEngine();
    commit(engine, put("a", "1"), put("b", "1"));
    engine.begin();
    engine.transact([], [put("a", "2"), { type: "delete", key: "b" }, put("c")]);
    engine.transact([], [put("a", "3")]);
    engine.rollback();
    expect(keysOf(engine)).toEqual(["a", "b"]);
    expect(engine.get("a")).toMatchObject({ value: "1", modRevision: 1 });
    expect(engine.revision).toBe(1);
    commit(engine, put("d"));
    expect(engine.batches(0).map(({ revision }) => revision)).toEqual([1, 2]);
    expect(engine.get("d")).toMatchObject({ createRevision: 2 });
  });
});

describe("when there is no room", () => {
  test("the batch fails whole, and the next succeeds when there is room", () => {
    const { engine, database } = openEngine();
    commit(engine, put("a", "1"));
    const [pages = 0] = readNumbers(database, "PRAGMA page_count");
    database.exec(`PRAGMA max_page_count = ${pages + 5}`);
    engine.begin();
    engine.transact([], [put("a", "2")]);
    expect(() => engine.transact([], [put("big", "x".repeat(100_000))])).toThrow("database or disk is full");
    engine.rollback();
    expect(keysOf(engine)).toEqual(["a"]);
    expect(engine.get("a")?.value).toBe("1");
    commit(engine, put("a", "3"));
    expect(engine.get("a")).toMatchObject({ value: "3", modRevision: 2 });
    database.exec("PRAGMA max_page_count = 100000");
    commit(engine, put("big", "x".repeat(100_000)));
    expect(engine.batches(0).map(({ revision }) => revision)).toEqual([1, 2, 3]);
  });

  test("a fold that does not fit fails the batch and is tried again", () => {
    const { engine, database } = openEngine();
    for (let index = 0; index < 20; index++) commit(engine, put(`k${index}`, "x".repeat(3000)));
    const [pages = 0] = readNumbers(database, "PRAGMA page_count");
    database.exec(`PRAGMA max_page_count = ${pages + 2}`);
    engine.begin();
    engine.wantFold();
    expect(() => engine.commit()).toThrow("database or disk is full");
    engine.rollback();
    expect([engine.folded, keysOf(engine).length, count(database, "entry")]).toEqual([false, 20, 0]);
    database.exec("PRAGMA max_page_count = 100000");
    engine.begin();
    engine.wantFold();
    engine.commit();
    expect([engine.folded, keysOf(engine).length, count(database, "entry")]).toEqual([true, 20, 20]);
  });
});

describe("folding", () => {
  test("begins when there is enough, goes round the keys and never stops what is read", () => {
    const { engine, database } = openEngine({
      foldFrom: { keys: 5, characters: 1e9, revisions: 1e9 },
      foldKeys: 3,
    });
    for (let index = 0; index < 4; index++) commit(engine, put(`k${index}`));
    expect(count(database, "entry")).toBe(0);
    for (let index = 4; index < 40; index++) {
      commit(engine, put(`k${index}`));
      expect(keysOf(engine).length).toBe(index + 1);
    }
    expect(count(database, "entry")).toBeGreaterThanOrEqual(33);
  });

  test.each([
    ["values weigh too much", { keys: 1e9, characters: 300, revisions: 1e9 }],
    ["a start would replay too much", { keys: 1e9, characters: 1e9, revisions: 10 }],
  ])("begins when %s", (_, foldFrom) => {
    const { engine, database } = openEngine({ foldFrom });
    for (let index = 0; index < 30; index++) commit(engine, put("hot", "x".repeat(100 + index * 10)));
    expect(count(database, "entry")).toBe(1);
  });

  test("a restart replays what was not folded", () => {
    const { engine, database } = openEngine({
      foldFrom: { keys: 5, characters: 1e9, revisions: 1e9 },
      foldKeys: 3,
    });
    for (let index = 0; index < 50; index++) commit(engine, put(`k${(index * 7) % 20}`, String(index)));
    commit(engine, { type: "delete", key: "k3" });
    const again = new SqliteEngine(database, ENGINE_LIMITS);
    expect(again.page(ALL, 1000)).toEqual(engine.page(ALL, 1000));
    expect([again.revision, keysOf(again).length]).toEqual([51, 19]);
  });

  test("keeps up with batches that write much", () => {
    const { engine, database } = openEngine({
      foldFrom: { keys: 100, characters: 1e9, revisions: 1e9 },
      foldKeys: 3,
    });
    for (let index = 0; index < 50; index++) {
      commit(engine, ...Array.from({ length: 100 }, (_, key) => put(`k${index}/${key}`)));
    }
    expect(count(database, "entry")).toBeGreaterThanOrEqual(4800);
  });

  test("hides what is deleted, not what comes directly behind", () => {
    const { engine } = openEngine();
    commit(engine, put("a"), put("a\0"), put("b"));
    engine.begin();
    engine.wantFold();
    engine.commit();
    commit(engine, { type: "delete", key: "a" });
    expect(engine.page(ALL, 1).map(({ key }) => key)).toEqual(["a\0"]);
  });

  test("begins where deleted keys make a page slow", () => {
    const { engine, database } = openEngine({ foldHidden: 10 });
    for (let index = 0; index < 50; index++) commit(engine, put(`k${index}`));
    engine.begin();
    engine.wantFold();
    engine.commit();
    for (let index = 0; index < 40; index++) commit(engine, { type: "delete", key: `k${index}` });
    expect(count(database, "entry")).toBe(50);
    expect(engine.page(ALL, 2).length).toBe(2);
    commit(engine);
    expect(count(database, "entry")).toBe(10);
  });
});

describe("compaction", () => {
  test("by itself keeps the revisions asked for and bounds the log", () => {
    const { engine, database } = openEngine({
      keepRevisions: 100,
      foldFrom: { keys: 10, characters: 1e9, revisions: 200 },
    });
    for (let index = 0; index < 5000; index++) commit(engine, put(`k${index % 50}`));
    expect(engine.compacted).toBeLessThanOrEqual(4900);
    expect(engine.compacted).toBeGreaterThan(5000 - 100 - 1200);
    expect(engine.batches(engine.compacted)[0]?.revision).toBe(engine.compacted + 1);
    expect(count(database, "log")).toBeLessThan(1500);
  });

  test("takes no row that a start still needs", () => {
    const { engine, database } = openEngine();
    commit(engine, put("a"), put("b"));
    commit(engine, { type: "delete", key: "a" });
    engine.begin();
    engine.compact(2);
    engine.commit();
    const again = new SqliteEngine(database, ENGINE_LIMITS);
    expect([keysOf(again), again.revision, again.compacted]).toEqual([["b"], 2, 2]);
  });

  test("of a large log frees a large log piece by piece", () => {
    const { engine, database } = openEngine();
    database.exec("BEGIN");
    for (let revision = 1; revision <= 20_000; revision++)
      database.exec(`INSERT INTO log VALUES (${revision}, '[]')`);
    database.exec("COMMIT");
    const again = new SqliteEngine(database, ENGINE_LIMITS);
    expect([engine.revision, again.revision]).toEqual([0, 20_000]);
    again.begin();
    again.compact(20_000);
    again.wantFold();
    again.commit();
    const rows = [count(database, "log")];
    while ((rows.at(-1) as number) > 0) {
      again.begin();
      again.commit();
      rows.push(count(database, "log"));
    }
    expect(rows).toEqual([11_808, 3616, 0]);
    expect(new SqliteEngine(database, ENGINE_LIMITS).revision).toBe(20_000);
  });
});
