import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Address, formatAddress, parseAddress } from "../../src/net/index.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import {
  checksum,
  encodeArpReply,
  encodeFrame,
  encodeIp,
  encodeNeighbourAdvertisement,
  encodeUdp,
  IP_PROTOCOL,
} from "../../src/system/packets.ts";
import { type NetworkSocket, openPacketSocket, openSocket, pollSockets } from "../../src/system/sockets.ts";
import { exampleWorld } from "./example-world.ts";
import { allPairs, probeUdp } from "./firewall-probes.ts";
import {
  createFirewallScene,
  type FirewallScene,
  type SceneEndpoint,
  type SceneFirewall,
  type SceneParty,
} from "./firewall-scene.ts";

const PORT = 7001;
const TIMEOUT_MS = 5_000;

const endpoint = (name: string, host: string, tenant: number, code: number, id: number): SceneEndpoint => ({
  name,
  network: "default",
  host,
  tenant,
  code: { code, extraBits: 0 },
  endpoint: id,
});

/** The attacker and its victims; acme-web (10.1.1.27) and acme-web-2 (10.2.1.17) are one segment. */
const ENDPOINTS = [
  endpoint("attacker", "host-1", 2, 1, 1),
  endpoint("acme-web", "host-1", 1, 1, 11),
  endpoint("acme-web-1", "host-1", 1, 1, 1),
  endpoint("acme-web-2", "host-2", 1, 1, 1),
  endpoint("open-web", "host-1", 3, 1, 1),
];

