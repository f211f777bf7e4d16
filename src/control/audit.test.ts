import { describe, expect, test } from "vitest";
import type { Write } from "../store/index.ts";
import { createControl } from "./create.ts";
import { MAX_FINDINGS } from "./findings.ts";
import {
  allocateMany,
  type Bench,
  emptyControl,
  errorOf,
  fillSeed,
  findingsOf,
  network,
  SEED_PLAN,
  seedControl,
  WEB,
} from "./seed.case.ts";

const SPOT = "host-1/main/tenant-1/0000000001/0000000001";
const put = (key: string, value: string): Write => ({ type: "put", key, value });
const remove = (key: string): Write => ({ type: "delete", key });

/** The seed with two endpoints: "a" with a token, and one without a name; tenant-2 has a quota. */
async function filled(): Promise<Bench> {
  const bench = await seedControl({ coolDown: 1000 });
  await bench.control.endpoints.allocate({ ...WEB, name: "a", requestToken: "t" });
  await allocateMany(bench.control, 1);
  await bench.control.tenants.update("tenant-2", { quota: 5 });
  return bench;
}

/** Does writes behind control's back, then checks with a romanad that has just started. */
async function checkAfter({ store, clock }: Bench, writes: readonly Write[]) {
  await store.transact([], writes);
  const control = await createControl({ store, clock, coolDown: 1000 });
  return { control, report: await control.ipam.check() };
}

