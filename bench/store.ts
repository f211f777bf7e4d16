import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore, type SqliteStore, type Write } from "../src/store/index.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";

const ROUNDS = 5;
/** Endpoints, and so half of the keys, of the store that is listed. */
const ENDPOINTS = 250_000;
const WATCHERS = 1000;

const text = (length: number): string => "x".repeat(length);
const ENDPOINT = text(150);
const NAME = text(50);

/** The embedded store on this disk: durable transactions, listing, watching. */
export async function run(): Promise<BenchResult> {
  // Not in /tmp, which may be in memory: commits shall reach a disk.
  const directory = mkdtempSync(join(import.meta.dirname, ".store-"));
  try {
    const commits: BenchRow[] = [];
    for (const [writers, count] of [
      [1, 2000],
      [8, 20_000],
      [64, 60_000],
    ] as const) {
      commits.push(...(await commitRows(directory, writers, count)));
    }
    return {
      name: "store",
      method: `SQLite store, WAL, synchronous=FULL; medians of ${ROUNDS} rounds with a new store each`,
      rows: [...commits, ...(await listRows(directory)), ...(await watchRows(directory))],
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs `work` on a new store. */
async function withStore<T>(directory: string, work: (store: SqliteStore) => Promise<T>): Promise<T> {
  const place = mkdtempSync(join(directory, "round-"));
  const store = openSqliteStore(join(place, "romana.db"));
  try {
    return await work(store);
  } finally {
    await store.close();
    rmSync(place, { recursive: true });
  }
}

/** What an allocation writes: an endpoint that must not be there yet, and its name, at a random place. */
function allocation(index: number): Write[] {
  const key = `endpoint/host-${index % 100}/net/tenant-${index % 7}/5/${String(index).padStart(8, "0")}`;
  const name = (Math.imul(index, 0x9e3779b1) >>> 0).toString(36);
  return [
    { type: "put", key, value: ENDPOINT },
    { type: "put", key: `endpoint-name/${name}`, value: NAME },
  ];
}

/** `writers` each with one transaction under way: two compares, two puts. */
async function commitRows(directory: string, writers: number, count: number): Promise<BenchRow[]> {
  const rates: number[] = [];
  const slow: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await withStore(directory, async (store) => {
      const latencies: number[] = [];
      let next = 0;
      const write = async (): Promise<void> => {
        while (next < count) {
          const writes = allocation(next++);
          const begun = performance.now();
          await store.transact(
            writes.map(({ key }) => ({ key, modRevision: 0 })),
            writes,
          );
          latencies.push(performance.now() - begun);
        }
      };
      const begun = performance.now();
      await Promise.all(Array.from({ length: writers }, write));
      rates.push((count / (performance.now() - begun)) * 1000);
      slow.push(latencies.sort((a, b) => a - b)[Math.floor(count * 0.99)] as number);
    });
  }
  const what = `durable transactions, ${writers} writer${writers === 1 ? "" : "s"}`;
  return [
    {
      what,
      value: median(rates),
      unit: "/s",
      ...(writers === 64 && { bar: { relation: "at least", value: 40_000 } as const }),
    },
    { what: `${what}: p99`, value: median(slow), unit: "ms" },
  ];
}

/** Reading everything in pages of 10,000, as an audit does. */
async function listRows(directory: string): Promise<BenchRow[]> {
  return await withStore(directory, async (store) => {
    for (let start = 0; start < ENDPOINTS; start += 50 * 64) {
      const batches = Array.from({ length: 64 }, (_, batch) => {
        const indexes = Array.from({ length: 50 }, (__, index) => start + batch * 50 + index);
        return store.transact([], indexes.filter((index) => index < ENDPOINTS).flatMap(allocation));
      });
      await Promise.all(batches);
    }
    const rates: number[] = [];
    const longest: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      let rows = 0;
      let slowest = 0;
      const begun = performance.now();
      for (let after: string | undefined; ; ) {
        const asked = performance.now();
        const page = await store.list("", { limit: 10_000, ...(after !== undefined && { after }) });
        slowest = Math.max(slowest, performance.now() - asked);
        rows += page.entries.length;
        if (!page.more) break;
        after = page.entries.at(-1)?.key;
      }
      rates.push((rows / (performance.now() - begun)) * 1000);
      longest.push(slowest);
    }
    return [
      {
        what: `list ${2 * ENDPOINTS} entries in pages of 10,000`,
        value: median(rates),
        unit: "/s",
        bar: { relation: "at least", value: 1_000_000 },
      },
      {
        what: "slowest page",
        value: median(longest),
        unit: "ms",
        bar: { relation: "at most", value: 20 },
      },
    ];
  });
}

/** Many watchers of everything, and as many of one host each, while 64 writers write. */
async function watchRows(directory: string): Promise<BenchRow[]> {
  const all = await fanOut(directory, 2000, () => "");
  const own = await fanOut(directory, 20_000, (watcher) => `endpoint/host-${watcher}/`);
  return [
    { what: `batches handed to ${WATCHERS} watchers of everything`, value: all.delivered, unit: "/s" },
    { what: `transactions beside ${WATCHERS} watchers of one host each`, value: own.committed, unit: "/s" },
  ];
}

async function fanOut(
  directory: string,
  count: number,
  prefixOf: (watcher: number) => string,
): Promise<{ delivered: number; committed: number }> {
  const rounds: { delivered: number; committed: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(
      await withStore(directory, async (store) => {
        const stop = new AbortController();
        let delivered = 0;
        const watchers = Array.from({ length: WATCHERS }, async (_, watcher) => {
          for await (const batch of store.watch(prefixOf(watcher), 0, stop.signal)) {
            delivered += 1;
            if (batch.revision === count) break;
          }
        });
        let next = 0;
        const begun = performance.now();
        const write = async (): Promise<void> => {
          while (next < count) await store.transact([], allocation(next++));
        };
        await Promise.all(Array.from({ length: 64 }, write));
        const committed = performance.now() - begun;
        if (prefixOf(0) === "") await Promise.all(watchers);
        const seconds = (performance.now() - begun) / 1000;
        stop.abort();
        await Promise.all(watchers);
        return { delivered: delivered / seconds, committed: (count / committed) * 1000 };
      }),
    );
  }
  return {
    delivered: median(rounds.map(({ delivered }) => delivered)),
    committed: median(rounds.map(({ committed }) => committed)),
  };
}
