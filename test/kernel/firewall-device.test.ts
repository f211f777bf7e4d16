import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTable, deviceChanges, type EndpointDevice, renderTable } from "../../src/firewall/index.ts";
import { parseAddress } from "../../src/net/index.ts";
import { exampleWorld } from "../support/example-world.ts";
import { expectAsJudged } from "../support/firewall-expectation.ts";
import { type Probe, PROBE_PORT, probeEcho, probeTcp, probeUdp } from "../support/firewall-probes.ts";
import { createFirewallScene, type FirewallScene, type SceneHost } from "../support/firewall-scene.ts";
import { underlayAddress } from "../support/firewall-topology.ts";

const ENDPOINTS = [1, 2].map((id) => ({
  name: `web-${id}`,
  network: "default",
  host: "host-1",
  tenant: 1,
  code: { code: 1, extraBits: 0 },
  endpoint: id,
}));

let scene: FirewallScene;
let own: SceneHost;
beforeAll(async () => {
  scene = await createFirewallScene(exampleWorld(), ENDPOINTS, [{ protocol: "udp", port: PROBE_PORT }]);
  own = scene.hosts[0] as SceneHost;
  scene.apply();
});
afterAll(() => scene.close());

/** From the first endpoint to the second over both families. */
function toNeighbour(): Probe[] {
  const [from, to] = [scene.party("web-1"), scene.party("web-2")];
  return from.addresses.map((source, index) => ({
    from,
    source,
    to,
    destination: to.addresses[index] ?? source,
  }));
}

describe("a device without a binding", () => {
  test("sends nothing until it is bound, and nothing once it is unbound", () => {
    const [bound, other] = own.devices as [EndpointDevice, EndpointDevice];
    const unbound = { ...bound, index: undefined };
    own.kernel.runNft(renderTable(createTable({ ...scene.input(own), devices: [unbound, other] })));
    expect(probeUdp(scene, toNeighbour())).toEqual({
      arrived: new Set(),
      drops: new Map([["spoofed-source", 2]]),
    });

    own.kernel.changeSets(deviceChanges(scene.input(own), { add: [bound], remove: [] }));
    const probes = toNeighbour();
    expect(probeUdp(scene, probes)).toEqual({ arrived: new Set(probes), drops: new Map() });

    own.kernel.changeSets(deviceChanges(scene.input(own), { add: [unbound], remove: [bound] }));
    expect(probeUdp(scene, toNeighbour()).arrived).toEqual(new Set());
    scene.apply();
  });

  test("made anew under the same name it is another one", () => {
    const bound = own.devices[0] as EndpointDevice;
    const old = { ...bound, index: (bound.index ?? 0) + 1000 };
    own.kernel.runNft(
      renderTable(createTable({ ...scene.input(own), devices: [old, ...own.devices.slice(1)] })),
    );
    expect(probeUdp(scene, toNeighbour())).toEqual({
      arrived: new Set(),
      drops: new Map([["spoofed-source", 2]]),
    });
    scene.apply();
  });
});

describe("an endpoint and its host", () => {
  const KINDS = {
    udp: [probeUdp, { kind: "udp", port: PROBE_PORT }],
    tcp: [probeTcp, { kind: "tcp", port: PROBE_PORT }],
    echo: [probeEcho, { kind: "echo-request" }],
  } as const;
  test.each([
    ["udp", "10.1.0.1", "accept"],
    ["tcp", "10.1.0.1", "drop"],
    ["echo", "10.1.0.1", "accept"],
    ["udp", "fd00:10:0:100::1", "accept"],
    ["tcp", "fd00:10:0:100::1", "drop"],
    ["echo", "fd00:10:0:100::1", "accept"],
    ["udp", "192.168.77.1", "drop"],
    ["echo", "192.168.77.1", "drop"],
    ["tcp", "fd77::1", "drop"],
    ["echo", "fd77::1", "drop"],
    ["udp", "10.2.0.1", "accept"],
    ["tcp", "10.2.0.1", "accept"],
    ["echo", "fd00:10:0:200::1", "accept"],
  ] as const)("%s to %s: %s", (kind, text, expected) => {
    const destination = parseAddress(text);
    const isFirst =
      destination.value === underlayAddress(own.host, destination.family).value ||
      /^(10\.1|fd00:10:0:1)/.test(text);
    const [from, to] = [scene.party("web-1"), scene.party(isFirst ? "host-1" : "host-2")];
    const source = from.addresses.find(({ family }) => family === destination.family) ?? destination;
    const [probe, traffic] = KINDS[kind];
    const outcome = probe(scene, [{ from, source, to, destination }]);
    expect(outcome.arrived.size).toBe(expected === "accept" ? 1 : 0);
    expectAsJudged(scene, [{ from, source, to, destination }], outcome, traffic);
  });

  test.each(["udp", "tcp", "echo"] as const)("%s from the host to its endpoint", (kind) => {
    const [from, to] = [scene.party("host-1"), scene.party("web-1")];
    const probes = from.addresses.map((source, index) => ({
      from,
      source,
      to,
      destination: to.addresses[index] ?? source,
    }));
    const outcome = KINDS[kind][0](scene, probes);
    expect(outcome.arrived.size).toBe(2);
    expectAsJudged(scene, probes, outcome, KINDS[kind][1]);
  });
});
