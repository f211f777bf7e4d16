import { describe, expect, test, vi } from "vitest";
import { RomanaError } from "../model/index.ts";
import { createFakeClock, createMemoryStore, type Store } from "../store/index.ts";
import { createInTurn } from "./context.ts";
import { createControl } from "./create.ts";
import { Feed, type Mirror } from "./feed.ts";
import { allocateMany, errorOf, findingsOf, seedControl, WEB } from "./seed.case.ts";
import { LOST, untilSettled } from "./settle.ts";

/** The store with some methods replaced. */
function withMethods(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, property) {
      const value = (Reflect.get(methods, property) ?? Reflect.get(target, property)) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A mirror that remembers what it was told. */
function recordingMirror(): Mirror & { readonly values: Map<string, string>; clears: number } {
  const values = new Map<string, string>();
  return {
    values,
    clears: 0,
    apply(key, value) {
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    },
    clear() {
      this.clears++;
      values.clear();
    },
  };
}

const QUIET = { onBatch: () => undefined, onLost: () => undefined, onTrouble: () => undefined };

describe("Feed", () => {
  test("takes own commits in at once, and those of others when the watch tells", async () => {
    const store = createMemoryStore();
    const mirror = recordingMirror();
    const feed = new Feed(store, createFakeClock(), [mirror], QUIET);
    await feed.start();
    await feed.transact([], [{ type: "put", key: "tenant/a", value: "1" }]);
    expect(mirror.values.get("tenant/a")).toBe("1");
    await store.transact([], [{ type: "put", key: "tenant/b", value: "2" }]);
    await vi.waitFor(() => expect(mirror.values.get("tenant/b")).toBe("2"));
    await feed.close();
  });

  test("old news does not undo an own commit", async () => {
    const store = createMemoryStore();
    const told: (string | undefined)[] = [];
    const mirror = {
      apply: (_: string, value: string | undefined) => void told.push(value),
      clear: () => undefined,
    };
    const feed = new Feed(store, createFakeClock(), [mirror], QUIET);
    await feed.start();
    const commits = ["1", "2", "3"].map((value) =>
      feed.transact([], [{ type: "put", key: "tenant/a", value }]),
    );
    await Promise.all(commits);
    await vi.waitFor(async () => expect(feed.revision).toBe(await store.revision()));
    expect(told.at(-1)).toBe("3");
    expect(told.indexOf("1")).toBeLessThan(told.indexOf("3"));
    expect(told.lastIndexOf("1")).toBeLessThan(told.indexOf("3"));
    await feed.close();
  });

  test("a watch that breaks is tried again after a second, from where it was", async () => {
    const store = createMemoryStore();
    const clock = createFakeClock();
    let breaks = 2;
    const watch: Store["watch"] = (prefix, after, signal) => {
      if (breaks-- > 0) throw new RomanaError("Cannot watch", { code: "unavailable" });
      return store.watch(prefix, after, signal);
    };
    const mirror = recordingMirror();
    const troubles: unknown[] = [];
    const events = { ...QUIET, onTrouble: (error: unknown) => void troubles.push(error) };
    const feed = new Feed(withMethods(store, { watch }), clock, [mirror], events);
    await feed.start();
    await store.transact([], [{ type: "put", key: "tenant/a", value: "1" }]);
    await vi.waitFor(() => {
      clock.advance(1000);
      expect(mirror.values.get("tenant/a")).toBe("1");
    });
    expect(troubles).toHaveLength(2);
    expect(mirror.clears).toBe(1);
    await feed.close();
  });

  test("close() ends a wait for the next try", async () => {
    const watch: Store["watch"] = () => {
      throw new RomanaError("Cannot watch", { code: "unavailable" });
    };
    const feed = new Feed(withMethods(createMemoryStore(), { watch }), createFakeClock(), [], QUIET);
    await feed.start();
    await feed.close();
  });

  test("a refresh that is overtaken by news keeps the news", async () => {
    const store = createMemoryStore();
    await store.transact([], [{ type: "put", key: "tenant/a", value: "old" }]);
    let held: (() => void) | undefined;
    const get: Store["get"] = async (key) => {
      const entry = await store.get(key);
      await new Promise<void>((resolve) => (held = resolve));
      return entry;
    };
    const mirror = recordingMirror();
    const feed = new Feed(withMethods(store, { get }), createFakeClock(), [mirror], QUIET);
    await feed.start();
    const refresh = feed.refresh(["tenant/a"], 0);
    await vi.waitFor(() => expect(held).toBeDefined());
    await feed.transact([], [{ type: "put", key: "tenant/a", value: "new" }]);
    held?.();
    await refresh;
    expect(mirror.values.get("tenant/a")).toBe("new");
    await feed.close();
  });
});

describe("a store in trouble", () => {
  test("what could not be made durable is refused, and its ID is free again", async () => {
    const store = createMemoryStore();
    const { clock } = await seedControl({ store });
    let isBroken = false;
    const transact: Store["transact"] = async (...args) => {
      if (isBroken) throw new RomanaError("Cannot write store: disk full", { code: "unavailable" });
      return await store.transact(...args);
    };
    const control = await createControl({ store: withMethods(store, { transact }), clock });
    await allocateMany(control, 1);
    isBroken = true;
    expect(await errorOf(control.endpoints.allocate(WEB))).toBe("unavailable: Cannot write store: disk full");
    expect(await errorOf(control.endpoints.release("10.1.1.17"))).toBe(
      "unavailable: Cannot write store: disk full",
    );
    isBroken = false;
    expect(await allocateMany(control, 1)).toEqual(["10.1.1.18"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("a commit whose answer was lost is known by the watch, and the next call takes the next ID", async () => {
    const store = createMemoryStore();
    const { clock } = await seedControl({ store });
    let isLost = false;
    const transact: Store["transact"] = async (...args) => {
      const result = await store.transact(...args);
      if (isLost) throw new RomanaError("Cannot reach store: connection lost", { code: "unavailable" });
      return result;
    };
    const control = await createControl({ store: withMethods(store, { transact }), clock });
    isLost = true;
    const request = { ...WEB, requestToken: "t" };
    expect(await errorOf(control.endpoints.allocate(request))).toMatch(/^unavailable: /);
    isLost = false;
    expect(await allocateMany(control, 1)).toEqual(["10.1.1.18"]);
    expect(await control.endpoints.allocate(request)).toMatchObject({
      created: false,
      object: { endpointId: 1 },
    });
    expect(await findingsOf(control)).toEqual([]);
  });
});

describe("calls of one process do not trip over each other", () => {
  test("64 allocations are 64 transactions", async () => {
    const store = createMemoryStore();
    const { control: filler, clock } = await seedControl({ store });
    await filler.segments.update("tenant-1", "web", {
      codes: [
        { code: 0, extraBits: -2 },
        { code: 1, extraBits: -2 },
      ],
    });
    let commits = 0;
    const transact: Store["transact"] = (...args) => {
      commits++;
      return store.transact(...args);
    };
    const control = await createControl({ store: withMethods(store, { transact }), clock });
    const ids = await Promise.all(Array.from({ length: 64 }, () => control.endpoints.allocate(WEB)));
    expect(commits).toBe(64);
    expect(
      ids
        .map(({ object }) => object.endpointId)
        .sort((a, b) => a - b)
        .slice(0, 3),
    ).toEqual([1, 1, 2]);
  });

  test("20 under a quota are 20 transactions", async () => {
    const store = createMemoryStore();
    const { control: filler, clock } = await seedControl({ store });
    await filler.segments.update("tenant-1", "web", { codes: [{ code: 0, extraBits: -2 }] });
    await filler.tenants.update("tenant-1", { quota: 20 });
    let commits = 0;
    const transact: Store["transact"] = (...args) => {
      commits++;
      return store.transact(...args);
    };
    const control = await createControl({ store: withMethods(store, { transact }), clock });
    await Promise.all(Array.from({ length: 20 }, () => control.endpoints.allocate(WEB)));
    expect(commits).toBe(20);
  });
});

describe("untilSettled()", () => {
  test("tries again until a try does not lose", async () => {
    let tries = 0;
    expect(await untilSettled("try", async () => (++tries < 3 ? LOST : tries))).toBe(3);
  });

  test("gives up when it never ends", async () => {
    expect(await errorOf(untilSettled("try", async () => LOST))).toBe(
      "aborted: Cannot try: others changed the same objects 100 times meanwhile; try again",
    );
  });
});

describe("inTurn()", () => {
  test("runs jobs of a key one after the other, also after one that fails, and others beside them", async () => {
    const inTurn = createInTurn();
    const log: string[] = [];
    const job =
      (name: string, fails = false) =>
      async (): Promise<string> => {
        log.push(`${name} begins`);
        await Promise.resolve();
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const jobs = [inTurn("a", job("1", true)), inTurn("a", job("2")), inTurn("b", job("3"))];
    expect((await Promise.allSettled(jobs)).map(({ status }) => status)).toEqual([
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    expect(log.slice(0, 2)).toEqual(["1 begins", "3 begins"]);
    expect(log.indexOf("2 begins")).toBeGreaterThan(log.indexOf("1 ends"));
  });
});
