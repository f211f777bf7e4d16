import { describe, expect, test } from "vitest";
import { AgentScene } from "../../test/support/agent-scene.ts";
import { hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import { ManualTimers } from "../../test/support/manual-timers.ts";
import { notFound, type RomanaError } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import type { WatchChange } from "../schema/index.ts";
import { allocateWhenKnown } from "./allocate-when-known.ts";

/** What an attach for a pod says. */
const POD = {
  name: undefined,
  tenant: undefined,
  segment: undefined,
  workload: "uid-1",
  requestToken: "cni/net/c1/eth0",
};

/** The exception of the first endpoint that the fake allocates. */
function exception(segment: string, revision: number) {
  const blocks = [parsePrefix("10.1.1.17/32"), parsePrefix("fd00:10:0:100:1:1:0:1/128")];
  return { blocks, tenant: "acme", segment, revision };
}

/** Lets the fake know the workload after so many questions for it; returns how many there were, and when. */
function knowsAfter(scene: AgentScene, questions: number): number[] {
  const asked: number[] = [];
  const start = scene.timers.now();
  scene.romanad.before = (call) => {
    if (call !== "allocate") return;
    asked.push(scene.timers.now() - start);
    if (asked.length <= questions) throw notFound("workload", "uid-1");
  };
  return asked;
}

/** How a promise stands: what it became, or `waiting`. */
async function standing(scene: AgentScene, promise: Promise<unknown>, milliseconds: number): Promise<string> {
  let result = "waiting";
  promise.then(
    () => {
      result = "attached";
    },
    (error: unknown) => {
      const { code, message } = error as RomanaError;
      result = `${code}: ${message}`;
    },
  );
  await scene.timers.advance(milliseconds);
  return result;
}

/** Notes of attaches under way: besides the one that stands for all attaches of the plugin. */
async function intents(scene: AgentScene): Promise<number> {
  const { entries } = await scene.store.list("intent/");
  return entries.filter(({ value }) => !value.includes("tokenPrefix")).length;
}

describe("an attach for a workload that romanad does not know yet", () => {
  test("asks again with growing pauses, and goes on when it is there", async () => {
    const scene = await new AgentScene().start();
    const asked = knowsAfter(scene, 7);
    expect(await standing(scene, scene.attach(1, POD), 2_000)).toBe("attached");
    expect(asked).toEqual([0, 10, 30, 70, 150, 310, 560, 810]);
    expect(scene.romanad.allocations[0]).toEqual({
      workload: "uid-1",
      requestToken: "cni/net/c1/eth0",
      host: "host-1",
    });
    expect(scene.agent.attachment("cni/net/c1/eth0")?.endpoint.externalId).toBe("uid-1");
  });

  test("gives up after the configured time, and leaves nothing to be released", async () => {
    const scene = await new AgentScene({ config: { workloadWait: 1 } }).start();
    const asked = knowsAfter(scene, Number.POSITIVE_INFINITY);
    const attach = scene.attach(1, POD);
    expect(await standing(scene, attach, 999)).toBe("waiting");
    await scene.timers.advance(1);
    await expect(attach).rejects.toMatchObject({
      code: "unavailable",
      message: 'Cannot attach endpoint: romanad does not know workload "uid-1" yet; is it told of it?',
    });
    expect(asked.at(-1)).toBe(1_000);
    expect(await intents(scene)).toBe(0);
    expect(await standing(scene, scene.attach(1, POD), 1_000)).toContain("unavailable");
    expect(await intents(scene)).toBe(0);
  });

  test("does not wait for anything else that is missing", async () => {
    const scene = await new AgentScene().start();
    scene.romanad.before = (call) => {
      if (call === "allocate") throw notFound("segment", "acme/gone");
    };
    expect(await standing(scene, scene.attach(1, POD), 0)).toBe('not-found: Cannot find segment "acme/gone"');
  });

  test("ends its wait with the agent", async () => {
    const timers = new ManualTimers();
    const controller = new AbortController();
    const romanad = { allocate: () => Promise.reject(notFound("workload", "uid-1")) };
    const options = { romanad, timers, wait: 10_000, signal: controller.signal };
    const allocating = allocateWhenKnown(options, { host: "host-1", workload: "uid-1" });
    allocating.catch(() => undefined);
    await timers.advance(100);
    controller.abort();
    await expect(allocating).rejects.toThrow('Cannot find workload "uid-1"');
  });

  test("of another workload than before is refused", async () => {
    const scene = await new AgentScene().start();
    await scene.attach(1, POD);
    await expect(scene.attach(1, POD)).resolves.toMatchObject({ created: false });
    await expect(scene.attach(1, { ...POD, workload: "uid-2" })).rejects.toThrow(
      'Cannot attach endpoint "10.1.1.17": it was not allocated for workload "uid-2"',
    );
  });
});

describe("an endpoint that acts as another segment", () => {
  const acting = (): FakeRomanad => {
    const romanad = new FakeRomanad();
    romanad.difference = { actsAs: "db" };
    return romanad;
  };
  const tell = (scene: AgentScene, ...changes: WatchChange[]): void => {
    scene.romanad.change(hostView(), ...changes);
  };

  test("is not wired before its rules know that", async () => {
    const scene = await new AgentScene({ romanad: acting() }).start();
    const attach = scene.attach(1, POD);
    scene.operations.length = 0;
    expect(await standing(scene, attach, 1_000)).toBe("waiting");
    expect(scene.operations).toEqual([]);
    tell(scene, { kind: "exceptions", type: "put", object: exception("db", 42) });
    await expect(attach).resolves.toMatchObject({ created: true });
    const methods = scene.operations.map(({ method }) => method);
    expect(methods.filter((method) => method === "createVeth")).toHaveLength(1);
    expect(methods.findIndex((method) => /runNft|changeSets/.test(method))).toBeLessThan(
      methods.indexOf("createVeth"),
    );
    expect(methods.findIndex((method) => /runNft|changeSets/.test(method))).toBeGreaterThanOrEqual(0);
    expect(scene.kernel.listTable("romana")).toContain("10.1.1.17");
  });

  test.each<[string, WatchChange]>([
    ["as something else", { kind: "exceptions", type: "put", object: exception("web", 42) }],
    [
      "of another endpoint",
      {
        kind: "exceptions",
        type: "put",
        object: { ...exception("db", 42), blocks: [parsePrefix("10.1.1.18/32")] },
      },
    ],
  ])("is refused when the rules only know it %s", async (_, change) => {
    const scene = await new AgentScene({ romanad: acting() }).start();
    const attach = scene.attach(1, POD);
    await scene.timers.advance(10);
    tell(scene, change);
    expect(await standing(scene, attach, 5_000)).toBe(
      'unavailable: Cannot attach endpoint of segment "acme/web": its rules are not in force: romanad has not told this host about its segment in time',
    );
    expect(scene.romanad.endpoints.size).toBe(0);
  });

  test("goes by what romanad has told of it since", async () => {
    const scene = await new AgentScene({ romanad: acting() }).start();
    const attach = scene.attach(1, POD);
    expect(await standing(scene, attach, 100)).toBe("waiting");
    const { actsAs: _, ...plain } = [...scene.romanad.endpoints.values()][0] ?? {};
    scene.romanad.put(plain as never);
    await expect(attach).resolves.toMatchObject({ created: true });
  });
});

describe("an endpoint that acts as itself", () => {
  test("is not wired while the rules know an exception of who had its address before", async () => {
    const view = hostView({ exceptions: [exception("db", 39)] });
    const scene = await new AgentScene({ romanad: new FakeRomanad(view) }).start();
    const attach = scene.attach(1, POD);
    expect(await standing(scene, attach, 1_000)).toBe("waiting");
    scene.romanad.change(hostView(), { kind: "exceptions", type: "delete", object: exception("db", 39) });
    await expect(attach).resolves.toMatchObject({ created: true });
  });
});

describe("an agent whose host romanad does not know yet", () => {
  test("says so once, asks again at most every 5 s, and starts to work when it is made", async () => {
    const scene = new AgentScene();
    const asked: number[] = [];
    scene.romanad.before = (call) => {
      if (call !== "view") return;
      asked.push(scene.timers.now());
      throw notFound("host", "host-1");
    };
    await scene.start();
    await scene.timers.advance(60_000);
    expect(scene.log).toEqual(['warn romanad is away {"error":"Cannot find host \\"host-1\\""}']);
    expect(scene.operations).toEqual([]);
    expect(scene.agent.status()).toMatchObject({
      state: "degraded",
      problems: ["romanad has not told about this host"],
      romanad: { connected: false, error: 'Cannot find host "host-1"' },
    });
    await expect(Promise.all([scene.attach(), scene.timers.advance(3_000)])).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining('Cannot find host "host-1"'),
    });
    const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
    expect(gaps.length).toBeLessThan(40);
    scene.romanad.before = undefined;
    await scene.timers.advance(5_000);
    expect(scene.agent.status()).toMatchObject({ state: "ok", romanad: { connected: true } });
    await expect(scene.attach()).resolves.toMatchObject({ created: true });
  });
});