/** What forged packets, broken segments and fragments come to, whatever enforces the rules. */
export function describeForgeries(firewall: SceneFirewall): void {
  describe(firewall.name, () => {
    let scene: FirewallScene;
    const sockets: NetworkSocket[] = [];
    beforeAll(async () => {
      scene = await createFirewallScene(exampleWorld(), ENDPOINTS, [], firewall);
      scene.apply();
      // Every neighbour is known from here on, so that nothing waits.
      probeUdp(scene, allPairs(scene.parties));
    });
    afterAll(() => {
      for (const socket of sockets) socket.close();
      scene.close();
    });
    beforeEach(() => {
      for (const socket of sockets.splice(0)) socket.close();
    });

    function keep(socket: NetworkSocket): NetworkSocket {
      sockets.push(socket);
      return socket;
    }

    function listen(party: SceneParty, address: Address): NetworkSocket {
      const socket = keep(openSocket("udp", address.family, party.namespace));
      socket.bind({ address, port: PORT });
      return socket;
    }

    /** Sends IP packets as they are from an endpoint's interface to its host. */
    function sender({ namespace, wire }: SceneParty): (packet: Buffer) => void {
      if (wire === undefined) throw new Error("not an endpoint");
      const socket = keep(openPacketSocket("eth0", namespace));
      return (packet) => expect(socket.send(encodeFrame(wire.hostMac, wire.mac, packet))).toBeUndefined();
    }

    /** The texts that a socket receives until one of them is the given one. */
    function receiveUntil(socket: NetworkSocket, last: string): string[] {
      const texts: string[] = [];
      const deadline = performance.now() + TIMEOUT_MS;
      while (texts.at(-1) !== last && performance.now() < deadline) {
        pollSockets([{ socket, read: true }], 100);
        for (let got = socket.receive(); got.type === "data"; got = socket.receive())
          texts.push(got.bytes.toString());
      }
      return texts;
    }

    function udp(source: Address, destination: Address, text: string): Buffer {
      return encodeUdp(
        { address: source, port: PORT },
        { address: destination, port: PORT },
        Buffer.from(text),
      );
    }

    function address(party: SceneParty, family: 4 | 6): Address {
      return party.addresses.find((candidate) => candidate.family === family) as Address;
    }

    function drops(reason: string): number {
      return scene.drops().get(reason) ?? 0;
    }

    /** Waits until so many more packets have been dropped: the kernel may handle them after the call that sent them. */
    async function expectDrops(reason: string, before: number, count: number): Promise<void> {
      await expect.poll(() => drops(reason) - before, { timeout: TIMEOUT_MS, interval: 5 }).toBe(count);
    }

    /** Who gets neighbour advertisements, up to the one for the last address. */
    function advertisedTo(socket: NetworkSocket, last: Address): string[] {
      const receivers: string[] = [];
      const deadline = performance.now() + TIMEOUT_MS;
      while (receivers.at(-1) !== formatAddress(last) && performance.now() < deadline) {
        pollSockets([{ socket, read: true }], 100);
        for (let got = socket.receive(); got.type === "data"; got = socket.receive()) {
          // Behind 14 bytes of Ethernet the IPv6 header has its destination at 24, and ICMPv6 starts at 40.
          if (got.bytes.readUInt16BE(12) !== 0x86dd || got.bytes[54] !== 136) continue;
          const value = BigInt(`0x${got.bytes.subarray(38, 54).toString("hex")}`);
          receivers.push(formatAddress({ family: 6, value }));
        }
      }
      return receivers;
    }

    function macOf({ namespace }: { readonly namespace: string }, device: string): string {
      const kernel = createLinuxKernel({ namespace });
      try {
        return kernel.links().find(({ name }) => name === device)?.mac as string;
      } finally {
        kernel.close();
      }
    }

    describe("forged sources", () => {
      // The kernel itself drops some before any rule: own addresses, 0.0.0.0 and loopback as sources.
      test.each([
        ["the other tenant's endpoint next door", "10.1.1.17", "counted"],
        ["its victim's own neighbour in the segment", "10.1.1.18", "counted"],
        ["an endpoint of the segment on another host", "10.2.1.17", "counted"],
        ["an unused address of its own segment", "10.1.2.18", "counted"],
        ["a machine outside", "192.0.2.1", "counted"],
        ["another host's gateway", "10.2.0.1", "counted"],
        ["another host", "192.168.77.2", "counted"],
        ["the gateway", "10.1.0.1", "martian"],
        ["nobody", "0.0.0.0", "martian"],
        ["loopback", "127.0.0.1", "martian"],
        ["the other tenant's endpoint next door", "fd00:10:0:100:1:1:0:1", "counted"],
        ["an endpoint of the segment on another host", "fd00:10:0:200:1:1:0:1", "counted"],
        ["a machine outside", "2001:db8::1", "counted"],
        ["another host's gateway", "fd00:10:0:200::1", "counted"],
        ["the gateway", "fd00:10:0:100::1", "counted"],
        ["nobody", "::", "martian"],
        ["its own link-local address", "fe80::1", "martian"],
      ])("%s, %s: dropped and %s", async (_, text, expected) => {
        const forged = parseAddress(text);
        const [victim, attacker, open] = [
          scene.party("acme-web"),
          scene.party("attacker"),
          scene.party("open-web"),
        ];
        const { family } = forged;
        const before = drops("spoofed-source");
        const [listener, fence] = [
          listen(victim, address(victim, family)),
          listen(open, address(open, family)),
        ];
        const send = sender(attacker);
        send(udp(forged, address(victim, family), "forged"));
        // open-web lets everybody in, but not from a forged address.
        send(udp(forged, address(open, family), "forged"));
        send(udp(address(attacker, family), address(open, family), "genuine"));
        expect(receiveUntil(fence, "genuine")).toEqual(["genuine"]);
        expect(listener.receive()).toEqual({ type: "nothing" });
        await expectDrops("spoofed-source", before, expected === "counted" ? 2 : 0);
      });

      test.each([4, 6] as const)("IPv%i: an own address that comes from outside", async (family) => {
        const [victim, outside] = [scene.party("acme-web"), scene.party("outside")];
        const before = drops("spoofed-source");
        const listener = listen(victim, address(victim, family));
        const socket = keep(openPacketSocket("wan1", outside.namespace));
        const source = address(scene.party("acme-web-1"), family);
        const [to, from] = [macOf(scene.party("host-1"), "wan1"), macOf(outside, "wan1")];
        socket.send(encodeFrame(to, from, udp(source, address(victim, family), "forged")));
        await expectDrops("spoofed-source", before, 1);
        expect(listener.receive()).toEqual({ type: "nothing" });
      });

      test.each([4, 6] as const)("IPv%i: inside a known flow, from either of its sides", async (family) => {
        const [near, far, attacker] = [
          scene.party("acme-web"),
          scene.party("acme-web-2"),
          scene.party("attacker"),
        ];
        const [nearSocket, farSocket] = [
          listen(near, address(near, family)),
          listen(far, address(far, family)),
        ];
        nearSocket.send(Buffer.from("there"), { address: address(far, family), port: PORT });
        expect(receiveUntil(farSocket, "there")).toEqual(["there"]);
        farSocket.send(Buffer.from("back"), { address: address(near, family), port: PORT });
        expect(receiveUntil(nearSocket, "back")).toEqual(["back"]);
        const before = drops("spoofed-source");
        const send = sender(attacker);
        send(udp(address(near, family), address(far, family), "forged"));
        send(udp(address(far, family), address(near, family), "forged"));
        await expectDrops("spoofed-source", before, 2);
        nearSocket.send(Buffer.from("again"), { address: address(far, family), port: PORT });
        expect(receiveUntil(farSocket, "again")).toEqual(["again"]);
        expect(nearSocket.receive()).toEqual({ type: "nothing" });
      });
    });

    describe("forged neighbours", () => {
      test.each([4, 6] as const)("IPv%i: nothing is redirected to who claims all addresses", (family) => {
        const [victim, friend, attacker] = [
          scene.party("acme-web"),
          scene.party("acme-web-2"),
          scene.party("attacker"),
        ];
        const { wire } = attacker;
        const socket = keep(openPacketSocket("eth0", attacker.namespace));
        const claimed = [address(victim, family), address(friend, family)];
        claimed.push(
          ...(family === 4 ? ["10.1.0.1", "192.168.77.2"] : ["fd00:10:0:100::1", "fd77::2"]).map(
            parseAddress,
          ),
        );
        const gateway = parseAddress(family === 4 ? "10.1.0.1" : "fd00:10:0:100::1");
        for (const target of claimed) {
          const lie =
            family === 4
              ? encodeArpReply(target, wire?.mac ?? "", { address: gateway, mac: wire?.hostMac ?? "" })
              : encodeFrame(
                  wire?.hostMac ?? "",
                  wire?.mac ?? "",
                  encodeNeighbourAdvertisement(address(attacker, 6), gateway, target, wire?.mac ?? ""),
                );
          expect(socket.send(lie)).toBeUndefined();
        }
        for (let got = socket.receive(); got.type === "data"; got = socket.receive());
        const [listener, back] = [
          listen(victim, address(victim, family)),
          listen(friend, address(friend, family)),
        ];
        back.send(Buffer.from("to the victim"), { address: address(victim, family), port: PORT });
        expect(receiveUntil(listener, "to the victim")).toEqual(["to the victim"]);
        listener.send(Buffer.from("to its friend"), { address: address(friend, family), port: PORT });
        expect(receiveUntil(back, "to its friend")).toEqual(["to its friend"]);
        for (let got = socket.receive(); got.type === "data"; got = socket.receive()) {
          expect(got.bytes.toString("latin1")).not.toContain("to the victim");
          expect(got.bytes.toString("latin1")).not.toContain("to its friend");
        }
      });

      test.each([
        ["its link-local address", "fe80::c0de", 255, "answered"],
        ["its own address", "fd00:10:0:100:2:1:0:1", 255, "answered"],
        ["afar", "fe80::c0de", 254, "not answered"],
        ["the victim's address", "fd00:10:0:100:1:1:0:b", 255, "not answered"],
        ["a machine outside", "2001:db8::1", 255, "not answered"],
      ])(
        "a solicitation of the gateway from %s (%s, hop limit %i) is %s",
        async (_, text, hopLimit, expected) => {
          const { namespace, wire } = scene.party("attacker");
          const socket = keep(openPacketSocket("eth0", namespace));
          const gateway = parseAddress("fd00:10:0:100::1");
          const solicit = (source: Address, limit: number): void => {
            const type = Buffer.from([135, 0, 0, 0, 0, 0, 0, 0]);
            const option = Buffer.from(`0101${wire?.mac.replaceAll(":", "")}`, "hex");
            const message = Buffer.concat([type, Buffer.from(gateway.value.toString(16), "hex"), option]);
            const packet = icmp6(source, parseAddress("ff02::1:ff00:1"), message, limit);
            expect(socket.send(encodeFrame("33:33:ff:00:00:01", wire?.mac ?? "", packet))).toBeUndefined();
          };
          const [source, fence] = [parseAddress(text), parseAddress("fe80::feed")];
          solicit(source, hopLimit);
          solicit(fence, 255);
          const answered = advertisedTo(socket, fence);
          expect(answered).toEqual([...(expected === "answered" ? [text] : []), formatAddress(fence)]);
        },
      );

      test("a router advertisement does not reach a host that would believe it", async () => {
        const { kernel } = scene.hosts[0] as FirewallScene["hosts"][0];
        const attacker = scene.party("attacker");
        const device = attacker.wire?.device.name ?? "";
        kernel.setSysctl(`net.ipv6.conf.${device}.accept_ra`, "2");
        const before = drops("multicast");
        const advertisement = Buffer.from("86000000400007080000000000000000", "hex");
        const allNodes = parseAddress("ff02::1");
        const packet = icmp6(parseAddress("fe80::bad"), allNodes, advertisement, 255);
        keep(openPacketSocket("eth0", attacker.namespace)).send(
          encodeFrame("33:33:00:00:00:01", attacker.wire?.mac ?? "", packet),
        );
        await expect.poll(() => drops("multicast")).toBeGreaterThan(before);
        const defaults = kernel.routes(254).filter(({ destination }) => destination.length === 0);
        expect(defaults).toEqual([]);
      });
    });

    describe("what connection tracking cannot follow is judged like a new flow", () => {
      test.each([
        ["acme-web", "isolation"],
        ["open-web", undefined],
      ])("a broken TCP segment out of nowhere to %s: %s", async (name, reason) => {
        const [victim, attacker] = [scene.party(name), scene.party("attacker")];
        const before = drops("isolation");
        const acknowledgement = Buffer.from("1b591b59000000010000000150100400ffff0000", "hex");
        const watch = keep(openPacketSocket("eth0", victim.namespace));
        sender(attacker)(
          encodeIp(address(attacker, 4), address(victim, 4), IP_PROTOCOL.tcp, acknowledgement),
        );
        if (reason === undefined)
          expect(pollSockets([{ socket: watch, read: true }], TIMEOUT_MS)).toHaveLength(1);
        else await expectDrops(reason, before, 1);
        expect(pollSockets([{ socket: watch, read: true }], 0)).toHaveLength(reason === undefined ? 1 : 0);
      });
    });

    describe("errors and fragments", () => {
      test.each([4, 6] as const)("IPv%i: an ICMP error of a flow comes back across isolation", (family) => {
        const [source, target] = [scene.party("acme-web"), scene.party("open-web")];
        const socket = keep(openSocket("udp", family, source.namespace));
        socket.connect({ address: address(target, family), port: 9 });
        expect(socket.send(Buffer.from("anybody there?"))).toBeUndefined();
        expect(pollSockets([{ socket, read: true }], TIMEOUT_MS)).toHaveLength(1);
        expect(socket.receive()).toEqual({ type: "error", errno: "ECONNREFUSED" });
      });

      test.each([
        [4, "acme-web-1", "arrives"],
        [4, "open-web", "arrives"],
        [4, "attacker", "is dropped"],
        [6, "acme-web-1", "arrives"],
        [6, "attacker", "is dropped"],
      ] as const)("IPv%i: a datagram in fragments from acme-web to %s %s", async (family, name, expected) => {
        const [source, target] = [scene.party("acme-web"), scene.party(name)];
        const before = drops("isolation");
        const [listener, socket] = [
          listen(target, address(target, family)),
          listen(source, address(source, family)),
        ];
        const text = "x".repeat(4000);
        expect(
          socket.send(Buffer.from(text), { address: address(target, family), port: PORT }),
        ).toBeUndefined();
        if (expected === "arrives") expect(receiveUntil(listener, text)).toEqual([text]);
        await expectDrops("isolation", before, expected === "arrives" ? 0 : 1);
        expect(listener.receive()).toEqual({ type: "nothing" });
      });
    });

    /** An ICMPv6 message in an IPv6 packet, with its checksum. */
    function icmp6(source: Address, destination: Address, message: Buffer, hopLimit: number): Buffer {
      const packet = encodeIp(source, destination, IP_PROTOCOL.icmp[6], message, hopLimit);
      const length = Buffer.from([0, 0, 0, message.length, 0, 0, 0, IP_PROTOCOL.icmp[6]]);
      packet.writeUInt16BE(checksum(packet.subarray(8, 40), length, message), 42);
      return packet;
    }
  });
}
