import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import type { Fabric, FabricDevice, Network } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { decodeFabricRecord, encodeFabricRecord } from "./fabric-record.ts";
import { emptyControl, errorOf } from "./seed.case.ts";

const NETWORK: Network = {
  name: "main",
  plans: {
    ipv4: createPlan({
      prefix: parsePrefix("10.0.0.0/8"),
      groupLevels: [{ name: "rack", bits: 4 }],
      hostBits: 8,
      tenantBits: 6,
      segmentBits: 3,
      endpointBits: 3,
    }),
  },
  groups: [
    { name: "rack-1", id: 0, router: {}, groups: [] },
    { name: "rack-2", id: 1, router: {}, groups: [] },
  ],
};

function device(name: string, asn: number, last: number): FabricDevice {
  return { name, asn, routerId: parseAddress(`192.0.2.${last}`) };
}

function fabricOf(name: string, rack: string, first: number, changes: Partial<Fabric> = {}): Fabric {
  const [spine, leaf] = [`spine-${first}`, `leaf-${first}`];
  return {
    name,
    hostAsn: 4200000000,
    spines: [device(spine, 65000, first)],
    racks: [
      {
        group: [rack],
        leaves: [
          {
            ...device(leaf, 65100 + first, first + 1),
            segment: { ipv4: parseAddress(`172.16.${first}.1`), ipv6: parseAddress(`fd10:${first}::1`) },
          },
        ],
      },
    ],
    links: [
      {
        ends: [
          { device: spine, ipv4: parseAddress(`172.31.${first}.0`) },
          { device: leaf, ipv4: parseAddress(`172.31.${first}.1`) },
        ],
      },
    ],
    bfd: { intervalMs: 100, multiplier: 3 },
    gracefulRestart: false,
    communities: { host: ["65000:1"], rack: [] },
    passwordName: "fabric",
    ...changes,
  };
}

const FIRST = fabricOf("first", "rack-1", 10);

async function controlWithNetwork() {
  const { control } = await emptyControl();
  await control.networks.create(NETWORK);
  return control;
}

describe("fabrics", () => {
  test("are made, replaced, listed and deleted", async () => {
    const control = await controlWithNetwork();
    const made = await control.fabrics.put(FIRST);
    expect(made).toMatchObject({ created: true, object: FIRST });
    expect(await control.fabrics.put(FIRST)).toEqual({ ...made, created: false });
    const { bfd: _, passwordName: __, ...plain } = FIRST;
    const changed = await control.fabrics.put(plain, { expectedRevision: made.revision });
    expect(changed).toMatchObject({ created: false, object: plain });
    expect(await control.fabrics.get("first")).toEqual({ object: plain, revision: changed.revision });
    const second = fabricOf("second", "rack-2", 20);
    await control.fabrics.put(second);
    expect((await control.fabrics.list()).items.map(({ object }) => object)).toEqual([plain, second]);
    expect(await control.fabrics.delete("first", { dryRun: true })).toMatchObject({ dryRun: true, count: 1 });
    await control.fabrics.delete("first");
    expect(await errorOf(control.fabrics.get("first"))).toContain('not-found: Cannot find fabric "first"');
  });

  test.each([
    [
      "a rack that no network has",
      fabricOf("second", "rack-9", 20),
      'no network has an innermost group "rack-9"',
    ],
    ["the rack of another one", fabricOf("second", "rack-1", 20), 'group "rack-1" is of fabric "first"'],
    ["devices of another one", fabricOf("second", "rack-2", 10), 'device "spine-10" is of fabric "first"'],
    [
      "the name of a host",
      fabricOf("second", "rack-2", 20, {
        spines: [device("host-1", 65000, 30)],
        links: [],
      }),
      '"host-1" is a host',
    ],
  ])("%s is refused", async (_, fabric, words) => {
    const control = await controlWithNetwork();
    await control.hosts.create({ name: "host-1", group: ["rack-1"], underlay: {} });
    await control.fabrics.put(FIRST);
    expect(await errorOf(control.fabrics.put(fabric))).toContain(words);
    expect((await control.fabrics.list()).items).toHaveLength(1);
  });

  test("an endpoint goes to another host of its rack only", async () => {
    const control = await controlWithNetwork();
    for (const [name, rack, last] of [
      ["host-1", "rack-1", 11],
      ["host-2", "rack-1", 12],
      ["host-3", "rack-2", 13],
    ] as const) {
      const underlay = { ipv4: parseAddress(`172.16.10.${last}`) };
      await control.hosts.create({ name, group: [rack], underlay });
    }
    await control.tenants.create({ name: "acme" });
    await control.segments.create({ tenant: "acme", name: "web" });
    await control.endpoints.allocate({ name: "vm", host: "host-1", tenant: "acme", segment: "web" });
    await control.endpoints.update("vm", { locatedOn: "host-3" });
    await control.endpoints.update("vm", { locatedOn: null });
    await control.fabrics.put(FIRST);
    expect(await errorOf(control.endpoints.update("vm", { locatedOn: "host-3" }))).toContain(
      'has no direct route to host "host-3"',
    );
    expect((await control.endpoints.update("vm", { locatedOn: "host-2" })).object).toMatchObject({
      locatedOn: "host-2",
    });
  });

  test("an old revision", async () => {
    const control = await controlWithNetwork();
    const { revision } = await control.fabrics.put(FIRST);
    expect(await errorOf(control.fabrics.put(FIRST, { expectedRevision: revision - 1 }))).toContain(
      "revision",
    );
    expect(await errorOf(control.fabrics.delete("first", { expectedRevision: 1 }))).toContain("revision");
    const other = fabricOf("second", "rack-2", 20);
    expect(await errorOf(control.fabrics.put(other, { expectedRevision: 7 }))).toContain("not-found");
  });
});

describe("the value of a fabric's key", () => {
  test("comes back as it was", () => {
    expect(decodeFabricRecord(encodeFabricRecord(FIRST))).toEqual(FIRST);
  });

  test.each([
    ["no JSON", "{"],
    ["another field", '{"name":"a","more":1}'],
    ["half a cable", encodeFabricRecord(FIRST).replace(/,\{"device":"leaf-10","ipv4":"[^}]*\}/, "")],
    ["no address", encodeFabricRecord(FIRST).replace("172.31.10.0", "172.31.10.300")],
  ])("%s is damaged", (_, text) => {
    expect(() => decodeFabricRecord(text)).toThrow();
  });
});
