import { describe, expect, test } from "vitest";
import { AgentScene, createSceneKernel, networkText } from "../../test/support/agent-scene.ts";
import { endpoint, hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import type { Endpoint } from "../model/index.ts";
import { addressPrefix } from "../net/index.ts";
import { createMemoryStore } from "../store/index.ts";
import type { FakeKernel } from "../system/fake-kernel.ts";

const MAC = "fa:16:3e:00:00:07";
/** The tap of that guest as libvirt makes it. */
const TAP = { name: "tap7", kind: "tun", mac: "fe:16:3e:00:00:07" } as const;
const ADDRESS = "10.1.1.27";
const ROUTE = `route unicast ${ADDRESS}/32 dev tap7`;

/** An endpoint of host 1 that says its tap: 11 is 10.1.1.27. */
function guest(id = 11, device = "tap7", mac = MAC): Endpoint {
  const { revision: _, ...plain } = endpoint(id);
  return { ...plain, tap: { device, mac } };
}

function romanadWith(...endpoints: readonly Endpoint[]): FakeRomanad {
  return new FakeRomanad(hostView({ endpoints: endpoints.map((one) => ({ ...one, revision: 20 })) }));
}

function stateOf({ agent }: AgentScene): readonly string[] {
  return agent.attachments().map(({ endpoint: { name }, device, state }) => `${name} ${device} ${state}`);
}

async function rest(scene: AgentScene): Promise<void> {
  await scene.timers.advance(100);
}

describe("an endpoint that says its tap", () => {
  test("is wired when the tap comes late, and unwired when it goes", async () => {
    const scene = await new AgentScene({ romanad: romanadWith(guest()) }).start();
    const before = networkText(scene.kernel);
    expect(stateOf(scene)).toEqual([]);
    scene.kernel.addLink({ ...TAP, up: false });
    await rest(scene);
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    expect(networkText(scene.kernel)).toContain(ROUTE);
    expect(networkText(scene.kernel)).toContain("link tap7 tun up");
    expect(scene.kernel.sysctl("net.ipv4.conf.tap7.proxy_arp")).toBe("1");
    expect(scene.kernel.listTable("romana")).toContain(`"tap7" . ${ADDRESS}`);
    await scene.kernel.outside.deleteLink("tap7");
    await rest(scene);
    expect(stateOf(scene)).toEqual([]);
    expect(networkText(scene.kernel)).toBe(before);
    expect(scene.kernel.listTable("romana")).not.toContain("tap7");
    expect(scene.agent.status()).toMatchObject({ state: "ok", problems: [] });
  });

  test("is wired again when the tap is back, and to one that was there before", async () => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const scene = await new AgentScene({ kernel, romanad: romanadWith(guest()) }).start();
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    await kernel.outside.deleteLink("tap7");
    const { index } = kernel.addLink(TAP);
    await rest(scene);
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    const { ipv4 } = guest().addresses;
    expect(kernel.routes(254).find(({ destination }) => destination.value === ipv4?.value)?.device).toBe(
      index,
    );
  });

  test("is wired when romanad tells of it after the tap, and unwired when it is released", async () => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const scene = await new AgentScene({ kernel }).start();
    const before = networkText(kernel);
    scene.romanad.put(guest());
    await rest(scene);
    expect(networkText(kernel)).toContain(ROUTE);
    scene.romanad.remove(ADDRESS);
    await rest(scene);
    expect(networkText(kernel)).toBe(before);
    expect(stateOf(scene)).toEqual([]);
  });

  test.each<[string, Endpoint["tap"], readonly string[]]>([
    ["another device", { device: "tap8", mac: MAC }, ["web-11 tap8 attached"]],
    ["none", undefined, []],
    ["the same", { device: "tap7", mac: MAC }, ["web-11 tap7 attached"]],
  ])("that says %s from now on", async (_, tap, expected) => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    kernel.addLink({ ...TAP, name: "tap8" });
    const scene = await new AgentScene({ kernel, romanad: romanadWith(guest()) }).start();
    const { tap: _before, ...plain } = guest();
    scene.romanad.put({ ...plain, ...(tap && { tap }) });
    await rest(scene);
    expect(stateOf(scene)).toEqual(expected);
    expect(networkText(kernel).match(/route .* dev tap[78]/g)?.length ?? 0).toBe(expected.length * 2);
  });

  test("is not the agent's to release, when it is detached", async () => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const scene = await new AgentScene({ kernel, romanad: romanadWith(guest()) }).start();
    expect(await scene.agent.detach("web-11")).toEqual({ detached: true, released: false });
    expect([...scene.romanad.endpoints.keys()]).toEqual([ADDRESS]);
  });
});

