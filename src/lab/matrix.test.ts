import { describe, expect, test } from "vitest";
import { exampleWorld } from "../../test/support/example-world.ts";
import { encodeAddress } from "../addressing/index.ts";
import type { Endpoint, EndpointSelector, Host, Policy } from "../model/index.ts";
import { addressPrefix, formatAddress } from "../net/index.ts";
import { cellsOf, type Member, planProbes } from "./matrix.ts";
import type { Outcome } from "./probe.ts";
import type { LabWorld } from "./world.ts";

const WORLD: LabWorld = {
  ...exampleWorld(),
  endpoints: [],
  policies: [],
  exceptions: [],
  services: [],
  chains: [],
};
const PORT = 80;

function endpointMember(name: string, hostId: number, tenantId: number, code: number): Member {
  const network = WORLD.networks[0];
  if (network?.plans.ipv4 === undefined || network.plans.ipv6 === undefined) throw new Error("no plans");
  const identity = { groups: [], host: hostId, tenant: tenantId, code: { code, extraBits: 0 }, endpoint: 5 };
  const endpoint: Endpoint = {
    name,
    network: network.name,
    host: `host-${hostId}`,
    tenant: "",
    segment: "",
    code: identity.code,
    endpointId: identity.endpoint,
    addresses: {
      ipv4: encodeAddress(network.plans.ipv4, identity),
      ipv6: encodeAddress(network.plans.ipv6, identity),
    },
    createdAt: 0,
  };
  return { kind: "endpoint", endpoint, station: { name, namespace: `/run/netns/${name}`, serves: true } };
}

const MEMBERS: readonly Member[] = [
  ...WORLD.hosts.map(
    (host: Host): Member => ({
      kind: "host",
      host,
      station: { name: host.name, namespace: `/run/netns/${host.name}`, serves: false },
    }),
  ),
  endpointMember("acme-web-1", 1, 1, 1),
  endpointMember("acme-web-2", 2, 1, 1),
  endpointMember("acme-db-1", 1, 1, 2),
  endpointMember("beta-web-1", 1, 2, 1),
  endpointMember("beta-db-2", 2, 2, 2),
  endpointMember("open-web-1", 1, 3, 1),
];

const PROBES = planProbes(WORLD, MEMBERS, PORT);

describe("planProbes()", () => {
  const endpoints = MEMBERS.filter(({ kind }) => kind === "endpoint").map(({ station }) => station.name);
  test.each<[string, string]>([
    ["acme-web-1", "-.XXX."],
    ["acme-web-2", ".-XXX."],
    ["acme-db-1", "XX-XX."],
    ["beta-web-1", "XXX-.."],
    ["beta-db-2", "XXX.-."],
    ["open-web-1", "XXXXX-"],
  ])("expects of %s what the destination's tenant says: %s", (from, row) => {
    const verdicts = endpoints.map((to) => {
      const own = PROBES.filter(({ cell }) => cell.from === from && cell.to === to);
      const seen = new Set(own.map(({ expected }) => expected.verdict));
      expect(own.length).toBe(from === to ? 0 : 6);
      return from === to ? "-" : seen.has("accept") ? "." : "X";
    });
    expect(verdicts.join("")).toBe(row);
  });
  test("lets every host reach its own endpoints, and only asks for those", () => {
    const fromHosts = PROBES.filter(({ from }) => from.name.startsWith("host-"));
    expect(new Set(fromHosts.map(({ expected }) => expected.verdict))).toEqual(new Set(["accept"]));
    expect([...new Set(fromHosts.map(({ cell }) => `${cell.from} ${cell.to}`))]).toEqual([
      "host-1 acme-web-1",
      "host-1 acme-db-1",
      "host-1 beta-web-1",
      "host-1 open-web-1",
      "host-2 acme-web-2",
      "host-2 beta-db-2",
    ]);
  });
  test("asks for the gateway of the own host by ICMP over both families", () => {
    const own = PROBES.filter(({ cell }) => cell.from === "beta-db-2" && cell.to.startsWith("host-"));
    expect(
      own.map(({ to, protocol, address, expected }) => [
        to.name,
        protocol,
        formatAddress(address),
        expected.verdict,
      ]),
    ).toEqual([
      ["host-2", "icmp", "10.2.0.1", "accept"],
      ["host-2", "icmp", "fd00:10:0:200::1", "accept"],
    ]);
  });
});