describe("check() of a right store", () => {
  test("is clean and counts what it looked at", async () => {
    const { control, store } = await filled();
    const report = await control.ipam.check();
    expect(report).toMatchObject({
      clean: true,
      endpoints: 2,
      findings: [],
      revision: await store.revision(),
    });
  });

  test("is clean while others allocate, release, make and delete", async () => {
    const { control } = await emptyControl({ coolDown: 0 });
    await fillSeed(control, network("main", { ...SEED_PLAN, tenantBits: 4, endpointBits: 8 }));
    let isDone = false;
    const churn = async (who: number): Promise<void> => {
      for (let round = 0; !isDone; round++) {
        const name = `e${who}-${round}`;
        const tenant = `x${who}-${round % 3}`;
        await errorOf(control.tenants.create({ name: tenant, quota: 50 }));
        await errorOf(control.segments.create({ tenant, name: "web" }));
        await errorOf(control.endpoints.allocate({ ...WEB, tenant, name }));
        await control.endpoints.allocate({ ...WEB, name: `${name}w`, requestToken: name });
        if (round % 2 === 0) await errorOf(control.endpoints.release(`${name}w`));
        if (round % 3 === 2) await errorOf(control.tenants.delete(tenant, { cascade: true }));
        if (round % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const work = [churn(1), churn(2), churn(3)];
    for (let index = 0; index < 2500; index++) {
      if (index % 500 === 0) expect((await control.ipam.check()).findings).toEqual([]);
      await errorOf(control.endpoints.allocate({ ...WEB, host: "host-2", name: `n${index}` }));
    }
    isDone = true;
    await Promise.all(work);
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("check() finds, and repair mends", () => {
  test.each<[string, Write[], string[]]>([
    ["an endpoint without its name row", [remove("endpoint-name/a")], ["missing-index endpoint-name/a"]],
    ["an endpoint without its token row", [remove("endpoint-token/t")], ["missing-index endpoint-token/t"]],
    ["a name row that points nowhere", [put("endpoint-name/z", `${SPOT}9`)], ["stale-index endpoint-name/z"]],
    [
      "a name row that points to another endpoint",
      [put("endpoint-name/z", SPOT)],
      ["stale-index endpoint-name/z"],
    ],
    [
      "a name row that points to the wrong endpoint",
      [put("endpoint-name/a", "host-1/main/tenant-1/0000000001/0000000002")],
      ["stale-index endpoint-name/a", "missing-index endpoint-name/a"],
    ],
    [
      "rows that were swapped",
      [put("endpoint-token/t2", SPOT), remove("endpoint-token/t")],
      ["stale-index endpoint-token/t2", "missing-index endpoint-token/t"],
    ],
    [
      "an endpoint whose host is not there",
      [
        put(
          "endpoint/gone/main/tenant-1/0000000001/0000000001",
          '{"segment":"web","ipv4":"10.9.1.17","createdAt":0}',
        ),
      ],
      ["dangling-reference endpoint/gone/main/tenant-1/0000000001/0000000001"],
    ],
    [
      "an endpoint whose tenant is not there, with its index row",
      [
        put(
          "endpoint/host-1/main/gone/0000000001/0000000001",
          '{"segment":"web","ipv4":"10.1.9.17","name":"g","createdAt":0}',
        ),
        put("endpoint-name/g", "host-1/main/gone/0000000001/0000000001"),
      ],
      ["dangling-reference endpoint/host-1/main/gone/0000000001/0000000001"],
    ],
    [
      "an endpoint that says another segment",
      [
        put(
          `endpoint/${SPOT}`,
          '{"segment":"db","ipv4":"10.1.1.17","name":"a","requestToken":"t","createdAt":0}',
        ),
      ],
      [`wrong-segment endpoint/${SPOT}`],
    ],
    [
      "an endpoint that says another address",
      [
        put(
          `endpoint/${SPOT}`,
          '{"segment":"web","ipv4":"10.1.1.18","name":"a","requestToken":"t","createdAt":0}',
        ),
      ],
      [`wrong-address endpoint/${SPOT}`],
    ],
    [
      "an endpoint with an address of a plan that is not there",
      [
        put(
          `endpoint/${SPOT}`,
          '{"segment":"web","ipv4":"10.1.1.17","ipv6":"fd00::1","name":"a","requestToken":"t","createdAt":0}',
        ),
      ],
      [`wrong-address endpoint/${SPOT}`],
    ],
    ["a rest of an ID in use", [put(`cooling/${SPOT}`, "99999")], [`cooling-in-use cooling/${SPOT}`]],
    [
      "a rest that is no time",
      [put("cooling/host-1/main/tenant-1/0000000001/0000000009", "soon")],
      ["unparsable-value cooling/host-1/main/tenant-1/0000000001/0000000009"],
    ],
    [
      "a tenant without its ID claim",
      [remove("tenant-id/0000000001")],
      ["missing-claim tenant-id/0000000001"],
    ],
    [
      "a claim of somebody else's ID",
      [put("tenant-id/0000000001", "tenant-2")],
      ["wrong-claim tenant-id/0000000001"],
    ],
    [
      "a claim of nobody's ID",
      [put("tenant-id/0000000077", "tenant-1")],
      ["wrong-claim tenant-id/0000000077"],
    ],
    ["a host without its ID claim", [remove("host-id/0000000001")], ["missing-claim host-id/0000000001"]],
    [
      "a claim of an address that nobody has",
      [put("host-address/192.0.2.1", "host-1")],
      ["wrong-claim host-address/192.0.2.1"],
    ],
    [
      "a segment without its code claim",
      [remove("segment-code/tenant-1/0000000001")],
      ["missing-claim segment-code/tenant-1/0000000001"],
    ],
    ["a wrong count", [put("tenant-usage/tenant-2", "3")], ["wrong-usage tenant-usage/tenant-2"]],
    ["a missing count", [remove("tenant-usage/tenant-2")], ["wrong-usage tenant-usage/tenant-2"]],
    ["a count without a quota", [put("tenant-usage/tenant-1", "2")], ["wrong-usage tenant-usage/tenant-1"]],
    ["a status of a host that is not there", [put("status/gone", "{}")], ["dangling-reference status/gone"]],
    [
      "a segment of a tenant that is not there",
      [
        put("segment/gone/web", '{"tenant":"gone","name":"web","codes":["1"]}'),
        put("segment-code/gone/0000000001", "web"),
      ],
      ["dangling-reference segment/gone/web"],
    ],
    [
      "a network that was announced and not opened",
      [put("network/new", '{"name":"new","plans":{},"groups":[],"adding":true}')],
      ["id-out-of-bounds network/new", "unfinished-change network/new"],
    ],
    [
      "a quota that was not counted",
      [put("tenant/tenant-1", '{"name":"tenant-1","id":1,"isolation":"segment","quota":9,"counting":true}')],
      ["unfinished-change tenant/tenant-1"],
    ],
    [
      "codes that were about to go",
      [put("segment/tenant-1/web", '{"tenant":"tenant-1","name":"web","codes":["1"],"removing":["1"]}')],
      ["unfinished-change segment/tenant-1/web"],
    ],
  ])("%s", async (_, writes, expected) => {
    const bench = await filled();
    const { control, report } = await checkAfter(bench, writes);
    expect(report.clean).toBe(false);
    expect(report.findings.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([...expected].sort());
    const repaired = await control.ipam.check({ repair: true });
    const left = repaired.findings.filter((finding) => finding.repaired === undefined);
    // What lies behind a first finding comes to light when that one is mended.
    await control.ipam.check({ repair: true });
    expect(left.filter(({ kind }) => kind !== "id-out-of-bounds" && kind !== "wrong-claim")).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("rests that are over are no fault, and repair clears them away", async () => {
    const { control, clock, store } = await filled();
    await control.endpoints.release("a");
    await control.tenants.create({ name: "brief", id: 9 });
    await control.segments.create({ tenant: "brief", name: "web" });
    await control.endpoints.allocate({ ...WEB, tenant: "brief" });
    await control.tenants.delete("brief", { cascade: true });
    clock.advance(1000);
    const report = await control.ipam.check({ repair: true });
    expect(report.findings).toEqual([
      {
        kind: "expired-cooling",
        key: "cooling/",
        message: "2 IDs have rested and were not used again since",
        repaired: "2 rests were deleted",
      },
    ]);
    expect(report.clean).toBe(true);
    expect((await store.list("cooling/")).entries).toEqual([]);
    expect(await store.get("tenant-id/0000000009")).toBeUndefined();
  });
});

describe("check() leaves to a human", () => {
  test.each<[string, Write[], string[]]>([
    [
      "an endpoint that cannot be read",
      [put("endpoint/host-1/main/tenant-1/0000000001/0000000009", "{")],
      ["unparsable-value endpoint/host-1/main/tenant-1/0000000001/0000000009"],
    ],
    [
      "a key that names no ID",
      [put("endpoint/host-1/main/tenant-1/1", "{}")],
      ["unknown-key endpoint/host-1/main/tenant-1/1"],
    ],
    [
      "a reserved ID",
      [
        put(
          "endpoint/host-1/main/tenant-1/0000000001/0000000000",
          '{"segment":"web","ipv4":"10.1.1.16","createdAt":0}',
        ),
      ],
      ["reserved-id endpoint/host-1/main/tenant-1/0000000001/0000000000"],
    ],
    [
      "an ID out of its code",
      [
        put(
          "endpoint/host-1/main/tenant-1/0000000001/0000000016",
          '{"segment":"web","ipv4":"10.1.1.32","createdAt":0}',
        ),
      ],
      ["id-out-of-bounds endpoint/host-1/main/tenant-1/0000000001/0000000016"],
    ],
    [
      "a code that nobody owns",
      [
        put(
          "endpoint/host-1/main/tenant-1/0000000007/0000000001",
          '{"segment":"web","ipv4":"10.1.1.113","createdAt":0}',
        ),
      ],
      ["unowned-code endpoint/host-1/main/tenant-1/0000000007/0000000001"],
    ],
    [
      "two tenants with one ID, and what they share",
      [
        put("tenant/tenant-2", '{"name":"tenant-2","id":1,"isolation":"segment"}'),
        put(
          "endpoint/host-1/main/tenant-2/0000000001/0000000001",
          '{"segment":"web","ipv4":"10.1.1.17","createdAt":0}',
        ),
        remove("tenant-id/0000000002"),
        remove("tenant-usage/tenant-2"),
      ],
      [
        "wrong-claim tenant-id/0000000001",
        "duplicate-address endpoint/host-1/main/tenant-2/0000000001/0000000001",
      ],
    ],
    [
      "codes that overlap",
      [
        put("segment/tenant-1/db", '{"tenant":"tenant-1","name":"db","codes":["4+2"]}'),
        put("segment-code/tenant-1/0000000004+2", "db"),
      ],
      ["overlapping-codes segment/tenant-1/db"],
    ],
    [
      "a value that cannot be read",
      [put("host/host-2", "nonsense")],
      ["unparsable-value host/host-2", "wrong-claim host-id/0000000002"],
    ],
    [
      "a value under another name",
      [put("host/other", '{"name":"host-1","id":7,"group":[],"underlay":{}}')],
      ["unparsable-value host/other", "missing-claim host-id/0000000007"],
    ],
    [
      "two endpoints with one name",
      [
        put(
          "endpoint/host-1/main/tenant-1/0000000001/0000000005",
          '{"segment":"web","ipv4":"10.1.1.21","name":"a","createdAt":0}',
        ),
      ],
      ["missing-index endpoint-name/a"],
    ],
  ])("%s", async (_, writes, expected) => {
    const bench = await filled();
    const { control, report } = await checkAfter(bench, writes);
    expect(report.findings.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([...expected].sort());
    const repaired = await control.ipam.check({ repair: true });
    expect(repaired.clean).toBe(false);
    expect(repaired.findings[0]?.repaired).toBeUndefined();
  });

  test("of many findings of a kind the first, and the number of all", async () => {
    const bench = await filled();
    const writes = Array.from({ length: MAX_FINDINGS + 20 }, (_, index) =>
      put(`endpoint-name/z${index}`, SPOT),
    );
    const { report } = await checkAfter(bench, writes);
    expect(report.findings).toHaveLength(MAX_FINDINGS);
    expect(report.counts.get("stale-index")).toBe(MAX_FINDINGS + 20);
  });
});

test("check() stops when nobody waits for it any more", async () => {
  const { control } = await filled();
  expect(await errorOf(control.ipam.check({ signal: AbortSignal.abort() }))).toBe(
    "aborted: Cannot check the store: nobody waits for it any more",
  );
});

describe("usage()", () => {
  test("says how full each level is", async () => {
    const { control } = await filled();
    await allocateMany(control, 14);
    await allocateMany(control, 3, { ...WEB, host: "host-2", tenant: "tenant-2" });
    const usage = await control.ipam.usage();
    expect(usage.networks).toEqual([
      {
        network: "main",
        hosts: { used: 2, capacity: 256 },
        tenants: { used: 2, capacity: 255 },
        endpoints: { used: 19, capacity: 90 },
      },
    ]);
    expect(usage.hosts).toEqual([
      { host: "host-1", endpoints: { used: 16, capacity: 45 } },
      { host: "host-2", endpoints: { used: 3, capacity: 45 } },
    ]);
    expect(usage.tenants).toEqual([
      {
        tenant: "tenant-1",
        id: 1,
        codes: { used: 2, capacity: 16 },
        endpoints: { used: 16, capacity: 60 },
        segments: [
          {
            segment: "web",
            codes: [
              { code: 1, extraBits: 0 },
              { code: 2, extraBits: 0 },
            ],
            endpoints: { used: 16, capacity: 60 },
            fullest: { host: "host-1", network: "main", used: 16, capacity: 30 },
          },
        ],
      },
      {
        tenant: "tenant-2",
        id: 2,
        quota: 5,
        codes: { used: 1, capacity: 16 },
        endpoints: { used: 3, capacity: 30 },
        segments: [
          {
            segment: "web",
            codes: [{ code: 1, extraBits: 0 }],
            endpoints: { used: 3, capacity: 30 },
            fullest: { host: "host-2", network: "main", used: 3, capacity: 15 },
          },
        ],
      },
    ]);
  });

  test("of one host", async () => {
    const { control } = await filled();
    await allocateMany(control, 3, { ...WEB, host: "host-2" });
    const usage = await control.ipam.usage({ host: "host-2" });
    expect(usage.hosts).toEqual([{ host: "host-2", endpoints: { used: 3, capacity: 30 } }]);
    expect(usage.tenants[0]?.endpoints).toEqual({ used: 3, capacity: 15 });
    expect(await errorOf(control.ipam.usage({ host: "nobody" }))).toBe(
      'not-found: Cannot find host "nobody"',
    );
  });

  test("of nothing at all is zero", async () => {
    const { control } = await emptyControl();
    await control.tenants.create({ name: "t" });
    expect(await control.ipam.usage()).toMatchObject({
      networks: [],
      hosts: [],
      tenants: [{ tenant: "t", codes: { used: 0, capacity: 0 }, endpoints: { used: 0, capacity: 0 } }],
    });
  });
});
