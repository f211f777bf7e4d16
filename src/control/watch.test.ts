import { describe, expect, test } from "vitest";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { createMemoryStore } from "../store/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import {
  allocateMany,
  emptyControl,
  errorOf,
  network,
  SEED_PLAN,
  seedControl,
  WEB,
  ZONED_PLAN,
} from "./seed.case.ts";
import type { WatchEvent, WatchKind } from "./watch.ts";

const ALL: WatchKind[] = ["networks", "hosts", "tenants", "segments", "endpoints"];

/** One change as a line. */
function lines({ changes }: WatchEvent): string[] {
  return changes.map((change) => {
    const { kind, type, object } = change;
    const name = "name" in object ? object.name : "";
    return `${type} ${kind} ${change.kind === "segments" ? `${change.object.tenant}/` : ""}${name}`;
  });
}

/** Watches until `done` says that a line was the last one. */
async function watchUntil(
  control: Control,
  last: string,
  options: { kinds?: WatchKind[]; host?: string; after?: number } = {},
): Promise<string[]> {
  const abort = new AbortController();
  const seen: string[] = [];
  let revision = 0;
  for await (const event of control.watch({ kinds: ALL, ...options, signal: abort.signal })) {
    expect(event.revision).toBeGreaterThan(revision);
    revision = event.revision;
    seen.push(...lines(event));
    if (seen.at(-1) === last) break;
  }
  abort.abort();
  return seen;
}

describe("watch()", () => {
  test("tells every change in order, past and live alike", async () => {
    const { control } = await emptyControl();
    const live = watchUntil(control, "delete tenants t");
    await control.networks.create(network("main", SEED_PLAN));
    await control.hosts.create({ name: "host-1" });
    await control.tenants.create({ name: "t" });
    await control.segments.create({ tenant: "t", name: "s" });
    await control.endpoints.allocate({ host: "host-1", tenant: "t", segment: "s", name: "e" });
    await control.endpoints.update("e", { externalId: "x" });
    await control.endpoints.release("e");
    await control.segments.delete("t", "s");
    await control.tenants.delete("t");
    const expected = [
      "put networks main",
      "put hosts host-1",
      "put tenants t",
      "put segments t/s",
      "put endpoints e",
      "put endpoints e",
      "delete endpoints e",
      "put segments t/s",
      "delete segments t/s",
      "put tenants t",
      "delete tenants t",
    ];
    expect(await live).toEqual(expected);
    expect(await watchUntil(control, "delete tenants t", { after: 0 })).toEqual(expected);
  });

  test("of one host tells nothing of other hosts' endpoints", async () => {
    const { control } = await seedControl();
    const watching = watchUntil(control, "put tenants end", { host: "host-1" });
    await control.endpoints.allocate({ ...WEB, host: "host-2", name: "theirs" });
    await control.endpoints.allocate({ ...WEB, name: "ours" });
    await control.tenants.create({ name: "end" });
    expect(await watching).toEqual(["put endpoints ours", "put tenants end"]);
  });

  test("tells only the kinds that were asked for", async () => {
    const { control } = await seedControl();
    const watching = watchUntil(control, "put tenants end", { kinds: ["tenants"] });
    await allocateMany(control, 2);
    await control.segments.create({ tenant: "tenant-1", name: "db" });
    await control.tenants.create({ name: "end" });
    expect(await watching).toEqual(["put tenants end"]);
  });

  test("a cascade tells each endpoint that went with its addresses", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 30);
    const { revision } = await control.view("host-1");
    await control.tenants.delete("tenant-1", { cascade: true });
    await control.tenants.create({ name: "end" });
    const seen = await watchUntil(control, "put tenants end", { after: revision, host: "host-1" });
    expect(seen.filter((line) => line.startsWith("delete endpoints"))).toHaveLength(30);
  });

  test("goes on where a view ended, without a gap", async () => {
    const { control } = await seedControl();
    const names = new Set<string>();
    const writer = (async () => {
      for (let index = 0; index < 100; index++)
        await control.endpoints.allocate({ ...WEB, name: `e${index}` });
      await control.tenants.create({ name: "end" });
    })();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    const view = await control.view("host-1");
    for (const { object } of view.endpoints) names.add(object.name ?? "");
    for (const line of await watchUntil(control, "put tenants end", {
      after: view.revision,
      host: "host-1",
    })) {
      names.add(line.replace("put endpoints ", ""));
    }
    await writer;
    expect(
      [...Array.from({ length: 100 }, (_, index) => `e${index}`), "put tenants end"].filter(
        (n) => !names.has(n),
      ),
    ).toEqual([]);
  });

  test("ends with compacted when the past is gone", async () => {
    const { control, store } = await seedControl();
    await store.compact(await store.revision());
    const watching = watchUntil(control, "never", { after: 0 });
    expect(await errorOf(watching)).toMatch(/^compacted: /);
  });

  test("ends with compacted when its reader is too slow", async () => {
    const { control } = await seedControl();
    await control.tenants.update("tenant-1", { isolation: "none" });
    const abort = new AbortController();
    const events = control.watch({ kinds: ["endpoints"], signal: abort.signal })[Symbol.asyncIterator]();
    const first = events.next();
    await control.endpoints.allocate({ ...WEB, name: "e" });
    await first;
    for (let index = 0; index < 10_001; index++) {
      await control.endpoints.update("e", { externalId: `x${index}` });
    }
    expect(
      await errorOf(
        (async () => {
          for (;;) await events.next();
        })(),
      ),
    ).toMatch(/^compacted: Cannot go on with the watch: it does not keep up/);
    abort.abort();
  });

  test("a network that was announced and refused is never shown", async () => {
    const { control } = await seedControl();
    const watching = watchUntil(control, "put tenants end");
    const narrow = network("narrow", { ...SEED_PLAN, prefix: parsePrefix("172.16.0.0/15"), hostBits: 1 });
    expect(await errorOf(control.networks.create(narrow))).toMatch(/^invalid-input/);
    await control.tenants.create({ name: "end" });
    expect(await watching).toEqual(["put tenants end"]);
  });

  test("ends when the signal aborts, and with unavailable when control closes", async () => {
    const { control } = await seedControl();
    const abort = new AbortController();
    const drained = (async () => {
      for await (const _ of control.watch({ kinds: ALL, signal: abort.signal }));
      return "ended";
    })();
    const closed = errorOf(watchUntil(control, "never"));
    abort.abort();
    expect(await drained).toBe("ended");
    await control.close();
    expect(await closed).toBe("unavailable: Cannot go on with the watch: romanad is stopping");
  });
});

