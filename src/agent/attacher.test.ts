import { describe, expect, test } from "vitest";
import { AgentScene, createSceneKernel, NAMESPACE, networkText } from "../../test/support/agent-scene.ts";
import { hostView } from "../../test/support/agent-view.ts";
import { RomanaError } from "../model/index.ts";
import { createMemoryStore, type Store } from "../store/index.ts";

const OTHER_NAMESPACE = "/run/netns/other";

/** Everything that an attach could leave behind, on either side. */
async function traces(scene: AgentScene): Promise<unknown> {
  const { entries } = await scene.store.list("");
  return {
    kernel: scene.text(),
    interfaces: [...scene.kernel.interfaces(NAMESPACE).keys()],
    allocated: [...scene.romanad.endpoints.keys()],
    remembered: entries.map(({ key }) => key).filter((key) => /^(attachment|intent)\//.test(key)),
    attachments: scene.agent.attachments().length,
  };
}

/** A store whose write number `failsAt` fails, whose write number `hangsAt` never ends, and whose others may wait. */
class FailingStore {
  readonly store: Store;
  failsAt = Number.POSITIVE_INFINITY;
  hangsAt = Number.POSITIVE_INFINITY;
  readonly pauses = new Map<number, Promise<void>>();
  writes = 0;

  constructor() {
    const inner = createMemoryStore();
    this.store = new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          if (key === "transact") {
            this.writes += 1;
            if (this.writes === this.hangsAt) return new Promise(() => {});
            await this.pauses.get(this.writes);
            if (this.writes === this.failsAt) {
              throw new RomanaError("Cannot write store: no space left on device", { code: "unavailable" });
            }
          }
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  }
}

const TAP = { attach: { kind: "tap", device: "tap0" } };

describe("a failure at any step is undone completely", () => {
  /** Number of the kernel's operations, and of the journal's writes, in an attach that works. */
  async function stepsOf(change: Record<string, unknown>): Promise<{ operations: number; writes: number }> {
    const failing = new FailingStore();
    const kernel = createSceneKernel();
    kernel.addLink({ name: "tap0", kind: "tun" });
    const scene = await new AgentScene({ kernel, store: failing.store }).start();
    const writes = failing.writes;
    scene.operations.length = 0;
    await scene.attach(1, change);
    return { operations: scene.operations.length, writes: failing.writes - writes };
  }

  test.each([
    ["netns", {}, 5, 2],
    ["tap", TAP, 13, 2],
  ])("%s: refusals of the kernel", async (_, change, operations, writes) => {
    expect(await stepsOf(change)).toEqual({ operations, writes });
    for (let step = 1; step <= operations; step++) {
      const kernel = createSceneKernel();
      kernel.addLink({ name: "tap0", kind: "tun" });
      const scene = await new AgentScene({ kernel }).start();
      const before = await traces(scene);
      let count = 0;
      let refused = "";
      scene.refuse = ({ method }) => {
        if (++count !== step) return undefined;
        refused = method;
        return "EPERM";
      };
      // A table that refuses elements is put right as a whole; then the attach works.
      const outcome = await scene.attach(1, change).then(
        () => "attached",
        (error: unknown) => (error as Error).message,
      );
      scene.refuse = undefined;
      if (outcome === "attached") {
        expect(refused).toMatch(/changeSets|runNft/);
        await scene.agent.detach("web-1");
      } else expect(outcome).toContain("EPERM");
      expect(await traces(scene), `step ${step}: ${refused}`).toEqual(before);
    }
  });

  test.each([1, 2])("write %i of the journal", async (write) => {
    const failing = new FailingStore();
    const scene = await new AgentScene({ store: failing.store }).start();
    const before = await traces(scene);
    failing.failsAt = failing.writes + write;
    await expect(scene.attach()).rejects.toThrow("no space left on device");
    expect(await traces(scene)).toEqual(before);
    await expect(scene.attach()).resolves.toMatchObject({ created: true });
  });

  test("the release, too: it is made up for when romanad is there again", async () => {
    const scene = await new AgentScene().start();
    const before = await traces(scene);
    scene.refuse = ({ method }) => (method === "createVeth" ? "EPERM" : undefined);
    scene.romanad.before = (call) => {
      if (call === "release") throw new RomanaError("Cannot DELETE: no answer", { code: "timeout" });
    };
    await expect(scene.attach()).rejects.toThrow("EPERM");
    expect(scene.romanad.endpoints.size).toBe(1);
    scene.romanad.before = undefined;
    await scene.timers.advance(60_000);
    expect(await traces(scene)).toEqual(before);
  });
});

describe("an agent that is killed half-way", () => {
  test.each([
    ["before the allocation", (s: AgentScene) => void (s.romanad.before = () => void s.kill())],
    ["before the answer to the allocation", (s: AgentScene) => void (s.romanad.isMute = true)],
    ["before the attachment is on disk", (_: AgentScene, f: FailingStore) => void (f.hangsAt = f.writes + 2)],
  ])("%s leaves nothing after its restart", async (_, prepare) => {
    const failing = new FailingStore();
    const scene = await new AgentScene({ store: failing.store }).start();
    const before = await traces(scene);
    prepare(scene, failing);
    void scene.attach();
    await scene.timers.advance(100);
    await scene.kill();
    expect((await traces(scene)) as object).toMatchObject({ remembered: [expect.stringMatching(/^intent/)] });
    expect(scene.romanad.endpoints.size).toBe(1);
    scene.romanad.before = undefined;
    await scene.start();
    await scene.timers.advance(1_000);
    expect(await traces(scene)).toEqual(before);
  });

  test("after the attachment is on disk keeps it", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    const before = await traces(scene);
    await scene.kill();
    scene.operations.length = 0;
    await scene.start();
    expect(await traces(scene)).toEqual(before);
    expect(scene.agent.attachment("web-1")?.state).toBe("attached");
  });

  test("an allocation that turns up late is released, too", async () => {
    const scene = await new AgentScene().start();
    const before = await traces(scene);
    scene.romanad.before = (call) => {
      if (call === "allocate") throw new RomanaError("Cannot POST: no answer", { code: "timeout" });
    };
    await expect(scene.attach()).rejects.toThrow("no answer");
    scene.romanad.before = undefined;
    await scene.romanad.allocate({ name: "web-1", host: "host-1", tenant: "acme", segment: "web" });
    expect(scene.romanad.endpoints.size).toBe(1);
    await scene.timers.advance(1_000);
    expect(await traces(scene)).toEqual(before);
  });
});

