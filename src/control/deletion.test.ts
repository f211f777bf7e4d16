import { describe, expect, test } from "vitest";
import { RomanaError } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { createMemoryStore, type Store, type TransactionResult } from "../store/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import { allocateMany, errorOf, findingsOf, network, SEED_PLAN, seedControl, WEB } from "./seed.case.ts";

/** Keys of the store that still say something of tenant-1 or host-1. */
async function tracesOf(store: Store, name: string): Promise<string[]> {
  const { entries } = await store.list("");
  const isTrace = (text: string): boolean => text.includes(name) && !text.startsWith("{");
  return entries.filter(({ key, value }) => isTrace(key) || isTrace(value)).map(({ key }) => key);
}

describe("what is in use is not deleted", () => {
  test.each<[string, (control: Control) => Promise<unknown>]>([
    [
      'in-use: Cannot delete network "main": it is used by endpoint "a", endpoint "10.1.1.18"',
      (control) => control.networks.delete("main"),
    ],
    [
      'in-use: Cannot delete host "host-1": it is used by endpoint "a", endpoint "10.1.1.18"',
      (control) => control.hosts.delete("host-1"),
    ],
    [
      'in-use: Cannot delete tenant "tenant-1": it is used by endpoint "a", endpoint "10.1.1.18", segment "tenant-1/web"',
      (control) => control.tenants.delete("tenant-1"),
    ],
    [
      'in-use: Cannot delete segment "tenant-1/web": it is used by endpoint "a", endpoint "10.1.1.18"',
      (control) => control.segments.delete("tenant-1", "web"),
    ],
    [
      'not-found: Cannot find tenant "nobody"',
      (control) => control.tenants.delete("nobody", { cascade: true }),
    ],
    [
      'not-found: Cannot find segment "tenant-1/nothing"',
      (control) => control.segments.delete("tenant-1", "nothing", { dryRun: true }),
    ],
  ])("%s", async (message, remove) => {
    const { control } = await seedControl();
    await control.endpoints.allocate({ ...WEB, name: "a" });
    await allocateMany(control, 1);
    expect(await errorOf(remove(control))).toBe(message);
    await allocateMany(control, 1);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("many users are named in part and counted", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 45);
    const error = await control.hosts.delete("host-1").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RomanaError);
    const { failure } = error as RomanaError;
    expect(failure.code === "in-use" && [failure.usedBy.length, failure.count]).toEqual([20, 45]);
    expect((error as RomanaError).message).toMatch(/ and 25 more$/);
  });
});

describe("cascade", () => {
  test.each<
    [string, string, number, (control: Control, dryRun: boolean) => ReturnType<Control["hosts"]["delete"]>]
  >([
    ["network", "main", 71, (control, dryRun) => control.networks.delete("main", { cascade: true, dryRun })],
    ["host", "host-1", 41, (control, dryRun) => control.hosts.delete("host-1", { cascade: true, dryRun })],
    [
      "tenant",
      "tenant-1",
      62,
      (control, dryRun) => control.tenants.delete("tenant-1", { cascade: true, dryRun }),
    ],
    [
      "segment",
      "tenant-1/web",
      61,
      (control, dryRun) => control.segments.delete("tenant-1", "web", { cascade: true, dryRun }),
    ],
  ])("deletes a %s with all below, as its dry run said", async (noun, name, count, remove) => {
    const { control, store } = await seedControl();
    await allocateMany(control, 30);
    await allocateMany(control, 30, { ...WEB, host: "host-2" });
    await allocateMany(control, 10, { ...WEB, tenant: "tenant-2" });
    await control.endpoints.allocate({ ...WEB, host: "host-2", tenant: "tenant-2", name: "spare" });
    await control.endpoints.release("spare");
    const planned = await remove(control, true);
    expect((await control.endpoints.list({ limit: 100 })).items).toHaveLength(70);
    const done = await remove(control, false);
    expect([planned.count, done.count]).toEqual([count, count]);
    expect(done.deleted.at(-1)).toEqual({ noun, name });
    expect(new Set(done.deleted.map((each) => each.name))).toEqual(
      new Set(planned.deleted.map((each) => each.name)),
    );
    if (noun === "tenant" || noun === "host") expect(await tracesOf(store, name)).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a delete without children takes rests along", async () => {
    const { control, store } = await seedControl();
    await allocateMany(control, 1);
    await control.endpoints.release("10.1.1.17");
    await control.segments.delete("tenant-1", "web");
    expect((await store.list("cooling/")).entries).toEqual([]);
    expect((await control.segments.create({ tenant: "tenant-1", name: "next" })).object.codes).toEqual([
      { code: 2, extraBits: 0 },
    ]);
    await control.tenants.delete("tenant-1", { cascade: true });
    expect(await tracesOf(store, "tenant-1")).toEqual([]);
  });
});

