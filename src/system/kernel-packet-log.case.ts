import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import type { LoggedPacket, PacketLogEvent } from "./kernel.ts";
import { type KernelScene, thrown } from "./kernel-scene.case.ts";
import { decodePacketHeader } from "./packet-header.ts";
import type { SocketAddress } from "./socket-address.ts";

const GROUP = 5;
const at = (address: string, port: number): SocketAddress => ({ address: parseAddress(address), port });

/** Laws of logged packets. */
export function packetLogCases(scene: KernelScene): void {
  describe("logged packets", () => {
    let abort: AbortController;
    let seen: PacketLogEvent[];
    let ended: Promise<void>;

    const listen = (group: number, signal: AbortSignal): Promise<void> => {
      const events = scene.kernel.loggedPackets(group, signal);
      return (async () => {
        for await (const event of events) seen.push(event);
      })();
    };
    beforeEach(() => {
      abort = new AbortController();
      seen = [];
      ended = listen(GROUP, abort.signal);
    });
    afterEach(() => abort.abort());

    test("come with prefix, devices, mark and their first bytes", async () => {
      const log = { group: GROUP, prefix: "romana egress 7 " };
      scene.fixture.sendLoggedUdp(log, at("127.0.0.1", 40_001), at("127.0.0.2", 9), 1);
      scene.fixture.sendLoggedUdp(log, at("::1", 40_002), at("::1", 53), 1);
      await expect.poll(() => seen).toHaveLength(2);
      const [four, six] = seen as [LoggedPacket, LoggedPacket];
      for (const packet of [four, six]) {
        expect(packet).toMatchObject({ type: "packet", prefix: "romana egress 7 ", mark: 5 });
        expect(packet.outputDevice).toBe(scene.indexOf("lo"));
        expect(packet.inputDevice).toBeUndefined();
        expect(packet.packet).toHaveLength(128);
      }
      expect(decodePacketHeader(four.packet)).toEqual({
        source: parseAddress("127.0.0.1"),
        destination: parseAddress("127.0.0.2"),
        protocol: 17,
        sourcePort: 40_001,
        destinationPort: 9,
      });
      expect(decodePacketHeader(six.packet)).toMatchObject({ sourcePort: 40_002, destinationPort: 53 });
    });
    test("come all and in order, many at once", async () => {
      const log = { group: GROUP, prefix: "many" };
      for (let port = 40_000; port < 40_004; port++) {
        scene.fixture.sendLoggedUdp(log, at("127.0.0.1", port), at("127.0.0.1", 9), 64);
      }
      await expect.poll(() => seen.length).toBe(256);
      const ports = seen.map((event) =>
        event.type === "packet" ? decodePacketHeader(event.packet)?.sourcePort : event.type,
      );
      expect(ports).toEqual(Array.from({ length: 256 }, (_, index) => 40_000 + Math.floor(index / 64)));
    });
    test("of another group go elsewhere", async () => {
      const other = { group: GROUP + 1, prefix: "other" };
      scene.fixture.sendLoggedUdp(other, at("127.0.0.1", 40_001), at("127.0.0.1", 9), 1);
      const own = { group: GROUP, prefix: "own" };
      scene.fixture.sendLoggedUdp(own, at("127.0.0.1", 40_001), at("127.0.0.1", 9), 1);
      await expect.poll(() => seen).toMatchObject([{ prefix: "own" }]);
    });
    test("have one listener per group, until it has ended", async () => {
      const error = thrown(() => scene.kernel.loggedPackets(GROUP, abort.signal));
      expect(error).toMatchObject({
        message: expect.stringMatching(/^Cannot listen to log group "5": EBUSY/),
        failure: { code: "kernel-refused", errno: "EBUSY" },
      });
      abort.abort();
      await ended;
      const again = new AbortController();
      ended = listen(GROUP, again.signal);
      scene.fixture.sendLoggedUdp({ group: GROUP, prefix: "again" }, at("::1", 40_001), at("::1", 9), 1);
      await expect.poll(() => seen).toMatchObject([{ prefix: "again" }]);
      again.abort();
      await ended;
    });
    test("end when the kernel is closed", async () => {
      scene.kernel.close();
      await ended;
      expect(seen).toEqual([]);
    });
  });
}
