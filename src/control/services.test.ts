import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import type { Network, ServiceDetails } from "../model/index.ts";
import { formatAddress, type Prefix, parseAddress, parsePrefix } from "../net/index.ts";
import { createControl } from "./create.ts";
import {
  allocateMany,
  type Bench,
  emptyControl,
  errorOf,
  fillSeed,
  findingsOf,
  SEED_PLAN,
} from "./seed.case.ts";
import type { ServiceSpec } from "./service-control.ts";

const SMALL = { ipv4: parsePrefix("172.20.0.0/29"), ipv6: parsePrefix("fd10::/126") };

function servedNetwork(services: Network["services"] = SMALL, name = "main"): Network {
  return { name, plans: { ipv4: createPlan(SEED_PLAN) }, groups: [], ...(services && { services }) };
}

const WEB: ServiceSpec = {
  name: "web",
  tenant: "tenant-1",
  segment: "web",
  ports: [{ protocol: "tcp", port: 80 }],
};
const named = (name: string): ServiceSpec => ({ ...WEB, name });

async function seed(services?: Network["services"]): Promise<Bench> {
  const bench = await emptyControl();
  await fillSeed(bench.control, servedNetwork(services));
  return bench;
}

function textOf({ addresses: { ipv4, ipv6 } }: Pick<ServiceDetails, "addresses">): string {
  return [ipv4, ipv6].flatMap((address) => (address ? [formatAddress(address)] : [])).join(" ");
}

