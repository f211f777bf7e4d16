import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Address } from "../../src/net/index.ts";
import { exampleWorld } from "../support/example-world.ts";
import { expectAsJudged } from "../support/firewall-expectation.ts";
import {
  allPairs,
  PROBE_PORT,
  type Probe,
  probeEcho,
  probeTcp,
  probeUdp,
} from "../support/firewall-probes.ts";
import {
  createFirewallScene,
  type FirewallScene,
  type SceneEndpoint,
  type SceneHost,
} from "../support/firewall-scene.ts";
import { gatewaysOf } from "../support/firewall-topology.ts";
import { IptablesFirewall, type IptablesVariant, runIn } from "../support/iptables-firewall.ts";
import { policyWorld } from "../support/policy-scene.ts";

const VARIANTS: readonly IptablesVariant[] = ["nft", "legacy"];

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

/** Each segment of the example; acme's db also behind its long code. */
const ENDPOINTS = [
  endpoint("acme-web-1", "host-1", 1, 1, 1),
  endpoint("acme-web-2", "host-2", 1, 1, 1),
  endpoint("acme-db", "host-1", 1, 2, 1),
  endpoint("acme-db-long", "host-2", 1, 17, 1, 1),
  endpoint("beta-web", "host-1", 2, 1, 11),
  endpoint("beta-db", "host-2", 2, 2, 1),
  endpoint("open-web", "host-1", 3, 1, 1),
];

describe.each(VARIANTS)("iptables-%s without policies", (variant) => {
  let scene: FirewallScene;
  beforeAll(async () => {
    const world = exampleWorld();
    scene = await createFirewallScene(world, ENDPOINTS, [], new IptablesFirewall(variant, world));
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

  test("TCP, every party to every other one", () => {
    const probes = allPairs(scene.parties);
    expectAsJudged(scene, probes, probeTcp(scene, probes), { kind: "tcp", port: PROBE_PORT });
  });
});

describe.each(VARIANTS)("iptables-%s with policies", (variant) => {
  let scene: FirewallScene;
  let firewall: IptablesFirewall;
  beforeAll(async () => {
    const world = policyWorld();
    firewall = new IptablesFirewall(variant, world);
    const exception = endpoint("acme-as-beta", "host-1", 1, 1, 2);
    scene = await createFirewallScene(world, [...ENDPOINTS, exception], [], firewall);
    scene.apply();
  });
  afterAll(() => scene.close());

  /** Also between machines, where only targets of that kind have a say. */
  function pairs(): readonly Probe[] {
    const outside = scene.party("outside");
    const [near, far] = [scene.party("host-1"), scene.party("host-2")];
    const gateways = gatewaysOf(scene.world.networks, (scene.hosts[0] as SceneHost).host);
    return [
      ...allPairs(scene.parties),
      ...near.addresses.map((source, index) => ({
        from: near,
        source,
        to: far,
        destination: far.addresses[index] as Address,
      })),
      ...outside.addresses.map((source, index) => ({
        from: outside,
        source,
        to: near,
        destination: gateways[index] as Address,
      })),
    ];
  }

  test("UDP, every party to every other one", () => {
    const probes = pairs();
    const outcome = probeUdp(scene, probes);
    expectAsJudged(scene, probes, outcome, { kind: "udp", port: PROBE_PORT });
    const reasons = ["denied", "from-outside", "isolation", "not-allowed"];
    expect([...outcome.drops.keys()].sort()).toEqual(reasons);
    // From acme-db and acme-db-long to beta-db, which a rule without state accepts.
    const rules = firewall.save(scene.hosts[1] as SceneHost, 4).match(/\[1:.* -j CT --notrack/g);
    expect(rules).toHaveLength(2);
  });

  test("echo, every party to every other one", () => {
    const probes = allPairs(scene.parties);
    expectAsJudged(scene, probes, probeEcho(scene, probes), { kind: "echo-request" });
  });

  test("TCP, every party to every other one", () => {
    const probes = pairs().filter(({ from }) => from.kind !== "outside");
    expectAsJudged(scene, probes, probeTcp(scene, probes), { kind: "tcp", port: PROBE_PORT });
  });
});

describe.each(VARIANTS)("the tables of iptables-%s", (variant) => {
  let scene: FirewallScene;
  let firewall: IptablesFirewall;
  let own: SceneHost;
  beforeAll(async () => {
    const world = policyWorld();
    firewall = new IptablesFirewall(variant, world);
    scene = await createFirewallScene(world, ENDPOINTS, [], firewall);
    own = scene.hosts[0] as SceneHost;
  });
  afterAll(() => scene.close());

  const foreign = ["-c", "7", "420", "-s", "203.0.113.0/24", "-j", "ACCEPT"];
  const saved = (): string => firewall.save(own, 4);

  test("rules of others and their counters stay, our jump is one and first, and our drops count on", () => {
    firewall.run(own, 4, "-A", "FORWARD", ...foreign);
    scene.apply();
    const probes = allPairs(scene.parties);
    const { drops } = probeUdp(scene, probes);
    // ip6tables 1.8.9 on nftables sets all counters to zero, whatever it is told.
    const before = firewall.saved(own)[4].drops;
    expect(before.get("denied")?.packets).toBeGreaterThan(0);
    firewall.run(own, 4, "-I", "FORWARD", "1", ...foreign);
    scene.apply();
    scene.apply();
    expect(saved().match(/-A FORWARD .*/g)).toEqual([
      "-A FORWARD -j ROMANA-FORWARD",
      "-A FORWARD -s 203.0.113.0/24 -j ACCEPT",
      "-A FORWARD -s 203.0.113.0/24 -j ACCEPT",
    ]);
    expect(saved().match(/\[7:420\]/g)).toHaveLength(2);
    expect(firewall.saved(own)[4].drops).toEqual(before);
    expect(probeUdp(scene, probes).drops).toEqual(drops);
  });

  test("chains and sets that are not needed any more go, and at last all of ours", () => {
    scene.apply();
    expect(saved()).toContain("ROMANA-INGRESS-STD");
    new IptablesFirewall(variant, exampleWorld()).apply(own, scene.input(own));
    expect(saved()).not.toContain("ROMANA-INGRESS-STD");
    expect(saved()).toContain("ROMANA-INGRESS");
    firewall.remove(own);
    expect(saved()).not.toContain("ROMANA");
    expect(saved()).toContain("203.0.113.0/24");
    expect(runIn(own.namespace, ["ipset", "list", "-name"])).toBe("");
  });
});
