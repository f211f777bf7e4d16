import { afterEach, describe, expect, test } from "vitest";
import { formatSegmentCode } from "../../src/addressing/index.ts";
import type { Host } from "../../src/model/index.ts";
import { codes, host, network, SEED_IPV4, SEED_IPV6 } from "../support/example-world.ts";
import { expectAsJudged } from "../support/firewall-expectation.ts";
import { allPairs, PROBE_PORT, probeUdp } from "../support/firewall-probes.ts";
import { createFirewallScene, type FirewallScene, type SceneEndpoint } from "../support/firewall-scene.ts";
import { createDraw, randomEndpoint, randomWorld } from "../support/random-world.ts";

let scene: FirewallScene | undefined;
afterEach(() => {
  scene?.close();
  scene = undefined;
});

/** One datagram from each address to each other one, against the evaluator. Returns how many arrived. */
async function compareAll({ world, endpoints }: Setup): Promise<number> {
  scene = await createFirewallScene(world, endpoints);
  scene.apply();
  const probes = allPairs(scene.parties);
  const outcome = probeUdp(scene, probes);
  expectAsJudged(scene, probes, outcome, { kind: "udp", port: PROBE_PORT });
  return outcome.arrived.size;
}

interface Setup {
  readonly world: Parameters<typeof createFirewallScene>[0];
  readonly endpoints: readonly SceneEndpoint[];
}

const TENANTS = [
  { id: 1, name: "acme", isolation: "segment" },
  { id: 2, name: "beta", isolation: "tenant" },
] as const;

/** An endpoint from text: `HOST NETWORK TENANT CODE ENDPOINT`. */
function endpoint(text: string): SceneEndpoint {
  const [hostId, name, tenant, code, id] = text.split(" ") as [string, string, string, string, string];
  return {
    name: text.replaceAll(/[ +]/g, "."),
    network: name,
    host: `host-${hostId}`,
    tenant: Number(tenant),
    code: codes(code)[0] as SceneEndpoint["code"],
    endpoint: Number(id),
  };
}

describe("plans of every shape hold on the kernel", () => {
  test("two networks side by side: one identity in both, whatever their layouts", async () => {
    const v1 = { numbering: "v1", hostBits: 4, tenantBits: 4, segmentBits: 4, endpointBits: 4 } as const;
    const world = {
      networks: [network("new", SEED_IPV4, SEED_IPV6), network("old", { prefix: "172.16.0.0/16", ...v1 })],
      hosts: [host(1), host(2)],
      tenants: TENANTS,
      segments: [
        { tenant: "acme", name: "web", codes: codes("1") },
        { tenant: "acme", name: "db", codes: codes("2", "12+2") },
        { tenant: "beta", name: "web", codes: codes("1") },
      ],
    };
    const texts = ["1 new 1 1 11", "2 new 1 1 1", "1 new 1 2 1", "2 new 1 12+2 1", "2 new 2 1 1"];
    texts.push("1 old 1 1 0", "2 old 1 1 1", "1 old 1 2 3", "1 old 1 12+2 0", "2 old 2 1 2");
    expect(await compareAll({ world, endpoints: texts.map(endpoint) })).toBeGreaterThan(60);
  });

  test.each(["literal", "v1"] as const)(
    "stride with %s numbering: every address of a block may send",
    async (numbering) => {
      const widths = {
        numbering,
        hostBits: 4,
        tenantBits: 4,
        segmentBits: 2,
        endpointBits: 4,
        strideBits: 2,
      };
      const world = {
        networks: [
          network("strided", { prefix: "172.16.0.0/16", ...widths }, { prefix: "fd00:16::/112", ...widths }),
        ],
        hosts: [host(1), host(2)],
        tenants: TENANTS,
        segments: [
          { tenant: "acme", name: "web", codes: codes("0") },
          { tenant: "acme", name: "db", codes: codes("2", "12+2") },
          { tenant: "beta", name: "web", codes: codes("1") },
        ],
      };
      const first = numbering === "v1" ? 0 : 1;
      const texts = [
        `1 strided 1 0 ${first}`,
        `2 strided 1 0 ${first + 1}`,
        "1 strided 1 2 2",
        "2 strided 1 12+2 1",
      ];
      expect(
        await compareAll({ world, endpoints: [...texts, "2 strided 2 1 2"].map(endpoint) }),
      ).toBeGreaterThan(50);
    },
  );

  test.each([3, 7, 11, 20, 27])("random world %i", async (seed) => {
    const draw = createDraw(seed);
    const { networks, tenants, segments, host: own } = randomWorld(draw);
    const other: Host = { ...own, name: "other", id: own.id === 1 ? 2 : 1 };
    const endpoints = new Map<string, SceneEndpoint>();
    for (let count = 0; count < 12; count++) {
      const drawn = randomEndpoint(draw, { networks, tenants, segments });
      if (drawn === undefined) continue;
      const where = draw.pick([own, other]).name;
      const code = formatSegmentCode(drawn.code).replace("+", "p");
      const name = `${where}-${drawn.network.name.slice(-1)}-${drawn.tenant}-${code}-${drawn.endpoint}`;
      endpoints.set(name, { ...drawn, name, host: where, network: drawn.network.name });
    }
    const world = { networks, tenants, segments, hosts: [own, other] };
    expect(await compareAll({ world, endpoints: [...endpoints.values()] })).toBeGreaterThan(0);
  });
});
