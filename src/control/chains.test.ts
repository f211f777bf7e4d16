import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Chain, ChainEnd, HealthCheck } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { ChainPatch, ChainSpec } from "./chain-control.ts";
import { FUNCTIONS, seedChains, segment, spec, through } from "./chain-seed.case.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import { errorOf, findingsOf, network, WIDE_PLAN } from "./seed.case.ts";

async function placesOf(control: Control, name: string): Promise<Chain["places"]> {
  return (await control.chains.get(name)).object.places;
}

describe("creation", () => {
  test("gives places, and is idempotent", async () => {
    const { control } = await seedChains();
    const asked = spec("a", { direction: "both", through: through("fw", "ids"), externalId: "u" });
    const first = await control.chains.create(asked);
    expect(first).toMatchObject({
      created: true,
      object: { network: "main", places: { forward: [1, 2, 3], reverse: [4, 5, 6] } },
    });
    expect(await control.chains.create({ ...asked, network: "main" })).toMatchObject({
      created: false,
      revision: first.revision,
    });
    expect((await control.chains.list()).items).toEqual([{ object: first.object, revision: first.revision }]);
    expect(await errorOf(control.chains.create(spec("a")))).toBe(
      'conflict: Cannot create chain "a": it is there already, and different',
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a chain of before is there after a restart, as it was", async () => {
    const { control, store, clock } = await seedChains();
    const health: HealthCheck = {
      protocol: "tcp",
      port: "up",
      interval: 500,
      timeout: 500,
      failures: 2,
      successes: 2,
    };
    const specs = [
      spec("a", { from: { kind: "any" }, to: { kind: "service", service: "shop" } }),
      spec("b", {
        from: { kind: "cidr", prefix: parsePrefix("203.0.113.0/24") },
        to: segment("tenant-1/web"),
        through: [{ tenant: "tenant-2", segment: "fw", fail: "open", health }],
        direction: "both",
      }),
      spec("c", {
        from: { kind: "tenant", tenant: "tenant-1" },
        to: segment("tenant-2/web"),
        externalId: "u",
      }),
    ];
    for (const each of specs) await control.chains.create(each);
    const before = await control.chains.list();
    await control.close();
    const again = await createControl({ store, clock });
    expect(await again.chains.list()).toEqual(before);
    expect((await again.view("host-1")).chains).toEqual(before.items);
    expect(before.items.map(({ object }) => object)).toEqual(
      specs.map((each, index) => ({ ...each, network: "main", places: before.items[index]?.object.places })),
    );
  });

  test.each<[string, Partial<ChainSpec>, string]>([
    ["a network", { network: "x" }, 'not-found: Cannot find network "x"'],
    ["a tenant", { from: { kind: "tenant", tenant: "x" } }, 'not-found: Cannot find tenant "x"'],
    ["a segment in from", { from: segment("tenant-1/x") }, 'not-found: Cannot find segment "tenant-1/x"'],
    ["a segment in to", { to: segment("tenant-1/x") }, 'not-found: Cannot find segment "tenant-1/x"'],
    ["a function", { through: through("fw", "x") }, 'not-found: Cannot find segment "tenant-2/x"'],
    ["a service", { to: { kind: "service", service: "x" } }, 'not-found: Cannot find service "x"'],
  ])("wants %s that is there", async (_, change, error) => {
    const { control } = await seedChains();
    expect(await errorOf(control.chains.create(spec("a", change)))).toBe(error);
    expect((await control.chains.list()).items).toEqual([]);
  });

  test.each<[string, Partial<ChainSpec>, string]>([
    ["no function", { through: [] }, "through: has 0 functions, not 1 to 8"],
    ["nine functions", { through: through(...FUNCTIONS) }, "through: has 9 functions, not 1 to 8"],
    [
      "a function twice",
      { through: through("fw", "ids", "fw") },
      'through.2: "tenant-2/fw" is there twice: nobody could tell what it has passed',
    ],
    [
      "a function where it leads to",
      { to: segment("tenant-2/fw") },
      'through.0: "tenant-2/fw" is where the chain leads to; it cannot go through itself',
    ],
    [
      "a function behind the service that it leads to",
      { to: { kind: "service", service: "shop" }, through: [{ ...segment("tenant-1/db"), fail: "open" }] },
      'through.0: "tenant-1/db" is where the chain leads to; it cannot go through itself',
    ],
    [
      "a function where it begins",
      { from: segment("tenant-2/fw") },
      'through.0: "tenant-2/fw" is where the chain begins; it cannot go through itself',
    ],
    [
      "one that stays where it is",
      { to: segment("tenant-1/web") },
      'from: "tenant-1/web" is where the chain leads to; what stays within a segment goes straight',
    ],
    [
      "a family that the network has not",
      { from: { kind: "cidr", prefix: parsePrefix("2001:db8::/32") } },
      'from.cidr: network "main" has no IPv6',
    ],
  ])("refuses %s", async (_, change, reason) => {
    const { control } = await seedChains();
    expect(await errorOf(control.chains.create(spec("a", change)))).toBe(
      `invalid-input: Cannot create chain "a": ${reason}`,
    );
  });

  test("wants the network's name when there are several, and a service of it", async () => {
    const { control } = await seedChains();
    await control.networks.create(network("six", undefined, WIDE_PLAN));
    expect(await errorOf(control.chains.create(spec("a")))).toBe(
      'invalid-input: Cannot create chain "a": network: is missing: there are several networks',
    );
    const led = spec("a", { network: "six", to: { kind: "service", service: "shop" } });
    expect(await errorOf(control.chains.create(led))).toBe(
      'invalid-input: Cannot create chain "a": to.service: service "shop" is of network "main", not of "six"',
    );
    await control.chains.create(spec("b", { network: "six" }));
    // The same names stand for other addresses there.
    await control.chains.create(spec("c", { network: "main" }));
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("two chains for the same traffic", () => {
  test("meet, too, where what goes back in one is on its way in the other", async () => {
    const { control } = await seedChains();
    const wide = { from: { kind: "any" }, direction: "both" } as const;
    await control.chains.create(spec("a", wide));
    const other = spec("b", { ...wide, to: segment("tenant-1/web") });
    expect(await errorOf(control.chains.create(other))).toBe(
      'conflict: Cannot create chain "b": chain "a" takes some of the same traffic',
    );
    await control.chains.update("a", { direction: "forward" });
    await control.chains.create({ ...other, direction: "forward" });
    expect(await errorOf(control.chains.update("a", { direction: "both" }))).toBe(
      'conflict: Cannot update chain "a": chain "b" takes some of the same traffic',
    );
  });

  test.each<[string, Partial<ChainSpec>, string]>([
    ["its twin", {}, 'chain "a" takes'],
    ["all of the tenant", { from: { kind: "tenant", tenant: "tenant-1" } }, 'chain "a" takes'],
    [
      "anybody, by the service",
      { from: { kind: "any" }, to: { kind: "service", service: "shop" } },
      'chains "a", "b" take',
    ],
    [
      "addresses of the segment",
      { from: { kind: "cidr", prefix: parsePrefix("10.1.1.16/29") } },
      'chain "a" takes',
    ],
  ])("%s is refused", async (_, change, taken) => {
    const { control } = await seedChains();
    await control.chains.create(spec("a"));
    await control.chains.create(spec("b", { from: segment("tenant-2/web"), through: through("ids") }));
    expect(await errorOf(control.chains.create(spec("c", change)))).toBe(
      `conflict: Cannot create chain "c": ${taken} some of the same traffic`,
    );
    await control.chains.create(spec("c", { from: { kind: "cidr", prefix: parsePrefix("192.0.2.0/24") } }));
    expect(await errorOf(control.chains.update("c", { from: segment("tenant-1/web") }))).toBe(
      'conflict: Cannot update chain "c": chain "a" takes some of the same traffic',
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("of which the first one wins when they come at once, in two programs", async () => {
    const { control, store, clock } = await seedChains();
    const other = await createControl({ store, clock });
    const errors = await Promise.all([
      errorOf(control.chains.create(spec("a"))),
      errorOf(other.chains.create(spec("b"))),
      errorOf(control.chains.create(spec("c"))),
    ]);
    expect(errors.filter((error) => error === "none")).toHaveLength(1);
    expect(errors.filter((error) => error.startsWith("conflict: Cannot create chain"))).toHaveLength(2);
    expect((await control.chains.list()).items).toHaveLength(1);
  });
});

describe("places", () => {
  test("are 63 in all; those of a deleted chain are free again", async () => {
    const { control } = await seedChains();
    const wide = { through: through(...FUNCTIONS.slice(0, 8)), direction: "both" } as const;
    const to = segment("tenant-2/web");
    const senders = ["tenant-1/web", "tenant-1/db", "tenant-2/f9"].map(segment);
    for (const [index, from] of senders.entries()) {
      await control.chains.create(spec(`wide-${index}`, { ...wide, from, to }));
    }
    expect(await placesOf(control, "wide-2")).toEqual({
      forward: [37, 38, 39, 40, 41, 42, 43, 44, 45],
      reverse: [46, 47, 48, 49, 50, 51, 52, 53, 54],
    });
    const outside: ChainEnd = { kind: "cidr", prefix: parsePrefix("192.0.2.0/24") };
    const last = spec("last", { from: outside, to, through: wide.through });
    expect(await errorOf(control.chains.create({ ...last, direction: "both" }))).toBe(
      'pool-exhausted: Cannot create chain "last": it needs 18 places: 54 of 63 are used; delete chains, or make some shorter or forward only',
    );
    await control.chains.create(last);
    expect(await errorOf(control.chains.create(spec("more")))).toBe(
      'pool-exhausted: Cannot create chain "more": it needs 2 places: 63 of 63 are used; delete chains, or make some shorter or forward only',
    );
    await control.chains.delete("wide-0");
    await control.chains.create(spec("more"));
    expect(await placesOf(control, "more")).toEqual({ forward: [1, 2] });
    expect(await findingsOf(control)).toEqual([]);
  });

  test("are never given twice, in two programs at once", async () => {
    const { control, store, clock } = await seedChains();
    const other = await createControl({ store, clock });
    const targets = ["tenant-1/db", ...FUNCTIONS.map((name) => `tenant-2/${name}`)];
    await Promise.all(
      targets.map((to, index) =>
        (index % 2 === 0 ? control : other).chains.create(
          spec(`c-${index}`, { to: segment(to), through: [{ ...segment("tenant-2/web"), fail: "open" }] }),
        ),
      ),
    );
    const given = (await control.chains.list()).items.flatMap(({ object }) => object.places.forward);
    expect(given.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });
});

describe("a change", () => {
  test.each<[string, ChainPatch, Chain["places"]]>([
    [
      "of who sends keeps the places",
      { from: { kind: "cidr", prefix: parsePrefix("192.0.2.0/24") } },
      { forward: [1, 2] },
    ],
    [
      "of how a function fails keeps them",
      { through: [{ tenant: "tenant-2", segment: "fw", fail: "open" }] },
      { forward: [1, 2] },
    ],
    ["of the functions gives others", { through: through("fw", "ids") }, { forward: [5, 6, 7] }],
    ["of the direction gives others", { direction: "both" }, { forward: [5, 6], reverse: [7, 8] }],
  ])("%s", async (_, patch, places) => {
    const { control } = await seedChains();
    const { revision } = await control.chains.create(spec("a"));
    await control.chains.create(spec("b", { from: segment("tenant-2/web") }));
    const updated = await control.chains.update("a", patch, { expectedRevision: revision });
    expect(updated.object).toMatchObject({ name: "a", places });
    expect(await control.chains.get("a")).toEqual(updated);
    expect(await control.chains.update("a", patch)).toEqual(updated);
    expect(await errorOf(control.chains.update("a", patch, { expectedRevision: revision }))).toBe(
      `revision-mismatch: Cannot update chain "a": it has changed and is at revision ${updated.revision}`,
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("takes an external ID away, and refuses what a creation refuses", async () => {
    const { control } = await seedChains();
    await control.chains.create(spec("a", { externalId: "u" }));
    expect((await control.chains.update("a", { externalId: null })).object.externalId).toBeUndefined();
    expect(await errorOf(control.chains.update("a", { to: segment("tenant-2/fw") }))).toBe(
      'invalid-input: Cannot update chain "a": through.0: "tenant-2/fw" is where the chain leads to; it cannot go through itself',
    );
    expect(await errorOf(control.chains.update("lost", {}))).toBe('not-found: Cannot find chain "lost"');
  });
});

describe("what a chain needs is not deleted", () => {
  const led = spec("a", { to: { kind: "service", service: "shop" }, direction: "both" });
  test.each<
    [
      string,
      string,
      (control: Control, cascade: boolean) => ReturnType<Control["chains"]["delete"]>,
      string[],
    ]
  >([
    [
      "the service that it leads to",
      'in-use: Cannot delete service "shop": it is used by chain "a"',
      (control, cascade) => control.services.delete("shop", { cascade }),
      ["chain a", "service shop"],
    ],
    [
      "the segment behind that",
      'in-use: Cannot delete segment "tenant-1/db": it is used by chain "a", service "shop"',
      (control, cascade) => control.segments.delete("tenant-1", "db", { cascade }),
      ["chain a", "service shop", "segment tenant-1/db"],
    ],
    [
      "the segment where it begins",
      'in-use: Cannot delete segment "tenant-1/web": it is used by chain "a"',
      (control, cascade) => control.segments.delete("tenant-1", "web", { cascade }),
      ["chain a", "segment tenant-1/web"],
    ],
    [
      "a function",
      'in-use: Cannot delete segment "tenant-2/fw": it is used by chain "a"',
      (control, cascade) => control.segments.delete("tenant-2", "fw", { cascade }),
      ["chain a", "segment tenant-2/fw"],
    ],
    [
      "the network",
      'in-use: Cannot delete network "main": it is used by chain "a", service "shop"',
      (control, cascade) => control.networks.delete("main", { cascade }),
      ["chain a", "service shop", "network main"],
    ],
  ])("%s", async (_, error, remove, deleted) => {
    const { control } = await seedChains();
    await control.chains.create(led);
    expect(await errorOf(remove(control, false))).toBe(error);
    const { deleted: gone } = await remove(control, true);
    expect(gone.map(({ noun, name }) => `${noun} ${name}`)).toEqual(deleted);
    expect((await control.chains.list()).items).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a tenant, and all of it goes with it", async () => {
    const { control } = await seedChains();
    await control.chains.create(
      spec("a", { from: { kind: "tenant", tenant: "tenant-1" }, to: segment("tenant-2/web") }),
    );
    expect(await errorOf(control.tenants.delete("tenant-1"))).toContain(
      'it is used by chain "a", service "shop"',
    );
    await control.tenants.delete("tenant-1", { cascade: true });
    expect((await control.chains.list()).items).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("but what it does not need is", async () => {
    const { control } = await seedChains();
    await control.chains.create(spec("a", { from: { kind: "tenant", tenant: "tenant-1" } }));
    await control.segments.delete("tenant-1", "web");
    await control.services.delete("shop");
    expect((await control.chains.list()).items).toHaveLength(1);
  });
});

describe("a service that sends to another segment", () => {
  test("leads its chains there, unless one would go through itself or take flows of another", async () => {
    const { control } = await seedChains();
    await control.segments.create({ tenant: "tenant-1", name: "own" });
    await control.chains.create(
      spec("a", {
        from: segment("tenant-2/web"),
        to: { kind: "service", service: "shop" },
        through: [{ ...segment("tenant-1/own"), fail: "closed" }],
      }),
    );
    await control.chains.create(spec("b", { from: segment("tenant-2/web"), to: segment("tenant-1/web") }));
    expect(await errorOf(control.services.update("shop", { segment: "own" }))).toBe(
      'invalid-input: Cannot update service "shop": segment: "tenant-1/own" is where the chain leads to; it cannot go through itself',
    );
    expect(await errorOf(control.services.update("shop", { segment: "web" }))).toBe(
      'conflict: Cannot update service "shop": chain "b" takes some of the same traffic of chain "a"',
    );
    await control.chains.delete("b");
    await control.services.update("shop", { segment: "web" });
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("agents", () => {
  test("hear of the healthy endpoints of its functions as long as it is there", async () => {
    const { control, clock } = await seedChains();
    const used = async (): Promise<readonly string[]> => {
      for (let step = 0; step < 5; step++) {
        clock.advance(100);
        for (let turn = 0; turn < 20; turn++) await setImmediate();
      }
      const { items } = await control.backends.list();
      return items.map(({ object: { tenant, segment: name, backends } }) =>
        [`${tenant}/${name}`, ...backends.map(({ host }) => host)].join(" "),
      );
    };
    await control.services.delete("shop");
    await control.endpoints.allocate({ host: "host-1", tenant: "tenant-2", segment: "fw" });
    await control.chains.create(spec("a", { through: through("fw", "ids") }));
    const alive = { life: "x", subnets: [], held: [], refused: [], healthy: [parseAddress("10.1.2.33")] };
    control.beat("host-1", { ...alive, number: 1 });
    expect(await used()).toEqual(["tenant-2/fw host-1"]);
    await control.chains.update("a", { through: through("ids") });
    expect(await used()).toEqual([]);
    await control.chains.update("a", { through: through("ids", "fw") });
    expect(await used()).toEqual(["tenant-2/fw host-1"]);
    await control.chains.delete("a");
    expect(await used()).toEqual([]);
  });

  test("hear of a chain, and of it going, in one event each", async () => {
    const { control } = await seedChains();
    const abort = new AbortController();
    const events: string[] = [];
    const after = await control.revision();
    await control.chains.create(spec("a"));
    await control.chains.update("a", { direction: "both" });
    await control.chains.delete("a");
    for await (const { changes } of control.watch({ kinds: ["chains"], after, signal: abort.signal })) {
      events.push(...changes.map(({ kind, type, object }) => `${kind} ${type} ${(object as Chain).name}`));
      if (events.length === 3) abort.abort();
    }
    expect(events).toEqual(["chains put a", "chains put a", "chains delete a"]);
  });

  test("keep a chain whose stored value is damaged, and nobody makes another one until it is gone", async () => {
    const { control, store } = await seedChains();
    await control.chains.create(spec("a"));
    const { object } = await control.chains.get("a");
    await store.transact([], [{ type: "put", key: "chain/a", value: "{" }]);
    const error = 'internal: Cannot read chain "a": its stored value is damaged; see "romana ipam check"';
    expect(await errorOf(control.chains.create(spec("b", { to: segment("tenant-2/web") })))).toBe(error);
    expect((await control.view("host-1")).chains.map((each) => each.object)).toEqual([object]);
    expect(await findingsOf(control)).toEqual(["unparsable-value chain/a"]);
    await control.chains.delete("a");
    await control.chains.create(spec("b", { to: segment("tenant-2/web") }));
    expect((await control.view("host-1")).chains.map((each) => each.object.name)).toEqual(["b"]);
    expect(await findingsOf(control)).toEqual([]);
  });
});
