import { describe, expect, test } from "vitest";
import { AgentScene, createSceneKernel, networkText } from "../../test/support/agent-scene.ts";
import { FakeIptables } from "../../test/support/fake-iptables.ts";
import { parseAddress } from "../net/index.ts";
import { createIptablesRunner, type IptablesRunner } from "../system/iptables.ts";
import { hopChanges } from "./chain-routes.ts";
import { tearDown } from "./teardown.ts";

const NAMES = { gatewayInterface: "romana-gw", table: "romana" };

const ITEMS = [
  "route 10.1.0.0/16",
  "route 10.2.0.0/16",
  "route fd00:10:0:100::/56",
  "route fd00:10:0:200::/56",
  "route 10.1.1.17/32",
  "route fd00:10:0:100:1:1:0:1/128",
  "route 10.1.1.18/32",
  "route fd00:10:0:100:1:1:0:2/128",
  "proxied neighbour fd00:10:0:100::1",
  "proxied neighbour fd00:10:0:100::1",
  "rule that leads to table 1140001",
  "unicast route of table 1140001",
  "blackhole route of table 1140001",
  "device rom0a010111",
  "device romana-gw",
  "table inet romana_services",
  "table inet romana_chains",
  "table inet romana",
];

/** A host with an endpoint in a namespace and one on a tap, its agent gone. */
async function host(): Promise<AgentScene> {
  const kernel = createSceneKernel();
  kernel.addLink({ name: "tap0", kind: "tun" });
  const scene = await new AgentScene({ kernel }).start();
  await scene.attach(1);
  await scene.attach(2, { attach: { kind: "tap", device: "tap0" } });
  await scene.kill();
  scene.kernel.outside.runNft("add table inet romana_services\nadd table inet romana_chains\n");
  const gateway = parseAddress("192.168.0.2");
  const { before } = hopChanges([{ number: 1, gateway }], { rules: [], routes: [] }, []);
  scene.kernel.outside.apply(before);
  return scene;
}

function runnerOf(scene: AgentScene): IptablesRunner {
  return createIptablesRunner({ run: scene.iptables.run });
}

describe("tearDown()", () => {
  test("removes what is ours and nothing else", async () => {
    const scene = await host();
    const untouched = createSceneKernel();
    untouched.addLink({ name: "tap0", kind: "tun" });
    const removals = tearDown(scene.kernel, runnerOf(scene), NAMES, false);
    expect(removals.map(({ item }) => item).toSorted()).toEqual(ITEMS.toSorted());
    expect(removals.at(-1)).toEqual({ item: "table inet romana" });
    expect(networkText(scene.kernel)).toBe(networkText(untouched));
    expect(
      ["romana", "romana_services", "romana_chains"].map((table) => scene.kernel.listTable(table)),
    ).toEqual([undefined, undefined, undefined]);
    expect(scene.kernel.rules()).toEqual([]);
    expect(scene.kernel.routes(1_140_001)).toEqual([]);
    expect(tearDown(scene.kernel, runnerOf(scene), NAMES, false)).toEqual([]);
  });

  test("only says so in a dry run", async () => {
    const scene = await host();
    const before = scene.text();
    expect(
      tearDown(scene.kernel, runnerOf(scene), NAMES, true)
        .map(({ item }) => item)
        .toSorted(),
    ).toEqual(ITEMS.toSorted());
    expect(scene.text()).toBe(before);
  });

  test("goes on after a failure, and tells of it", async () => {
    const scene = await host();
    scene.kernel.refuse = (operation) =>
      operation.method === "apply" && operation.change.type === "delete-link" ? "EBUSY" : undefined;
    const failed = tearDown(scene.kernel, runnerOf(scene), NAMES, false).filter(
      ({ failure }) => failure !== undefined,
    );
    expect(failed).toEqual([
      { item: "device rom0a010111", failure: "EBUSY" },
      { item: "device romana-gw", failure: "EBUSY" },
    ]);
    expect(networkText(scene.kernel)).not.toContain("proto 114");
  });

  test("leaves hardware alone that has the gateway's name", () => {
    const kernel = createSceneKernel();
    const names = { ...NAMES, gatewayInterface: "eth0" };
    expect(tearDown(kernel, createIptablesRunner({ run: new FakeIptables().run }), names, false)).toEqual([]);
    expect(kernel.links().map(({ name }) => name)).toContain("eth0");
  });
});
