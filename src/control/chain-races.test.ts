import { describe, expect, test } from "vitest";
import type { Store } from "../store/index.ts";
import { seedChains, segment, spec } from "./chain-seed.case.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import { errorOf, findingsOf } from "./seed.case.ts";

/** A store on which something happens right before the first transaction. */
function interrupted(store: Store, first: () => Promise<unknown>): Store {
  let isDone = false;
  return new Proxy(store, {
    get(target, property) {
      if (property !== "transact") {
        const value = Reflect.get(target, property) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      }
      return async (...args: Parameters<Store["transact"]>) => {
        if (!isDone) {
          isDone = true;
          await first();
        }
        return await target.transact(...args);
      };
    },
  });
}

describe("what goes while a chain that names it is made, or just before, takes the chain with it or stops it", () => {
  const led = spec("a", { to: { kind: "service", service: "shop" } });
  test.each<[string, (control: Control) => Promise<unknown>, string]>([
    [
      "a function",
      (control) => control.segments.delete("tenant-2", "fw"),
      'Cannot find segment "tenant-2/fw"',
    ],
    [
      "the sender",
      (control) => control.segments.delete("tenant-1", "web"),
      'Cannot find segment "tenant-1/web"',
    ],
    [
      "a tenant",
      (control) => control.tenants.delete("tenant-2", { cascade: true }),
      'Cannot find tenant "tenant-2"',
    ],
    ["the service", (control) => control.services.delete("shop"), 'Cannot find service "shop"'],
    [
      "the network",
      (control) => control.networks.delete("main", { cascade: true }),
      'Cannot create chain "a": network: there is no network',
    ],
  ])("%s", async (what, remove, reason) => {
    const { control, store, clock } = await seedChains();
    const racing = await createControl({ store: interrupted(store, () => remove(control)), clock });
    const asked = what === "the service" ? led : spec("a");
    expect(await errorOf(racing.chains.create(asked))).toContain(reason);
    expect((await control.chains.list()).items).toEqual([]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("the service that goes while a chain to it is made", async () => {
    const { control, store, clock } = await seedChains();
    const racing = await createControl({
      store: interrupted(store, () => control.chains.create(led)),
      clock,
    });
    expect(await errorOf(racing.services.delete("shop"))).toBe(
      'in-use: Cannot delete service "shop": it is used by chain "a"',
    );
    expect(await findingsOf(control)).toEqual([]);
  });

  test("the segment that a service moves to while a chain that would meet there is made", async () => {
    const { control, store, clock } = await seedChains();
    const from = segment("tenant-2/web");
    await control.chains.create({ ...led, from });
    const racing = await createControl({
      store: interrupted(store, () =>
        control.chains.create(spec("b", { from, to: segment("tenant-1/web") })),
      ),
      clock,
    });
    expect(await errorOf(racing.services.update("shop", { segment: "web" }))).toBe(
      'conflict: Cannot update service "shop": chain "b" takes some of the same traffic of chain "a"',
    );
    expect(await findingsOf(control)).toEqual([]);
  });
});
