import { describe, expect, test } from "vitest";
import { AgentScene, createSceneKernel } from "../../test/support/agent-scene.ts";
import { hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import type { Policy } from "../model/index.ts";
import type { Stored } from "../schema/index.ts";
import { createIptablesRunner } from "../system/iptables.ts";
import { tearDown } from "./teardown.ts";

const IPTABLES = { firewall: "iptables" };

const POLICY: Stored<Policy> = {
  id: "in",
  tier: "standard",
  order: 1000,
  appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "acme" } }],
  isolates: ["ingress"],
  rules: [
    {
      direction: "ingress",
      verdict: "accept",
      peers: [{ kind: "endpoints", tenant: { by: "name", name: "beta" } }],
      traffic: [{ protocol: 6, ports: { first: 80, last: 80 } }],
      stateful: true,
    },
  ],
  established: "cut",
  revision: 1,
};

function withPolicy(): AgentScene {
  return new AgentScene({
    config: IPTABLES,
    romanad: new FakeRomanad(hostView({ policies: [POLICY as never] })),
  });
}

/** The IPv4 rules of the chains of a scene as one text. */
function rulesOf({ iptables }: AgentScene): string {
  return iptables.text("iptables");
}

describe("firewall: iptables", () => {
  test("binds an endpoint before there is a way to it", async () => {
    const scene = await new AgentScene({ config: IPTABLES }).start();
    const bound: boolean[] = [];
    scene.refuse = (operation) => {
      if (operation.method === "apply" && operation.change.type === "replace-route") {
        bound.push(scene.iptables.run({ argv: ["ipset", "save"] }).includes("10.1.1.17,rom0a010111\n"));
      }
      return undefined;
    };
    await scene.attach();
    expect(bound).toEqual([true, true]);
    expect(scene.kernel.listTable("romana")).toBeUndefined();
    await scene.agent.detach("web-1");
    expect(scene.iptables.run({ argv: ["ipset", "save"] })).not.toContain("rom0a010111");
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("makes no way to an endpoint that it cannot bind", async () => {
    const scene = await new AgentScene({ config: IPTABLES }).start();
    const before = scene.text();
    scene.iptables.refuse = (program) => program === "ip6tables-restore";
    await expect(scene.attach()).rejects.toThrow('Cannot run "ip6tables-restore');
    expect(scene.text()).toBe(before);
    scene.iptables.refuse = undefined;
    await scene.timers.advance(5_000);
    expect(scene.agent.status().problems).toEqual([]);
    await scene.attach();
    expect(scene.text()).toContain("route unicast 10.1.1.17/32");
  });

  test("makes no way to others while no rules are in force", async () => {
    const scene = new AgentScene({ config: IPTABLES });
    scene.iptables.refuse = (program) => program === "iptables-restore";
    await scene.start();
    expect(scene.text()).not.toContain("route unicast 10.2.0.0/16");
    scene.iptables.refuse = undefined;
    await scene.timers.advance(5_000);
    expect(scene.text()).toContain("route unicast 10.2.0.0/16");
  });

  test("finds within 5 s what others have changed, and counts the repair", async () => {
    const scene = await new AgentScene({ config: IPTABLES }).start();
    const before = rulesOf(scene).replaceAll("ROMANA-B", "ROMANA-A");
    scene.iptables.outside("iptables", "*filter\n-F ROMANA-FORWARD\nCOMMIT\n");
    await scene.timers.advance(5_000);
    expect(rulesOf(scene).replaceAll("ROMANA-B", "ROMANA-A")).toBe(before);
    expect(scene.agent.status().repairs).toContainEqual({ kind: "table", count: 1 });
  });

  test("with nftables nobody looks so often", async () => {
    const scene = await new AgentScene().start();
    const looks = (): number => scene.agent.metrics.looks.values.get("drift") ?? 0;
    const before = looks();
    await scene.timers.advance(50_000);
    expect(looks()).toBe(before);
    await scene.timers.advance(10_000);
    expect(looks()).toBe(before + 1);
  });

  test("follows policies, and forgets them", async () => {
    const scene = await withPolicy().start();
    expect(rulesOf(scene)).toContain("-p tcp -m tcp --dport 80");
    scene.romanad.change(hostView(), { kind: "policies", type: "delete", object: POLICY as never });
    await scene.timers.advance(50);
    expect(rulesOf(scene)).not.toContain("-p tcp -m tcp --dport 80");
    expect((await scene.agent.counters()).rules).toEqual([]);
    expect(scene.agent.status()).toMatchObject({ firewall: "iptables", problems: [] });
  });

  test("counts drops and what rules decide, and reports it", async () => {
    const scene = withPolicy();
    await scene.start();
    scene.iptables.count("iptables", "ROMANA-DROP-ISOLATION", 4);
    scene.iptables.count("ip6tables", "ROMANA-DROP-ISOLATION", 1);
    scene.iptables.count("iptables", "ROMANA-INGRESS-STD", 3, "-p tcp");
    const counters = {
      rules: [{ policy: "in", rule: 0, packets: 3, bytes: 180 }],
      omitted: 0,
      drops: [{ reason: "isolation", packets: 5, bytes: 300 }],
    };
    expect(await scene.agent.counters()).toEqual(counters);
    scene.iptables.count("iptables", "ROMANA-INGRESS-STD", 4, "-p tcp");
    await scene.timers.advance(20_000);
    expect(scene.romanad.reports.at(-1)?.counters?.rules).toEqual([
      { policy: "in", rule: 0, packets: 4, bytes: 240 },
    ]);
    expect(scene.agent.metrics.registry.render()).toContain(
      'romana_agent_dropped_packets{reason="isolation"} 5',
    );
  });

  test("desired() has the texts of ipset and iptables", async () => {
    const scene = await new AgentScene({ config: IPTABLES }).start();
    await scene.attach();
    const desired = scene.agent.desired();
    expect(desired?.table).toBeUndefined();
    expect(desired?.ipset).toContain(",rom0a010111\n");
    expect(desired?.iptables).toContain("-I FORWARD 1 -j ROMANA-FORWARD\n");
    expect(desired?.ip6tables).toContain("-I FORWARD 1 -j ROMANA-FORWARD\n");
  });

  test("a restart changes nothing", async () => {
    const scene = await new AgentScene({ config: IPTABLES }).start();
    await scene.attach();
    await scene.stop();
    scene.iptables.changes.splice(0);
    await scene.start();
    expect(scene.iptables.changes).toEqual([]);
  });

  test("tearDown() removes chains and sets, and leaves those of others", async () => {
    const scene = new AgentScene({ config: IPTABLES });
    const before = [scene.iptables.text("iptables"), scene.iptables.text("ip6tables")];
    await scene.start();
    await scene.kill();
    const runner = createIptablesRunner({ run: scene.iptables.run });
    const names = { gatewayInterface: "romana-gw", table: "romana" };
    const planned = tearDown(scene.kernel, runner, names, true);
    const removals = tearDown(scene.kernel, runner, names, false);
    expect(removals).toEqual(planned);
    expect(removals.slice(-3)).toEqual([
      { item: "chains of iptables" },
      { item: "chains of ip6tables" },
      { item: "sets of ipset" },
    ]);
    expect([scene.iptables.text("iptables"), scene.iptables.text("ip6tables")]).toEqual(before);
    expect(scene.iptables.sets).toEqual([]);
  });
});

describe("another firewall than before", () => {
  test.each([
    ["nftables", "iptables"],
    ["iptables", "nftables"],
  ])("of %s nothing is left under %s", async (before, after) => {
    const kernel = createSceneKernel();
    const first = await new AgentScene({ kernel, config: { firewall: before } }).start();
    await first.attach();
    await first.stop();
    const { iptables, store, romanad } = first;
    const view = first.savedView ?? hostView();
    const change = { kernel, iptables, store, romanad, view, config: { firewall: after } };
    const second = await new AgentScene(change).start();
    const hasChains = (): boolean => iptables.text("iptables").includes("ROMANA") && iptables.sets.length > 0;
    expect(kernel.listTable("romana") !== undefined).toBe(after === "nftables");
    expect(hasChains()).toBe(after === "iptables");
    expect(second.agent.status().problems).toEqual([]);
    expect(second.log.join("\n")).toContain("removed rules of the other firewall");
  });

  test("stays until the own rules are in force", async () => {
    const kernel = createSceneKernel();
    const first = await new AgentScene({ kernel }).start();
    await first.stop();
    const second = new AgentScene({ kernel, config: IPTABLES });
    second.iptables.refuse = (program) => program === "iptables-restore";
    await second.start();
    expect(kernel.listTable("romana")).toBeDefined();
    second.iptables.refuse = undefined;
    await second.timers.advance(5_000);
    expect(kernel.listTable("romana")).toBeUndefined();
  });

  test("what cannot be removed is tried again after a minute", async () => {
    const first = await new AgentScene({ config: IPTABLES }).start();
    await first.stop();
    const { iptables } = first;
    iptables.refuse = (program) => program === "iptables-restore";
    const second = await new AgentScene({ iptables }).start();
    const said = (): string[] => second.log.filter((line) => line.includes("cannot remove rules"));
    const before = said();
    expect(before[0]).toContain("chains of iptables");
    await second.timers.advance(130_000);
    expect(said()).toEqual(before);
    iptables.refuse = undefined;
    expect(iptables.text("iptables")).toContain("ROMANA");
    await second.timers.advance(130_000);
    expect(iptables.text("iptables")).not.toContain("ROMANA");
    expect(iptables.sets).toEqual([]);
  });

  test("hosts without the programs have nothing of them", async () => {
    const scene = new AgentScene();
    scene.iptables.isMissing = true;
    await scene.start();
    expect(scene.log.filter((line) => /^(warn|error)/.test(line))).toEqual([]);
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("without the programs nothing can be enforced with them, and the status says why", async () => {
    const scene = new AgentScene({ config: IPTABLES });
    scene.iptables.isMissing = true;
    await scene.start();
    expect(scene.agent.status().problems.join("\n")).toContain("install the packages iptables and ipset");
  });
});
