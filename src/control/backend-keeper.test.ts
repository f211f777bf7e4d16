import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import type { HealthCheck, Network } from "../model/index.ts";
import { formatAddress, parseAddress, parsePrefix } from "../net/index.ts";
import { createMemoryStore, type FakeClock, type Store } from "../store/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import {
  allocateMany,
  type Bench,
  emptyControl,
  fillSeed,
  findingsOf,
  SEED_PLAN,
  WEB,
  WIDE_PLAN,
} from "./seed.case.ts";

const HEALTH: HealthCheck = {
  protocol: "tcp",
  port: 80,
  interval: 500,
  timeout: 500,
  failures: 2,
  successes: 2,
};
const NETWORK: Network = {
  name: "main",
  plans: { ipv4: createPlan(SEED_PLAN) },
  groups: [],
  services: { ipv4: parsePrefix("172.20.0.0/16") },
};
const SERVICE = {
  name: "web",
  tenant: "tenant-1",
  segment: "web",
  ports: [{ protocol: "tcp", port: 80 }],
} as const;
const ON_HOST_2 = { ...WEB, host: "host-2" } as const;

let beats = 0;

function beat(control: Control, host: string, ...healthy: string[]): number {
  return control.beat(host, {
    life: "a",
    number: ++beats,
    subnets: [],
    held: [],
    refused: [],
    healthy: healthy.map(parseAddress),
  }).next;
}

/** Lets what was begun be read and written. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
}

/** Moves time on in small steps, in each of which what was begun is done. */
async function pass(clock: FakeClock, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 100) {
    clock.advance(100);
    await settle();
  }
}

async function backendsOf(control: Control): Promise<readonly string[] | undefined> {
  const { items } = await control.backends.list();
  return items[0]?.object.backends.map(
    ({ host, addresses: { ipv4 } }) => `${host} ${ipv4 && formatAddress(ipv4)}`,
  );
}

/** A service of tenant-1's segment web with one endpoint on each host: 10.1.1.17 and 10.2.1.17. */
async function servedSeed(health?: HealthCheck): Promise<Bench> {
  const bench = await emptyControl();
  await fillSeed(bench.control, NETWORK);
  await allocateMany(bench.control, 1);
  await allocateMany(bench.control, 1, ON_HOST_2);
  await bench.control.services.create({ ...SERVICE, ...(health && { health }) });
  await pass(bench.clock, 100);
  return bench;
}

/** Both hosts beat every 2 s, as long as time passes. */
async function passBeating(
  { control, clock }: Bench,
  milliseconds: number,
  hosts: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 2_000) {
    for (const [host, healthy] of Object.entries(hosts)) beat(control, host, ...healthy);
    await pass(clock, 2_000);
  }
}

const BOTH = ["host-1 10.1.1.17", "host-2 10.2.1.17"];
const ALL_WELL = { "host-1": ["10.1.1.17"], "host-2": ["10.2.1.17"] };

