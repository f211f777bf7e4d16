import { afterAll, beforeAll, describe, test } from "vitest";
import { exampleWorld } from "../support/example-world.ts";
import { expectAsJudged } from "../support/firewall-expectation.ts";
import { allPairs, PROBE_PORT, probeEcho, probeTcp, probeUdp } from "../support/firewall-probes.ts";
import { createFirewallScene, type FirewallScene, type SceneEndpoint } from "../support/firewall-scene.ts";

const endpoint = (
  name: string,
  host: string,
  tenant: number,
  code: number,
  id: number,
  extraBits = 0,
): SceneEndpoint => ({
  name,
  network: "default",
  host,
  tenant,
  code: { code, extraBits },
  endpoint: id,
});

/** Each segment of the example, some on both hosts; acme's db also behind its other codes. */
const ENDPOINTS = [
  endpoint("acme-web", "host-1", 1, 1, 11),
  endpoint("acme-web-1", "host-1", 1, 1, 1),
  endpoint("acme-web-2", "host-2", 1, 1, 1),
  endpoint("acme-db", "host-1", 1, 2, 1),
  endpoint("acme-db-2", "host-2", 1, 3, 2),
  endpoint("acme-db-long", "host-2", 1, 17, 1, 1),
  endpoint("beta-web", "host-1", 2, 1, 11),
  endpoint("beta-db", "host-2", 2, 2, 1),
  endpoint("open-web", "host-1", 3, 1, 1),
  endpoint("open-web-2", "host-2", 3, 1, 1),
];

describe("endpoints, hosts and outside reach whom the evaluator says", () => {
  let scene: FirewallScene;
  beforeAll(async () => {
    scene = await createFirewallScene(exampleWorld(), ENDPOINTS);
    scene.apply();
  });
  afterAll(() => scene.close());

  test("UDP, every party to every other one", () => {
    const probes = allPairs(scene.parties);
    expectAsJudged(scene, probes, probeUdp(scene, probes), { kind: "udp", port: PROBE_PORT });
  });

  test("echo, every party to every other one", () => {
    const probes = allPairs(scene.parties);
    expectAsJudged(scene, probes, probeEcho(scene, probes), { kind: "echo-request" });
  });

  test.each([...ENDPOINTS.map(({ name }) => name), "outside"])("TCP from %s", (name) => {
    const probes = allPairs(scene.parties).filter(({ from }) => from.name === name);
    expectAsJudged(scene, probes, probeTcp(scene, probes), { kind: "tcp", port: PROBE_PORT });
  });
});