test("an endpoint that is released at romanad while it is wired is not attached", async () => {
  const failing = new FailingStore();
  const scene = await new AgentScene({ store: failing.store }).start();
  const before = await traces(scene);
  const { promise, resolve } = Promise.withResolvers<void>();
  failing.pauses.set(failing.writes + 2, promise);
  const attaching = expect(scene.attach()).rejects.toMatchObject({
    code: "aborted",
    message: 'Cannot attach endpoint "web-1": it was released at romanad meanwhile',
  });
  await scene.timers.advance(10);
  scene.romanad.remove("10.1.1.17");
  await scene.timers.advance(10);
  resolve();
  await attaching;
  expect(await traces(scene)).toEqual(before);
});

describe("attach is idempotent", () => {
  test.each([
    ["by name", {}],
    ["by token", { name: undefined, requestToken: "6f1c/eth0" }],
  ])("%s", async (_, change) => {
    const scene = await new AgentScene().start();
    const first = await scene.attach(1, change);
    const [second, third] = await Promise.all([scene.attach(1, change), scene.attach(1, change)]);
    expect([first.created, second.created, third.created]).toEqual([true, false, false]);
    expect(second.attachment).toEqual(first.attachment);
    expect(scene.romanad.allocations).toHaveLength(1);
  });

  test("several at once are one", async () => {
    const scene = await new AgentScene().start();
    const all = await Promise.all([scene.attach(), scene.attach(), scene.attach()]);
    expect(all.map(({ created }) => created)).toEqual([true, false, false]);
  });

  test("without name and token each is another one, and can be detached by address", async () => {
    const scene = await new AgentScene().start();
    const nameless = (number: number): ReturnType<typeof scene.attach> =>
      scene.attach(number, { name: undefined });
    const [one, two] = await Promise.all([nameless(1), nameless(2)]);
    expect(one.attachment.endpoint.requestToken).toMatch(/^romana-agent\//);
    expect(one.attachment.device).not.toBe(two.attachment.device);
    expect(await scene.agent.detach("fd00:10:0:100:1:1:0:1")).toEqual({ detached: true, released: true });
    expect(await scene.agent.detach("10.1.1.17")).toEqual({ detached: false, released: false });
    expect(scene.agent.attachments()).toHaveLength(1);
  });

  test.each([
    ["another tenant", { tenant: "beta" }, 'its tenant is "acme", not "beta"'],
    [
      "another interface",
      { attach: { kind: "netns", netns: NAMESPACE, interface: "x" } },
      `it is attached to eth1 in ${NAMESPACE}`,
    ],
    ["another ID", { endpointId: 7 }, 'its endpointId is "1", not "7"'],
  ])("the same name with %s is a conflict", async (_, change, reason) => {
    const scene = await new AgentScene().start();
    await scene.attach();
    const before = await traces(scene);
    await expect(scene.attach(1, change)).rejects.toThrow(`Cannot attach endpoint "web-1": ${reason}`);
    expect(await traces(scene)).toEqual(before);
  });

  test("in a new namespace, when the old one is gone", async () => {
    const scene = await new AgentScene().start();
    const { attachment } = await scene.attach();
    scene.kernel.deleteNamespace(NAMESPACE);
    scene.kernel.addNamespace(OTHER_NAMESPACE);
    await scene.timers.advance(10);
    const again = await scene.attach(1, {
      attach: { kind: "netns", netns: OTHER_NAMESPACE, interface: "eth0" },
    });
    expect(again).toMatchObject({ created: true, attachment: { state: "attached", interface: "eth0" } });
    expect(again.attachment.endpoint).toEqual(attachment.endpoint);
    expect(scene.kernel.interfaces(OTHER_NAMESPACE).size).toBe(1);
    await scene.timers.advance(1_000);
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("that fails again keeps the endpoint as it was", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    scene.kernel.deleteNamespace(NAMESPACE);
    await scene.timers.advance(10);
    const attach = { kind: "netns", netns: OTHER_NAMESPACE, interface: "eth0" };
    await expect(scene.attach(1, { attach })).rejects.toThrow(OTHER_NAMESPACE);
    expect(scene.agent.attachment("web-1")?.state).toBe("device-missing");
    expect(scene.romanad.endpoints.size).toBe(1);
    expect(scene.agent.status().problems).toEqual(["The device is gone of web-1 (rom0a010111)"]);
  });
});

describe("what is in the way is refused, and nothing is touched", () => {
  test("an interface of that name", async () => {
    const scene = await new AgentScene().start();
    await scene.attach(1);
    const before = await traces(scene);
    const attach = { kind: "netns", netns: NAMESPACE, interface: "eth1" };
    await expect(scene.attach(2, { attach })).rejects.toMatchObject({ code: "conflict" });
    expect(await traces(scene)).toEqual(before);
  });

  test("a namespace that is not there", async () => {
    const scene = await new AgentScene().start();
    const before = await traces(scene);
    const attach = { kind: "netns", netns: OTHER_NAMESPACE, interface: "eth0" };
    await expect(scene.attach(1, { attach })).rejects.toMatchObject({ code: "not-found" });
    expect(await traces(scene)).toEqual(before);
  });

  test.each([
    ["is not there", "tap9", "not-found"],
    ["is no tap", "eth0", "invalid-input"],
    ["has an endpoint", "tap0", "conflict"],
  ])("a tap that %s", async (_, device, code) => {
    const kernel = createSceneKernel();
    kernel.addLink({ name: "tap0", kind: "tun" });
    const scene = await new AgentScene({ kernel }).start();
    await scene.attach(1, TAP);
    const before = await traces(scene);
    const allocations = scene.romanad.allocations.length;
    await expect(scene.attach(2, { attach: { kind: "tap", device } })).rejects.toMatchObject({ code });
    expect(await traces(scene)).toEqual(before);
    expect(scene.romanad.allocations).toHaveLength(allocations);
  });

  test("what is no request", async () => {
    const scene = await new AgentScene().start();
    await expect(
      scene.agent.attach({ tenant: "acme", attach: { kind: "netns", netns: "x" } }),
    ).rejects.toThrow(
      /^Cannot attach endpoint: attach.netns: "x" is not an absolute path.*; segment: is missing$/,
    );
  });
});

describe("a tap", () => {
  test("is brought up, wired, and left to its owner", async () => {
    const kernel = createSceneKernel();
    kernel.addLink({ name: "tap0", kind: "tun", up: false });
    const scene = await new AgentScene({ kernel }).start();
    const before = networkText(kernel);
    const { attachment } = await scene.attach(1, {
      attach: { kind: "tap", device: "tap0", mac: "02:00:00:00:00:09" },
    });
    expect(attachment).toMatchObject({ device: "tap0", mac: "02:00:00:00:00:09", state: "attached" });
    expect(networkText(kernel)).toContain("route unicast 10.1.1.17/32 dev tap0 src 10.1.0.1");
    expect(kernel.sysctl("net.ipv4.conf.tap0.rp_filter")).toBe("1");
    await scene.agent.detach("web-1");
    expect(networkText(kernel)).toBe(before.replace("link tap0 tun down", "link tap0 tun up"));
  });
});

describe("rules that do not know the segment yet", () => {
  test("are waited for", async () => {
    const scene = await new AgentScene().start();
    const code = { code: 9, extraBits: 0 };
    scene.romanad.difference = { code };
    const attaching = scene.attach();
    await scene.timers.advance(0);
    expect(networkText(scene.kernel)).not.toContain("rom0a010111");
    const object = { tenant: "acme", name: "web", codes: [{ code: 1, extraBits: 0 }, code], revision: 42 };
    const segments = hostView().segments.map((segment) =>
      segment.name === "web" && segment.tenant === "acme" ? object : segment,
    );
    scene.romanad.change({ ...hostView(), segments }, { kind: "segments", type: "put", object });
    await scene.timers.advance(0);
    await attaching;
    expect(scene.kernel.listTable("romana")).toContain("10.0.1.144 . 10.0.1.144");
  });

  test("that do not come end the attach", async () => {
    const scene = await new AgentScene().start();
    const before = await traces(scene);
    scene.romanad.difference = { tenant: "__proto__" };
    const attaching = expect(scene.attach()).rejects.toThrow(
      'Cannot attach endpoint of segment "__proto__/web": its rules are not in force',
    );
    await scene.timers.advance(6_000);
    await attaching;
    expect(await traces(scene)).toEqual(before);
  });
});

describe("while romanad is away", () => {
  test("a new endpoint is refused, a known one is there, a detach is sent later", async () => {
    const scene = await new AgentScene().start();
    const before = await traces(scene);
    await scene.attach();
    scene.romanad.leave();
    await scene.timers.advance(100);
    const refused = expect(scene.attach(2)).rejects.toMatchObject({
      code: "unavailable",
      message:
        "Cannot attach endpoint: romanad cannot be asked (Cannot GET /v1: nobody listens there; is it running?)",
    });
    await scene.timers.advance(3_000);
    await refused;
    await expect(scene.attach(1)).resolves.toMatchObject({ created: false });
    expect(await scene.agent.detach("web-1")).toEqual({ detached: true, released: false });
    expect(scene.agent.attachments().map(({ state }) => state)).toEqual(["releasing"]);
    expect(networkText(scene.kernel)).not.toContain("rom0a010111");
    scene.romanad.comeBack();
    await scene.timers.advance(10_000);
    expect(await traces(scene)).toEqual(before);
  });

  test("an endpoint of the same name waits for the release of the old one", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    scene.romanad.leave();
    await scene.timers.advance(100);
    await scene.agent.detach("web-1");
    const attaching = scene.attach();
    scene.romanad.comeBack();
    await scene.timers.advance(5_000);
    await expect(attaching).resolves.toMatchObject({ created: true, attachment: { state: "attached" } });
    expect(scene.romanad.endpoints.size).toBe(1);
  });

  test("an address that somebody else has got since is not released", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    scene.romanad.leave();
    await scene.timers.advance(100);
    await scene.agent.detach("web-1");
    const endpoint = scene.romanad.endpoints.get("10.1.1.17");
    if (endpoint === undefined) throw new Error("there is no endpoint");
    scene.romanad.remove("10.1.1.17");
    scene.romanad.put({ ...endpoint, name: "other", createdAt: endpoint.createdAt + 1 });
    scene.romanad.comeBack();
    await scene.timers.advance(10_000);
    expect([...scene.romanad.endpoints.values()].map(({ name }) => name)).toEqual(["other"]);
    expect(scene.agent.attachments()).toEqual([]);
  });
});

