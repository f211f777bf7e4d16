import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { createFakeKernel, type FakeKernel } from "./fake-kernel.ts";
import { kernelCases } from "./kernel.case.ts";
import type { FlowTuple, KernelEvent, KernelRoute } from "./kernel.ts";
import { encodeUdp } from "./packets.ts";
import type { SocketAddress } from "./socket-address.ts";

const NAMESPACE = "/run/netns/peer";

/** What the kernel makes of a datagram. */
function trackUdp(kernel: FakeKernel, from: SocketAddress, to: SocketAddress): void {
  const original: FlowTuple = {
    source: from.address,
    destination: to.address,
    protocol: 17,
    sourcePort: from.port,
    destinationPort: to.port,
  };
  const isSame = (tuple: FlowTuple): boolean => isDeepStrictEqual(tuple, original);
  const known = kernel.listFlows().find((flow) => isSame(flow.original) || isSame(flow.reply));
  if (known === undefined) kernel.addFlow({ original });
  else if (isSame(known.reply)) kernel.changeFlow({ ...known, seenReply: true });
}

describe("the fake kernel obeys the laws", () => {
  kernelCases(() => {
    const kernel = createFakeKernel();
    kernel.addNamespace(NAMESPACE);
    return {
      kernel,
      peerNamespace: NAMESPACE,
      deletePeerNamespace: () => kernel.deleteNamespace(NAMESPACE),
      foreignNft: (text) => kernel.outside.runNft(text),
      sendUdp: (from, to) => trackUdp(kernel, from, to),
      sendLoggedUdp: ({ group, prefix }, from, to, count) => {
        trackUdp(kernel, from, to);
        const packet = encodeUdp(from, to, Buffer.alloc(100)).subarray(0, 128);
        for (let sent = 0; sent < count; sent++) {
          kernel.log(group, { type: "packet", prefix, outputDevice: 1, mark: 5, packet });
        }
      },
      close: () => kernel.close(),
    };
  });
});

