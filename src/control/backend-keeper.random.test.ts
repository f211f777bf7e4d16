import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import { type Network, RomanaError } from "../model/index.ts";
import { formatAddress, parsePrefix } from "../net/index.ts";
import { createMemoryStore, type FakeClock, type Store } from "../store/index.ts";
import type { Control } from "./control.ts";
import { emptyControl, errorOf, fillSeed, findingsOf, SEED_PLAN } from "./seed.case.ts";

const NETWORK: Network = {
  name: "main",
  plans: { ipv4: createPlan(SEED_PLAN) },
  groups: [],
  services: { ipv4: parsePrefix("172.20.0.0/16") },
};
const HOSTS = ["host-1", "host-2"] as const;
const SEGMENTS = ["web", "db", "guests"] as const;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("allocate" as const),
      host: fc.constantFrom(...HOSTS),
      segment: fc.constantFrom("web", "db"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), index: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("act" as const),
      index: fc.nat(),
      as: fc.constantFrom(...SEGMENTS, null),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("serve" as const),
      name: fc.constantFrom("a", "b"),
      segment: fc.constantFrom(...SEGMENTS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("stop" as const), name: fc.constantFrom("a", "b") }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("lose" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const) }) },
);

/** A store whose watch loses the past whenever it is told to. */
function forgetful(store: Store): { readonly store: Store; readonly lose: () => void } {
  let isLost = false;
  const watch: Store["watch"] = async function* (prefix, after, signal) {
    for await (const batch of store.watch(prefix, after, signal)) {
      if (isLost) {
        isLost = false;
        throw new RomanaError("Cannot go on", { code: "compacted", oldest: batch.revision });
      }
      yield batch;
    }
  };
  const methods: Partial<Store> = { watch };
  return {
    store: new Proxy(store, {
      get: (target, key) => {
        const own = methods[key as keyof Store] ?? Reflect.get(target, key);
        return typeof own === "function" ? own.bind(target) : own;
      },
    }),
    lose: () => (isLost = true),
  };
}

/** Every endpoint of a segment, by looking at all there are. */
async function expectedBackends(control: Control): Promise<Record<string, string[]>> {
  const endpoints = (await control.endpoints.list()).items.map(({ object }) => object);
  const services = (await control.services.list()).items.map(({ object }) => object);
  const expected: Record<string, string[]> = {};
  for (const { tenant, segment } of services) {
    const texts = endpoints
      .filter((one) => one.tenant === tenant && (one.actsAs ?? one.segment) === segment)
      .map(({ host, addresses: { ipv4 } }) => ({ host, ipv4 }))
      .toSorted((a, b) => ((a.ipv4?.value ?? 0n) < (b.ipv4?.value ?? 0n) ? -1 : 1))
      .map(({ host, ipv4 }) => `${host} ${ipv4 && formatAddress(ipv4)}`);
    // What was never anything has no key.
    if (texts.length > 0) expected[segment] = texts;
  }
  return expected;
}

async function actualBackends(control: Control): Promise<Record<string, string[]>> {
  const { items } = await control.backends.list();
  return Object.fromEntries(
    items
      .filter(({ object }) => object.backends.length > 0)
      .map(({ object: { segment, backends } }) => [
        segment,
        backends.map(({ host, addresses: { ipv4 } }) => `${host} ${ipv4 && formatAddress(ipv4)}`),
      ]),
  );
}

async function pass(clock: FakeClock, milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  for (let turn = 0; turn < 12; turn++) await setImmediate();
}

test("backends are what a look at all endpoints says, whatever happens in which order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: "max" }), async (steps) => {
      const inner = createMemoryStore();
      const { store, lose } = forgetful(inner);
      // One writes, the other one hears of heartbeats, and of changes by its watch only.
      const { control: writer } = await emptyControl({ store: inner });
      await fillSeed(writer, NETWORK);
      await writer.segments.create({ tenant: "tenant-1", name: "db" });
      await writer.segments.create({ tenant: "tenant-1", name: "guests", codes: [] });
      const { control, clock } = await emptyControl({ store });
      let number = 0;
      const beat = (): void => {
        number++;
        for (const host of HOSTS)
          control.beat(host, { life: "a", number, subnets: [], held: [], refused: [] });
      };
      const settled = async (): Promise<void> => {
        for (let turn = 0; turn < 12; turn++) await setImmediate();
        beat();
        for (let round = 0; round < 4; round++) await pass(clock, 300);
      };
      beat();
      for (const one of steps) {
        const refs = (await writer.endpoints.list()).items.map(({ object: { addresses } }) =>
          addresses.ipv4 === undefined ? "" : formatAddress(addresses.ipv4),
        );
        const ref = "index" in one && refs.length > 0 ? (refs[one.index % refs.length] as string) : "";
        switch (one.do) {
          case "allocate":
            await errorOf(
              writer.endpoints.allocate({ host: one.host, tenant: "tenant-1", segment: one.segment }),
            );
            break;
          case "release":
            await errorOf(writer.endpoints.release(ref));
            break;
          case "act":
            await errorOf(writer.endpoints.update(ref, { actsAs: one.as }));
            break;
          case "serve": {
            const ports = [{ protocol: "tcp", port: 80 }] as const;
            const spec = { name: one.name, tenant: "tenant-1", segment: one.segment, ports };
            if ((await errorOf(writer.services.create(spec))) !== "none") {
              await writer.services.update(one.name, { segment: one.segment });
            }
            break;
          }
          case "stop":
            await errorOf(writer.services.delete(one.name));
            break;
          case "lose":
            lose();
            break;
          case "wait":
            await settled();
            expect(await actualBackends(control)).toEqual(await expectedBackends(writer));
        }
      }
      await settled();
      expect(await actualBackends(control)).toEqual(await expectedBackends(writer));
      expect(await findingsOf(writer)).toEqual([]);
      await control.close();
      await writer.close();
    }),
    { numRuns: 100 },
  );
}, 120_000);