describe("who allocates, releases", () => {
  test("an endpoint that was there before stays allocated when its attach fails", async () => {
    const scene = await new AgentScene().start();
    await scene.romanad.allocate({ name: "web-1", host: "host-1", tenant: "acme", segment: "web" });
    await scene.timers.advance(10);
    const before = await traces(scene);
    scene.refuse = ({ method }) => (method === "createVeth" ? "EPERM" : undefined);
    await expect(scene.attach()).rejects.toThrow("EPERM");
    expect(await traces(scene)).toEqual(before);
    expect(scene.romanad.endpoints.size).toBe(1);
  });

  test("an endpoint that was there before stays allocated after its detach", async () => {
    const scene = await new AgentScene().start();
    await scene.romanad.allocate({ name: "web-1", host: "host-1", tenant: "acme", segment: "web" });
    await scene.timers.advance(10);
    await expect(scene.attach()).resolves.toMatchObject({ created: true });
    expect(await scene.agent.detach("web-1")).toEqual({ detached: true, released: false });
    expect(scene.romanad.endpoints.size).toBe(1);
    expect(scene.agent.attachments()).toEqual([]);
  });
});

test("names like __proto__ and constructor are names", async () => {
  const scene = await new AgentScene().start();
  await scene.attach(1, { name: "__proto__" });
  await scene.attach(2, { name: "constructor" });
  expect(scene.agent.attachment("__proto__")?.endpoint.endpointId).toBe(1);
  expect(scene.agent.attachment("toString")).toBeUndefined();
  expect(await scene.agent.detach("hasOwnProperty")).toEqual({ detached: false, released: false });
  expect(await scene.agent.detach("constructor")).toEqual({ detached: true, released: true });
});
