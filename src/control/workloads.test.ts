import { describe, expect, test } from "vitest";
import type { Workload } from "../model/index.ts";
import type { Write } from "../store/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import { addressOf, type Bench, codes, errorOf, findingsOf, seedControl } from "./seed.case.ts";

const SPOT = "host-1/main/tenant-1/0000000001/0000000001";
const POD: Workload = { id: "uid-1", tenant: "tenant-1", segment: "web", name: "web-1.shop" };
const ASKED = { host: "host-1", workload: "uid-1", requestToken: "cni/net/c1/eth0" };

/** The seed with another segment, one without codes, and a workload. */
async function podBench(pod: Workload = POD): Promise<Bench> {
  const bench = await seedControl({ coolDown: 0 });
  await bench.control.segments.create({ tenant: "tenant-1", name: "db" });
  await bench.control.segments.create({ tenant: "tenant-1", name: "class", codes: [] });
  await bench.control.workloads.put(pod);
  return bench;
}

async function exceptionsOf(control: Control): Promise<string[]> {
  return (await control.exceptions.list()).items.map(({ object }) => object.segment);
}

async function actsAs(control: Control): Promise<string | undefined> {
  return (await control.endpoints.get("10.1.1.17")).object.actsAs;
}

describe("put()", () => {
  test("makes, changes and reads a workload", async () => {
    const { control } = await podBench();
    const first = await control.workloads.get("uid-1");
    expect(first.object).toEqual(POD);
    const changed = { id: "uid-1", tenant: "tenant-1", segment: "web", actsAs: "db" };
    const second = await control.workloads.put(changed);
    expect(second).toMatchObject({ object: changed, created: false });
    expect(second.revision).toBeGreaterThan(first.revision);
    expect((await control.workloads.list()).items).toEqual([{ object: changed, revision: second.revision }]);
    expect((await control.workloads.list({ tenant: "tenant-2" })).items).toEqual([]);
  });

  test("of what is so already writes nothing", async () => {
    const { control, store } = await podBench();
    await control.endpoints.allocate(ASKED);
    const before = await store.revision();
    const { revision } = await control.workloads.get("uid-1");
    expect(await control.workloads.put({ ...POD, actsAs: "web" })).toEqual({
      object: POD,
      revision,
      created: false,
    });
    expect(await store.revision()).toBe(before);
  });

  test.each<[string, Workload, string]>([
    ["an unknown tenant", { ...POD, tenant: "x" }, 'not-found: Cannot find tenant "x"'],
    ["an unknown segment", { ...POD, segment: "x" }, 'not-found: Cannot find segment "tenant-1/x"'],
    ["an unknown segment to act as", { ...POD, actsAs: "x" }, 'not-found: Cannot find segment "tenant-1/x"'],
    [
      "another tenant than its endpoints have",
      { ...POD, tenant: "tenant-2" },
      'conflict: Cannot write workload "uid-1": it has an endpoint of tenant "tenant-1", not of "tenant-2"',
    ],
  ])("refuses %s", async (_, pod, message) => {
    const { control } = await podBench();
    await control.endpoints.allocate(ASKED);
    expect(await errorOf(control.workloads.put(pod))).toBe(message);
    expect((await control.workloads.get("uid-1")).object).toEqual(POD);
  });

  test("refuses another revision than the expected one", async () => {
    const { control } = await podBench();
    const { revision } = await control.workloads.get("uid-1");
    const options = { expectedRevision: revision - 1 };
    expect(await errorOf(control.workloads.put({ ...POD, actsAs: "db" }, options))).toContain(
      "revision-mismatch",
    );
    const put = await control.workloads.put({ ...POD, actsAs: "db" }, { expectedRevision: revision });
    expect(put.revision).toBeGreaterThan(revision);
  });

  test("mends a value that cannot be read", async () => {
    const { control, store } = await podBench();
    await store.transact([], [{ type: "put", key: "workload/uid-1", value: "{" }]);
    expect(await errorOf(control.workloads.get("uid-1"))).toContain("internal");
    await control.workloads.put(POD);
    expect((await control.workloads.get("uid-1")).object).toEqual(POD);
  });
});