describe("planProbes() with policies", () => {
  const selector = (tenant: string, segment: string): EndpointSelector => ({
    kind: "endpoints",
    tenant: { by: "name", name: tenant },
    segment: { by: "name", name: segment },
  });
  const POLICY: Policy = {
    id: "beta-to-db",
    tier: "standard",
    order: 1000,
    appliedTo: [selector("acme", "db")],
    isolates: ["ingress"],
    rules: [
      {
        direction: "ingress",
        verdict: "accept",
        peers: [selector("beta", "web")],
        traffic: [{ protocol: 6, ports: { first: 5432, last: 5432 } }],
        stateful: true,
      },
    ],
    established: "cut",
  };

  /** Protocols that shall pass between two members, over either family. */
  function open(world: Partial<LabWorld>, from: string, to: string, port = PORT): string {
    const own = planProbes({ ...WORLD, ...world }, MEMBERS, port).filter(
      ({ cell }) => cell.from === from && cell.to === to,
    );
    const accepted = own.filter(({ expected }) => expected.verdict === "accept");
    return [...new Set(accepted.map(({ protocol }) => protocol))].join(" ");
  }

  test.each<[string, string, number, string]>([
    ["beta-web-1", "acme-db-1", 5432, "tcp"],
    ["beta-web-1", "acme-db-1", 5433, ""],
    ["beta-db-2", "acme-db-1", 5432, ""],
    ["beta-web-1", "acme-web-1", 5432, ""],
    ["host-1", "acme-db-1", 5433, "tcp udp icmp"],
  ])("%s to %s at port %i: %j", (from, to, port, protocols) => {
    expect(open({ policies: [POLICY] }, from, to, port)).toBe(protocols);
  });

  test("an exception is who it acts as, whatever its address says", () => {
    const web = MEMBERS.find(({ station }) => station.name === "acme-web-2");
    if (web?.kind !== "endpoint") throw new Error("no such endpoint");
    const { ipv4, ipv6 } = web.endpoint.addresses;
    const blocks = [ipv4, ipv6].filter((address) => address !== undefined).map(addressPrefix);
    const world = { policies: [POLICY], exceptions: [{ blocks, tenant: "beta", segment: "web" }] };
    expect(open(world, "acme-web-2", "acme-db-1", 5432)).toBe("tcp");
    expect(open(world, "acme-web-2", "acme-web-1", 5432)).toBe("");
    expect(open(world, "beta-db-2", "acme-web-2", 5432)).toBe("tcp udp icmp");
  });

  test("TCP and UDP go to the port that is judged, ICMP to none", () => {
    const ports = PROBES.map(({ protocol, port }) => `${protocol} ${port}`);
    expect([...new Set(ports)].sort()).toEqual(["icmp undefined", "tcp 80", "udp 80"]);
  });
});

describe("cellsOf()", () => {
  const outcome = (observed: Outcome["observed"]) =>
    PROBES.map(
      (probe) =>
        ({
          ...probe,
          observed: probe.expected.verdict === "accept" ? observed : "silent",
          elapsed: 1,
        }) as const,
    );
  test("a cell is as expected when all of its probes are", () => {
    const cells = cellsOf(PROBES, outcome("answered"));
    expect(cells).toHaveLength(6 + 30 + 6);
    expect(cells.filter(({ isAsExpected }) => !isAsExpected)).toEqual([]);
  });
  test("one probe of another mind is enough", () => {
    const results = outcome("answered").map((result, index) =>
      index === 0 ? ({ ...result, observed: "refused" } as const) : result,
    );
    const wrong = cellsOf(PROBES, results).filter(({ isAsExpected }) => !isAsExpected);
    expect(wrong.map(({ from, to }) => `${from} ${to}`)).toEqual(["host-1 acme-web-1"]);
  });
});