describe("backends", () => {
  test("are members of hosts that are heard of, when nothing is checked", async () => {
    const bench = await servedSeed();
    expect(await backendsOf(bench.control)).toBeUndefined();
    expect(beat(bench.control, "host-1")).toBe(2_000);
    await pass(bench.clock, 100);
    expect(await backendsOf(bench.control)).toEqual(["host-1 10.1.1.17"]);
    beat(bench.control, "host-2");
    await pass(bench.clock, 100);
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    expect(await findingsOf(bench.control)).toEqual([]);
  });

  test("are those that their hosts call healthy, when something is checked", async () => {
    const { control, clock } = await servedSeed(HEALTH);
    beat(control, "host-1", "10.1.1.17");
    beat(control, "host-2");
    await pass(clock, 100);
    expect(await backendsOf(control)).toEqual(["host-1 10.1.1.17"]);
    beat(control, "host-1");
    beat(control, "host-2", "10.2.1.17", "10.2.1.18");
    await pass(clock, 100);
    expect(await backendsOf(control)).toEqual(["host-2 10.2.1.17"]);
    expect((await control.services.get("web")).object).toMatchObject({ members: 2, healthy: 1 });
  });

  test("follow endpoints that come, go and act as another segment", async () => {
    const { control, clock, store } = await servedSeed();
    await control.segments.create({ tenant: "tenant-1", name: "other" });
    for (const host of ["host-1", "host-2"]) beat(control, host);
    const [second] = await allocateMany(control, 1);
    const [guest] = await allocateMany(control, 1, { ...WEB, segment: "other" });
    expect([second, guest]).toEqual(["10.1.1.18", "10.1.1.33"]);
    await pass(clock, 100);
    expect(await backendsOf(control)).toEqual(["host-1 10.1.1.17", "host-1 10.1.1.18", "host-2 10.2.1.17"]);
    await control.endpoints.update("10.1.1.33", { actsAs: "web" });
    await control.endpoints.update("10.1.1.18", { actsAs: "other" });
    await control.endpoints.release("10.2.1.17");
    await pass(clock, 100);
    expect(await backendsOf(control)).toEqual(["host-1 10.1.1.17", "host-1 10.1.1.33"]);
    const next = await createControl({ store, clock });
    await pass(clock, 100);
    expect((await next.services.get("web")).object).toMatchObject({ members: 2, healthy: 2 });
    await next.close();
  });

  test("changes within 50 ms are one write, and one event of its kind", async () => {
    const { control, clock } = await servedSeed(HEALTH);
    const aborting = new AbortController();
    const kinds = ["backends", "endpoints", "services"] as const;
    const events = control.watch({ kinds, signal: aborting.signal })[Symbol.asyncIterator]();
    const first = events.next();
    await settle();
    beat(control, "host-1", "10.1.1.17");
    clock.advance(40);
    beat(control, "host-2", "10.2.1.17");
    await pass(clock, 100);
    const { value } = await first;
    expect(value.changes).toMatchObject([
      {
        kind: "backends",
        type: "put",
        object: { segment: "web", backends: [{ host: "host-1" }, { host: "host-2" }] },
      },
    ]);
    expect(control.backends.summary()).toMatchObject({ writes: 1, members: 2, healthy: 2 });
    // A heartbeat that says nothing new writes nothing.
    beat(control, "host-1", "10.1.1.17");
    await pass(clock, 1_000);
    expect(control.backends.summary().writes).toBe(1);
    aborting.abort();
    await events.return?.();
  });

  test("of a large segment are written less often", async () => {
    const { control, clock } = await emptyControl();
    const wide = { ...NETWORK, plans: { ipv6: createPlan(WIDE_PLAN) } };
    await fillSeed(control, wide);
    await control.services.create({ ...SERVICE, health: HEALTH });
    const addresses = await allocateMany(control, 1_000);
    await pass(clock, 200);
    beat(control, "host-1", ...addresses);
    await pass(clock, 100);
    expect(control.backends.summary()).toMatchObject({ writes: 1, healthy: 1_000 });
    await pass(clock, 100);
    beat(control, "host-1", ...addresses.slice(1));
    await pass(clock, 100);
    beat(control, "host-1", ...addresses.slice(2));
    clock.advance(50);
    await settle();
    expect(control.backends.summary()).toMatchObject({ writes: 2, healthy: 999 });
    await pass(clock, 100);
    expect(control.backends.summary()).toMatchObject({ writes: 3, healthy: 998 });
  });

  test("go with the last service of their segment", async () => {
    const { control, clock } = await servedSeed();
    await control.services.create({ ...SERVICE, name: "second" });
    beat(control, "host-1");
    await pass(clock, 100);
    await control.services.delete("web");
    await pass(clock, 100);
    expect(await backendsOf(control)).toEqual(["host-1 10.1.1.17"]);
    await control.services.delete("second");
    await pass(clock, 100);
    expect(await backendsOf(control)).toBeUndefined();
    expect(await findingsOf(control)).toEqual([]);
  });
});

test("many segments on many hosts are known after a start, those included that endpoints act as", async () => {
  const bench = await emptyControl();
  await fillSeed(bench.control, { ...NETWORK, plans: { ipv6: createPlan(WIDE_PLAN) } });
  const tenant = "tenant-1";
  for (let index = 3; index <= 100; index++) await bench.control.hosts.create({ name: `host-${index}` });
  for (let index = 1; index <= 51; index++) {
    const segment = `s-${index}`;
    await bench.control.segments.create({ tenant, name: segment });
    await bench.control.services.create({ ...SERVICE, name: segment, segment });
    await bench.control.endpoints.allocate({ host: `host-${index}`, tenant, segment, name: segment });
  }
  await bench.control.endpoints.update("s-51", { actsAs: "s-50" });
  const control = await createControl({ store: bench.store, clock: bench.clock });
  await pass(bench.clock, 300);
  const counts = (await control.services.list()).items.map(({ object: { name, members } }) => [
    name,
    members,
  ]);
  expect(counts.filter(([, members]) => members !== 1)).toEqual([
    ["s-50", 2],
    ["s-51", 0],
  ]);
  expect(counts).toHaveLength(51);
  await control.close();
});