describe("an endpoint for a workload", () => {
  test("is born as the workload says, in one transaction", async () => {
    const { control, store } = await podBench({ ...POD, actsAs: "class" });
    const before = await store.revision();
    const { object, revision, created } = await control.endpoints.allocate(ASKED);
    expect(revision).toBe(before + 1);
    expect(created).toBe(true);
    expect(addressOf(object)).toBe("10.1.1.17");
    expect(object).toMatchObject({
      tenant: "tenant-1",
      segment: "web",
      actsAs: "class",
      externalId: "uid-1",
      name: "web-1.shop",
    });
    expect((await control.exceptions.list()).items).toMatchObject([
      { object: { tenant: "tenant-1", segment: "class" }, revision },
    ]);
  });

  test("is the same one when it is asked for again, whatever became of the workload", async () => {
    const { control } = await podBench();
    const first = await control.endpoints.allocate(ASKED);
    expect(await control.endpoints.allocate(ASKED)).toEqual({ ...first, created: false });
    await control.workloads.put({ ...POD, segment: "db", name: "other" });
    expect(await control.endpoints.allocate(ASKED)).toMatchObject({
      object: { segment: "web", actsAs: "db", name: "web-1.shop" },
      created: false,
    });
    await control.workloads.delete("uid-1");
    expect(await control.endpoints.allocate(ASKED)).toMatchObject({ created: false });
  });

  test("goes without the name when another endpoint has it", async () => {
    const { control } = await podBench();
    await control.endpoints.allocate({
      host: "host-1",
      tenant: "tenant-1",
      segment: "web",
      name: "web-1.shop",
    });
    const { object } = await control.endpoints.allocate(ASKED);
    expect(object.name).toBeUndefined();
    expect(object.externalId).toBe("uid-1");
  });

  test("may have a name of its own, which must be free", async () => {
    const { control } = await podBench();
    expect((await control.endpoints.allocate({ ...ASKED, name: "own" })).object.name).toBe("own");
    const other = { ...ASKED, name: "own", requestToken: "cni/net/c2/eth0" };
    expect(await errorOf(control.endpoints.allocate(other))).toContain("conflict");
  });

  test("side by side all get addresses, and one the name", async () => {
    const { control } = await podBench();
    const allocated = await Promise.all(
      ["a", "b", "c"].map((requestToken) => control.endpoints.allocate({ ...ASKED, requestToken })),
    );
    expect(new Set(allocated.map(({ object }) => addressOf(object))).size).toBe(3);
    expect(allocated.filter(({ object }) => object.name === "web-1.shop")).toHaveLength(1);
    await control.workloads.put({ ...POD, actsAs: "db" });
    expect(await exceptionsOf(control)).toEqual(["db", "db", "db"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each<[string, object, string]>([
    ["an unknown workload", { workload: "uid-2" }, 'not-found: Cannot find workload "uid-2"'],
    [
      "a segment that nobody is born in",
      { workload: "uid-3" },
      'invalid-input: Cannot allocate endpoint: segment: segment "tenant-1/class" has no codes, so that nobody is born in it: name another segment and let the endpoint act as this one, or give it a code with "romana segment update tenant-1/class --add-code CODE"',
    ],
    [
      "a token of another workload's endpoint",
      { workload: "uid-4", requestToken: "cni/net/c1/eth0" },
      'conflict: Cannot allocate endpoint "cni/net/c1/eth0": the request token "cni/net/c1/eth0" stands for another endpoint',
    ],
  ])("is refused for %s", async (_, change, message) => {
    const { control } = await podBench();
    await control.workloads.put({ id: "uid-3", tenant: "tenant-1", segment: "class" });
    await control.workloads.put({ id: "uid-4", tenant: "tenant-1", segment: "web" });
    await control.endpoints.allocate(ASKED);
    const asked = { ...ASKED, requestToken: "new", ...change };
    expect(await errorOf(control.endpoints.allocate(asked))).toBe(message);
  });

  test("a workload has 32 of them at most", async () => {
    const { control } = await podBench();
    for (let index = 0; index < 32; index++) {
      await control.endpoints.allocate({ ...ASKED, requestToken: `t${index}` });
    }
    expect(await errorOf(control.endpoints.allocate({ ...ASKED, requestToken: "more" }))).toBe(
      'conflict: Cannot allocate endpoint: workload "uid-1" has 32 endpoints, the most there may be',
    );
    await control.workloads.put({ ...POD, actsAs: "db" });
    expect(await exceptionsOf(control)).toHaveLength(32);
  });

  test("keeps its external ID", async () => {
    const { control } = await podBench();
    await control.endpoints.allocate(ASKED);
    expect(await errorOf(control.endpoints.update("10.1.1.17", { externalId: null }))).toBe(
      'invalid-input: Cannot update endpoint "10.1.1.17": externalId: it was allocated for workload "uid-1" and keeps its ID',
    );
    expect((await control.endpoints.update("10.1.1.17", { externalId: "uid-1" })).object.externalId).toBe(
      "uid-1",
    );
  });
});

describe("endpoints of a workload that is written again", () => {
  test.each<[string, Partial<Workload>, Partial<Workload>, string | undefined]>([
    ["act as another segment", {}, { actsAs: "db" }, "db"],
    ["act as themselves again", { actsAs: "db" }, {}, undefined],
    ["act as one without codes", { actsAs: "db" }, { actsAs: "class" }, "class"],
    ["act as the segment that they would be born in now", {}, { segment: "db" }, "db"],
    [
      "act as the one that they were born in",
      { actsAs: "class" },
      { segment: "db", actsAs: "web" },
      undefined,
    ],
  ])("%s", async (_, before, after, expected) => {
    const { control, store } = await podBench({ ...POD, ...before });
    await control.endpoints.allocate(ASKED);
    const revision = await store.revision();
    await control.workloads.put({ ...POD, ...after });
    expect(await store.revision()).toBe(revision + 1);
    expect(await actsAs(control)).toBe(expected);
    expect(await exceptionsOf(control)).toEqual(expected === undefined ? [] : [expected]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("are put right when somebody else has let them act otherwise", async () => {
    const { control } = await podBench();
    await control.endpoints.allocate(ASKED);
    await control.endpoints.update("10.1.1.17", { actsAs: "db" });
    const { revision } = await control.workloads.get("uid-1");
    expect(await control.workloads.put(POD)).toMatchObject({ created: false, revision });
    expect(await actsAs(control)).toBeUndefined();
  });

  test("are found after the workload was deleted and made again", async () => {
    const { control } = await podBench();
    await control.endpoints.allocate(ASKED);
    await control.workloads.delete("uid-1");
    expect(await actsAs(control)).toBeUndefined();
    expect(await control.workloads.put({ ...POD, actsAs: "db" })).toMatchObject({ created: true });
    expect(await actsAs(control)).toBe("db");
  });

  test("never end up as what the workload said before, in whatever order the two meet", async () => {
    const { control, store, clock } = await podBench();
    const other = await createControl({ store, clock, coolDown: 0 });
    for (let round = 0; round < 20; round++) {
      const acting = round % 2 === 0 ? "db" : "class";
      await Promise.all([
        control.endpoints.allocate({ ...ASKED, requestToken: `t${round}` }),
        other.workloads.put({ ...POD, actsAs: acting }),
      ]);
      expect([...new Set(await exceptionsOf(other))]).toEqual([acting]);
      expect(await exceptionsOf(other)).toHaveLength(round + 1);
    }
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("what is released leaves its workload", () => {
  test.each<[string, (control: Control) => Promise<unknown>]>([
    ["one by one", (control) => control.endpoints.release("10.1.1.17")],
    ["with its host", (control) => control.hosts.delete("host-1", { cascade: true })],
    ["with its segment", (control) => control.segments.delete("tenant-1", "web", { cascade: true })],
    ["with its tenant", (control) => control.tenants.delete("tenant-1", { cascade: true })],
    ["with its network", (control) => control.networks.delete("main", { cascade: true })],
  ])("%s", async (_, release) => {
    const { control, store } = await podBench({ ...POD, actsAs: "db" });
    await control.endpoints.allocate(ASKED);
    expect((await store.list("workload-endpoints/", { limit: 9 })).entries).toMatchObject([
      { key: "workload-endpoints/uid-1", value: JSON.stringify([SPOT]) },
    ]);
    await release(control);
    expect((await store.list("workload-endpoints/", { limit: 9 })).entries).toEqual([]);
    expect((await store.list("exception/", { limit: 9 })).entries).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("and others of it stay", async () => {
    const { control } = await podBench();
    await control.endpoints.allocate(ASKED);
    await control.endpoints.allocate({ ...ASKED, requestToken: "second" });
    await control.endpoints.release("10.1.1.17");
    await control.workloads.put({ ...POD, actsAs: "db" });
    expect((await control.endpoints.get("10.1.1.18")).object.actsAs).toBe("db");
    expect(await findingsOf(control)).toEqual([]);
  });
});

test("nobody is told of workloads, and an endpoint that acts as itself is told to its host only", async () => {
  const { control } = await podBench();
  const controller = new AbortController();
  const events = control.watch({
    kinds: ["networks", "hosts", "tenants", "segments", "policies", "exceptions", "endpoints"],
    host: "host-2",
    after: await control.revision(),
    signal: controller.signal,
  });
  await control.workloads.put({ id: "uid-2", tenant: "tenant-1", segment: "db" });
  await control.endpoints.allocate(ASKED);
  await control.workloads.delete("uid-2");
  await control.workloads.put({ ...POD, actsAs: "db" });
  for await (const { changes } of events) {
    expect(changes.map(({ kind }) => kind)).toEqual(["exceptions"]);
    controller.abort();
  }
});

describe("delete()", () => {
  test("takes the workload and leaves its endpoints", async () => {
    const { control } = await podBench({ ...POD, actsAs: "db" });
    await control.endpoints.allocate(ASKED);
    const deletion = { dryRun: false, deleted: [{ noun: "workload", name: "uid-1" }], count: 1 };
    expect(await control.workloads.delete("uid-1", { dryRun: true })).toEqual({ ...deletion, dryRun: true });
    expect(await control.workloads.delete("uid-1")).toEqual(deletion);
    expect(await errorOf(control.workloads.delete("uid-1"))).toBe('not-found: Cannot find workload "uid-1"');
    expect(await actsAs(control)).toBe("db");
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("what workloads say keeps it from being deleted", () => {
  test.each<[string, (control: Control) => Promise<unknown>, string]>([
    [
      "the segment that it is born in",
      (control) => control.segments.delete("tenant-1", "web"),
      'in-use: Cannot delete segment "tenant-1/web": it is used by workload "uid-1"',
    ],
    [
      "the segment that it acts as",
      (control) => control.segments.delete("tenant-1", "class"),
      'in-use: Cannot delete segment "tenant-1/class": it is used by workload "uid-1"',
    ],
  ])("%s", async (_, remove, message) => {
    const { control } = await podBench({ ...POD, actsAs: "class" });
    expect(await errorOf(remove(control))).toBe(message);
    await control.workloads.delete("uid-1");
    expect(await errorOf(remove(control))).toBe("none");
  });

  test("a segment that an endpoint acts as", async () => {
    const { control } = await podBench({ ...POD, actsAs: "class" });
    await control.endpoints.allocate(ASKED);
    await control.workloads.delete("uid-1");
    expect(await errorOf(control.segments.delete("tenant-1", "class"))).toBe(
      'in-use: Cannot delete segment "tenant-1/class": it is used by endpoint "web-1.shop"',
    );
    await control.segments.delete("tenant-1", "class", { cascade: true });
    expect((await control.endpoints.list()).items).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("but goes with a cascade", async () => {
    const { control } = await podBench({ ...POD, actsAs: "class" });
    await control.tenants.delete("tenant-1", { cascade: true });
    expect((await control.workloads.list()).items).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("check()", () => {
  const put = (key: string, value: string): Write => ({ type: "put", key, value });
  const index = "workload-endpoints/uid-1";
  test.each<[string, Write, string[], string[]]>([
    [
      "a key that is gone",
      { type: "delete", key: index },
      [`missing-index ${index}`],
      [JSON.stringify([SPOT])],
    ],
    [
      "a key that names another endpoint, too",
      put(index, JSON.stringify([SPOT, SPOT.replace(/1$/, "2")])),
      [`stale-index ${index}`],
      [JSON.stringify([SPOT])],
    ],
    ["a key that cannot be read", put(index, "{"), [`unparsable-value ${index}`], [JSON.stringify([SPOT])]],
    [
      "a key of endpoints that are another's",
      put("workload-endpoints/x", JSON.stringify([SPOT])),
      ["stale-index workload-endpoints/x"],
      [JSON.stringify([SPOT])],
    ],
  ])("finds and mends %s", async (_, write, found, mended) => {
    const { control, store, clock } = await podBench();
    await control.endpoints.allocate(ASKED);
    await store.transact([], [write]);
    const next = await createControl({ store, clock });
    expect((await next.ipam.check()).findings.map(({ kind, key }) => `${kind} ${key}`)).toEqual(found);
    expect(await next.ipam.check({ repair: true })).toMatchObject({ clean: true });
    expect(await findingsOf(next)).toEqual([]);
    const { entries } = await store.list("workload-endpoints/", { limit: 9 });
    expect(entries.map(({ value }) => value)).toEqual(mended);
  });

  test("takes an endpoint of a host that is gone away, and leaves nothing of it", async () => {
    const { control, store, clock } = await podBench({ ...POD, actsAs: "db" });
    await control.endpoints.allocate(ASKED);
    const gone = ["host/host-1", "host-id/0000000001"];
    await store.transact(
      [],
      gone.map((key): Write => ({ type: "delete", key })),
    );
    const next = await createControl({ store, clock });
    expect(await findingsOf(next)).toEqual([`dangling-reference endpoint/${SPOT}`]);
    expect(await next.ipam.check({ repair: true })).toMatchObject({ clean: true });
    expect(await findingsOf(next)).toEqual([]);
    for (const prefix of ["endpoint", "exception/", "workload-endpoints/"]) {
      expect((await store.list(prefix, { limit: 9 })).entries).toEqual([]);
    }
  });

  test("finds workloads that cannot be, and deletes those of segments that are gone", async () => {
    const { control, store } = await podBench();
    await store.transact(
      [],
      [put("workload/a", "{"), put("workload/b", '{"id":"b","tenant":"tenant-1","segment":"gone"}')],
    );
    const { findings, clean } = await control.ipam.check({ repair: true });
    expect(findings.map(({ kind, key, repaired }) => [kind, key, repaired])).toEqual([
      ["unparsable-value", "workload/a", undefined],
      ["dangling-reference", "workload/b", "deleted"],
    ]);
    expect(clean).toBe(false);
  });
});

describe("a segment without codes", () => {
  test("is made on purpose only, and can get codes and lose them", async () => {
    const { control } = await podBench();
    const spec = { tenant: "tenant-1", name: "class", codes: [] };
    expect(await control.segments.create(spec)).toMatchObject({ created: false, object: { codes: [] } });
    expect(
      await errorOf(control.endpoints.allocate({ host: "host-1", tenant: "tenant-1", segment: "class" })),
    ).toContain("has no codes");
    await control.segments.update("tenant-1", "class", { codes: codes("9") });
    await control.endpoints.allocate({ host: "host-1", tenant: "tenant-1", segment: "class", name: "e" });
    expect(await errorOf(control.segments.update("tenant-1", "class", { codes: [] }))).toContain("in-use");
    await control.endpoints.release("e");
    expect((await control.segments.update("tenant-1", "class", { codes: [] })).object.codes).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("shows in the usage without room, and does not grow", async () => {
    const { control } = await podBench();
    const usage = await control.ipam.usage();
    const segments = usage.tenants[0]?.segments ?? [];
    expect(segments.find(({ segment }) => segment === "class")).toEqual({
      segment: "class",
      codes: [],
      endpoints: { used: 0, capacity: 0 },
    });
  });

  test("may be listed for endpoints, of which it has none", async () => {
    const { control } = await podBench();
    await control.endpoints.allocate(ASKED);
    expect((await control.endpoints.list({ tenant: "tenant-1", segment: "class" })).items).toEqual([]);
  });
});