describe("creation", () => {
  test("gives the lowest free address of each family, and is idempotent", async () => {
    const { control } = await seed();
    const spec = { ...WEB, affinity: "client", dnsName: "web.shop", externalId: "u" } as const;
    const first = await control.services.create(spec);
    expect(first).toMatchObject({ created: true, object: { network: "main", members: 0, healthy: 0 } });
    expect(textOf(first.object)).toBe("172.20.0.1 fd10::1");
    expect(textOf((await control.services.create(named("second"))).object)).toBe("172.20.0.2 fd10::2");
    expect(await control.services.create(spec)).toMatchObject({ created: false, revision: first.revision });
    expect(await control.services.create({ ...spec, addresses: first.object.addresses })).toMatchObject({
      created: false,
    });
    expect(await errorOf(control.services.create(WEB))).toBe(
      'conflict: Cannot create service "web": it is there already, and different',
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each([
    ["outside", { ipv4: "172.20.0.8" }, "172.20.0.8 is not in the service prefix 172.20.0.0/29"],
    ["the first of IPv4", { ipv4: "172.20.0.0" }, "is the first address of 172.20.0.0/29"],
    ["the last of IPv4", { ipv4: "172.20.0.7" }, "is the last address of 172.20.0.0/29"],
    ["the first of IPv6", { ipv6: "fd10::" }, "is the first address of fd10::/126"],
    ["none", {}, "one of ipv4 and ipv6 is wanted"],
  ])("refuses an address that is %s", async (_, texts: { ipv4?: string; ipv6?: string }, reason) => {
    const { control } = await seed();
    const { ipv4, ipv6 } = texts;
    const addresses = {
      ...(ipv4 !== undefined && { ipv4: parseAddress(ipv4) }),
      ...(ipv6 !== undefined && { ipv6: parseAddress(ipv6) }),
    };
    const error = await errorOf(control.services.create({ ...WEB, addresses }));
    expect(error).toContain('invalid-input: Cannot create service "web": addresses');
    expect(error).toContain(reason);
  });

  test.each<[string, Partial<ServiceSpec>, string]>([
    ["network", { network: "lost" }, 'not-found: Cannot find network "lost"'],
    ["tenant", { tenant: "lost" }, 'not-found: Cannot find tenant "lost"'],
    ["segment", { segment: "lost" }, 'not-found: Cannot find segment "tenant-1/lost"'],
  ])("wants its %s", async (_, change, message) => {
    const { control } = await seed();
    expect(await errorOf(control.services.create({ ...WEB, ...change }))).toBe(message);
  });

  test("refuses an address of another service, and gives the last of IPv6", async () => {
    const { control } = await seed();
    const addresses = { ipv6: parseAddress("fd10::3") };
    await control.services.create({ ...WEB, addresses });
    expect(await errorOf(control.services.create({ ...named("second"), addresses }))).toBe(
      'conflict: Cannot create service "second": service "web" has fd10::3',
    );
  });

  test("wants a network with service prefixes, by name among several", async () => {
    const { control } = await emptyControl();
    expect(await errorOf(control.services.create(WEB))).toContain("network: there is no network");
    await fillSeed(control, { name: "main", plans: { ipv4: createPlan(SEED_PLAN) }, groups: [] });
    expect(await errorOf(control.services.create(WEB))).toContain('network "main" has no service prefixes');
    const plan = createPlan({ ...SEED_PLAN, prefix: parsePrefix("11.0.0.0/8") });
    await control.networks.create({ ...servedNetwork(SMALL, "other"), plans: { ipv4: plan } });
    expect(await errorOf(control.services.create(WEB))).toContain(
      "network: is missing: there are several networks",
    );
    const { object } = await control.services.create({ ...WEB, network: "other" });
    expect(textOf(object)).toBe("172.20.0.1 fd10::1");
  });

  test("an address rests before somebody gets it by chance, and can be named at once", async () => {
    const { control, clock } = await seed({ ipv4: parsePrefix("172.20.0.0/30") });
    await control.services.create(named("a"));
    await control.services.create(named("b"));
    expect(await errorOf(control.services.create(WEB))).toBe(
      'pool-exhausted: Cannot create service "web": no address of 172.20.0.0/30 is free: 2 of 2 are used; give the network a larger service prefix',
    );
    await control.services.delete("a");
    expect(await errorOf(control.services.create(WEB))).toContain("1 of 2 are used, 1 cool down");
    expect(await findingsOf(control)).toEqual([]);
    const addresses = { ipv4: parseAddress("172.20.0.1") };
    expect(await control.services.create({ ...WEB, addresses })).toMatchObject({ created: true });
    await control.services.delete("web");
    clock.advance(60_000);
    expect(textOf((await control.services.create(WEB)).object)).toBe("172.20.0.1");
    expect(await findingsOf(control)).toEqual([]);
  });

  test("at the same time gives each another address", async () => {
    const { control } = await seed({ ipv4: parsePrefix("172.20.0.0/24") });
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) => control.services.create(named(`s-${index}`))),
    );
    expect(new Set(made.map(({ object }) => textOf(object))).size).toBe(20);
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("a change", () => {
  test("sets, takes away and leaves fields, and depends on the revision", async () => {
    const { control } = await seed();
    await control.segments.create({ tenant: "tenant-1", name: "blue" });
    const { revision } = await control.services.create({ ...WEB, affinity: "client", dnsName: "web.shop" });
    const changed = await control.services.update("web", {
      affinity: null,
      prefer: "local",
      segment: "blue",
    });
    const { affinity, prefer, segment, dnsName } = changed.object;
    expect({ affinity, prefer, segment, dnsName }).toEqual({
      affinity: undefined,
      prefer: "local",
      segment: "blue",
      dnsName: "web.shop",
    });
    expect(await control.services.update("web", { segment: "blue" })).toMatchObject({
      revision: changed.revision,
    });
    expect(await errorOf(control.services.update("web", {}, { expectedRevision: revision }))).toContain(
      "revision-mismatch: ",
    );
    expect(await errorOf(control.services.update("web", { segment: "lost" }))).toContain("not-found: ");
    expect(await errorOf(control.services.update("lost", {}))).toBe('not-found: Cannot find service "lost"');
  });
});

describe("what a service needs", () => {
  test.each([
    ["segment", "tenant-1/web"],
    ["tenant", "tenant-1"],
    ["network", "main"],
  ] as const)("is in use: %s", async (noun, name) => {
    const { control } = await seed();
    await control.services.create(WEB);
    const remove = (options: { cascade?: boolean; dryRun?: boolean }): Promise<unknown> => {
      if (noun === "segment") return control.segments.delete("tenant-1", "web", options);
      return noun === "tenant"
        ? control.tenants.delete(name, options)
        : control.networks.delete(name, options);
    };
    expect(await errorOf(remove({}))).toContain(
      `in-use: Cannot delete ${noun} "${name}": it is used by service "web"`,
    );
    expect(await remove({ cascade: true, dryRun: true })).toMatchObject({
      deleted: expect.arrayContaining([{ noun: "service", name: "web" }]),
    });
    expect(await remove({ cascade: true })).toMatchObject({
      deleted: expect.arrayContaining([{ noun: "service", name: "web" }]),
    });
    expect((await control.services.list()).items).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a cascade leaves services of other segments", async () => {
    const { control } = await seed();
    await control.segments.create({ tenant: "tenant-1", name: "blue" });
    await control.services.create(WEB);
    await control.services.create({ ...named("blue"), segment: "blue" });
    await control.segments.delete("tenant-1", "blue", { cascade: true });
    expect((await control.services.list()).items.map(({ object }) => object.name)).toEqual(["web"]);
  });
});

describe("service prefixes", () => {
  const refused: [string, { ipv4?: string; ipv6?: string }, string][] = [
    [
      "in the own plan",
      { ipv4: "10.9.0.0/16" },
      "services.ipv4: 10.9.0.0/16 overlaps the plan of 10.0.0.0/8",
    ],
    ["around the own plan", { ipv4: "8.0.0.0/5" }, "overlaps the plan of 10.0.0.0/8"],
    ["in another plan", { ipv4: "11.1.0.0/16" }, '11.1.0.0/16 overlaps 11.0.0.0/8 of network "other"'],
    [
      "in another service prefix",
      { ipv4: "172.30.1.0/24" },
      '172.30.1.0/24 overlaps the service prefix 172.30.0.0/16 of network "other"',
    ],
    ["loopback", { ipv4: "127.1.0.0/16" }, "127.1.0.0/16 overlaps 127.0.0.0/8"],
    ["multicast", { ipv6: "ff02::/64" }, "ff02::/64 overlaps ff00::/8"],
    ["too small", { ipv4: "172.21.0.0/31" }, "172.21.0.0/31 is longer than /30"],
    ["of the other family", { ipv6: "172.21.0.0/16" }, "172.21.0.0/16 is not a prefix of IPv6"],
    ["where a host is", { ipv4: "192.0.2.0/24" }, 'host "host-1": its address 192.0.2.1 is inside'],
    ["where a virtual IP is", { ipv4: "192.0.3.0/24" }, 'virtual IP "vip": its address 192.0.3.1 is inside'],
  ];
  test.each(refused)("are refused %s, of a new network and of an old one", async (_, texts, reason) => {
    const { control } = await emptyControl();
    await fillSeed(control, servedNetwork({ ipv4: parsePrefix("172.30.0.0/16") }, "first"));
    await control.networks.delete("first");
    await control.networks.create({
      ...servedNetwork({ ipv4: parsePrefix("172.30.0.0/16") }, "other"),
      plans: { ipv4: createPlan({ ...SEED_PLAN, prefix: parsePrefix("11.0.0.0/8") }) },
    });
    await control.hosts.update("host-1", { underlay: { ipv4: parseAddress("192.0.2.1") } });
    await control.virtualIps.create({ name: "vip", addresses: { ipv4: parseAddress("192.0.3.1") } });
    const services: { ipv4?: Prefix; ipv6?: Prefix } = {};
    if (texts.ipv4 !== undefined) services.ipv4 = parsePrefix(texts.ipv4);
    if (texts.ipv6 !== undefined) services.ipv6 = parsePrefix(texts.ipv6);
    expect(await errorOf(control.networks.create(servedNetwork(services)))).toContain(reason);
    await control.networks.create({ name: "main", plans: { ipv4: createPlan(SEED_PLAN) }, groups: [] });
    expect(await errorOf(control.networks.update("main", { services }))).toContain(reason);
    expect((await control.networks.get("main")).object.services).toBeUndefined();
    expect(await findingsOf(control)).toEqual([]);
  });

  test("keep plans and virtual IPs of others out", async () => {
    const { control } = await seed({ ipv4: parsePrefix("172.20.0.0/16") });
    const plan = createPlan({ ...SEED_PLAN, prefix: parsePrefix("172.0.0.0/8") });
    expect(
      await errorOf(control.networks.create({ name: "other", plans: { ipv4: plan }, groups: [] })),
    ).toContain('172.0.0.0/8 overlaps the service prefix 172.20.0.0/16 of network "main"');
    const addresses = { ipv4: parseAddress("172.20.0.9") };
    expect(await errorOf(control.virtualIps.create({ name: "vip", addresses }))).toContain(
      '172.20.0.9 is in 172.20.0.0/16 of network "main"',
    );
  });

  test("may grow and go, but not away from under a service", async () => {
    const { control } = await seed({ ipv4: parsePrefix("172.20.0.0/29") });
    await control.services.create(WEB);
    const services = (text: string): { services: { ipv4: Prefix } } => ({
      services: { ipv4: parsePrefix(text) },
    });
    for (const patch of [services("172.21.0.0/16"), { services: null }]) {
      expect(await errorOf(control.networks.update("main", patch))).toBe(
        'in-use: Cannot change service prefixes of network "main": it is used by service "web"',
      );
    }
    // The first address of a prefix is not given out, so that it cannot become one of a service.
    expect(await errorOf(control.networks.update("main", services("172.20.0.0/31")))).toContain("longer");
    const grown = await control.networks.update("main", services("172.20.0.0/16"));
    expect(grown.object.services).toEqual({ ipv4: parsePrefix("172.20.0.0/16") });
    await control.networks.update("main", { groups: [] });
    expect((await control.networks.get("main")).object.services).toEqual(grown.object.services);
    await control.services.delete("web");
    expect((await control.networks.update("main", { services: null })).object.services).toBeUndefined();
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("at the same time", () => {
  test("services come while what they need goes: all that is left agrees", async () => {
    const codes = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const { control } = await seed();
      const removals = [
        () => control.segments.delete("tenant-1", "web", { cascade: round % 2 === 0 }),
        () => control.tenants.delete("tenant-1", { cascade: true }),
        () => control.networks.update("main", { services: null }),
        () => control.networks.delete("main", { cascade: round % 3 === 0 }),
      ];
      const outcomes = await Promise.all([
        errorOf(control.services.create(named("a"))),
        errorOf((removals[round % 4] as () => Promise<unknown>)()),
        errorOf(control.services.create(named("b"))),
        errorOf(control.services.delete("a")),
      ]);
      for (const outcome of outcomes) codes.add(outcome.split(":")[0] as string);
      expect(await findingsOf(control)).toEqual([]);
    }
    expect([...codes].toSorted()).toEqual(["aborted", "in-use", "invalid-input", "none", "not-found"]);
  });

  test("a service follows another segment while the one that it had goes with all that needs it", async () => {
    const { control } = await seed();
    await control.segments.create({ tenant: "tenant-1", name: "blue" });
    await control.services.create(WEB);
    const [, deletion] = await Promise.all([
      errorOf(control.services.update("web", { segment: "blue" })),
      control.segments.delete("tenant-1", "web", { cascade: true }),
    ]);
    const left = (await control.services.list()).items.map(({ object }) => object.segment);
    const isDeleted = deletion.deleted.some(({ noun }) => noun === "service");
    expect(left).toEqual(isDeleted ? [] : ["blue"]);
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("a change of service prefixes that was begun and not finished", () => {
  const half = async (): Promise<Bench> => {
    const bench = await seed({ ipv4: parsePrefix("172.20.0.0/16") });
    const entry = await bench.store.get("network/main");
    const record = { ...JSON.parse(entry?.value ?? "{}"), nextServices: { ipv4: "172.20.0.0/30" } };
    await bench.store.transact([], [{ type: "put", key: "network/main", value: JSON.stringify(record) }]);
    return { ...bench, control: await createControl({ store: bench.store, clock: bench.clock }) };
  };

  test("is found, and taken back", async () => {
    const { control } = await half();
    expect(await findingsOf(control)).toEqual(["unfinished-change network/main"]);
    await control.ipam.check({ repair: true });
    expect(await findingsOf(control)).toEqual([]);
    const { object } = await control.networks.get("main");
    expect(object.services).toEqual({ ipv4: parsePrefix("172.20.0.0/16") });
  });

  test("until then services fit what is and what may be", async () => {
    const { control } = await half();
    const at = (text: string): ServiceSpec => ({ ...WEB, addresses: { ipv4: parseAddress(text) } });
    expect(await errorOf(control.services.create(at("172.20.0.3")))).toContain(
      "172.20.0.3 is the last address of 172.20.0.0/30",
    );
    expect(await control.services.create(at("172.20.0.2"))).toMatchObject({ created: true });
  });

  test("ends with the next change", async () => {
    const { control } = await half();
    await control.networks.update("main", {});
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("a check", () => {
  test("names claims, references and addresses that are wrong, and mends claims", async () => {
    const { control, store, clock } = await seed();
    await allocateMany(control, 1);
    await control.services.create(WEB);
    const entry = await store.get("service/web");
    const value = entry?.value ?? "";
    await store.transact(
      [],
      [
        { type: "delete", key: "service-address/172.20.0.1" },
        { type: "put", key: "service-address/172.20.0.2", value: "lost" },
        {
          type: "put",
          key: "service/moved",
          value: value
            .replace('"web"', '"moved"')
            .replaceAll("172.20.0.1", "172.29.0.1")
            .replace("fd10::1", "fd10::2")
            .replace("tenant-1", "gone"),
        },
        { type: "put", key: "service/broken", value: "{" },
      ],
    );
    const next = await createControl({ store, clock });
    expect((await findingsOf(next)).toSorted()).toEqual([
      "dangling-reference service/moved",
      "missing-claim service-address/172.20.0.1",
      "missing-claim service-address/172.29.0.1",
      "missing-claim service-address/fd10::2",
      "unparsable-value service/broken",
      "wrong-address service/moved",
      "wrong-claim service-address/172.20.0.2",
    ]);
    await next.ipam.check({ repair: true });
    expect((await findingsOf(next)).toSorted()).toEqual([
      "dangling-reference service/moved",
      "unparsable-value service/broken",
      "wrong-address service/moved",
    ]);
    await next.close();
  });
});

test("a host gets no address out of a service prefix, when it is made or later", async () => {
  const { control } = await seed();
  const underlay = { ipv4: parseAddress("172.20.0.3") };
  const reason = 'underlay.ipv4: 172.20.0.3 is inside the service prefix 172.20.0.0/29 of network "main"';
  expect(await errorOf(control.hosts.create({ name: "new", underlay }))).toBe(
    `invalid-input: Cannot create host "new": ${reason}`,
  );
  expect(await errorOf(control.hosts.update("host-1", { underlay }))).toBe(
    `invalid-input: Cannot update host "host-1": ${reason}`,
  );
});
