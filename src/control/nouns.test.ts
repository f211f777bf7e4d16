import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import { type Group, RomanaError } from "../model/index.ts";
import { formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import {
  codes,
  codeTexts,
  emptyControl,
  errorOf,
  findingsOf,
  network,
  SEED_PLAN,
  seedControl,
  WEB,
  WIDE_PLAN,
  ZONED_PLAN,
} from "./seed.case.ts";

const zone = (name: string, id: number): Group => ({ name, id, router: {}, groups: [] });

describe("labels and ports", () => {
  const labels = new Map([
    ["app", "web"],
    ["__proto__", "x"],
  ]);
  const ports = [{ name: "http", protocol: 6, port: 80 }];

  test("are stored, compared without their order, replaced as a whole and taken away", async () => {
    const { control, store, clock } = await emptyControl();
    await control.networks.create(network("main", SEED_PLAN));
    const reversed = new Map([...labels].toReversed());
    for (const [given, created] of [
      [labels, true],
      [reversed, false],
    ] as const) {
      expect((await control.hosts.create({ name: "h", labels: given })).created).toBe(created);
      expect((await control.tenants.create({ name: "t", labels: given })).created).toBe(created);
      const segment = { tenant: "t", name: "s", labels: given, ports };
      expect((await control.segments.create(segment)).created).toBe(created);
    }
    // A romanad that has just started reads what this one has written.
    const next = await createControl({ store, clock });
    const view = await next.view("h");
    expect(view.hosts[0]?.object.labels).toEqual(labels);
    expect(view.tenants[0]?.object.labels).toEqual(labels);
    expect(view.segments[0]?.object).toMatchObject({ labels, ports });
    const one = new Map([["app", "db"]]);
    expect((await control.hosts.update("h", { labels: one })).object.labels).toEqual(one);
    expect((await control.tenants.update("t", { quota: 3 })).object.labels).toEqual(labels);
    expect((await control.tenants.update("t", { labels: new Map() })).object).not.toHaveProperty("labels");
    const cleared = await control.segments.update("t", "s", { labels: one, ports: [] });
    expect(cleared.object).toEqual({ tenant: "t", name: "s", codes: codes("1"), labels: one });
    expect(await findingsOf(control)).toEqual([]);
  });

  test("are part of what a second creation must ask for", async () => {
    const { control } = await seedControl();
    for (const promise of [
      control.hosts.create({ name: "host-1", labels }),
      control.tenants.create({ name: "tenant-1", labels }),
      control.segments.create({ tenant: "tenant-1", name: "web", labels }),
      control.segments.create({ tenant: "tenant-1", name: "web", ports }),
    ]) {
      expect(await errorOf(promise)).toMatch(/^conflict: .* it is there already, and different$/);
    }
  });
});

describe("creating twice", () => {
  test("the same gives what is there, for every noun", async () => {
    const { control } = await emptyControl();
    const main = network("main", SEED_PLAN, WIDE_PLAN);
    const host = { name: "host-1", underlay: { ipv4: parseAddress("192.0.2.1") } };
    const tenant = { name: "tenant-1", quota: 5, externalId: "ns/a" };
    const segment = { tenant: "tenant-1", name: "web", externalId: "x" };
    for (const expected of [true, false]) {
      expect((await control.networks.create(main)).created).toBe(expected);
      expect((await control.hosts.create(host)).created).toBe(expected);
      expect((await control.tenants.create(tenant)).created).toBe(expected);
      expect((await control.segments.create(segment)).created).toBe(expected);
    }
    expect((await control.hosts.get("host-1")).object.id).toBe(1);
    expect((await control.tenants.get("tenant-1")).object.id).toBe(1);
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each<[string, (control: Control) => Promise<unknown>, object]>([
    [
      'conflict: Cannot create network "main": it is there already, and different',
      (control) => control.networks.create(network("main", undefined, WIDE_PLAN)),
      { name: "main" },
    ],
    [
      'conflict: Cannot create host "host-1": it is there already, and different',
      (control) => control.hosts.create({ name: "host-1", id: 9 }),
      { name: "host-1", id: 1, group: [], underlay: {} },
    ],
    [
      'conflict: Cannot create tenant "tenant-1": it is there already, and different',
      (control) => control.tenants.create({ name: "tenant-1", isolation: "none" }),
      { name: "tenant-1", id: 1, isolation: "segment" },
    ],
    [
      'conflict: Cannot create segment "tenant-1/web": it is there already, and different',
      (control) => control.segments.create({ tenant: "tenant-1", name: "web", codes: codes("2") }),
      { tenant: "tenant-1", name: "web", codes: ["1"] },
    ],
  ])("%s", async (message, create, existing) => {
    const { control } = await seedControl();
    const error = await create(control).catch((thrown: unknown) => thrown);
    expect(error instanceof RomanaError && `${error.code}: ${error.message}`).toBe(message);
    expect((error as RomanaError).failure).toMatchObject({ existing });
  });
});

describe("IDs", () => {
  test("are assigned lowest first, also those that were given back", async () => {
    const { control } = await emptyControl();
    await control.networks.create(network("main", SEED_PLAN));
    const idOf = async (name: string, id?: number): Promise<number> =>
      (await control.tenants.create({ name, ...(id !== undefined && { id }) })).object.id;
    expect([await idOf("a"), await idOf("b"), await idOf("c", 3), await idOf("d")]).toEqual([1, 2, 3, 4]);
    await control.tenants.delete("b");
    expect([await idOf("e"), await idOf("f")]).toEqual([2, 5]);
  });

  test("are assigned without a collision when 20 are made at once", async () => {
    const { control } = await emptyControl();
    await control.networks.create(network("main", SEED_PLAN));
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) => control.hosts.create({ name: `host-${index}` })),
    );
    expect(made.map(({ object }) => object.id).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  test("start at 0 for tenants and segments of v1 networks", async () => {
    const { control } = await emptyControl();
    await control.networks.create(network("old", { ...SEED_PLAN, numbering: "v1" }));
    expect((await control.hosts.create({ name: "h" })).object.id).toBe(1);
    expect((await control.tenants.create({ name: "t" })).object.id).toBe(0);
    expect(codeTexts((await control.segments.create({ tenant: "t", name: "s" })).object.codes)).toEqual([
      "0",
    ]);
  });

  test.each<[string, (control: Control) => Promise<unknown>]>([
    [
      'invalid-input: Cannot create host "x": id: ID 256 is not in 0..255 in network "main"',
      (control) => control.hosts.create({ name: "x", id: 256 }),
    ],
    [
      'invalid-input: Cannot create tenant "x": id: tenant ID 0 is not in 1..255 in network "main"',
      (control) => control.tenants.create({ name: "x", id: 0 }),
    ],
    [
      'invalid-input: Cannot create segment "tenant-1/x": codes: 16: code 16 is not in 0..15 (4 bits) in network "main"',
      (control) => control.segments.create({ tenant: "tenant-1", name: "x", codes: codes("16") }),
    ],
    [
      'invalid-input: Cannot create segment "tenant-1/x": codes: 2 is there twice',
      (control) => control.segments.create({ tenant: "tenant-1", name: "x", codes: codes("2", "2") }),
    ],
    [
      'invalid-input: Cannot create segment "tenant-1/x": codes: 2 and 8+2 overlap',
      (control) => control.segments.create({ tenant: "tenant-1", name: "x", codes: codes("8+2", "2") }),
    ],
    [
      'conflict: Cannot create host "x": host "host-2" has ID 2',
      (control) => control.hosts.create({ name: "x", id: 2 }),
    ],
    [
      'conflict: Cannot create tenant "x": tenant "tenant-2" has ID 2',
      (control) => control.tenants.create({ name: "x", id: 2 }),
    ],
    [
      'conflict: Cannot create segment "tenant-1/x": code 1 belongs to segment "tenant-1/web"',
      (control) => control.segments.create({ tenant: "tenant-1", name: "x", codes: codes("1") }),
    ],
    [
      'conflict: Cannot create segment "tenant-1/x": code 4+2 overlaps 1, which belongs to segment "tenant-1/web"',
      (control) => control.segments.create({ tenant: "tenant-1", name: "x", codes: codes("4+2") }),
    ],
    [
      'not-found: Cannot find tenant "nobody"',
      (control) => control.segments.create({ tenant: "nobody", name: "x" }),
    ],
    [
      'invalid-input: Cannot create host "x": group: network "main" has no group "zone-a"',
      (control) => control.hosts.create({ name: "x", group: ["zone-a"] }),
    ],
  ])("%s", async (message, create) => {
    const { control } = await seedControl();
    expect(await errorOf(create(control))).toBe(message);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("run out with numbers", async () => {
    const { control } = await emptyControl();
    await control.networks.create(
      network("tiny", { ...SEED_PLAN, prefix: parsePrefix("10.0.0.0/15"), hostBits: 1 }),
    );
    await control.hosts.create({ name: "a" });
    expect(await errorOf(control.hosts.create({ name: "b" }))).toBe(
      'pool-exhausted: Cannot create host "b": no host ID is left: 1 of 1 are used; use a plan with more host bits',
    );
    expect((await control.hosts.create({ name: "zero", id: 0 })).object.id).toBe(0);
  });

  test("of an object that had endpoints rest before somebody else gets them", async () => {
    const { control, clock } = await seedControl({ coolDown: 1000 });
    await control.endpoints.allocate(WEB);
    await control.tenants.delete("tenant-1", { cascade: true });
    expect((await control.tenants.create({ name: "next" })).object.id).toBe(3);
    expect((await control.tenants.create({ name: "chosen", id: 1 })).object.id).toBe(1);
    await control.tenants.delete("chosen");
    clock.advance(1000);
    expect((await control.tenants.create({ name: "later" })).object.id).toBe(1);
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("hosts", () => {
  test("have an external ID that is theirs, changes and goes", async () => {
    const { control } = await seedControl();
    const spec = { name: "h", externalId: "uid-1" };
    const { object, revision } = await control.hosts.create(spec);
    expect(object.externalId).toBe("uid-1");
    expect(await control.hosts.create(spec)).toMatchObject({ created: false, revision });
    expect(await errorOf(control.hosts.create({ ...spec, externalId: "uid-2" }))).toContain("conflict");
    const labels = new Map([["zone", "a"]]);
    expect((await control.hosts.update("h", { labels })).object.externalId).toBe("uid-1");
    expect((await control.hosts.update("h", { externalId: "uid-2" })).object.externalId).toBe("uid-2");
    expect((await control.hosts.update("h", { externalId: null })).object).not.toHaveProperty("externalId");
    const before = (await control.hosts.get("h")).revision;
    expect((await control.hosts.update("h", { externalId: null })).revision).toBe(before);
  });

  const at = (ipv4: string) => ({ ipv4: parseAddress(ipv4) });

  test("have a prefix in each network", async () => {
    const { control } = await emptyControl();
    await control.networks.create(network("main", SEED_PLAN, WIDE_PLAN));
    const { object } = await control.hosts.create({ name: "h", id: 1 });
    const prefixes = object.prefixes.get("main");
    expect([prefixes?.ipv4, prefixes?.ipv6].map((prefix) => prefix && formatPrefix(prefix))).toEqual([
      "10.1.0.0/16",
      "fd00:0:0:1::/64",
    ]);
  });

  test("with the same underlay address are refused, also by an update", async () => {
    const { control } = await emptyControl();
    await control.hosts.create({ name: "a", underlay: at("192.0.2.1") });
    await control.hosts.create({ name: "b", underlay: at("192.0.2.2") });
    expect(await errorOf(control.hosts.create({ name: "c", underlay: at("192.0.2.1") }))).toBe(
      'conflict: Cannot create host "c": host "a" has underlay address 192.0.2.1',
    );
    expect(await errorOf(control.hosts.update("b", { underlay: at("192.0.2.1") }))).toBe(
      'conflict: Cannot update host "b": host "a" has underlay address 192.0.2.1',
    );
    await control.hosts.update("a", { underlay: at("192.0.2.9") });
    await control.hosts.create({ name: "c", underlay: at("192.0.2.1") });
    expect(await findingsOf(control)).toEqual([]);
  });

  test("go where the fewest are when their place is left open", async () => {
    const { control } = await emptyControl();
    const zoned = { ...network("main", ZONED_PLAN), groups: [zone("zone-a", 1), zone("zone-b", 2)] };
    await control.networks.create(zoned);
    const put = (name: string, ...group: string[]) =>
      control.hosts.create({ name, group, place: "fewest-hosts" });
    await control.hosts.create({ name: "first", group: ["zone-a"] });
    expect((await put("second")).object).toMatchObject({ group: ["zone-b"] });
    expect((await put("third")).object).toMatchObject({ group: ["zone-a"] });
    expect((await put("fourth", "zone-a")).object).toMatchObject({ group: ["zone-a"] });
    expect(await put("third")).toMatchObject({ created: false, object: { group: ["zone-a"] } });
    expect(await errorOf(put("third", "zone-b"))).toContain("conflict");
    expect(await errorOf(put("fifth", "zone-c"))).toContain("not-found");
    expect(await errorOf(control.hosts.create({ name: "sixth", group: [] }))).toContain("invalid-input");
  });

  test("have IDs of their own in each zone", async () => {
    const { control } = await emptyControl();
    await control.networks.create({
      ...network("main", ZONED_PLAN),
      groups: [zone("zone-a", 1), zone("constructor", 2)],
    });
    const made = [
      await control.hosts.create({ name: "a", group: ["zone-a"] }),
      await control.hosts.create({ name: "b", group: ["constructor"] }),
      await control.hosts.create({ name: "c", group: ["constructor"] }),
    ];
    expect(made.map(({ object }) => object.id)).toEqual([1, 1, 2]);
    expect(await errorOf(control.hosts.create({ name: "d", group: ["toString"] }))).toBe(
      'invalid-input: Cannot create host "d": group: network "main" has no group "toString"',
    );
    expect(await errorOf(control.endpoints.allocate({ ...WEB, host: 1 }))).toBe(
      'invalid-input: Cannot allocate endpoint: host: hosts of several groups have ID 1 ("a", "b"): use the name',
    );
  });
});

describe("networks", () => {
  test.each<[string, (control: Control) => Promise<unknown>]>([
    [
      'invalid-input: Cannot create network "new": plans.ipv4.prefix: 10.0.0.0/8 overlaps 10.0.0.0/8 of network "main"',
      (control) => control.networks.create(network("new", SEED_PLAN)),
    ],
    [
      'invalid-input: Cannot create network "new": plans: host "host-2": ID 2 is not in 0..1 in network "new"',
      (control) =>
        control.networks.create(
          network("new", { ...SEED_PLAN, prefix: parsePrefix("172.16.0.0/15"), hostBits: 1 }),
        ),
    ],
    [
      'invalid-input: Cannot create network "new": plans: tenant "tenant-2": tenant ID 2 is not in 1..1 in network "new"',
      (control) =>
        control.networks.create(
          network("new", { ...SEED_PLAN, prefix: parsePrefix("172.0.0.0/15"), tenantBits: 1 }),
        ),
    ],
    [
      'invalid-input: Cannot create network "new": plans.ipv6.numbering: v1 numbering, but the IPv4 plan has literal numbering',
      (control) =>
        control.networks.create(
          network(
            "new",
            { ...SEED_PLAN, prefix: parsePrefix("11.0.0.0/8") },
            { ...WIDE_PLAN, numbering: "v1" },
          ),
        ),
    ],
  ])("%s", async (message, create) => {
    const { control } = await seedControl();
    expect(await errorOf(create(control))).toBe(message);
    expect((await control.networks.list()).items.map(({ object }) => object.name)).toEqual(["main"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("side by side take the same IDs, and the narrowest one bounds new ones", async () => {
    const { control } = await seedControl();
    await control.networks.create(network("wide", undefined, WIDE_PLAN));
    const narrow = { ...SEED_PLAN, prefix: parsePrefix("172.16.0.0/14"), hostBits: 2 };
    await control.networks.create(network("narrow", narrow));
    expect((await control.hosts.create({ name: "host-3" })).object.id).toBe(3);
    expect(await errorOf(control.hosts.create({ name: "host-4" }))).toMatch(/^pool-exhausted: /);
    await control.networks.delete("narrow");
    expect((await control.hosts.create({ name: "host-4" })).object.id).toBe(4);
  });

  test("change groups only where no host loses its place", async () => {
    const { control } = await emptyControl();
    const main = { ...network("main", ZONED_PLAN), groups: [zone("zone-a", 1), zone("zone-b", 2)] };
    await control.networks.create(main);
    await control.hosts.create({ name: "h", group: ["zone-a"] });
    const change = (...groups: Group[]): Promise<string> =>
      errorOf(control.networks.update("main", { groups }));
    expect(await change(zone("zone-a", 1), zone("zone-c", 3))).toBe("none");
    expect(await change(zone("zone-c", 3))).toBe(
      'in-use: Cannot change groups of network "main": it is used by host "h"',
    );
    expect(await change(zone("zone-a", 4))).toBe(
      'in-use: Cannot change groups of network "main": it is used by host "h"',
    );
    expect(await change({ ...zone("zone-a", 1), router: { ipv4: parseAddress("192.0.2.1") } })).toBe("none");
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("expected revisions", () => {
  test("an update or delete of what has changed is refused", async () => {
    const { control } = await seedControl();
    const { revision } = await control.tenants.get("tenant-1");
    const { revision: next } = await control.tenants.update(
      "tenant-1",
      { isolation: "none" },
      { expectedRevision: revision },
    );
    const expectedRevision = revision;
    const message = `it has changed and is at revision ${next}`;
    expect(
      await errorOf(control.tenants.update("tenant-1", { isolation: "tenant" }, { expectedRevision })),
    ).toBe(`revision-mismatch: Cannot update tenant "tenant-1": ${message}`);
    expect(await errorOf(control.tenants.delete("tenant-1", { expectedRevision, cascade: true }))).toBe(
      `revision-mismatch: Cannot delete tenant "tenant-1": ${message}`,
    );
    await control.tenants.delete("tenant-1", { expectedRevision: next, cascade: true });
  });
});

describe("updates of segments", () => {
  test("add and remove codes, the first one first", async () => {
    const { control } = await seedControl();
    await control.segments.update("tenant-1", "web", { codes: codes("3", "1", "8+2") });
    const { object } = await control.segments.update("tenant-1", "web", {
      codes: codes("3"),
      externalId: "x",
    });
    expect(codeTexts(object.codes)).toEqual(["3"]);
    expect(object.externalId).toBe("x");
    expect((await control.segments.create({ tenant: "tenant-1", name: "db" })).object.codes).toEqual(
      codes("1"),
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("refuse to take a code that an endpoint uses", async () => {
    const { control } = await seedControl();
    await control.endpoints.allocate({ ...WEB, name: "web-1" });
    expect(await errorOf(control.segments.update("tenant-1", "web", { codes: codes("2") }))).toBe(
      'in-use: Cannot take code 1 from segment "tenant-1/web": it is used by endpoint "web-1"',
    );
    expect((await control.segments.get("tenant-1", "web")).object.codes).toEqual(codes("1"));
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("lists", () => {
  test("come in pages that a cursor joins", async () => {
    const { control } = await emptyControl();
    await control.networks.create(network("main", SEED_PLAN));
    for (let index = 0; index < 7; index++) await control.tenants.create({ name: `t${index}` });
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await control.tenants.list({ limit: 3, ...(cursor !== undefined && { cursor }) });
      names.push(page.items.map(({ object }) => object.name).join());
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(names).toEqual(["t0,t1,t2", "t3,t4,t5", "t6"]);
  });

  test("of segments are of one tenant or of all", async () => {
    const { control } = await seedControl();
    await control.segments.create({ tenant: "tenant-1", name: "db", externalId: "x" });
    const names = async (options?: object): Promise<string[]> =>
      (await control.segments.list(options)).items.map(({ object }) => `${object.tenant}/${object.name}`);
    expect(await names({ tenant: "tenant-1" })).toEqual(["tenant-1/db", "tenant-1/web"]);
    expect(await names()).toEqual(["tenant-1/db", "tenant-1/web", "tenant-2/web"]);
    expect(await names({ externalId: "x" })).toEqual(["tenant-1/db"]);
    expect(await errorOf(control.segments.list({ tenant: "nobody" }))).toBe(
      'not-found: Cannot find tenant "nobody"',
    );
  });
});

describe("names that objects have anyway", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "%s is a name like any other",
    async (name) => {
      const { control } = await emptyControl();
      await control.networks.create({ ...network(name, SEED_PLAN) });
      await control.hosts.create({ name });
      await control.tenants.create({ name, quota: 2 });
      await control.segments.create({ tenant: name, name });
      const request = { host: name, tenant: name, segment: name };
      const { object } = await control.endpoints.allocate({ ...request, name, requestToken: name });
      expect(await control.endpoints.allocate({ ...request, name, requestToken: name })).toMatchObject({
        created: false,
      });
      expect(object).toMatchObject({ network: name, host: name, tenant: name, segment: name, name });
      expect((await control.view(name)).endpoints).toHaveLength(1);
      expect((await control.ipam.usage()).tenants[0]).toMatchObject({ tenant: name, endpoints: { used: 1 } });
      expect(await findingsOf(control)).toEqual([]);
      expect((await control.tenants.delete(name, { cascade: true })).count).toBe(3);
      expect(await findingsOf(control)).toEqual([]);
    },
  );
});

test("a plan that is only IPv6 works alone", async () => {
  const { control } = await emptyControl();
  await control.networks.create({ name: "six", plans: { ipv6: createPlan(WIDE_PLAN) }, groups: [] });
  await control.hosts.create({ name: "host-1" });
  await control.tenants.create({ name: "tenant-1" });
  await control.segments.create({ tenant: "tenant-1", name: "web" });
  const { object } = await control.endpoints.allocate(WEB);
  expect(object.addresses.ipv4).toBeUndefined();
  expect(await findingsOf(control)).toEqual([]);
});