test("what happens to an endpoint while its segment is being read counts", async () => {
  const store = createMemoryStore();
  let isHolding = false;
  let held: (() => void) | undefined;
  const list: Store["list"] = async (prefix, options) => {
    const page = await store.list(prefix, options);
    if (isHolding && prefix.startsWith("endpoint/host-1/")) {
      isHolding = false;
      await new Promise<void>((resolve) => (held = resolve));
    }
    return page;
  };
  const slow = new Proxy(store, {
    get: (target, key: keyof Store) => (key === "list" ? list : target[key].bind(target)),
  });
  const { control, clock } = await emptyControl({ store: slow });
  await fillSeed(control, NETWORK);
  await allocateMany(control, 1);
  await control.services.create(SERVICE);
  isHolding = true;
  await pass(clock, 100);
  const finish = held;
  expect(finish).toBeDefined();
  // It was read with 10.1.1.17, and without 10.1.1.18.
  await allocateMany(control, 1);
  await control.endpoints.update("10.1.1.17", { actsAs: null, externalId: "changed" });
  beat(control, "host-1");
  await control.endpoints.release("10.1.1.17");
  finish?.();
  await pass(clock, 200);
  expect(await backendsOf(control)).toEqual(["host-1 10.1.1.18"]);
});

describe("silence", () => {
  test("of one host takes its endpoints out after 6 s", async () => {
    const bench = await servedSeed(HEALTH);
    await passBeating(bench, 8_000, ALL_WELL);
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    await passBeating(bench, 4_000, { "host-1": ["10.1.1.17"] });
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    await passBeating(bench, 2_000, { "host-1": ["10.1.1.17"] });
    expect(await backendsOf(bench.control)).toEqual(["host-1 10.1.1.17"]);
    await passBeating(bench, 2_000, ALL_WELL);
    expect(await backendsOf(bench.control)).toEqual(BOTH);
  });

  test("of all hosts takes nothing away, nor does what follows it", async () => {
    const bench = await servedSeed(HEALTH);
    await passBeating(bench, 8_000, ALL_WELL);
    await pass(bench.clock, 60_000);
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    // The first that is heard of again is no reason to think less of the other.
    await passBeating(bench, 4_000, { "host-2": ["10.2.1.17"] });
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    await passBeating(bench, 4_000, { "host-2": ["10.2.1.17"] });
    expect(await backendsOf(bench.control)).toEqual(["host-2 10.2.1.17"]);
  });

  test("of all, one after the other, takes nothing away", async () => {
    const bench = await servedSeed(HEALTH);
    const { control, clock } = bench;
    await passBeating(bench, 8_000, ALL_WELL);
    beat(control, "host-1", "10.1.1.17");
    await pass(clock, 1_900);
    beat(control, "host-2", "10.2.1.17");
    await pass(clock, 60_000);
    expect(await backendsOf(control)).toEqual(BOTH);
  });
});

describe("another romanad", () => {
  test("leaves stored backends until hosts had 6 s to speak, and takes those out that did not", async () => {
    const store = createMemoryStore();
    const before = await emptyControl({ store });
    await fillSeed(before.control, NETWORK);
    await allocateMany(before.control, 1);
    await allocateMany(before.control, 1, ON_HOST_2);
    await before.control.services.create({ ...SERVICE, health: HEALTH });
    await passBeating(before, 4_000, ALL_WELL);
    const revision = await before.control.revision();
    await before.control.close();
    const bench: Bench = { ...before, control: await createControl({ store, clock: before.clock }) };
    await pass(bench.clock, 30_000);
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    await passBeating(bench, 4_000, { "host-2": ["10.2.1.17"] });
    expect(await backendsOf(bench.control)).toEqual(BOTH);
    expect(await bench.control.revision()).toBe(revision);
    await passBeating(bench, 4_000, { "host-2": ["10.2.1.17"] });
    expect(await backendsOf(bench.control)).toEqual(["host-2 10.2.1.17"]);
    await bench.control.close();
  });

  test("takes an endpoint out at once that went while nobody was there", async () => {
    const store = createMemoryStore();
    const before = await emptyControl({ store });
    await fillSeed(before.control, NETWORK);
    await allocateMany(before.control, 1);
    await before.control.services.create(SERVICE);
    await passBeating(before, 2_000, { "host-1": [] });
    expect(await backendsOf(before.control)).toEqual(["host-1 10.1.1.17"]);
    await before.control.endpoints.release("10.1.1.17");
    await before.control.close();
    const after = await createControl({ store, clock: before.clock });
    await pass(before.clock, 200);
    expect(await backendsOf(after)).toEqual([]);
    await after.close();
  });

  test("writes anew what cannot be read", async () => {
    const { control, clock, store } = await servedSeed();
    beat(control, "host-1");
    await pass(clock, 100);
    await store.transact([], [{ type: "put", key: "backends/main/tenant-1/web", value: "{" }]);
    await pass(clock, 200);
    expect(await backendsOf(control)).toEqual(["host-1 10.1.1.17"]);
  });
});
