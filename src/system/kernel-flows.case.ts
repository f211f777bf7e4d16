import { describe, expect, test } from "vitest";
import { formatAddress, parseAddress } from "../net/index.ts";
import type { Flow, FlowTuple } from "./kernel.ts";
import type { KernelScene } from "./kernel-scene.case.ts";
import type { SocketAddress } from "./socket-address.ts";

const at = (address: string, port: number): SocketAddress => ({ address: parseAddress(address), port });

/** Laws of tracked flows. */
export function flowCases(scene: KernelScene): void {
  describe("flows", () => {
    const texts = (flows = scene.kernel.listFlows()): string[] => flows.map(flowText).toSorted();

    test("are told with both directions, and whether there was an answer", () => {
      expect(scene.kernel.listFlows()).toEqual([]);
      scene.fixture.sendUdp(at("127.0.0.1", 40_001), at("127.0.0.2", 9));
      const [flow] = scene.kernel.listFlows();
      expect(flow).toEqual({
        original: {
          source: parseAddress("127.0.0.1"),
          destination: parseAddress("127.0.0.2"),
          protocol: 17,
          sourcePort: 40_001,
          destinationPort: 9,
        },
        reply: {
          source: parseAddress("127.0.0.2"),
          destination: parseAddress("127.0.0.1"),
          protocol: 17,
          sourcePort: 9,
          destinationPort: 40_001,
        },
        seenReply: false,
        assured: false,
        mark: 0,
        zone: 0,
        id: expect.any(Number),
      });
      scene.fixture.sendUdp(at("127.0.0.2", 9), at("127.0.0.1", 40_001));
      expect(scene.kernel.listFlows()).toEqual([{ ...flow, seenReply: true }]);
    });
    test("are told of one family or both", () => {
      scene.fixture.sendUdp(at("127.0.0.1", 40_001), at("127.0.0.1", 9));
      scene.fixture.sendUdp(at("::1", 40_002), at("::1", 9));
      const four = "127.0.0.1:40001 127.0.0.1:9 17";
      const six = "::1:40002 ::1:9 17";
      expect(texts()).toEqual([four, six].toSorted());
      expect(texts(scene.kernel.listFlows(4))).toEqual([four]);
      expect(texts(scene.kernel.listFlows(6))).toEqual([six]);
    });
    test("are told in parts as well", async () => {
      for (const port of [40_001, 40_002]) scene.fixture.sendUdp(at("127.0.0.1", port), at("127.0.0.1", 9));
      scene.fixture.sendUdp(at("::1", 40_003), at("::1", 9));
      const flows: Flow[] = [];
      for await (const part of scene.kernel.walkFlows()) flows.push(...part);
      expect(texts(flows)).toEqual(texts());
      expect(flows).toHaveLength(3);
    });
    test("are deleted one by one, and twice is fine", () => {
      for (const port of [40_001, 40_002, 40_003]) {
        scene.fixture.sendUdp(at("127.0.0.1", port), at("127.0.0.1", 9));
        scene.fixture.sendUdp(at("::1", port), at("::1", 9));
      }
      const gone = scene.kernel.listFlows().filter(({ original }) => original.sourcePort !== 40_002);
      expect(gone).toHaveLength(4);
      expect(scene.kernel.deleteFlows(gone)).toBe(4);
      const rest = ["127.0.0.1:40002 127.0.0.1:9 17", "::1:40002 ::1:9 17"];
      expect(texts()).toEqual(rest);
      expect(scene.kernel.deleteFlows([...gone, ...scene.kernel.listFlows(6)])).toBe(1);
      expect(texts()).toEqual(rest.slice(0, 1));
      expect(scene.kernel.deleteFlows([])).toBe(0);
      expect(texts()).toEqual(rest.slice(0, 1));
    });
    test("are deleted only when they are the ones that were read", () => {
      scene.fixture.sendUdp(at("127.0.0.1", 40_001), at("127.0.0.1", 9));
      const [flow] = scene.kernel.listFlows() as [Flow];
      expect(scene.kernel.deleteFlows([{ ...flow, id: (flow.id ^ 1) >>> 0 }])).toBe(0);
      expect(scene.kernel.listFlows()).toEqual([flow]);
    });
  });
}

function flowText({ original }: Flow): string {
  const end = (address: FlowTuple["source"], port: number | undefined): string =>
    `${formatAddress(address)}:${port}`;
  const { source, sourcePort, destination, destinationPort, protocol } = original;
  return `${end(source, sourcePort)} ${end(destination, destinationPort)} ${protocol}`;
}
