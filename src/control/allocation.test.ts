import { describe, expect, test } from "vitest";
import { hasCode, RomanaError } from "../model/index.ts";
import { formatAddress, parseAddress, parsePrefix } from "../net/index.ts";
import type { AllocationRequest } from "./control.ts";
import { createControl } from "./create.ts";
import {
  addressOf,
  allocateMany,
  codes,
  codeTexts,
  emptyControl,
  errorOf,
  fillSeed,
  findingsOf,
  network,
  SEED_PLAN,
  seedControl,
  WEB,
  WIDE_PLAN,
} from "./seed.case.ts";

describe("allocate()", () => {
  test("gives the seed's address: host 1, tenant 1, segment 1, endpoint 11", async () => {
    const { control } = await seedControl();
    const { object } = await control.endpoints.allocate({ ...WEB, endpointId: 11 });
    expect(addressOf(object)).toBe("10.1.1.27");
  });

  test.each<[string, AllocationRequest, string]>([
    ["names", WEB, "10.1.1.17"],
    ["IDs", { host: 2, tenant: 2, segment: 1 }, "10.2.2.17"],
    ["a code with its width", { host: 2, tenant: 2, segment: { code: 1, extraBits: 0 } }, "10.2.2.17"],
    ["the address", { ...WEB, address: parseAddress("10.1.1.30") }, "10.1.1.30"],
    ["code and ID", { ...WEB, code: { code: 1, extraBits: 0 }, endpointId: 3 }, "10.1.1.19"],
  ])("takes %s", async (_, request, address) => {
    const { control } = await seedControl();
    expect(addressOf((await control.endpoints.allocate(request)).object)).toBe(address);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("gives an endpoint one address per plan", async () => {
    const { control } = await emptyControl();
    await fillSeed(control, network("main", SEED_PLAN, WIDE_PLAN));
    const { ipv4, ipv6 } = (await control.endpoints.allocate(WEB)).object.addresses;
    expect([ipv4, ipv6].map((address) => address && formatAddress(address))).toEqual([
      "10.1.1.17",
      "fd00::1:1:1:0:1",
    ]);
  });

  test("hands out the lowest free ID, never a reserved one", async () => {
    const { control } = await emptyControl({ coolDown: 0 });
    await fillSeed(control, network("main", { ...SEED_PLAN, reservedEndpoints: [0, 2] }));
    expect(await allocateMany(control, 3)).toEqual(["10.1.1.17", "10.1.1.19", "10.1.1.20"]);
    await control.endpoints.release("10.1.1.19");
    expect(await allocateMany(control, 2)).toEqual(["10.1.1.19", "10.1.1.21"]);
  });

  test("keeps the blocks of a stride apart", async () => {
    const { control } = await emptyControl();
    await fillSeed(control, network("main", { ...SEED_PLAN, endpointBits: 2, strideBits: 2 }));
    expect(await allocateMany(control, 3)).toEqual(["10.1.1.20", "10.1.1.24", "10.1.1.28"]);
    expect((await control.endpoints.get("10.1.1.23")).object.endpointId).toBe(1);
    expect(await errorOf(control.endpoints.allocate({ ...WEB, address: parseAddress("10.1.1.23") }))).toBe(
      "invalid-input: Cannot allocate endpoint: address: 10.1.1.23 is inside the block of endpoint ID 1, not its own address",
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each<[string, AllocationRequest]>([
    ['not-found: Cannot find host "nobody"', { ...WEB, host: "nobody" }],
    ['not-found: Cannot find host "ID 9"', { ...WEB, host: 9 }],
    ['not-found: Cannot find tenant "nobody"', { ...WEB, tenant: "nobody" }],
    ['not-found: Cannot find tenant "ID 9"', { ...WEB, tenant: 9 }],
    ['not-found: Cannot find segment "tenant-1/nothing"', { ...WEB, segment: "nothing" }],
    ['not-found: Cannot find segment "tenant-1 with code 9"', { ...WEB, segment: 9 }],
    ['not-found: Cannot find network "nowhere"', { ...WEB, network: "nowhere" }],
    [
      'invalid-input: Cannot allocate endpoint: code: segment "tenant-1/web" has no code 2',
      { ...WEB, code: { code: 2, extraBits: 0 } },
    ],
    [
      'invalid-input: Cannot allocate endpoint: endpointId: endpoint ID 16 is not in 0..15 of code 1 in network "main"',
      { ...WEB, endpointId: 16 },
    ],
    [
      'invalid-input: Cannot allocate endpoint: endpointId: endpoint ID 0 is reserved in network "main"',
      { ...WEB, address: parseAddress("10.1.1.16") },
    ],
    [
      'invalid-input: Cannot allocate endpoint: address: 10.2.1.27 is on host "host-2", not on "host-1"',
      { ...WEB, address: parseAddress("10.2.1.27") },
    ],
    [
      'invalid-input: Cannot allocate endpoint: address: 10.1.2.27 belongs to tenant "tenant-2", not to "tenant-1"',
      { ...WEB, address: parseAddress("10.1.2.27") },
    ],
    [
      'invalid-input: Cannot allocate endpoint: address: 10.1.1.35 has segment code 2, which segment "tenant-1/web" does not have',
      { ...WEB, address: parseAddress("10.1.1.35") },
    ],
    [
      "invalid-input: Cannot allocate endpoint: address: 192.0.2.1 is in no network",
      { ...WEB, address: parseAddress("192.0.2.1") },
    ],
    [
      "invalid-input: Cannot allocate endpoint: address: 10.9.1.27 belongs to no host and tenant that are there",
      { ...WEB, address: parseAddress("10.9.1.27") },
    ],
    [
      "invalid-input: Cannot allocate endpoint: endpointId: 10.1.1.27 has endpoint ID 11",
      { ...WEB, address: parseAddress("10.1.1.27"), endpointId: 12 },
    ],
  ])("%s", async (message, request) => {
    const { control } = await seedControl();
    expect(await errorOf(control.endpoints.allocate(request))).toBe(message);
  });

  test("wants to know which of several networks", async () => {
    const { control } = await seedControl();
    await control.networks.create(network("six", undefined, WIDE_PLAN));
    expect(await errorOf(control.endpoints.allocate(WEB))).toBe(
      'invalid-input: Cannot allocate endpoint: network: there are several ("main", "six"): say which',
    );
    expect(addressOf((await control.endpoints.allocate({ ...WEB, network: "six" })).object)).toBe(
      "fd00::1:1:1:0:1",
    );
    const address = parseAddress("fd00:0:0:1:1:1:0:7");
    expect((await control.endpoints.allocate({ ...WEB, address })).object.network).toBe("six");
  });

  test("says that there is no network at all", async () => {
    const { control } = await emptyControl();
    await control.hosts.create({ name: "host-1" });
    await control.tenants.create({ name: "tenant-1" });
    await control.segments.create({ tenant: "tenant-1", name: "web" });
    expect(await errorOf(control.endpoints.allocate(WEB))).toBe(
      "not-found: Cannot allocate endpoint: there is no network",
    );
  });
});

describe("a wanted ID", () => {
  test("that is taken is refused with the endpoint that has it", async () => {
    const { control } = await seedControl();
    await control.endpoints.allocate({ ...WEB, endpointId: 11, name: "first" });
    const error = await control.endpoints
      .allocate({ ...WEB, endpointId: 11 })
      .catch((thrown: unknown) => thrown);
    expect(error instanceof RomanaError && error.message).toBe(
      'Cannot allocate endpoint "first": endpoint ID 11 is taken',
    );
    expect(hasCode(error, "conflict") && error.failure.existing).toMatchObject({
      name: "first",
      addresses: { ipv4: "10.1.1.27" },
      code: "1",
    });
  });

  test("may be one that still rests", async () => {
    const { control } = await seedControl({ coolDown: 1000 });
    await control.endpoints.allocate({ ...WEB, endpointId: 11 });
    await control.endpoints.release("10.1.1.27");
    expect(addressOf((await control.endpoints.allocate({ ...WEB, endpointId: 11 })).object)).toBe(
      "10.1.1.27",
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("is given to one of many who want it at once", async () => {
    const { control } = await seedControl();
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        control.endpoints.allocate({ ...WEB, endpointId: 5, name: `e${index}` }),
      ),
    );
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(
      tries.flatMap((each) => (each.status === "rejected" ? [(each.reason as RomanaError).code] : [])),
    ).toEqual(Array.from({ length: 9 }, () => "conflict"));
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("request tokens and names", () => {
  const TOKEN = { ...WEB, requestToken: "6f1c/eth0" };
  const NAMED = { ...WEB, name: "web-1" };

  test.each<[string, AllocationRequest]>([
    ["token", TOKEN],
    ["name", NAMED],
    ["both", { ...TOKEN, ...NAMED, externalId: "pod/1" }],
  ])("the same %s gets the same endpoint, also after a restart", async (_, request) => {
    const { control, store, clock } = await seedControl();
    const first = await control.endpoints.allocate(request);
    expect(await control.endpoints.allocate(request)).toEqual({ ...first, created: false });
    await control.close();
    const restarted = await createControl({ store, clock });
    expect(await restarted.endpoints.allocate(request)).toEqual({ ...first, created: false });
  });

  test("twenty at once with the same token get one endpoint", async () => {
    const { control } = await seedControl();
    const all = await Promise.all(Array.from({ length: 20 }, () => control.endpoints.allocate(TOKEN)));
    expect(new Set(all.map(({ object }) => addressOf(object))).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(await allocateMany(control, 1)).toEqual(["10.1.1.18"]);
  });

  test.each<[string, AllocationRequest, AllocationRequest]>([
    ['the request token "6f1c/eth0"', TOKEN, { ...TOKEN, host: "host-2" }],
    ['the request token "6f1c/eth0"', TOKEN, { ...TOKEN, tenant: "tenant-2" }],
    ['the request token "6f1c/eth0"', TOKEN, { ...TOKEN, name: "other" }],
    ['the request token "6f1c/eth0"', TOKEN, { ...TOKEN, endpointId: 9 }],
    ['the name "web-1"', NAMED, { ...NAMED, host: "host-2" }],
    ['the name "web-1"', NAMED, { ...NAMED, requestToken: "new" }],
    ['the name "web-1"', NAMED, { ...NAMED, externalId: "new" }],
    ['the name "web-1"', NAMED, { ...NAMED, address: parseAddress("10.1.1.30") }],
  ])("%s with another request is a conflict", async (what, first, second) => {
    const { control } = await seedControl();
    await control.endpoints.allocate(first);
    expect(await errorOf(control.endpoints.allocate(second))).toMatch(
      new RegExp(`^conflict: Cannot allocate endpoint "[^"]+": ${what} stands for another endpoint$`),
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a repeated request gets its endpoint when there is no room for another", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 14);
    await control.endpoints.allocate(TOKEN);
    for (let code = 2; code < 16; code++)
      await control.segments.create({ tenant: "tenant-1", name: `s${code}` });
    expect(await errorOf(control.endpoints.allocate(WEB))).toMatch(/^pool-exhausted: /);
    expect(addressOf((await control.endpoints.allocate(TOKEN)).object)).toBe("10.1.1.31");
  });

  test("a repeated request gets its endpoint when it would not be clear any more where to put another", async () => {
    const { control } = await seedControl();
    const { object } = await control.endpoints.allocate(TOKEN);
    await control.networks.create(network("six", undefined, WIDE_PLAN));
    expect(await control.endpoints.allocate(TOKEN)).toMatchObject({ created: false, object });
  });

  test("a wrong request is told so, also when its name is taken", async () => {
    const { control } = await seedControl();
    await control.endpoints.allocate(NAMED);
    expect(await errorOf(control.endpoints.allocate({ ...NAMED, host: "nobody" }))).toBe(
      'not-found: Cannot find host "nobody"',
    );
    expect(await errorOf(control.endpoints.allocate({ ...NAMED, endpointId: 99 }))).toMatch(
      /^invalid-input: /,
    );
  });

  test("a token is free again after the release", async () => {
    const { control } = await seedControl();
    const { object } = await control.endpoints.allocate(TOKEN);
    await control.endpoints.release(addressOf(object));
    expect(addressOf((await control.endpoints.allocate(TOKEN)).object)).toBe("10.1.1.18");
  });
});

describe("many at once", () => {
  test("64 in one segment get the lowest 64 IDs", async () => {
    const { control } = await emptyControl();
    await fillSeed(control, network("main", { ...SEED_PLAN, tenantBits: 4, endpointBits: 8 }));
    const all = await Promise.all(Array.from({ length: 64 }, () => control.endpoints.allocate(WEB)));
    expect(all.map(({ object }) => object.endpointId).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 64 }, (_, index) => index + 1),
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("what makes some of them fail gives their IDs back", async () => {
    const { control } = await seedControl();
    const name = "one";
    await Promise.allSettled([
      control.endpoints.allocate({ ...WEB, name }),
      control.endpoints.allocate({ ...WEB, name, host: "host-2" }),
      control.endpoints.allocate({ ...WEB, name, externalId: "x" }),
    ]);
    expect(await allocateMany(control, 2)).toEqual(["10.1.1.18", "10.1.1.19"]);
  });
});

describe("growth", () => {
  test("a segment that is full on a host gets another code of the same width", async () => {
    const { control } = await seedControl();
    await control.segments.update("tenant-1", "web", { codes: codes("8+2") });
    expect(await allocateMany(control, 4)).toEqual(["10.1.1.33", "10.1.1.34", "10.1.1.35", "10.1.1.5"]);
    expect(codeTexts((await control.segments.get("tenant-1", "web")).object.codes)).toEqual(["8+2", "1+2"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("the other hosts use the code that is there", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 16);
    await allocateMany(control, 16, { ...WEB, host: "host-2" });
    expect(codeTexts((await control.segments.get("tenant-1", "web")).object.codes)).toEqual(["1", "2"]);
  });

  test("100 at once in codes of 15 take exactly the codes that are needed", async () => {
    const { control } = await seedControl();
    const all = await Promise.all(Array.from({ length: 100 }, () => control.endpoints.allocate(WEB)));
    expect(new Set(all.map(({ object }) => addressOf(object))).size).toBe(100);
    expect(codeTexts((await control.segments.get("tenant-1", "web")).object.codes)).toEqual([
      "1",
      "2",
      "3",
      "4",
      "5",
      "6",
      "7",
    ]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("ends with numbers when the tenant has no code left", async () => {
    const { control } = await seedControl({ coolDown: 1000 });
    for (let code = 2; code < 16; code++)
      await control.segments.create({ tenant: "tenant-1", name: `s${code}` });
    await allocateMany(control, 15);
    await control.endpoints.release("10.1.1.17");
    const error = await control.endpoints.allocate(WEB).catch((thrown: unknown) => thrown);
    expect(error instanceof RomanaError && error.message).toBe(
      'Cannot allocate endpoint: segment "tenant-1/web" has no endpoint ID left on host "host-1" in code 1: 14 of 15 are used, 1 cool down; tenant "tenant-1" has no code left to grow by; release endpoints or use another plan',
    );
    expect(error).toMatchObject({
      failure: {
        code: "pool-exhausted",
        pool: "tenant-1/web on host-1",
        capacity: 15,
        used: 14,
        coolingDown: 1,
      },
    });
    expect(await findingsOf(control)).toEqual([]);
  });

  test("does not happen when the request names a code", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 15);
    expect(await errorOf(control.endpoints.allocate({ ...WEB, code: { code: 1, extraBits: 0 } }))).toMatch(
      /^pool-exhausted: .* 15 of 15 are used; use another code$/,
    );
  });
});

describe("release()", () => {
  test("lets the ID rest; afterwards it is the first to be used again", async () => {
    const { control, clock } = await seedControl({ coolDown: 1000 });
    await allocateMany(control, 3);
    await control.endpoints.release("10.1.1.17");
    expect(await allocateMany(control, 1)).toEqual(["10.1.1.20"]);
    clock.advance(999);
    expect(await allocateMany(control, 1)).toEqual(["10.1.1.21"]);
    clock.advance(1);
    expect(await allocateMany(control, 2)).toEqual(["10.1.1.17", "10.1.1.22"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("rests are kept over a restart, and their keys go when the ID is used again", async () => {
    const { control, store, clock } = await seedControl({ coolDown: 1000 });
    await allocateMany(control, 1);
    await control.endpoints.release("10.1.1.17");
    await control.close();
    const restarted = await createControl({ store, clock, coolDown: 1000 });
    expect(await allocateMany(restarted, 1)).toEqual(["10.1.1.18"]);
    clock.advance(1000);
    expect(await findingsOf(restarted)).toEqual(["expired-cooling cooling/"]);
    expect((await restarted.ipam.check()).clean).toBe(true);
    expect(await allocateMany(restarted, 1)).toEqual(["10.1.1.17"]);
    expect((await store.list("cooling/")).entries).toEqual([]);
  });

  test("takes a name or any address, and is told of what is not there", async () => {
    const { control } = await emptyControl();
    await fillSeed(control, network("main", SEED_PLAN, WIDE_PLAN));
    await control.endpoints.allocate({ ...WEB, name: "a:b" });
    await control.endpoints.allocate({ ...WEB, name: "b" });
    expect(await control.endpoints.release("a:b")).toEqual({
      dryRun: false,
      deleted: [{ noun: "endpoint", name: "a:b" }],
      count: 1,
    });
    await control.endpoints.release("fd00::1:1:1:0:2");
    for (const ref of ["a:b", "b", "10.1.1.17", "192.0.2.1"]) {
      expect(await errorOf(control.endpoints.release(ref))).toBe(`not-found: Cannot find endpoint "${ref}"`);
    }
    expect(await findingsOf(control)).toEqual([]);
  });

  test("of 20 at once one succeeds", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 1);
    const tries = await Promise.all(
      Array.from({ length: 20 }, () => errorOf(control.endpoints.release("10.1.1.17"))),
    );
    expect(tries.filter((each) => each === "none")).toHaveLength(1);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a dry run changes nothing", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 1);
    expect(await control.endpoints.release("10.1.1.17", { dryRun: true })).toMatchObject({
      dryRun: true,
      count: 1,
    });
    expect((await control.endpoints.list()).items).toHaveLength(1);
  });

  test("the original's capacities: fill, free the first, get exactly that one back", async () => {
    const v1 = { ...SEED_PLAN, numbering: "v1", tenantBits: 4, segmentBits: 0 } as const;
    for (const [strideBits, capacity] of [
      [0, 253],
      [1, 127],
      [2, 64],
      [4, 16],
    ] as const) {
      const { control } = await emptyControl({ coolDown: 0 });
      const plan = { ...v1, prefix: parsePrefix("10.0.0.0/12"), endpointBits: 8 - strideBits, strideBits };
      await fillSeed(control, network("main", plan));
      const [first = ""] = await allocateMany(control, capacity);
      expect(await errorOf(control.endpoints.allocate(WEB))).toMatch(/^pool-exhausted: /);
      await control.endpoints.release(first);
      expect(await allocateMany(control, 1)).toEqual([first]);
      expect(await errorOf(control.endpoints.allocate(WEB))).toMatch(/^pool-exhausted: /);
      expect(await findingsOf(control)).toEqual([]);
    }
  });
});

describe("get(), list() and update()", () => {
  test("find endpoints by name and by each address", async () => {
    const { control } = await emptyControl();
    await fillSeed(control, network("main", SEED_PLAN, WIDE_PLAN));
    const { object, revision } = await control.endpoints.allocate({ ...WEB, name: "web-1" });
    for (const ref of ["web-1", "10.1.1.17", "fd00::1:1:1:0:1", "FD00:0:0:1:1:1::1"]) {
      expect(await control.endpoints.get(ref)).toEqual({ object, revision });
    }
  });

  test.each<[object, string[]]>([
    [{}, ["a", "b", "c", "d"]],
    [{ host: "host-1" }, ["a", "b", "c"]],
    [{ tenant: "tenant-2" }, ["c", "d"]],
    [{ host: "host-1", tenant: "tenant-1" }, ["a", "b"]],
    [{ tenant: "tenant-1", segment: "db" }, ["b"]],
    [{ network: "main" }, ["a", "b", "c", "d"]],
    [{ network: "nowhere" }, []],
    [{ host: "nobody" }, []],
  ])("list(%j)", async (filter, expected) => {
    const { control } = await seedControl();
    await control.segments.create({ tenant: "tenant-1", name: "db" });
    await control.endpoints.allocate({ ...WEB, name: "a" });
    await control.endpoints.allocate({ ...WEB, segment: "db", name: "b" });
    await control.endpoints.allocate({ ...WEB, tenant: "tenant-2", name: "c" });
    await control.endpoints.allocate({ ...WEB, host: "host-2", tenant: "tenant-2", name: "d" });
    const names: (string | undefined)[] = [];
    let cursor: string | undefined;
    do {
      const page = await control.endpoints.list({
        ...filter,
        limit: 2,
        ...(cursor !== undefined && { cursor }),
      });
      names.push(...page.items.map(({ object }) => object.name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(names).toEqual(expected);
  });

  test("update changes the external ID and nothing else", async () => {
    const { control } = await seedControl();
    const { object } = await control.endpoints.allocate({ ...WEB, name: "web-1" });
    expect((await control.endpoints.update("web-1", { externalId: "pod/1" })).object).toEqual({
      ...object,
      externalId: "pod/1",
    });
    expect((await control.endpoints.update("web-1", { externalId: null })).object).toEqual(object);
    expect(await findingsOf(control)).toEqual([]);
  });
});

test("the memory of places is bounded: forgotten ones are read again", async () => {
  const { control } = await seedControl({ cachedIds: 20 });
  for (const host of ["host-1", "host-2", "host-1", "host-2"]) {
    for (const tenant of ["tenant-1", "tenant-2"]) await allocateMany(control, 3, { ...WEB, host, tenant });
  }
  expect(await allocateMany(control, 1)).toEqual(["10.1.1.23"]);
  expect(await findingsOf(control)).toEqual([]);
});
