import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Entry, openSqliteStore, type Store, type WatchBatch } from "../../src/store/index.ts";

const ROUNDS = 30;
const WRITER = join(import.meta.dirname, "../support/store-writer.ts");

/** What the writer has been told is durable: numbers of transactions with their revisions. */
type Acknowledged = Map<number, number>;

/** Lets a writer work on the store and kills it some random time after it has begun. */
async function writeAndKill(path: string): Promise<Acknowledged> {
  const writer = spawn(process.execPath, [WRITER, path], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void writer.kill("SIGKILL"));
  let output = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (output === "") setTimeout(() => writer.kill("SIGKILL"), Math.random() * 60);
    output += text;
  });
  await closed(writer);
  // The last line may have been cut short by the kill.
  const lines = output.split("\n").slice(0, -1);
  return new Map(lines.map((line) => line.split(" ").map(Number) as [number, number]));
}

async function closed(child: ChildProcess): Promise<void> {
  await once(child, "close");
}

async function history(store: Store): Promise<WatchBatch[]> {
  const last = await store.revision();
  const batches: WatchBatch[] = [];
  for await (const batch of store.watch("", 0, new AbortController().signal)) {
    batches.push(batch);
    if (batch.revision === last) break;
  }
  return batches;
}

/** The entries that the history leads to. */
function replay(batches: readonly WatchBatch[]): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { changes } of batches) {
    for (const { key, entry, previous } of changes) {
      expect(previous).toBe(entries.get(key)?.value);
      if (entry === undefined) entries.delete(key);
      else entries.set(key, entry);
    }
  }
  return entries;
}

test(`${ROUNDS} times kill -9: what was acknowledged is there, and the rest is whole or absent`, async () => {
  const directory = mkdtempSync(join(tmpdir(), "romana-crash-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "romana.db");
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const told = await writeAndKill(path);
    acknowledged += told.size;
    const store = openSqliteStore(path);
    const batches = await history(store);
    const revision = await store.revision();
    expect(batches.map((batch) => batch.revision)).toEqual(Array.from({ length: revision }, (_, i) => i + 1));
    for (const { changes } of batches) {
      expect(changes.length).toBe(2);
      expect(changes[0]?.entry?.value).toBe(changes[1]?.key);
      expect(changes[1]?.entry?.value).toBe(changes[0]?.key);
    }
    const { entries } = await store.list("");
    expect(new Map(entries.map((entry) => [entry.key, entry]))).toEqual(replay(batches));
    for (const [number, at] of told) {
      expect(batches[at - 1]?.changes[0]?.key).toBe(`a/${number}`);
    }
    await store.close();
  }
  expect(acknowledged).toBeGreaterThan(ROUNDS);
});
