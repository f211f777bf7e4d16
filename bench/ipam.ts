import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createPlan } from "../src/addressing/index.ts";
import { addressesOf } from "../src/control/directory.ts";
import { type Control, createControl } from "../src/control/index.ts";
import { PREFIX, placeText, spotText } from "../src/control/keys.ts";
import { encodeEndpointRecord } from "../src/control/records.ts";
import type { Network } from "../src/model/index.ts";
import { parsePrefix } from "../src/net/index.ts";
import { openSqliteStore, type SqliteStore, type Write } from "../src/store/index.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";

const ROUNDS = 5;
const IN_FLIGHT = 64;
const ALLOCATIONS = 60_000;
const RELEASES = 20_000;
const WORKLOADS = 20_000;
const HOSTS = 100;
const TENANTS = 10;
const SEGMENTS = 10;
/** Per host, tenant and segment: a million in all. */
const ENDPOINTS = 100;
/** Endpoints that are written in one transaction when the store is filled. */
const FILL = 60;

const NETWORK: Network = {
  name: "main",
  plans: {
    ipv4: createPlan({
      prefix: parsePrefix("10.0.0.0/8"),
      hostBits: 8,
      tenantBits: 4,
      segmentBits: 4,
      endpointBits: 8,
    }),
    ipv6: createPlan({
      prefix: parsePrefix("fd00::/48"),
      hostBits: 16,
      tenantBits: 16,
      segmentBits: 16,
      endpointBits: 32,
    }),
  },
  groups: [],
};

