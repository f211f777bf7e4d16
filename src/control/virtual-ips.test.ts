import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Address, parseAddress, parsePrefix } from "../net/index.ts";
import type { FakeClock } from "../store/index.ts";
import { createControl } from "./create.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { errorOf, findingsOf, network, SEED_PLAN, seedControl } from "./seed.case.ts";

const IPV4 = { ipv4: parseAddress("192.0.2.10") } as const;
const pair = (text: string): { ipv4: Address } => ({ ipv4: parseAddress(text) });

function heartbeat(number: number, held: readonly string[] = [], life = "a"): Heartbeat {
  return { life, number, subnets: [parsePrefix("192.0.2.0/24")], held, refused: [] };
}

/** Moves time on, and lets what was begun be written. */
async function pass(clock: FakeClock, milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await setImmediate();
}

describe("creation", () => {
  test("is idempotent, and refuses a second object of the name", async () => {
    const { control } = await seedControl();
    const spec = {
      name: "web",
      addresses: IPV4,
      hosts: { by: "names", names: ["host-1"] },
      externalId: "u",
    } as const;
    expect(await control.virtualIps.create(spec)).toMatchObject({
      created: true,
      object: { state: "vacant" },
    });
    expect(await control.virtualIps.create(spec)).toMatchObject({ created: false });
    const other = { ...spec, hosts: { by: "names", names: ["host-2"] } } as const;
    expect(await errorOf(control.virtualIps.create(other))).toContain("conflict: ");
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each([
    ["of a network", "10.9.9.9", "invalid-input", '10.9.9.9 is in 10.0.0.0/8 of network "main"'],
    ["loopback", "127.0.0.1", "invalid-input", "127.0.0.1 is no address"],
    ["multicast", "224.0.0.1", "invalid-input", "224.0.0.1 is no address"],
    ["of a host", "192.0.2.1", "conflict", '192.0.2.1 is the underlay address of host "host-1"'],
    ["of another one", "192.0.2.10", "conflict", 'virtual IP "first" has 192.0.2.10'],
  ])("refuses an address %s", async (_, address, code, reason) => {
    const { control } = await seedControl();
    await control.hosts.update("host-1", { underlay: pair("192.0.2.1") });
    await control.virtualIps.create({ name: "first", addresses: IPV4 });
    const error = await errorOf(control.virtualIps.create({ name: "web", addresses: pair(address) }));
    expect(error).toMatch(`${code}: `);
    expect(error).toContain(reason);
  });

  test("keeps hosts and networks from taking its address", async () => {
    const { control } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    const underlay = pair("192.0.2.10");
    for (const refuse of [
      () => control.hosts.create({ name: "host-9", underlay }),
      () => control.hosts.update("host-1", { underlay }),
    ]) {
      expect(await errorOf(refuse())).toContain('virtual IP "web" has 192.0.2.10');
    }
    const plan = { ...SEED_PLAN, prefix: parsePrefix("192.0.0.0/8") };
    expect(await errorOf(control.networks.create(network("other", plan)))).toContain(
      'virtual IP "web": its address 192.0.2.10 is inside',
    );
  });
});

describe("a holder", () => {
  test("is the first by name of those that were heard of, keeps it, and is followed when it is silent", async () => {
    const { control, clock } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    for (const host of ["host-2", "host-1"]) control.beat(host, heartbeat(1));
    const state = async (): Promise<unknown> => {
      const { holder, state: how } = (await control.virtualIps.get("web")).object;
      return [holder, how];
    };
    await pass(clock, 800);
    expect(await state()).toEqual(["host-1", "moving"]);
    expect(control.beat("host-1", heartbeat(2)).hold).toMatchObject([{ name: "web" }]);
    expect(control.beat("host-2", heartbeat(2)).hold).toEqual([]);
    control.beat("host-1", heartbeat(3, ["web"]));
    expect(await state()).toEqual(["host-1", "held"]);
    for (let number = 3; number < 12; number++) {
      await pass(clock, 400);
      control.beat("host-2", heartbeat(number));
    }
    expect(await state()).toEqual(["host-1", "moving"]);
    await pass(clock, 400);
    control.beat("host-2", heartbeat(12));
    expect(await state()).toEqual(["host-2", "moving"]);
    expect(control.virtualIps.summary()).toEqual({ states: { held: 0, moving: 1, vacant: 0 }, moves: 2 });
    expect(control.beat("host-1", heartbeat(4, ["web"])).hold).toEqual([]);
  });

  test("that says that it is gone is followed at once when it may not have it any more", async () => {
    const { control, clock } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    for (const host of ["host-1", "host-2"]) control.beat(host, heartbeat(1));
    await pass(clock, 800);
    control.beat("host-1", heartbeat(2));
    await control.virtualIps.update("web", { hosts: { by: "names", names: ["host-2"] } });
    expect(control.beat("host-1", heartbeat(3, ["web"])).hold).toEqual([]);
    await pass(clock, 200);
    expect((await control.virtualIps.get("web")).object.holder).toBe("host-1");
    control.beat("host-1", heartbeat(4));
    await pass(clock, 1);
    expect((await control.virtualIps.get("web")).object.holder).toBe("host-2");
  });

  test("of an earlier romanad is waited for", async () => {
    const { control, store, clock } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    control.beat("host-1", heartbeat(1));
    await pass(clock, 800);
    control.beat("host-1", heartbeat(2));
    await control.close();
    const next = await createControl({ store, clock });
    for (let number = 3; number <= 11; number++) {
      next.beat("host-2", heartbeat(number));
      await pass(clock, 400);
      expect((await next.virtualIps.get("web")).object.holder).toBe("host-1");
    }
    next.beat("host-2", heartbeat(12));
    await pass(clock, 400);
    expect((await next.virtualIps.get("web")).object.holder).toBe("host-2");
  });
});

describe("what an earlier answer may have allowed is waited for", () => {
  const only = (host: string): { hosts: { by: "names"; names: string[] } } => ({
    hosts: { by: "names", names: [host] },
  });

  test("when the same heartbeat comes again", async () => {
    const { control, clock } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    for (const host of ["host-1", "host-2"]) control.beat(host, heartbeat(1));
    await pass(clock, 800);
    control.beat("host-1", heartbeat(2));
    await control.virtualIps.update("web", only("host-2"));
    control.beat("host-1", heartbeat(2));
    control.beat("host-1", heartbeat(1, [], "b"));
    control.beat("host-2", heartbeat(2));
    await pass(clock, 200);
    expect((await control.virtualIps.get("web")).object.holder).toBe("host-1");
    control.beat("host-1", heartbeat(2, [], "b"));
    await pass(clock, 1);
    expect((await control.virtualIps.get("web")).object.holder).toBe("host-2");
  });

  test("when romanad was restarted since", async () => {
    const { control, store, clock } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    control.beat("host-1", heartbeat(1));
    await pass(clock, 800);
    control.beat("host-1", heartbeat(2));
    await control.close();
    const next = await createControl({ store, clock });
    await next.virtualIps.update("web", only("host-2"));
    for (let number = 3; number <= 11; number++) {
      next.beat("host-1", heartbeat(number, ["web"]));
      next.beat("host-2", heartbeat(number));
      await pass(clock, 400);
      expect((await next.virtualIps.get("web")).object.holder).toBe("host-1");
    }
    next.beat("host-2", heartbeat(12));
    await pass(clock, 400);
    expect((await next.virtualIps.get("web")).object.holder).toBe("host-2");
  });

  test("but a heartbeat that was overtaken counts for nothing", async () => {
    const { control } = await seedControl();
    control.beat("host-1", heartbeat(2));
    expect(() => control.beat("host-1", heartbeat(1))).toThrow("a later one came before it");
  });
});

describe("a deletion", () => {
  test("keeps the address until the holder is gone, and hides the object", async () => {
    const { control, store, clock } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    control.beat("host-1", heartbeat(1));
    await pass(clock, 800);
    control.beat("host-1", heartbeat(2));
    expect(await control.virtualIps.delete("web")).toMatchObject({ count: 1 });
    expect(await errorOf(control.virtualIps.get("web"))).toBe('not-found: Cannot find virtual IP "web"');
    expect((await control.virtualIps.list()).items).toEqual([]);
    expect((await control.view("host-1")).virtualIps).toEqual([]);
    const again = { name: "again", addresses: IPV4 };
    expect(await errorOf(control.virtualIps.create(again))).toContain("aborted: ");
    await pass(clock, 4_000);
    expect((await control.virtualIps.create(again)).created).toBe(true);
    expect(await store.get("virtual-ip/web")).toBeUndefined();
    expect(await findingsOf(control)).toEqual([]);
  });

  test("of one that nobody ever held is done at once", async () => {
    const { control } = await seedControl();
    await control.virtualIps.create({ name: "web", addresses: IPV4 });
    await control.virtualIps.delete("web");
    expect(await control.virtualIps.create({ name: "again", addresses: IPV4 })).toMatchObject({
      created: true,
    });
  });
});
