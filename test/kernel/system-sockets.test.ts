import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Family, parseAddress, parsePrefix } from "../../src/net/index.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import {
  decodeEchoReply,
  encodeEcho,
  encodeEchoRequest,
  encodeFrame,
  encodeUdp,
} from "../../src/system/packets.ts";
import { type NetworkSocket, openPacketSocket, openSocket, pollSockets } from "../../src/system/sockets.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";
import { decodeSctpInit, encodeSctpInit } from "../support/sctp-init.ts";

const FAMILIES: readonly Family[] = [4, 6];
const GATEWAY = { 4: parseAddress("10.1.0.1"), 6: parseAddress("fd00:1::1") };
const ENDPOINT = { 4: parseAddress("10.1.1.27"), 6: parseAddress("fd00:1::27") };
const PORT = 7777;

leaveHostNamespace();

describe("sockets in network namespaces", () => {
  const name = `romsys-${process.pid}-s`;
  const [host, peer] = [namespacePath(`${name}h`), namespacePath(`${name}p`)];
  const sockets: NetworkSocket[] = [];
  let kernel: Kernel;
  let peerMac: string;
  let hostMac: string;

  const open = (...args: Parameters<typeof openSocket>): NetworkSocket => {
    const socket = openSocket(...args);
    sockets.push(socket);
    return socket;
  };
  const readable = (socket: NetworkSocket): boolean =>
    pollSockets([{ socket, read: true }], 2_000).length === 1;
  const writable = (socket: NetworkSocket): boolean =>
    pollSockets([{ socket, write: true }], 2_000).length === 1;

  beforeAll(async () => {
    createNamespace(`${name}h`);
    createNamespace(`${name}p`);
    kernel = createLinuxKernel({ namespace: host });
    const veth = await kernel.createVeth({
      name: "rom0",
      peer: {
        namespace: peer,
        name: "eth0",
        addresses: [parsePrefix("10.1.1.27/32"), parsePrefix("fd00:1::27/128")],
        gateways: FAMILIES.map((family) => GATEWAY[family]),
      },
    });
    peerMac = veth.peer.mac;
    hostMac = veth.host.mac ?? "";
    const link = veth.host.index;
    const failures = kernel.apply(
      FAMILIES.flatMap((family) => [
        {
          type: "add-address",
          address: { link, address: GATEWAY[family], prefixLength: family === 4 ? 32 : 128 },
        },
        {
          type: "replace-route",
          route: {
            destination: { ...ENDPOINT[family], length: family === 4 ? 32 : 128 },
            type: "unicast",
            device: link,
            table: 254,
            metric: 0,
            protocol: 114,
          },
        },
      ]),
    );
    expect(failures).toEqual([]);
  });
  afterAll(() => {
    for (const socket of sockets) socket.close();
    kernel.close();
    deleteNamespace(`${name}h`);
    deleteNamespace(`${name}p`);
  });

  test.each(FAMILIES)("TCP of IPv%i: connect, accept, send, receive, end", (family) => {
    const server = open("tcp", family, peer);
    server.bind({ address: ENDPOINT[family], port: 0 });
    server.listen();
    const address = server.localAddress();
    const client = open("tcp", family, host);
    expect(client.connect(address)).toBeUndefined();
    expect(writable(client)).toBe(true);
    expect(client.takeError()).toBeUndefined();
    expect(readable(server)).toBe(true);
    const connection = server.accept();
    expect(connection).toBeDefined();
    expect(server.accept()).toBeUndefined();
    expect(connection?.receive()).toEqual({ type: "nothing" });
    expect(client.send(Buffer.from("hello"))).toBeUndefined();
    expect(readable(connection as NetworkSocket)).toBe(true);
    expect(connection?.receive()).toMatchObject({ type: "data", bytes: Buffer.from("hello") });
    connection?.close();
    expect(readable(client)).toBe(true);
    expect(client.receive()).toEqual({ type: "end" });
  });
  test.each(FAMILIES)("TCP of IPv%i: a closed port refuses", (family) => {
    const client = open("tcp", family, host);
    expect(client.connect({ address: ENDPOINT[family], port: PORT })).toBeUndefined();
    expect(writable(client)).toBe(true);
    expect(client.takeError()).toBe("ECONNREFUSED");
  });
  test.each(FAMILIES)("UDP of IPv%i: there and back, with the sender's address", (family) => {
    const server = open("udp", family, peer);
    server.bind({ address: ENDPOINT[family], port: PORT });
    const client = open("udp", family, host);
    expect(client.send(Buffer.from("ping"), { address: ENDPOINT[family], port: PORT })).toBeUndefined();
    expect(readable(server)).toBe(true);
    const received = server.receive();
    expect(received).toMatchObject({
      type: "data",
      bytes: Buffer.from("ping"),
      from: { address: GATEWAY[family] },
    });
    if (received.type !== "data" || received.from === undefined) return;
    expect(server.send(Buffer.from("pong"), received.from)).toBeUndefined();
    expect(readable(client)).toBe(true);
    expect(client.receive()).toMatchObject({ type: "data", bytes: Buffer.from("pong") });
  });
  test("servers of both families share a port", () => {
    for (const family of FAMILIES) {
      const server = open("tcp", family, peer);
      server.bind({ address: { family, value: 0n }, port: PORT + 2 });
      server.listen();
    }
  });
  test("UDP: a closed port refuses", () => {
    const client = open("udp", 4, host);
    client.connect({ address: ENDPOINT[4], port: PORT + 1 });
    client.send(Buffer.from("x"));
    expect(readable(client)).toBe(true);
    expect(client.receive()).toEqual({ type: "error", errno: "ECONNREFUSED" });
  });
  test("nothing leads out of a namespace without routes", () => {
    expect(open("udp", 4, host).connect({ address: parseAddress("192.0.2.1"), port: 1 })).toBe("ENETUNREACH");
  });
  test.each(FAMILIES)("ICMP of IPv%i: echo", (family) => {
    const socket = open("icmp", family, host);
    expect(
      socket.send(encodeEchoRequest(family, 77, 3), { address: ENDPOINT[family], port: 0 }),
    ).toBeUndefined();
    let reply: ReturnType<typeof decodeEchoReply>;
    while (reply === undefined && readable(socket)) {
      const received = socket.receive();
      if (received.type === "data") reply = decodeEchoReply(family, received.bytes);
    }
    expect(reply).toEqual({ id: 77, sequence: 3 });
  });
  test.each(FAMILIES)("SCTP over IPv%i: an INIT arrives as it was sent", (family) => {
    const [client, server] = [open("sctp", family, host), open("sctp", family, peer)];
    const init = { sourcePort: 40_000, destinationPort: 9, tag: 0xfedcba98 };
    expect(client.send(encodeSctpInit(init), { address: ENDPOINT[family], port: 0 })).toBeUndefined();
    expect(readable(server)).toBe(true);
    const received = server.receive();
    expect(received.type === "data" && decodeSctpInit(family, received.bytes)).toEqual(init);
  });
  test.each(FAMILIES)("forged frames of IPv%i arrive with their source", (family) => {
    const server = open("udp", family, host);
    server.bind({ address: GATEWAY[family], port: PORT });
    const forged = { 4: parseAddress("10.1.1.28"), 6: parseAddress("fd00:1::28") }[family];
    const packets = openPacketSocket("eth0", peer);
    sockets.push(packets);
    kernel.setSysctl("net.ipv4.conf.rom0.rp_filter", "0");
    const udp = encodeUdp(
      { address: forged, port: 5 },
      { address: GATEWAY[family], port: PORT },
      Buffer.from("forged"),
    );
    expect(packets.send(encodeFrame(hostMac, peerMac, udp))).toBeUndefined();
    expect(readable(server)).toBe(true);
    expect(server.receive()).toEqual({
      type: "data",
      bytes: Buffer.from("forged"),
      from: { address: forged, port: 5 },
    });
  });
  test("a packet socket sees the answers too", () => {
    const packets = openPacketSocket("eth0", peer);
    sockets.push(packets);
    packets.send(encodeFrame(hostMac, peerMac, encodeEcho(ENDPOINT[4], GATEWAY[4], 5, 6)));
    const replies: unknown[] = [];
    while (replies.length === 0 && readable(packets)) {
      const received = packets.receive();
      if (received.type === "data" && received.bytes.readUInt16BE(12) === 0x0800) {
        const reply = decodeEchoReply(4, received.bytes.subarray(14));
        if (reply !== undefined) replies.push(reply);
      }
    }
    expect(replies).toEqual([{ id: 5, sequence: 6 }]);
  });
  test("openPacketSocket() refuses a device that is not there", () => {
    expect(() => openPacketSocket("nothere", peer)).toThrow('Cannot open device "nothere": ENODEV');
  });
  test("openSocket() refuses a namespace that is not there", () => {
    expect(() => openSocket("tcp", 4, "/run/netns/nothere")).toThrow(
      'Cannot find network namespace "/run/netns/nothere"',
    );
  });
  test("pollSockets() returns only what is ready, and waits no longer than told", () => {
    const idle = open("udp", 4, host);
    expect(pollSockets([{ socket: idle, read: true }], 0)).toEqual([]);
    const both = [
      { socket: idle, read: true },
      { socket: idle, write: true },
    ];
    expect(pollSockets(both, 1_000)).toEqual([both[1]]);
    expect(pollSockets([], 0)).toEqual([]);
  });
});