describe("view()", () => {
  test("has all nouns and the host's own endpoints", async () => {
    const { control } = await seedControl();
    await control.endpoints.allocate({ ...WEB, name: "ours" });
    await control.endpoints.allocate({ ...WEB, host: "host-2", name: "theirs" });
    const view = await control.view("host-1");
    const names = (
      list: readonly { readonly object: { readonly name?: string } }[],
    ): (string | undefined)[] => list.map(({ object }) => object.name);
    expect([view.networks, view.hosts, view.tenants, view.segments, view.endpoints].map(names)).toEqual([
      ["main"],
      ["host-1", "host-2"],
      ["tenant-1", "tenant-2"],
      ["web", "web"],
      ["ours"],
    ]);
    expect(await errorOf(control.view("nobody"))).toBe('not-found: Cannot find host "nobody"');
  });

  test("knows what another romanad has just made", async () => {
    const store = createMemoryStore();
    const { control, clock } = await seedControl({ store });
    const other = await createControl({ store, clock });
    await other.hosts.create({ name: "new" });
    expect((await control.view("new")).host).toBe("new");
    await other.close();
  });
});

describe("a romanad that lost track", () => {
  test("reads everything anew and goes on", async () => {
    const store = createMemoryStore({ keepRevisions: 10 });
    const { control, clock } = await seedControl({ store });
    const stalled = errorOf(watchUntil(control, "never"));
    const writes = Array.from(
      { length: 3000 },
      (_, index) => ({ type: "put", key: `other/${index}`, value: "" }) as const,
    );
    // One turn of the event loop with more revisions than the store keeps.
    await Promise.all(writes.map((write) => store.transact([], [write])));
    const other = await createControl({ store, clock });
    await other.tenants.create({ name: "late" });
    expect(await stalled).toMatch(/^compacted: /);
    expect((await control.endpoints.allocate(WEB)).created).toBe(true);
    expect((await control.view("host-1")).tenants.map(({ object }) => object.name)).toContain("late");
    await other.close();
  });
});

