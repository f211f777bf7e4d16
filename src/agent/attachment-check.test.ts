import { describe, expect, test } from "vitest";
import { AgentScene, NAMESPACE } from "../../test/support/agent-scene.ts";
import { hasCode } from "../model/index.ts";

const DEVICE = "rom0a01011b";
const ASKED = {
  attach: { netns: NAMESPACE, interface: "eth1" },
  addresses: ["10.1.1.27/32", "fd00:10:0:100:1:1:0:b/128"],
  routes: ["0.0.0.0/0", "::/0"],
};

/** A scene with web-1 attached as eth1. */
async function attached(): Promise<AgentScene> {
  const scene = await new AgentScene().start();
  await scene.attach(1, { endpointId: 11, requestToken: "cni/net/c1/eth1" });
  return scene;
}

describe("a check", () => {
  test.each([{}, ASKED, { addresses: [], routes: [] }])(
    "of what was made, asked with %j, finds nothing",
    async (asked) => {
      const scene = await attached();
      for (const ref of ["web-1", "cni/net/c1/eth1", "10.1.1.27"])
        expect(scene.agent.check(ref, asked)).toEqual([]);
    },
  );

  test.each<[string, (scene: AgentScene) => void, object, string[]]>([
    [
      "an interface that is down",
      ({ kernel }) => kernel.changeInterface(NAMESPACE, "eth1", { up: false }),
      ASKED,
      [
        "interface eth1 is down",
        "interface eth1 has no default route by 10.1.0.1",
        "interface eth1 has no default route by fd00:10:0:100::1",
      ],
    ],
    [
      "addresses that are gone",
      ({ kernel }) => kernel.changeInterface(NAMESPACE, "eth1", { addresses: [] }),
      {},
      ["10.1.1.27/32 is not on eth1", "fd00:10:0:100:1:1:0:b/128 is not on eth1"],
    ],
    [
      "routes that are gone",
      ({ kernel }) => kernel.changeInterface(NAMESPACE, "eth1", { gateways: [] }),
      {},
      [
        "interface eth1 has no default route by 10.1.0.1",
        "interface eth1 has no default route by fd00:10:0:100::1",
      ],
    ],
    [
      "only those routes that are asked for",
      ({ kernel }) => kernel.changeInterface(NAMESPACE, "eth1", { gateways: [] }),
      { routes: ["::/0", "10.0.0.0/8"] },
      ["interface eth1 has no default route by fd00:10:0:100::1"],
    ],
    [
      "an address that should be there",
      () => {},
      { addresses: ["10.1.1.27/24"] },
      ["10.1.1.27/24 is not on eth1"],
    ],
    [
      "another interface",
      () => {},
      { attach: { netns: NAMESPACE, interface: "eth0" } },
      [`the endpoint is attached to eth1 in ${NAMESPACE}`, `there is no interface eth0 in ${NAMESPACE}`],
    ],
    [
      "another namespace",
      () => {},
      { attach: { netns: "/run/netns/none", interface: "eth1" } },
      [`the endpoint is attached to eth1 in ${NAMESPACE}`, "network namespace /run/netns/none is gone"],
    ],
    [
      "a namespace that is gone",
      ({ kernel }) => kernel.deleteNamespace(NAMESPACE),
      ASKED,
      [`device ${DEVICE} is gone from the host`, `network namespace ${NAMESPACE} is gone`],
    ],
  ])("finds %s", async (_, change, asked, problems) => {
    const scene = await attached();
    change(scene);
    expect(scene.agent.check("web-1", asked)).toEqual(problems);
  });

  test("mends what is wrong on the host, and finds what it cannot mend", async () => {
    const scene = await attached();
    const table = scene.kernel.listTable("romana");
    scene.kernel.outside.runNft("delete table inet romana\n");
    expect(scene.agent.check("web-1", ASKED)).toEqual([]);
    expect(scene.kernel.listTable("romana")).toBe(table);
    scene.kernel.outside.runNft("delete table inet romana\n");
    scene.refuse = ({ method }) => (method === "runNft" ? "ENOMEM" : undefined);
    expect(scene.agent.check("web-1", ASKED)).toEqual(["its rules are not in force"]);
  });

  test("finds that the endpoint is being released", async () => {
    const scene = await attached();
    scene.romanad.leave();
    await scene.agent.detach("web-1");
    expect(scene.agent.check("web-1", {})).toEqual(["the endpoint is being released"]);
  });

  test("of what is not attached, or asked badly, is refused", async () => {
    const scene = await attached();
    const failure = (ref: string, asked: unknown): unknown => {
      try {
        return scene.agent.check(ref, asked);
      } catch (error) {
        return error;
      }
    };
    expect(hasCode(failure("web-2", {}), "not-found")).toBe(true);
    for (const asked of [
      { addresses: ["10.1.1.27"] },
      { addresses: ["10.1.1.27/33"] },
      { netns: "/x" },
      [],
    ]) {
      expect(hasCode(failure("web-1", asked), "invalid-input")).toBe(true);
    }
  });
});