/** IPAM on the embedded store: allocations with group commit, and the check of a million endpoints. */
export async function run(): Promise<BenchResult> {
  // Not in /tmp, which may be in memory: commits shall reach a disk.
  const directory = mkdtempSync(join(import.meta.dirname, ".ipam-"));
  try {
    return {
      name: "ipam",
      method: `SQLite store, durable; dual-stack endpoints with names on ${HOSTS} hosts in ${TENANTS * SEGMENTS} segments; medians of ${ROUNDS} rounds`,
      rows: [
        ...(await allocationRows(directory)),
        ...(await workloadRows(directory)),
        ...(await auditRows(directory)),
      ],
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs `work` on a new store with hosts, tenants and segments. */
async function withControl<T>(
  directory: string,
  work: (control: Control, store: SqliteStore) => Promise<T>,
): Promise<T> {
  const place = mkdtempSync(join(directory, "round-"));
  const store = openSqliteStore(join(place, "romanad.db"));
  const control = await createControl({ store });
  try {
    await control.networks.create(NETWORK);
    for (let host = 1; host <= HOSTS; host++) await control.hosts.create({ name: `host-${host}` });
    for (let tenant = 1; tenant <= TENANTS; tenant++) {
      await control.tenants.create({ name: `tenant-${tenant}` });
      for (let segment = 1; segment <= SEGMENTS; segment++) {
        await control.segments.create({ tenant: `tenant-${tenant}`, name: `segment-${segment}` });
      }
    }
    return await work(control, store);
  } finally {
    await control.close();
    await store.close();
    rmSync(place, { recursive: true });
  }
}

/** Runs `work` for 0 to `count` − 1, so many at a time; returns how many a second, and the slowest hundredth. */
async function pace(count: number, work: (index: number) => Promise<unknown>): Promise<[number, number]> {
  const latencies: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const begun = performance.now();
      await work(index);
      latencies.push(performance.now() - begun);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const rate = (count / (performance.now() - begun)) * 1000;
  return [rate, latencies.sort((a, b) => a - b)[Math.floor(count * 0.99)] as number];
}

async function allocationRows(directory: string): Promise<BenchRow[]> {
  const allocations: [number, number][] = [];
  const releases: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await withControl(directory, async ({ endpoints }) => {
      allocations.push(
        await pace(ALLOCATIONS, (index) =>
          endpoints.allocate({
            host: `host-${(index % HOSTS) + 1}`,
            tenant: `tenant-${(index % TENANTS) + 1}`,
            segment: `segment-${(Math.floor(index / HOSTS) % SEGMENTS) + 1}`,
            name: `web-${index}.shop`,
          }),
        ),
      );
      releases.push(await pace(RELEASES, (index) => endpoints.release(`web-${index * 2}.shop`)));
    });
  }
  const rates = (list: readonly [number, number][]): number => median(list.map(([rate]) => rate));
  const slow = (list: readonly [number, number][]): number => median(list.map(([, p99]) => p99));
  return [
    {
      what: `allocations, ${IN_FLIGHT} in flight`,
      value: rates(allocations),
      unit: "/s",
      bar: { relation: "at least", value: 20_000 },
    },
    { what: `allocations, ${IN_FLIGHT} in flight: p99`, value: slow(allocations), unit: "ms" },
    { what: `releases, ${IN_FLIGHT} in flight`, value: rates(releases), unit: "/s" },
    { what: `releases, ${IN_FLIGHT} in flight: p99`, value: slow(releases), unit: "ms" },
  ];
}

/** Pods of a cluster: written, started, and written again because somebody listed them all anew. */
async function workloadRows(directory: string): Promise<BenchRow[]> {
  return await withControl(directory, async ({ workloads, endpoints }, store) => {
    const put = (index: number): Promise<unknown> =>
      workloads.put({
        id: `6f1c2a9e-${index}`,
        tenant: `tenant-${(index % TENANTS) + 1}`,
        segment: `segment-${(Math.floor(index / HOSTS) % SEGMENTS) + 1}`,
        name: `web-${index}.shop`,
      });
    const start = (index: number): Promise<unknown> =>
      endpoints.allocate({
        host: `host-${(index % HOSTS) + 1}`,
        workload: `6f1c2a9e-${index}`,
        requestToken: `cni/net/${index}/eth0`,
      });
    const [written] = await pace(WORKLOADS, put);
    const [started, slowest] = await pace(WORKLOADS, start);
    const before = await store.revision();
    const [again] = await pace(WORKLOADS, put);
    if ((await store.revision()) !== before) throw new Error("equal workloads were written");
    return [
      { what: `workloads written, ${IN_FLIGHT} in flight`, value: written, unit: "/s" },
      { what: `allocations for workloads, ${IN_FLIGHT} in flight`, value: started, unit: "/s" },
      { what: `allocations for workloads, ${IN_FLIGHT} in flight: p99`, value: slowest, unit: "ms" },
      { what: "equal workloads written again, which writes nothing", value: again, unit: "/s" },
    ];
  });
}

/** The writes of all endpoints of a host, as control makes them; the check would say if they were not. */
function* endpointsOf(host: number): Generator<Write[]> {
  let writes: Write[] = [];
  for (let tenant = 1; tenant <= TENANTS; tenant++) {
    for (let segment = 1; segment <= SEGMENTS; segment++) {
      const code = { code: segment, extraBits: 0 };
      const place = placeText({
        host: `host-${host}`,
        network: NETWORK.name,
        tenant: `tenant-${tenant}`,
        code,
      });
      for (let endpoint = 1; endpoint <= ENDPOINTS; endpoint++) {
        const name = `web-${host}-${tenant}-${segment}-${endpoint}.shop`;
        const addresses = addressesOf(NETWORK, { groups: [], host }, tenant, code, endpoint);
        const value = encodeEndpointRecord({
          segment: `segment-${segment}`,
          addresses,
          name,
          createdAt: Date.now(),
        });
        const spot = spotText(place, endpoint);
        writes.push({ type: "put", key: PREFIX.endpoint + spot, value });
        writes.push({ type: "put", key: PREFIX.endpointName + name, value: spot });
        if (writes.length < 2 * FILL) continue;
        yield writes;
        writes = [];
      }
    }
  }
  if (writes.length > 0) yield writes;
}

async function auditRows(directory: string): Promise<BenchRow[]> {
  return await withControl(directory, async (control, store) => {
    for (let host = 1; host <= HOSTS; host++) {
      await Promise.all(Array.from(endpointsOf(host), (writes) => store.transact([], writes)));
    }
    const times: number[] = [];
    const blocks: number[] = [];
    const usages: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const stop = watchLoop();
      const begun = performance.now();
      const { clean, endpoints } = await control.ipam.check();
      times.push((performance.now() - begun) / 1000);
      blocks.push(stop());
      if (!clean || endpoints !== HOSTS * TENANTS * SEGMENTS * ENDPOINTS)
        throw new Error("the store is not right");
      const counted = performance.now();
      await control.ipam.usage();
      usages.push((performance.now() - counted) / 1000);
    }
    const bar = { relation: "at most", value: 2 } as const;
    return [
      { what: "check of 1,000,000 endpoints", value: median(times), unit: "s", bar },
      { what: "check: longest time that nothing else ran", value: median(blocks), unit: "ms" },
      { what: "usage of 1,000,000 endpoints", value: median(usages), unit: "s" },
    ];
  });
}

/** Measures the longest time between two turns of the event loop, until the returned function is called. */
function watchLoop(): () => number {
  let longest = 0;
  let last = performance.now();
  let isDone = false;
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isDone = true;
    return longest;
  };
}
