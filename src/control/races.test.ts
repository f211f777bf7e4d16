import { describe, expect, test } from "vitest";
import { parsePrefix } from "../net/index.ts";
import { createMemoryStore, type Store, type WatchBatch } from "../store/index.ts";
import { Catalog } from "./catalog.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import { Places } from "./places.ts";
import {
  addressOf,
  allocateMany,
  codes,
  errorOf,
  findingsOf,
  network,
  SEED_PLAN,
  seedControl,
  WEB,
  WIDE_PLAN,
} from "./seed.case.ts";

/** Two romanads on one store. What the first one commits, the second one can come before. */
interface Race {
  /** It never hears of the other by its watch: what it knows of it, it found out when it lost. */
  readonly slow: Control;
  readonly other: Control;
  readonly store: Store;
  /** Runs `action` once, when the slow one is about to commit a change of a key that starts so. */
  readonly before: (key: string, action: () => Promise<unknown>) => void;
}

/** A watch that tells nothing until it ends. */
function silence(signal: AbortSignal): AsyncIterable<WatchBatch> {
  const aborted = new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  const next = async (): Promise<IteratorResult<WatchBatch>> => {
    await aborted;
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function race(options: { coolDown?: number } = {}): Promise<Race> {
  const store = createMemoryStore();
  const { control: other, clock } = await seedControl({ store, ...options });
  let ambush: { key: string; action: () => Promise<unknown> } | undefined;
  const slowStore: Store = new Proxy(store, {
    get(target, property) {
      if (property === "watch") return (_: string, __: number, signal: AbortSignal) => silence(signal);
      if (property === "transact") {
        return async (...[compares, writes]: Parameters<Store["transact"]>) => {
          const due = ambush;
          if (due !== undefined && writes.some(({ key }) => key.startsWith(due.key))) {
            ambush = undefined;
            await due.action();
          }
          return await target.transact(compares, writes);
        };
      }
      const value = Reflect.get(target, property) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const slow = await createControl({ store: slowStore, clock, ...options });
  return { slow, other, store, before: (key, action) => (ambush = { key, action }) };
}

const NARROW = { ...SEED_PLAN, prefix: parsePrefix("172.16.0.0/14"), hostBits: 2 };

describe("what somebody else does just before the commit", () => {
  test.each<
    [string, string, (other: Control) => Promise<unknown>, (slow: Control) => Promise<unknown>, string]
  >([
    [
      "segment deleted under an allocation",
      "endpoint/",
      (other) => other.segments.delete("tenant-1", "web"),
      (slow) => slow.endpoints.allocate(WEB),
      'not-found: Cannot find segment "tenant-1/web"',
    ],
    [
      "host deleted under an allocation",
      "endpoint/",
      (other) => other.hosts.delete("host-1"),
      (slow) => slow.endpoints.allocate(WEB),
      'not-found: Cannot find host "host-1"',
    ],
    [
      "network deleted under an allocation",
      "endpoint/",
      (other) => other.networks.delete("main"),
      (slow) => slow.endpoints.allocate({ ...WEB, network: "main" }),
      'not-found: Cannot find network "main"',
    ],
    [
      "tenant deleted under an allocation",
      "endpoint/",
      (other) => other.tenants.delete("tenant-1", { cascade: true }),
      (slow) => slow.endpoints.allocate(WEB),
      'not-found: Cannot find tenant "tenant-1"',
    ],
    [
      "tenant deleted under a new segment",
      "segment/",
      (other) => other.tenants.delete("tenant-1", { cascade: true }),
      (slow) => slow.segments.create({ tenant: "tenant-1", name: "db" }),
      'not-found: Cannot find tenant "tenant-1"',
    ],
    [
      "endpoint in a host that is being deleted",
      "host/",
      (other) => other.endpoints.allocate({ ...WEB, name: "quick" }),
      (slow) => slow.hosts.delete("host-1"),
      'in-use: Cannot delete host "host-1": it is used by endpoint "quick"',
    ],
    [
      "segment in a tenant that is being deleted",
      "tenant/",
      (other) => other.segments.create({ tenant: "tenant-2", name: "db" }),
      async (slow) => {
        await slow.segments.delete("tenant-2", "web");
        return await slow.tenants.delete("tenant-2");
      },
      'in-use: Cannot delete tenant "tenant-2": it is used by segment "tenant-2/db"',
    ],
    [
      "endpoint in a segment that is being deleted",
      "segment/",
      (other) => other.endpoints.allocate({ ...WEB, name: "quick" }),
      (slow) => slow.segments.delete("tenant-1", "web"),
      'in-use: Cannot delete segment "tenant-1/web": it is used by endpoint "quick"',
    ],
    [
      "endpoint in a network that is being deleted",
      "network/",
      (other) => other.endpoints.allocate({ ...WEB, name: "quick" }),
      (slow) => slow.networks.delete("main"),
      'in-use: Cannot delete network "main": it is used by endpoint "quick"',
    ],
    [
      "endpoint in a code that is being removed",
      "segment/",
      (other) => other.endpoints.allocate({ ...WEB, name: "quick" }),
      (slow) => slow.segments.update("tenant-1", "web", { codes: codes("9") }),
      'in-use: Cannot take code 1 from segment "tenant-1/web": it is used by endpoint "quick"',
    ],
    [
      "segment with an overlapping code of another width",
      "segment/",
      (other) => other.segments.create({ tenant: "tenant-1", name: "db", codes: codes("2") }),
      (slow) => slow.segments.create({ tenant: "tenant-1", name: "cache", codes: codes("8+2") }),
      'conflict: Cannot create segment "tenant-1/cache": code 8+2 overlaps 2, which belongs to segment "tenant-1/db"',
    ],
    [
      "network that a new host does not fit",
      "host/",
      (other) => other.networks.create(network("narrow", NARROW)),
      (slow) => slow.hosts.create({ name: "far", id: 200 }),
      'invalid-input: Cannot create host "far": id: ID 200 is not in 0..3 in network "narrow"',
    ],
    [
      "network that a new tenant does not fit",
      "tenant/",
      (other) =>
        other.networks.create(
          network("narrow", { ...NARROW, hostBits: 8, prefix: parsePrefix("172.0.0.0/14"), tenantBits: 2 }),
        ),
      (slow) => slow.tenants.create({ name: "far", id: 200 }),
      'invalid-input: Cannot create tenant "far": id: tenant ID 200 is not in 1..3 in network "narrow"',
    ],
    [
      "network that a new segment does not fit",
      "segment/",
      (other) =>
        other.networks.create(
          network("narrow", {
            ...SEED_PLAN,
            prefix: parsePrefix("172.0.0.0/8"),
            segmentBits: 2,
            endpointBits: 6,
          }),
        ),
      (slow) => slow.segments.create({ tenant: "tenant-1", name: "far", codes: codes("9") }),
      'invalid-input: Cannot create segment "tenant-1/far": codes: 9: code 9 is not in 0..3 (2 bits) in network "narrow"',
    ],
    [
      "host that a new network has no room for",
      "network/",
      (other) => other.hosts.create({ name: "far", id: 200 }),
      (slow) => slow.networks.create(network("narrow", NARROW)),
      'invalid-input: Cannot create network "narrow": plans: host "far": ID 200 is not in 0..3 in network "narrow"',
    ],
    [
      "network with the same prefix",
      "network/",
      (other) => other.networks.create(network("first", undefined, WIDE_PLAN)),
      (slow) => slow.networks.create(network("second", undefined, WIDE_PLAN)),
      'invalid-input: Cannot create network "second": plans.ipv6.prefix: fd00::/48 overlaps fd00::/48 of network "first"',
    ],
    [
      "host with the same ID",
      "host/",
      (other) => other.hosts.create({ name: "first", id: 9 }),
      (slow) => slow.hosts.create({ name: "second", id: 9 }),
      'conflict: Cannot create host "second": host "first" has ID 9',
    ],
    [
      "the same host",
      "host/",
      (other) => other.hosts.create({ name: "same" }),
      (slow) => slow.hosts.create({ name: "same" }),
      "none",
    ],
    [
      "an allocation with the same name for something else",
      "endpoint/",
      (other) => other.endpoints.allocate({ ...WEB, host: "host-2", name: "one" }),
      (slow) => slow.endpoints.allocate({ ...WEB, name: "one" }),
      'conflict: Cannot allocate endpoint "one": the name "one" stands for another endpoint',
    ],
  ])("%s", async (_, key, act, attempt, outcome) => {
    const { slow, other, before } = await race();
    before(key, () => act(other));
    expect(await errorOf(attempt(slow))).toBe(outcome);
    expect(await findingsOf(other)).toEqual([]);
  });

  test("an ID that was taken and freed meanwhile rests", async () => {
    const { slow, other, before } = await race({ coolDown: 1000 });
    before("endpoint/", async () => {
      await other.endpoints.allocate({ ...WEB, name: "brief" });
      await other.endpoints.release("brief");
    });
    expect(await allocateMany(slow, 1)).toEqual(["10.1.1.18"]);
  });

  test("a quota that was given meanwhile counts the endpoint, one that was taken does not", async () => {
    const { slow, other, store, before } = await race();
    before("endpoint/", () => other.tenants.update("tenant-1", { quota: 1 }));
    await slow.endpoints.allocate({ ...WEB, name: "a" });
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe("1");
    before("endpoint/", () => other.tenants.update("tenant-1", { quota: null }));
    await slow.endpoints.release("a");
    expect(await findingsOf(other)).toEqual([]);
  });

  test("a release under a new quota is counted", async () => {
    const { slow, other, store, before } = await race();
    await slow.endpoints.allocate({ ...WEB, name: "a" });
    before("endpoint/", () => other.tenants.update("tenant-1", { quota: 5 }));
    await slow.endpoints.release("a");
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe("0");
  });

  test("growth by a code that another segment has just got takes the next one", async () => {
    const { slow, other, before } = await race();
    await allocateMany(slow, 15);
    before("endpoint/", () => other.segments.create({ tenant: "tenant-1", name: "db" }));
    expect(await allocateMany(slow, 1)).toEqual(["10.1.1.49"]);
    expect(await findingsOf(other)).toEqual([]);
  });

  test("a status report of a host that goes away is not kept", async () => {
    const { slow, other, store, before } = await race();
    before("status/", () => other.hosts.delete("host-1"));
    const status = {
      observedRevision: 1,
      state: "ok",
      problems: [],
      routes: [],
      attachments: 0,
      version: "",
      reportedAt: 0,
    } as const;
    expect(await errorOf(slow.status.put("host-1", status))).toBe('not-found: Cannot find host "host-1"');
    expect(await store.get("status/host-1")).toBeUndefined();
  });
});

describe("unfinished work of a romanad that died", () => {
  test("a quota that is not counted yet is counted by whoever comes next", async () => {
    const { slow, store } = await race();
    await allocateMany(slow, 3);
    const mark = '{"name":"tenant-1","id":1,"isolation":"segment","quota":4,"counting":true}';
    await store.transact([], [{ type: "put", key: "tenant/tenant-1", value: mark }]);
    const control = await createControl({ store });
    await allocateMany(control, 1);
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe("4");
    expect(await errorOf(control.endpoints.allocate(WEB))).toMatch(/^quota-exceeded: /);
    await store.transact([], [{ type: "put", key: "tenant/tenant-1", value: mark }]);
    await control.endpoints.release("10.1.1.17");
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe("3");
  });

  test("marks of other changes go with the next update, even one that changes nothing", async () => {
    const { other, store } = await race();
    const segment = '{"tenant":"tenant-1","name":"web","codes":["1"],"removing":["1"]}';
    const { value = "" } = (await store.get("network/main")) ?? {};
    await store.transact(
      [],
      [
        { type: "put", key: "segment/tenant-1/web", value: segment },
        { type: "put", key: "network/main", value: value.replace(/}$/, ',"nextGroups":[]}') },
      ],
    );
    expect(await findingsOf(other)).toEqual([
      "unfinished-change network/main",
      "unfinished-change segment/tenant-1/web",
    ]);
    await other.segments.update("tenant-1", "web", {});
    await other.networks.update("main", {});
    expect(await findingsOf(other)).toEqual([]);
    expect(await allocateMany(other, 1)).toEqual(["10.1.1.17"]);
  });

  test("a mark of a delete that may not cascade goes when somebody uses the object", async () => {
    const { slow, other, store } = await race();
    await slow.endpoints.allocate({ ...WEB, name: "a" });
    const value =
      '{"name":"host-1","id":1,"group":[],"underlay":{},"deleting":{"cascade":false,"used":false}}';
    await store.transact([], [{ type: "put", key: "host/host-1", value }]);
    expect((await other.ipam.check({ repair: true })).findings).toEqual([
      {
        kind: "unfinished-change",
        key: "host/host-1",
        message: 'A delete of host "host-1" was begun and not finished',
        repaired: "it is used again, so the delete was taken back",
      },
    ]);
    await store.transact([], [{ type: "put", key: "host/host-1", value }]);
    expect(await errorOf(other.hosts.delete("host-1"))).toMatch(/^in-use: /);
    expect(await errorOf(other.endpoints.allocate(WEB))).toBe("none");
  });
});

describe("what is in memory", () => {
  const PLACE = "host-1/main/tenant-1/0000000001";
  const RANGE = { first: 0, last: 15, reserved: [0], capacity: 15 };
  const keyOf = (prefix: string, id: number): string => `${prefix}/${PLACE}/${String(id).padStart(10, "0")}`;

  test("news while a place is being read is kept, in the right order", async () => {
    const store = createMemoryStore();
    await store.transact([], [{ type: "put", key: keyOf("endpoint", 1), value: "{}" }]);
    const places = new Places(store, 1000);
    const opening = places.get(PLACE, RANGE);
    places.apply(keyOf("endpoint", 1), undefined, 2);
    places.apply(keyOf("endpoint", 2), "{}", 3);
    places.apply(keyOf("cooling", 3), "99", 4);
    places.apply(keyOf("endpoint", 4), "{}", 1);
    const ids = await opening;
    const { pool } = ids;
    expect([1, 2, 3, 4].map((id) => pool.standing(id, 0))).toEqual(["free", "taken", "resting", "free"]);
    expect([ids.restRevision(3), ids.restRevision(4)]).toEqual([4, 0]);
    places.apply(keyOf("endpoint", 5), "{}", 1);
    expect(pool.standing(5, 0)).toBe("free");
    places.apply(keyOf("endpoint", 5), "{}", 9);
    expect(pool.standing(5, 0)).toBe("taken");
  });

  test("a place with an ID on its way is not forgotten, others are", async () => {
    const places = new Places(createMemoryStore(), 40);
    const busy = await places.get(PLACE, RANGE);
    busy.pool.hold(1);
    const idle = await places.get("host-2/main/tenant-1/0000000001", RANGE);
    for (let host = 3; host < 9; host++) await places.get(`host-${host}/main/tenant-1/0000000001`, RANGE);
    expect(await places.get(PLACE, RANGE)).toBe(busy);
    expect(await places.get("host-2/main/tenant-1/0000000001", RANGE)).not.toBe(idle);
  });

  test("a place of a network that was made anew is read again", async () => {
    const places = new Places(createMemoryStore(), 1000);
    const before = await places.get(PLACE, RANGE);
    expect(await places.get(PLACE, { ...RANGE })).toBe(before);
    const after = await places.get(PLACE, { ...RANGE, reserved: [0, 1] });
    expect(after.pool.lowestFree(RANGE, 0)).toBe(2);
  });

  test("a place that could not be read is tried again", async () => {
    const store = createMemoryStore();
    let isBroken = true;
    const list: Store["list"] = async (...args) => {
      if (isBroken) throw new Error("broken");
      return await store.list(...args);
    };
    const places = new Places(
      new Proxy(store, { get: (target, name) => (name === "list" ? list : Reflect.get(target, name)) }),
      99,
    );
    await expect(async () => await places.get(PLACE, RANGE)).rejects.toThrow("broken");
    isBroken = false;
    expect((await places.get(PLACE, RANGE)).pool.used).toBe(0);
  });

  test("the catalog takes no news that is older than what it has, and none that is damaged", () => {
    const catalog = new Catalog();
    const tenant = (isolation: string): string => `{"name":"a","id":1,"isolation":"${isolation}"}`;
    catalog.apply("tenant/a", tenant("none"), 5);
    catalog.apply("tenant/a", tenant("tenant"), 4);
    expect(catalog.tenants.get("a")?.record.tenant.isolation).toBe("none");
    catalog.apply("tenant/a", undefined, 4);
    expect(catalog.tenants.has("a")).toBe(true);
    catalog.apply("tenant/a", "{", 6);
    expect(catalog.tenants.has("a")).toBe(false);
  });
});

test("a view of a romanad that is behind says so in its revision", async () => {
  const { slow, other } = await race();
  const before = await slow.revision();
  await other.endpoints.allocate({ ...WEB, name: "late" });
  const view = await slow.view("host-1");
  expect(view.endpoints.map(({ object }) => addressOf(object))).toEqual(["10.1.1.17"]);
  expect(view.revision).toBe(before);
});

test("a watch of one host tells nothing of other hosts' past", async () => {
  const { other } = await race();
  const after = await other.revision();
  await other.endpoints.allocate({ ...WEB, host: "host-2", name: "theirs" });
  await other.endpoints.allocate({ ...WEB, name: "ours" });
  const abort = new AbortController();
  for await (const { changes } of other.watch({
    kinds: ["endpoints"],
    host: "host-1",
    after,
    signal: abort.signal,
  })) {
    expect(changes.map(({ object }) => "name" in object && object.name)).toEqual(["ours"]);
    break;
  }
});
