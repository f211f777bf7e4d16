import { beforeEach, describe, expect, test } from "vitest";
import { AgentScene, networkText } from "../../test/support/agent-scene.ts";
import { hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import { type VirtualIp } from "../model/index.ts";
import { addressBits, formatAddress, parseAddress } from "../net/index.ts";
import type { Stored } from "../schema/index.ts";

const ADDRESSES = { ipv4: parseAddress("192.168.0.200"), ipv6: parseAddress("fd99::200") };
const WWW: Stored<VirtualIp> = {
  name: "www",
  addresses: ADDRESSES,
  holder: "host-1",
  since: 1,
  revision: 30,
};
const UP = ["192.168.0.200", "fd99::200"];

let scene: AgentScene;

/** Virtual IPs that the kernel has. */
function leased(): string[] {
  return scene.kernel
    .addresses()
    .filter(({ isLeased }) => isLeased)
    .map(({ address }) => formatAddress(address));
}

/** Lifetimes that were given to the first address, in seconds. */
function lifetimes(): number[] {
  return scene.operations.flatMap((operation) =>
    operation.method === "apply" &&
    operation.change.type === "lease-address" &&
    operation.change.address.address.family === 4
      ? [operation.change.seconds]
      : [],
  );
}

/** Lets the kernel delete them, as when their time is over. */
function expire(): void {
  for (const address of scene.kernel.addresses().filter(({ isLeased }) => isLeased)) {
    scene.kernel.outside.apply([{ type: "delete-address", address }]);
  }
}

/** The change of the virtual IP that the watch tells. */
function tell(change: Partial<VirtualIp>, type: "put" | "delete" = "put"): void {
  const object = { ...WWW, ...change };
  const virtualIps = type === "put" ? [object] : [];
  scene.romanad.change(hostView({ virtualIps }), { kind: "virtualIps", type, object });
}

async function start(virtualIp: Stored<VirtualIp> = WWW): Promise<void> {
  scene = new AgentScene({ romanad: new FakeRomanad(hostView({ virtualIps: [virtualIp] })) });
  scene.romanad.answerBeat = () => ({ hold: [{ name: "www", addresses: ADDRESSES }], next: 400 });
  await scene.start();
}

describe("a holder", () => {
  beforeEach(async () => {
    await start();
  });

  test("asks the link, has the addresses for two seconds, and announces them three times", async () => {
    expect(leased()).toEqual(UP);
    expect(new Set(lifetimes())).toEqual(new Set([2]));
    expect(scene.agent.status().virtualIps).toEqual([{ name: "www", state: "held", device: "eth0" }]);
    await scene.timers.advance(2_000);
    const texts = UP.map((address) => `${address} on eth0`);
    expect(scene.neighbours.announced.toSorted()).toEqual(texts.flatMap((text) => [text, text, text]));
  });

  test("renews with each heartbeat that is acknowledged, and tells what it has", async () => {
    const before = lifetimes().length;
    await scene.timers.advance(2_000);
    expect(lifetimes().length - before).toBe(5);
    expect(scene.romanad.heartbeats.at(-1)).toMatchObject({
      held: ["www"],
      refused: [],
      subnets: ["192.168.0.0/24", "fd99::/64"],
    });
  });

  test("takes them away by itself when romanad is not heard of for 2.4 s", async () => {
    scene.romanad.leave();
    await scene.timers.advance(1_900);
    expect(leased()).toEqual(UP);
    await scene.timers.advance(1_000);
    expect(leased()).toEqual([]);
    scene.romanad.comeBack();
    await scene.timers.advance(10_000);
    expect(leased()).toEqual(UP);
  });

  test("gives them up when romanad says so in an answer, and tells it at once", async () => {
    scene.romanad.answerBeat = () => ({ hold: [], next: 5_000 });
    await scene.timers.advance(400);
    expect(leased()).toEqual([]);
    expect(scene.romanad.heartbeats.at(-1)?.held).toEqual([]);
  });

  test.each([
    ["another host holds it", { holder: "host-2" }, "put"],
    ["it may not hold it any more", { hosts: { by: "names", names: ["host-2"] } }, "put"],
    ["it is deleted", {}, "delete"],
  ] as const)("gives them up when the watch says that %s", async (_, change, type) => {
    scene.romanad.answerBeat = () => ({ hold: [], next: 5_000 });
    tell(change, type);
    await scene.timers.advance(0);
    expect(leased()).toEqual([]);
    await scene.timers.advance(20);
    expect(scene.romanad.heartbeats.at(-1)?.held).toEqual([]);
  });

  test("takes what the kernel has lost again, after asking the link", async () => {
    expire();
    scene.neighbours.users.set("192.168.0.200", "02:00:00:00:00:77");
    await scene.timers.advance(400);
    expect(leased()).toEqual(["fd99::200"]);
    expect(scene.agent.status().problems).toEqual([
      'Cannot hold virtual IP "www": 02:00:00:00:00:77 on the link of eth0 has 192.168.0.200',
    ]);
  });

  test("leaves what an earlier life has left, until romanad says whose it is", async () => {
    await scene.kill();
    scene.romanad.leave();
    await scene.start();
    expect(leased()).toEqual(UP);
    scene.romanad.comeBack();
    scene.operations.length = 0;
    await scene.timers.advance(1_000);
    expect(leased()).toEqual(UP);
    // Those of the earlier life.
    expect(scene.neighbours.announced).toHaveLength(2);
    expect(lifetimes().length).toBeGreaterThan(0);
    expect(
      scene.operations.filter((operation) => JSON.stringify(operation, text).includes("delete-address")),
    ).toEqual([]);
  });
});

describe("an answer", () => {
  test.each([
    [300, [2]],
    [500, [1]],
    [1_300, [1]],
    [1_500, []],
  ])("that came %i ms after its heartbeat was sent gives lifetimes of %j s", async (delay, expected) => {
    await start();
    const before = lifetimes().length;
    const hold = scene.romanad.answerBeat;
    scene.romanad.answerBeat = async (...args) => {
      await new Promise<void>((resolve) => scene.timers.after(delay, resolve));
      scene.romanad.answerBeat = () => new Promise(() => {});
      return await hold(...args);
    };
    await scene.timers.advance(400 + delay);
    expect(lifetimes().slice(before)).toEqual(expected);
  });

  test("that a stopped process acts on too late gives nothing", async () => {
    await start();
    let isStopped = true;
    scene.refuse = (operation) => {
      if (!isStopped || operation.method !== "apply" || operation.change.type !== "lease-address")
        return undefined;
      isStopped = false;
      scene.timers.stall(3_000);
      return undefined;
    };
    scene.romanad.leave();
    scene.romanad.comeBack();
    await scene.timers.advance(400);
    expect(isStopped).toBe(false);
    expect(leased()).not.toContain("192.168.0.200");
  });
});

describe("a host refuses", () => {
  test.each([
    [
      "what somebody on the link has",
      () => scene.neighbours.users.set("192.168.0.200", "02:00:00:00:00:77"),
      "has 192.168.0.200",
    ],
    [
      "what the machine has as an address of its own",
      () =>
        scene.kernel.outside.apply([
          {
            type: "add-address",
            address: { link: 2, address: ADDRESSES.ipv4, prefixLength: addressBits(4) },
          },
        ]),
      "192.168.0.200 is an address of this machine already",
    ],
    [
      "what is in no subnet of a working device",
      () => scene.kernel.setLinkDown("eth0"),
      "no working device of this machine",
    ],
  ])("%s, and tells romanad", async (_, prepare, reason) => {
    await start({ ...WWW, holder: "host-2" });
    prepare();
    tell({});
    await scene.timers.advance(100);
    expect(leased()).not.toContain("192.168.0.200");
    const told = scene.romanad.heartbeats.flatMap(({ refused }) => refused);
    expect(told[0]).toMatchObject({ name: "www", reason: expect.stringContaining(reason) });
    expect(scene.agent.status()).toMatchObject({
      state: "degraded",
      virtualIps: [{ name: "www", state: "refused", reason: expect.stringContaining(reason) }],
    });
  });
});

test("a host that is nobody's candidate sends no heartbeats, and its kernel is left alone", async () => {
  await start({ ...WWW, holder: "host-2", hosts: { by: "names", names: ["host-2"] } });
  const before = networkText(scene.kernel);
  await scene.timers.advance(30_000);
  expect(scene.romanad.heartbeats).toEqual([]);
  expect(networkText(scene.kernel)).toBe(before);
});

test("a candidate comes again when it was asked to", async () => {
  await start({ ...WWW, holder: "host-2" });
  scene.romanad.answerBeat = () => ({ hold: [], next: 5_000 });
  await scene.timers.advance(400);
  const before = scene.romanad.heartbeats.length;
  await scene.timers.advance(20_000);
  expect(scene.romanad.heartbeats.length - before).toBe(4);
});

/** JSON with big integers as text. */
function text(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
