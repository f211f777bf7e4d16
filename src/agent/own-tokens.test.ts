import { describe, expect, test } from "vitest";
import { AgentScene, NAMESPACE } from "../../test/support/agent-scene.ts";
import type { Endpoint } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import type { Stored } from "../schema/index.ts";
import { createMemoryStore, type Store } from "../store/index.ts";
import { Attachments } from "./attachments.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { Releaser, type ReleaserSite } from "./releaser.ts";

/** How romana-cni asks. */
const POD = { name: undefined, requestToken: "cni/net/c1/eth0" };

/** A store that counts its writes, and whose write number `hangsAt` never ends. */
class CountingStore {
  readonly inner = createMemoryStore();
  writes = 0;
  hangsAt = Number.POSITIVE_INFINITY;

  get store(): Store {
    return new Proxy(this.inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (key === "transact" && ++this.writes === this.hangsAt) return new Promise(() => {});
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  }
}

async function remembered(scene: AgentScene): Promise<readonly string[]> {
  const { entries } = await scene.store.list("");
  return entries.map(({ key }) => key).filter((key) => /^(attachment|intent)\//.test(key));
}

const STANDING = expect.stringMatching(/^intent\//) as string;

describe("attaches with tokens that nobody else allocates with", () => {
  test("are noted on disk once each, after a first note that stands for all", async () => {
    const counting = new CountingStore();
    const scene = await new AgentScene({ store: counting.store }).start();
    const before = counting.writes;
    await scene.attach(1, POD);
    expect(counting.writes - before).toBe(2);
    await scene.attach(2, { ...POD, requestToken: "cni/net/c2/eth0" });
    expect(counting.writes - before).toBe(3);
    expect(await remembered(scene)).toEqual(["attachment/10.1.1.17", "attachment/10.1.1.18", STANDING]);
  });

  test("others have a note each", async () => {
    const counting = new CountingStore();
    const scene = await new AgentScene({ store: counting.store }).start();
    const before = counting.writes;
    for (const number of [1, 2])
      await scene.attach(number, { name: undefined, requestToken: `job/${number}` });
    expect(counting.writes - before).toBe(4);
    expect(await remembered(scene)).toEqual(["attachment/10.1.1.17", "attachment/10.1.1.18"]);
  });

  test.each([
    ["before the allocation", (s: AgentScene) => void (s.romanad.before = () => void s.kill())],
    ["before the answer to the allocation", (s: AgentScene) => void (s.romanad.isMute = true)],
    [
      "before the attachment is on disk",
      (_: AgentScene, c: CountingStore) => void (c.hangsAt = c.writes + 1),
    ],
  ])("an agent that is killed %s leaves nothing after its restart", async (_, prepare) => {
    const counting = new CountingStore();
    const scene = await new AgentScene({ store: counting.store }).start();
    await scene.attach(1, POD);
    const [kernel, known] = [scene.text(), await remembered(scene)];
    prepare(scene, counting);
    void scene.attach(2, { ...POD, requestToken: "cni/net/c2/eth0" });
    await scene.timers.advance(100);
    await scene.kill();
    expect([...scene.romanad.endpoints.keys()]).toEqual(["10.1.1.17", "10.1.1.18"]);
    scene.romanad.before = undefined;
    await scene.start();
    await scene.timers.advance(1_000);
    expect([...scene.romanad.endpoints.keys()]).toEqual(["10.1.1.17"]);
    expect([scene.text(), await remembered(scene)]).toEqual([kernel, known]);
  });

  test("an agent that is killed between the note and the device makes the device when it is asked again", async () => {
    const scene = await new AgentScene().start();
    scene.refuse = ({ method }) => {
      if (method === "createVeth") void scene.kill();
      return undefined;
    };
    void scene.attach(1, POD);
    await scene.timers.advance(100);
    expect(await remembered(scene)).toEqual(["attachment/10.1.1.17", STANDING]);
    for (const { name } of scene.kernel.links()) {
      if (name.startsWith("rom0")) await scene.kernel.deleteLink(name);
    }
    scene.refuse = undefined;
    await scene.start();
    await scene.timers.advance(1_000);
    await expect(scene.attach(1, POD)).resolves.toMatchObject({
      created: true,
      attachment: { mac: "02:00:0a:01:01:11" },
    });
    expect(scene.kernel.interfaces(NAMESPACE).get("eth1")).toBeDefined();
    await scene.agent.detach("cni/net/c1/eth0");
    expect([await remembered(scene), scene.romanad.endpoints.size]).toEqual([[STANDING], 0]);
  });

  test("what an earlier life left is the agent's to release, also when it is attached first", async () => {
    const scene = await new AgentScene().start();
    await scene.attach(1, POD);
    scene.romanad.isMute = true;
    void scene.attach(2, { ...POD, requestToken: "cni/net/c2/eth0" });
    await scene.timers.advance(100);
    await scene.kill();
    scene.romanad.isMute = false;
    await scene.start();
    await scene.attach(2, { ...POD, requestToken: "cni/net/c2/eth0" });
    await scene.agent.detach("cni/net/c2/eth0");
    expect([...scene.romanad.endpoints.keys()]).toEqual(["10.1.1.17"]);
  });

  test("an endpoint that was there before the agent's memory begins is not the agent's", async () => {
    const scene = await new AgentScene().start();
    const allocation = { host: "host-1", tenant: "acme", segment: "web", requestToken: "cni/net/c9/eth0" };
    await scene.romanad.allocate(allocation);
    await scene.timers.advance(1_000);
    await scene.attach(1, POD);
    await scene.kill();
    await scene.start();
    await scene.timers.advance(60_000);
    expect(scene.romanad.endpoints.size).toBe(2);
  });

  test("a failure at the device takes the note back", async () => {
    const scene = await new AgentScene().start();
    await scene.attach(1, POD);
    scene.refuse = ({ method }) => (method === "createVeth" ? "EPERM" : undefined);
    await expect(scene.attach(2, { ...POD, requestToken: "cni/net/c2/eth0" })).rejects.toThrow("EPERM");
    expect([await remembered(scene), scene.romanad.endpoints.size]).toEqual([
      ["attachment/10.1.1.17", STANDING],
      1,
    ]);
  });
});

test("what turns up while romanad is asked to release others is released behind them", async () => {
  const endpoint = (number: number): Stored<Endpoint> => ({
    network: "default",
    host: "host-1",
    tenant: "acme",
    segment: "web",
    code: { code: 1, extraBits: 0 },
    endpointId: number,
    addresses: { ipv4: parseAddress(`10.1.1.${16 + number}`) },
    requestToken: `cni/net/c${number}/eth0`,
    createdAt: number,
    revision: 10 + number,
  });
  const endpoints = new Map([["10.1.1.17", endpoint(1)]]);
  const released: string[] = [];
  const { promise: answer, resolve } = Promise.withResolvers<void>();
  const site = {
    attachments: new Attachments(),
    locks: new KeyedLock(),
    knowledge: () => ({ revision: 20, endpoints }),
    now: () => 0,
    romanad: {
      release: async (address: string) => {
        released.push(address);
        await answer;
        endpoints.delete(address);
      },
    },
  };
  const standing = { id: "i", tokenPrefix: "cni/", viewRevision: 10, startedAt: 0 };
  const releaser = new Releaser(site as unknown as ReleaserSite, [standing]);
  const settling = releaser.settle();
  await expect.poll(() => released).toEqual(["10.1.1.17"]);
  endpoints.set("10.1.1.18", endpoint(2));
  await releaser.settle();
  expect(released).toEqual(["10.1.1.17"]);
  resolve();
  await settling;
  expect(released).toEqual(["10.1.1.17", "10.1.1.18"]);
  expect(releaser.unsettled).toBe(0);
});