/** A store that fails for good after so many commits: what a killed romanad leaves behind. */
function dyingStore(store: Store, commits: number): Store {
  let left = commits;
  return new Proxy(store, {
    get(target, property) {
      if (property !== "transact") {
        const value = Reflect.get(target, property) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      }
      return async (...args: Parameters<Store["transact"]>): Promise<TransactionResult> => {
        if (left-- > 0) return await target.transact(...args);
        throw new RomanaError("Cannot use store: killed", { code: "unavailable" });
      };
    },
  });
}

describe("killed half-way", () => {
  const CASCADES: [string, (control: Control) => Promise<unknown>][] = [
    ["network", (control) => control.networks.delete("main", { cascade: true })],
    ["host", (control) => control.hosts.delete("host-1", { cascade: true })],
    ["tenant", (control) => control.tenants.delete("tenant-1", { cascade: true })],
    ["segment", (control) => control.segments.delete("tenant-1", "web", { cascade: true })],
  ];

  test.each(CASCADES)(
    "a cascade of a %s leaves no orphan after any commit, and goes on",
    async (_, remove) => {
      for (let commits = 0; ; commits++) {
        const store = createMemoryStore();
        const { control: filler, clock } = await seedControl({ store });
        await filler.tenants.update("tenant-1", { quota: 1000 });
        for (let index = 0; index < 60; index++) {
          await filler.endpoints.allocate({ ...WEB, host: `host-${(index % 2) + 1}`, name: `e${index}` });
        }
        await filler.close();
        const dying = await createControl({ store: dyingStore(store, commits), clock });
        const outcome = await errorOf(remove(dying));
        await dying.close();
        const control = await createControl({ store, clock });
        const findings = await findingsOf(control);
        if (outcome === "none") {
          expect(findings).toEqual([]);
          break;
        }
        expect(new Set(findings.map((finding) => finding.split(" ")[0]))).toEqual(
          commits === 0 ? new Set() : new Set(["unfinished-change"]),
        );
        if (commits % 2 === 0) await remove(control);
        else expect((await control.ipam.check({ repair: true })).clean).toBe(true);
        expect(await findingsOf(control)).toEqual([]);
        await control.close();
      }
    },
  );

  test("an allocation under an object that is being deleted is refused as temporary", async () => {
    const { control: filler, store, clock } = await seedControl();
    await allocateMany(filler, 30);
    const dying = await createControl({ store: dyingStore(store, 1), clock });
    await errorOf(dying.tenants.delete("tenant-1", { cascade: true }));
    const control = await createControl({ store, clock });
    expect(await errorOf(control.endpoints.allocate(WEB))).toBe(
      'aborted: Cannot allocate endpoint: tenant "tenant-1" is being deleted',
    );
    expect(await errorOf(control.segments.create({ tenant: "tenant-1", name: "db" }))).toBe(
      'aborted: Cannot create segment "tenant-1/db": tenant "tenant-1" is being deleted',
    );
    expect(await errorOf(control.tenants.create({ name: "tenant-1" }))).toBe(
      'aborted: Cannot create tenant: tenant "tenant-1" is being deleted',
    );
  });
});

describe("races", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "a cascade among allocations and creations leaves no orphan (%d)",
    async (seed) => {
      const { control } = await seedControl();
      const work: Promise<string>[] = [];
      for (let index = 0; index < 40; index++) {
        work.push(errorOf(control.endpoints.allocate({ ...WEB, host: `host-${(index % 2) + 1}` })));
        if (index === seed * 4) work.push(errorOf(control.tenants.delete("tenant-1", { cascade: true })));
        if (index % 8 === 0)
          work.push(errorOf(control.segments.create({ tenant: "tenant-1", name: `s${index}` })));
        if (index % 5 === seed % 5) await Promise.resolve();
      }
      const outcomes = await Promise.all(work);
      expect(outcomes.filter((outcome) => !/^(none|aborted|not-found)/.test(outcome))).toEqual([]);
      await errorOf(control.tenants.delete("tenant-1", { cascade: true }));
      expect((await control.endpoints.list({ tenant: "tenant-1" })).items).toEqual([]);
      expect(await findingsOf(control)).toEqual([]);
    },
  );

  test("a network and what does not fit it: one of the two is refused", async () => {
    const { control } = await seedControl();
    for (let round = 0; round < 20; round++) {
      const narrow = network("narrow", { ...SEED_PLAN, prefix: parsePrefix("172.16.0.0/14"), hostBits: 2 });
      const [first, second] = await Promise.all([
        errorOf(control.networks.create(narrow)),
        errorOf(control.hosts.create({ name: "far", id: 200 })),
      ]);
      expect([first, second].filter((outcome) => outcome === "none")).toHaveLength(1);
      await errorOf(control.networks.delete("narrow"));
      await errorOf(control.hosts.delete("far"));
    }
    expect(await findingsOf(control)).toEqual([]);
  });
});