describe("status and routes", () => {
  const STATUS = {
    observedRevision: 7,
    state: "ok",
    problems: [],
    attachments: 1,
    version: "0.1.0",
    reportedAt: 1000,
  } as const;

  test("desired routes stand beside what the agent reported", async () => {
    const { control } = await emptyControl();
    await control.networks.create(network("main", SEED_PLAN));
    for (const [name, ipv4] of [
      ["a", "192.0.2.1"],
      ["b", "192.0.2.2"],
      ["c", "192.0.2.3"],
    ] as const) {
      await control.hosts.create({ name, underlay: { ipv4: parseAddress(ipv4) } });
    }
    expect(await errorOf(control.status.get("a"))).toBe('not-found: Cannot find status of host "a"');
    expect(await errorOf(control.status.get("nobody"))).toBe('not-found: Cannot find host "nobody"');
    const route = (destination: string, gateway?: string) => ({
      destination: parsePrefix(destination),
      type: gateway === undefined ? ("blackhole" as const) : ("unicast" as const),
      ...(gateway !== undefined && { gateway: parseAddress(gateway), device: "eth0" }),
    });
    const status = {
      ...STATUS,
      routes: [
        { ...route("10.1.0.0/16"), state: "present" as const },
        { ...route("10.2.0.0/16", "192.0.2.2"), state: "drifted" as const },
        { ...route("10.9.0.0/16", "192.0.2.9"), state: "present" as const },
        { ...route("10.1.1.17/32", "192.0.2.1"), state: "present" as const },
      ],
    };
    await control.status.put("a", status);
    expect((await control.status.get("a")).object).toEqual(status);
    const [listed] = await control.routes.list("a");
    expect(listed?.reportedAt).toBe(1000);
    expect(
      listed?.routes.map(({ destination, state }) => [destination.length, destination.value >> 16n, state]),
    ).toEqual([
      [16, 0xa01n, "present"],
      [16, 0xa02n, "drifted"],
      [16, 0xa03n, "unknown"],
      [32, 0xa01n, "present"],
      [16, 0xa09n, "unwanted"],
    ]);
    await control.networks.update("main", { services: { ipv4: parsePrefix("172.30.0.0/24") } });
    const [withServices] = await control.routes.list("a");
    expect(withServices?.routes[3]).toEqual({ ...route("172.30.0.0/24"), type: "unicast", state: "unknown" });
    const { routes: _, ...report } = status;
    await control.status.put("a", { ...report, observedRevision: 8 });
    expect((await control.status.get("a")).object).toEqual({ ...status, observedRevision: 8 });
    expect(await errorOf(control.status.put("b", report))).toBe(
      'aborted: Cannot store status of host "b": it has no routes, and none have been reported before',
    );
    expect(await control.routes.list()).toHaveLength(3);
    expect(await errorOf(control.routes.list("nobody"))).toBe('not-found: Cannot find host "nobody"');
    await control.hosts.delete("a");
    expect(await errorOf(control.status.put("a", status))).toBe('not-found: Cannot find host "a"');
  });

  test("the seed's count: prefixes per host times hosts, and what aggregation leaves", async () => {
    const { control } = await seedControl();
    expect(await control.routes.summary()).toEqual({ hosts: 2, prefixesPerHost: 5, before: 20, after: 2 });
  });

  test("groups behind routers are one route", async () => {
    const { control } = await emptyControl();
    const router = { ipv4: parseAddress("192.0.2.254") };
    const group = (name: string, id: number) => ({ name, id, router, groups: [] });
    await control.networks.create({
      ...network("main", ZONED_PLAN),
      groups: [group("za", 1), group("zb", 2)],
    });
    await control.hosts.create({ name: "a", group: ["za"], underlay: { ipv4: parseAddress("192.0.2.1") } });
    await control.hosts.create({ name: "b", group: ["zb"], underlay: { ipv4: parseAddress("192.0.2.2") } });
    const [listed] = await control.routes.list("a");
    expect(listed?.routes.map(({ type, destination }) => `${type} /${destination.length}`)).toEqual([
      "blackhole /16",
      "unicast /11",
    ]);
  });
});