test.each([
  ["nftables", ["web-11 tap7 attached"], []],
  [
    "iptables",
    [],
    [
      'Cannot attach endpoint "web-11": its address is of host "host-2", and only a host with nftables takes it; migrate it to one',
    ],
  ],
])("an endpoint that was relocated here, with %s", async (firewall, attached, problems) => {
  const kernel = createSceneKernel();
  kernel.addLink(TAP);
  const visitor = { ...endpoint(11, 20, 2), tap: { device: TAP.name, mac: MAC }, locatedOn: "host-1" };
  const { host, locatedOn, network } = visitor;
  const blocks = [visitor.addresses.ipv4, visitor.addresses.ipv6]
    .flatMap((one) => one ?? [])
    .map(addressPrefix);
  const relocation = { network, host, locatedOn, blocks, revision: 20 };
  const romanad = new FakeRomanad(hostView({ endpoints: [visitor], relocations: [relocation] }));
  const scene = await new AgentScene({ kernel, config: { firewall }, romanad }).start();
  await rest(scene);
  expect(stateOf(scene)).toEqual(attached);
  await kernel.outside.deleteLink("tap7");
  kernel.addLink(TAP);
  await rest(scene);
  expect(stateOf(scene)).toEqual(attached);
  expect(scene.agent.status().problems).toEqual(problems);
  if (attached.length === 0) expect(networkText(kernel)).not.toContain("dev tap7");
});

describe("a device is refused", () => {
  test.each<[string, Parameters<FakeKernel["addLink"]>[0], string]>([
    ["that is no tap", { ...TAP, kind: "veth" }, 'device "tap7" is no tap but veth'],
    [
      "of another guest",
      { ...TAP, mac: "fe:16:3e:00:00:08" },
      'tap "tap7" has MAC address fe:16:3e:00:00:08, which is not that of the guest with fa:16:3e:00:00:07',
    ],
  ])("%s", async (_, link, reason) => {
    const scene = await new AgentScene({ romanad: romanadWith(guest()) }).start();
    scene.kernel.addLink(link);
    await rest(scene);
    expect(stateOf(scene)).toEqual([]);
    expect(networkText(scene.kernel)).not.toContain("dev tap7");
    expect(scene.agent.status().problems).toEqual([`Cannot wire endpoint "web-11": ${reason}`]);
    await scene.kernel.outside.deleteLink("tap7").catch(() => undefined);
    scene.kernel.addLink(TAP);
    await scene.timers.advance(60_000);
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("when it takes the place of the tap unseen", async () => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const scene = await new AgentScene({ kernel, romanad: romanadWith(guest()) }).start();
    await kernel.outside.deleteLink("tap7");
    kernel.addLink({ ...TAP, kind: "veth" });
    await rest(scene);
    expect(stateOf(scene)).toEqual([]);
    expect(kernel.listTable("romana")).not.toContain("tap7");
  });

  test("that another endpoint has, until that one is released", async () => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const scene = await new AgentScene({ kernel, romanad: romanadWith(guest()) }).start();
    scene.romanad.put(guest(12));
    await rest(scene);
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    expect(scene.agent.status().problems).toEqual([
      'Cannot wire endpoint "web-12": device "tap7" has endpoint "web-11" already',
    ]);
    scene.romanad.remove(ADDRESS);
    await rest(scene);
    expect(stateOf(scene)).toEqual(["web-12 tap7 attached"]);
    expect(scene.agent.status().problems).toEqual([]);
  });
});

describe("events are lost while a tap", () => {
  const STRANGER = { ...TAP, mac: "fe:16:3e:00:00:08" };
  const FAULT =
    'Cannot wire endpoint "web-11": tap "tap7" has MAC address fe:16:3e:00:00:08, which is not that of the guest with fa:16:3e:00:00:07';

  test.each<[string, (kernel: FakeKernel) => void, readonly string[], readonly string[]]>([
    ["goes", (kernel) => void kernel.outside.deleteLink("tap7"), [], []],
    [
      "is replaced by one of the same guest",
      (kernel) => {
        void kernel.outside.deleteLink("tap7");
        kernel.addLink(TAP);
      },
      ["web-11 tap7 attached"],
      [],
    ],
    [
      "is replaced by one of another guest",
      (kernel) => {
        void kernel.outside.deleteLink("tap7");
        kernel.addLink(STRANGER);
      },
      [],
      [FAULT],
    ],
  ])("%s", async (_, meanwhile, attached, problems) => {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const scene = await new AgentScene({ kernel, romanad: romanadWith(guest()) }).start();
    const before = networkText(kernel);
    const index = kernel.links().find(({ name }) => name === "tap7")?.index;
    kernel.overrun(() => meanwhile(kernel));
    expect(kernel.links().find(({ name }) => name === "tap7")?.index).not.toBe(index);
    await rest(scene);
    expect(stateOf(scene)).toEqual(attached);
    expect(scene.agent.status().problems).toEqual(problems);
    if (attached.length > 0) {
      expect(networkText(kernel)).toBe(before);
      expect(kernel.sysctl("net.ipv4.conf.tap7.proxy_arp")).toBe("1");
      expect(kernel.listTable("romana")).toContain(`"tap7" . ${ADDRESS}`);
    } else {
      expect(networkText(kernel)).not.toContain(ROUTE);
      expect(kernel.listTable("romana")).not.toContain("tap7");
    }
  });

  test("comes", async () => {
    const scene = await new AgentScene({ romanad: romanadWith(guest()) }).start();
    scene.kernel.overrun(() => void scene.kernel.addLink(TAP));
    await rest(scene);
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    expect(networkText(scene.kernel)).toContain(ROUTE);
  });
});