describe("the fake kernel in the hands of a test", () => {
  const hole: KernelRoute = {
    destination: parsePrefix("10.1.0.0/16"),
    type: "blackhole",
    table: 254,
    metric: 0,
    protocol: 114,
  };
  const eth0 = { addresses: [parsePrefix("10.1.1.27/32")], gateways: [parseAddress("10.1.0.1")] };

  test("shows what createVeth() has put into a namespace", async () => {
    const kernel = createFakeKernel();
    kernel.addNamespace(NAMESPACE);
    const peer = { namespace: NAMESPACE, name: "eth0", mac: "02:00:00:00:00:09", ...eth0 };
    await kernel.createVeth({ name: "rom0", mtu: 1400, peer });
    expect([...kernel.interfaces(NAMESPACE)]).toEqual([
      ["eth0", { host: "rom0", mac: "02:00:00:00:00:09", mtu: 1400, ...eth0 }],
    ]);
    kernel.apply([{ type: "delete-link", name: "rom0" }]);
    expect(kernel.interfaces(NAMESPACE).size).toBe(0);
    expect(() => kernel.interfaces("/nowhere")).toThrow('Cannot find network namespace "/nowhere"');
  });
  test("refuses what it is told to refuse, and goes on with the rest", () => {
    const kernel = createFakeKernel();
    const other = { ...hole, destination: parsePrefix("10.2.0.0/16") };
    kernel.refuse = (operation) =>
      operation.method === "apply" &&
      operation.change.type === "replace-route" &&
      operation.change.route === hole
        ? "ENOMEM"
        : operation.method === "runNft"
          ? "EPERM"
          : undefined;
    const change = { type: "replace-route", route: hole } as const;
    expect(kernel.apply([change, { type: "replace-route", route: other }])).toEqual([
      { change, errno: "ENOMEM" },
    ]);
    expect(kernel.routes(254)).toEqual([other]);
    expect(() => kernel.runNft("add table inet romana\n")).toThrow("Cannot run nft text: EPERM");
    kernel.outside.runNft("add table inet romana\n");
    kernel.refuse = undefined;
    expect(kernel.apply([change])).toEqual([]);
  });
  test("makes only the kinds of links that it was given", () => {
    const kernel = createFakeKernel({ linkKinds: ["bridge"] });
    expect([kernel.supportsLinkKind("dummy"), kernel.supportsLinkKind("bridge")]).toEqual([false, true]);
    const change = { type: "add-link", name: "romana-gw", kind: "dummy" } as const;
    expect(kernel.apply([change])).toEqual([{ change, errno: "EOPNOTSUPP" }]);
  });
  test("loses routes without a word when a link goes down", async () => {
    const kernel = createFakeKernel();
    const { index } = kernel.addLink({ name: "eth0", mac: "02:00:00:00:00:01" });
    const route: KernelRoute = { ...hole, type: "unicast", device: index };
    kernel.apply([{ type: "replace-route", route }]);
    const abort = new AbortController();
    const events = kernel.events(abort.signal)[Symbol.asyncIterator]();
    kernel.setLinkDown("eth0");
    kernel.overrun();
    expect(kernel.routes(254)).toEqual([]);
    const seen: KernelEvent[] = [];
    while (seen.at(-1)?.type !== "overrun") seen.push((await events.next()).value as KernelEvent);
    expect(seen.map(({ type }) => type)).toEqual(["link", "overrun"]);
    abort.abort();
  });
  test("counts packets", () => {
    const kernel = createFakeKernel();
    kernel.runNft("table inet romana {\n  counter drops { packets 1 bytes 100; }\n}\n");
    kernel.count("romana", "drops", 2, 200);
    expect(kernel.counters("romana").get("drops")).toEqual({ packets: 3, bytes: 300 });
    expect(() => kernel.count("romana", "nothere", 1, 1)).toThrow(RangeError);
  });
  test("counts packets of an element", () => {
    const kernel = createFakeKernel();
    kernel.runNft("table inet romana {\n  set s {\n    type inet_service\n    elements = { 80 }\n  }\n}\n");
    const key = Uint8Array.of(0, 80);
    kernel.countElement("romana", "s", key, 2, 200);
    kernel.countElement("romana", "s", { key }, 1, 100);
    expect(kernel.readSetCounters("romana", "s")).toEqual([{ key, packets: 3, bytes: 300 }]);
    expect(() => kernel.countElement("romana", "s", Uint8Array.of(0, 81), 1, 1)).toThrow(RangeError);
    expect(() => kernel.countElement("romana", "nothere", key, 1, 1)).toThrow(RangeError);
  });
  test("refuses to delete flows when it is told to", () => {
    const kernel = createFakeKernel();
    const source = parseAddress("10.1.1.27");
    const icmp = { type: 8, code: 0, id: 7 };
    const flow = kernel.addFlow({ original: { source, destination: source, protocol: 1, icmp }, mark: 9 });
    expect(flow).toMatchObject({ reply: { protocol: 1, icmp }, mark: 9, id: 1 });
    kernel.refuse = ({ method }) => (method === "deleteFlows" ? "EPERM" : undefined);
    expect(() => kernel.deleteFlows([flow])).toThrow("Cannot delete flows: EPERM");
    expect(kernel.outside.deleteFlows([flow])).toBe(1);
  });
  test("tells what was lost of a log group", async () => {
    const kernel = createFakeKernel();
    const abort = new AbortController();
    const events = kernel.loggedPackets(5, abort.signal)[Symbol.asyncIterator]();
    kernel.log(6, { type: "lost" });
    kernel.log(5, { type: "lost", packets: 3 });
    expect((await events.next()).value).toEqual({ type: "lost", packets: 3 });
    abort.abort();
  });
  test("lists tables as nft prints them", () => {
    const kernel = createFakeKernel();
    kernel.addLink({ name: "rom0" });
    kernel.runNft(
      "table inet romana {\n  counter drops { packets 1 bytes 100; }\n" +
        '  set bound {\n    type iface_index . ipv4_addr\n    comment "x"\n    elements = { 9 . 10.1.1.28, 2 . 10.1.1.27 }\n  }\n' +
        "  chain input {\n    type filter hook input priority filter; policy accept;\n    accept\n  }\n}\n",
    );
    expect(kernel.listTable("romana")).toBe(
      "table inet romana {\n\tcounter drops {\n\t}\n\n" +
        '\tset bound {\n\t\ttype iface_index . ipv4_addr\n\t\tcomment "x"\n\t\telements = { "rom0" . 10.1.1.27, 9 . 10.1.1.28 }\n\t}\n\n' +
        "\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t\taccept\n\t}\n}\n",
    );
  });
  test("takes names that every object has for what they are", () => {
    const kernel = createFakeKernel();
    for (const name of ["__proto__", "constructor"]) {
      expect(kernel.listTable(name)).toBeUndefined();
      kernel.runNft(`add table inet ${name}\n`);
      expect(kernel.listTable(name)).toBe(`table inet ${name} {\n}\n`);
    }
  });
});
