import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../store/index.ts";
import { createControl } from "./create.ts";
import {
  allocateMany,
  emptyControl,
  errorOf,
  fillSeed,
  findingsOf,
  network,
  SEED_PLAN,
  seedControl,
  WEB,
} from "./seed.case.ts";

const ROOMY = { ...SEED_PLAN, tenantBits: 4, endpointBits: 8 };

describe("a quota", () => {
  test("bounds the endpoints of a tenant over all hosts, and a release gives one back", async () => {
    const { control } = await seedControl();
    await control.tenants.update("tenant-1", { quota: 3 });
    await allocateMany(control, 2);
    await allocateMany(control, 1, { ...WEB, host: "host-2" });
    const refused = await control.endpoints.allocate(WEB).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      message: 'Cannot allocate endpoint: tenant "tenant-1" has used 3 of its quota of 3 endpoints',
      failure: { code: "quota-exceeded", tenant: "tenant-1", quota: 3, used: 3 },
    });
    await allocateMany(control, 5, { ...WEB, tenant: "tenant-2" });
    await control.endpoints.release("10.2.1.17");
    expect(await allocateMany(control, 1)).toEqual(["10.1.1.19"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("holds when many allocate at once", async () => {
    const { control } = await emptyControl();
    await fillSeed(control, network("main", ROOMY));
    await control.tenants.update("tenant-1", { quota: 20 });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => errorOf(control.endpoints.allocate(WEB))),
    );
    expect(outcomes.filter((outcome) => outcome === "none")).toHaveLength(20);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("given later counts what is there", async () => {
    const { control, store } = await seedControl();
    await allocateMany(control, 5);
    expect((await control.tenants.update("tenant-1", { quota: 6 })).object.quota).toBe(6);
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe("5");
    await allocateMany(control, 1);
    expect(await errorOf(control.endpoints.allocate(WEB))).toMatch(/^quota-exceeded: /);
  });

  test("below what is there refuses new ones only", async () => {
    const { control } = await seedControl();
    await allocateMany(control, 5);
    await control.tenants.update("tenant-1", { quota: 2 });
    expect(await errorOf(control.endpoints.allocate(WEB))).toMatch(/ has used 5 of its quota of 2 /);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("taken away is forgotten, and a new one counts anew", async () => {
    const { control, store } = await seedControl();
    await control.tenants.update("tenant-1", { quota: 2 });
    await control.tenants.update("tenant-1", { quota: null });
    expect(await store.get("tenant-usage/tenant-1")).toBeUndefined();
    await allocateMany(control, 4);
    await control.tenants.update("tenant-1", { quota: 9 });
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe("4");
  });

  test("given and taken while others allocate and release is right in the end", async () => {
    const store = createMemoryStore();
    const { control, clock } = await emptyControl({ store, coolDown: 0 });
    await fillSeed(control, network("main", ROOMY));
    const other = await createControl({ store, clock, coolDown: 0 });
    const work: Promise<unknown>[] = [];
    for (let index = 0; index < 120; index++) {
      const owner = index % 2 === 0 ? control : other;
      const name = `e${index}`;
      work.push(owner.endpoints.allocate({ ...WEB, host: `host-${(index % 2) + 1}`, name }));
      if (index % 3 === 0) work.push(errorOf(owner.endpoints.release(`e${index - 30}`)));
      if (index % 10 === 5)
        work.push(other.tenants.update("tenant-1", { quota: index % 20 === 5 ? 1000 : null }));
      if (index % 4 === 0) await work[Math.max(0, index - 20)];
    }
    await Promise.all(work);
    await control.tenants.update("tenant-1", { quota: 500 });
    const count = (await control.endpoints.list({ limit: 500 })).items.length;
    expect((await store.get("tenant-usage/tenant-1"))?.value).toBe(String(count));
    expect(await findingsOf(control)).toEqual([]);
    await other.close();
  });
});
