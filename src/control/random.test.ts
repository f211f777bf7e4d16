import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../store/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import {
  addressOf,
  emptyControl,
  errorOf,
  fillSeed,
  findingsOf,
  network,
  SEED_PLAN,
  WEB,
} from "./seed.case.ts";

const COOL_DOWN = 100;
const HOSTS = ["host-1", "host-2"];
const TENANTS = ["tenant-1", "tenant-2"];
/** Endpoint bits 3: seven endpoints per code; segment bits 2: three codes beside 0. */
const SMALL = { ...SEED_PLAN, tenantBits: 11, segmentBits: 2, endpointBits: 3 };

type Step =
  | {
      readonly do: "allocate";
      readonly host: number;
      readonly tenant: number;
      readonly id?: number;
      readonly name?: number;
    }
  | { readonly do: "release"; readonly pick: number }
  | { readonly do: "wait"; readonly time: number };

/** The obvious IPAM: a list of all addresses, walked from the front. */
class Model {
  readonly taken = new Map<
    string,
    {
      readonly name: string | undefined;
      readonly host: number;
      readonly tenant: number;
      readonly id: number | undefined;
    }
  >();
  readonly rests = new Map<string, number>();
  /** How many codes each tenant's segment has: 1, then 1 and 2, then 1, 2 and 3. */
  readonly codes = [1, 1];
  now = 0;

  address(host: number, tenant: number, code: number, id: number): string {
    // 10.HHHHHHHH.TTTTTTTT.TTTCCEEE
    const low = ((tenant + 1) << 5) | (code << 3) | id;
    return `10.${host + 1}.${low >> 8}.${low & 255}`;
  }

  allocate({ host, tenant, id, name }: Extract<Step, { do: "allocate" }>): string {
    const text = name === undefined ? undefined : `n${name}`;
    for (const [address, owner] of this.taken) {
      if (text === undefined || owner.name !== text) continue;
      const isSame =
        owner.host === host &&
        owner.tenant === tenant &&
        (id === undefined || address === this.address(host, tenant, 1, id));
      return isSame ? address : "conflict";
    }
    const address = this.#choose(host, tenant, id);
    if (address.includes(".")) {
      this.taken.set(address, { name: text, host, tenant, id });
      this.rests.delete(address);
    }
    return address;
  }

  #choose(host: number, tenant: number, id: number | undefined): string {
    if (id !== undefined) {
      const address = this.address(host, tenant, 1, id);
      return this.taken.has(address) ? "conflict" : address;
    }
    for (let code = 1; code <= 3; code++) {
      for (let each = 1; each < 8; each++) {
        const address = this.address(host, tenant, code, each);
        if (this.taken.has(address) || (this.rests.get(address) ?? 0) > this.now) continue;
        this.codes[tenant] = Math.max(this.codes[tenant] ?? 1, code);
        return address;
      }
    }
    return "pool-exhausted";
  }

  release(pick: number): string | undefined {
    const address = [...this.taken.keys()][pick % Math.max(1, this.taken.size)];
    if (address === undefined) return undefined;
    this.taken.delete(address);
    this.rests.set(address, this.now + COOL_DOWN);
    return address;
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        host: fc.nat(1),
        tenant: fc.nat(1),
        id: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined, freq: 5 }),
        name: fc.option(fc.nat(9), { nil: undefined }),
      })
      .map(({ host, tenant, id, name }) => ({
        do: "allocate" as const,
        host,
        tenant,
        ...(id !== undefined && { id }),
        ...(name !== undefined && { name }),
      })),
  },
  { weight: 3, arbitrary: fc.nat(50).map((pick) => ({ do: "release" as const, pick })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 80 }).map((time) => ({ do: "wait" as const, time })) },
);

async function allocate(
  control: Control,
  { host, tenant, id, name }: Extract<Step, { do: "allocate" }>,
): Promise<string> {
  const request = {
    host: HOSTS[host] as string,
    tenant: TENANTS[tenant] as string,
    segment: "web",
    ...(id !== undefined && { endpointId: id }),
    ...(name !== undefined && { name: `n${name}` }),
  };
  try {
    return addressOf((await control.endpoints.allocate(request)).object);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe("any steps", () => {
  test("end like those of the obvious IPAM, and the check is clean", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { control, clock } = await emptyControl({ coolDown: COOL_DOWN });
        await fillSeed(control, network("main", SMALL));
        const model = new Model();
        for (const each of steps) {
          if (each.do === "wait") {
            clock.advance(each.time);
            model.now += each.time;
          } else if (each.do === "allocate") {
            expect(await allocate(control, each)).toBe(model.allocate(each));
          } else {
            const address = model.release(each.pick);
            if (address !== undefined) await control.endpoints.release(address);
          }
        }
        const listed = (await control.endpoints.list({ limit: 1000 })).items.map(({ object }) =>
          addressOf(object),
        );
        expect(listed.sort()).toEqual([...model.taken.keys()].sort());
        expect((await control.ipam.check()).clean).toBe(true);
        await control.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe("several romanads on one store", () => {
  test("allocate side by side without a duplicate, and see each other's endpoints", async () => {
    const store = createMemoryStore();
    const { control, clock } = await emptyControl({ store, coolDown: 0 });
    await fillSeed(control, network("main", { ...SEED_PLAN, tenantBits: 4, endpointBits: 8 }));
    const controls = [
      control,
      await createControl({ store, clock, coolDown: 0 }),
      await createControl({ store, clock, coolDown: 0 }),
    ];
    const all = await Promise.all(
      Array.from({ length: 240 }, (_, index) =>
        (controls[index % 3] as Control).endpoints.allocate({ ...WEB, name: `e${index}` }),
      ),
    );
    expect(new Set(all.map(({ object }) => addressOf(object))).size).toBe(240);
    expect(Math.max(...all.map(({ object }) => object.endpointId))).toBe(240);
    await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        (controls[(index + 1) % 3] as Control).endpoints.release(`e${index * 2}`),
      ),
    );
    for (const each of controls) {
      expect((await each.endpoints.list({ limit: 1000 })).items).toHaveLength(120);
      expect(await findingsOf(each)).toEqual([]);
      await each.close();
    }
  });

  test("make and delete the same things at once without a leak", async () => {
    const store = createMemoryStore();
    const { control, clock } = await emptyControl({ store, coolDown: 0 });
    await fillSeed(control, network("main", SMALL));
    const other = await createControl({ store, clock, coolDown: 0 });
    const work: Promise<string>[] = [];
    for (let round = 0; round < 60; round++) {
      const tenant = `t${round % 4}`;
      for (const each of [control, other]) {
        work.push(errorOf(each.tenants.create({ name: tenant })));
        work.push(
          errorOf(
            each.segments.create({
              tenant,
              name: `s${round % 2}`,
              ...(round % 3 === 0 && { codes: [{ code: 2, extraBits: round % 2 }] }),
            }),
          ),
        );
        work.push(errorOf(each.endpoints.allocate({ host: "host-1", tenant, segment: `s${round % 2}` })));
        if (round % 5 === 0) work.push(errorOf(each.tenants.delete(tenant, { cascade: round % 2 === 0 })));
        if (round % 7 === 0) work.push(errorOf(each.networks.create(network("six", SMALL))));
      }
      if (round % 6 === 0) await Promise.all(work);
    }
    const outcomes = await Promise.all(work);
    expect(
      outcomes.filter(
        (each) => !/^(none|aborted|not-found|conflict|in-use|pool-exhausted|invalid-input)/.test(each),
      ),
    ).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
    expect(await findingsOf(other)).toEqual([]);
    await other.close();
  });
});