describe("an agent that begins again", () => {
  async function wired(): Promise<AgentScene> {
    const kernel = createSceneKernel();
    kernel.addLink(TAP);
    const store = createMemoryStore();
    const scene = await new AgentScene({ kernel, store, romanad: romanadWith(guest()) }).start();
    await scene.timers.advance(400_000);
    return scene;
  }

  test("finds all as it was, and changes nothing, also while romanad is away", async () => {
    const scene = await wired();
    const before = networkText(scene.kernel);
    await scene.kill();
    scene.romanad.leave();
    scene.operations.length = 0;
    await scene.start();
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    expect(networkText(scene.kernel)).toBe(before);
    expect(scene.operations.map(({ method }) => method)).not.toContain("apply");
  });

  test("knows endpoints that romanad has told of since the network was news", async () => {
    const scene = await new AgentScene().start();
    await scene.timers.advance(5_000);
    scene.romanad.put(guest());
    await scene.timers.advance(5_000);
    await scene.kill();
    scene.romanad.leave();
    scene.kernel.addLink(TAP);
    await scene.start();
    await rest(scene);
    expect(networkText(scene.kernel)).toContain(ROUTE);
  });

  test("wires what came meanwhile while romanad is away", async () => {
    const scene = await wired();
    await scene.kernel.outside.deleteLink("tap7");
    await rest(scene);
    await scene.stop();
    scene.romanad.leave();
    scene.kernel.addLink(TAP);
    await scene.start();
    await rest(scene);
    expect(networkText(scene.kernel)).toContain(ROUTE);
  });

  test.each<[string, (scene: AgentScene) => Promise<unknown>]>([
    ["went", (scene) => scene.kernel.outside.deleteLink("tap7")],
    ["was released", async (scene) => scene.romanad.remove(ADDRESS)],
    ["said its tap", async (scene) => scene.romanad.put({ ...endpoint(11), name: "web-11" })],
  ])("lets go of what %s meanwhile", async (_, happens) => {
    const scene = await wired();
    await scene.kill();
    await happens(scene);
    await scene.start();
    await rest(scene);
    expect(stateOf(scene)).toEqual([]);
    expect(networkText(scene.kernel)).not.toContain("dev tap7");
    expect(scene.kernel.listTable("romana")).not.toContain("tap7");
  });

  test.each<[string, boolean]>([
    ["with its memory", true],
    ["without its memory", false],
  ])("%s tells at once of a tap that it does not take", async (_, hasMemory) => {
    const former = await wired();
    const { kernel, romanad, store } = former;
    await former.kill();
    await kernel.outside.deleteLink("tap7");
    kernel.addLink({ ...TAP, mac: "fe:16:3e:00:00:08" });
    const scene = new AgentScene({ kernel, romanad, store: hasMemory ? store : createMemoryStore() });
    await scene.start();
    expect(stateOf(scene)).toEqual([]);
    expect(scene.agent.status()).toMatchObject({
      state: "degraded",
      problems: [
        'Cannot wire endpoint "web-11": tap "tap7" has MAC address fe:16:3e:00:00:08, which is not that of the guest with fa:16:3e:00:00:07',
      ],
    });
    expect(networkText(kernel)).not.toContain(ROUTE);
    expect(kernel.listTable("romana")).not.toContain("tap7");
  });

  test("without its memory finds it in the kernel, and does not take it for its own", async () => {
    const { kernel, romanad } = await wired();
    const before = networkText(kernel);
    const scene = await new AgentScene({ kernel, romanad, store: createMemoryStore() }).start();
    expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
    expect(networkText(kernel)).toBe(before);
    await scene.agent.detach("web-11");
    expect([...romanad.endpoints.keys()]).toEqual([ADDRESS]);
  });
});

test("a tap that goes while it is being wired is not left half-wired", async () => {
  const scene = await new AgentScene({ romanad: romanadWith(guest()) }).start();
  const before = networkText(scene.kernel);
  let isGone = false;
  scene.refuse = (operation) => {
    if (operation.method !== "apply" || isGone || operation.change.type !== "replace-route") return undefined;
    isGone = true;
    void scene.kernel.outside.deleteLink("tap7");
    return "ENODEV";
  };
  scene.kernel.addLink(TAP);
  await rest(scene);
  expect(isGone).toBe(true);
  expect(stateOf(scene)).toEqual([]);
  expect(networkText(scene.kernel)).toBe(before);
  scene.kernel.addLink(TAP);
  await scene.timers.advance(5_000);
  expect(stateOf(scene)).toEqual(["web-11 tap7 attached"]);
});
