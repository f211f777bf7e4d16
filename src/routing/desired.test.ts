import { describe, expect, test } from "vitest";
import { createPlan, type PlanSpec } from "../addressing/index.ts";
import type { Group, Host, Network } from "../model/index.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import { createRouting, type DesiredRoutes, desiredRoutes } from "./desired.ts";

const SEED: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};
const IPV6: PlanSpec = {
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};
const RACKS: PlanSpec = { ...SEED, hostBits: 5, groupLevels: [{ name: "rack", bits: 3 }] };

function network(name: string, ipv4?: PlanSpec, ipv6?: PlanSpec, groups: readonly Group[] = []): Network {
  return {
    name,
    plans: { ...(ipv4 && { ipv4: createPlan(ipv4) }), ...(ipv6 && { ipv6: createPlan(ipv6) }) },
    groups,
  };
}

/** A group from `name id`, with a router when one is given. */
function group(text: string, ipv4?: string, groups: readonly Group[] = []): Group {
  const [name, id] = text.split(" ");
  return {
    name: name as string,
    id: Number(id),
    router: ipv4 === undefined ? {} : { ipv4: parseAddress(ipv4) },
    groups,
  };
}

function host(name: string, id: number, underlay: string[], ...path: string[]): Host {
  const [ipv4, ipv6] = ["v4", "v6"].map((_, family) =>
    underlay.map(parseAddress).find((address) => address.family === (family === 0 ? 4 : 6)),
  );
  return { name, id, group: path, underlay: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) } };
}

/** Routes as `ip route` would print them, problems as sentences. */
function text({ routes, problems }: DesiredRoutes): string[] {
  return [
    ...routes.map(({ network: of, destination, kind, gateway, host: to, groups }) => {
      const via = gateway === undefined ? "" : ` via ${formatAddress(gateway)}`;
      return `${kind} ${formatPrefix(destination)}${via} (${of} ${(groups ?? [to]).join("+")})`;
    }),
    ...problems.map(({ network: of, family, reason }) => `! ${of} IPv${family}: ${reason}`),
  ];
}

describe("the seed's two hosts", () => {
  const networks = [network("default", SEED)];
  const hosts = [host("host-1", 1, ["192.168.0.1"]), host("host-2", 2, ["192.168.0.2"])];
  test.each([
    [
      "host-1",
      ["blackhole 10.1.0.0/16 (default host-1)", "host 10.2.0.0/16 via 192.168.0.2 (default host-2)"],
    ],
    [
      "host-2",
      ["blackhole 10.2.0.0/16 (default host-2)", "host 10.1.0.0/16 via 192.168.0.1 (default host-1)"],
    ],
    ["host-3", []],
    ["__proto__", []],
  ])("%s", (name, outcome) => {
    expect(text(desiredRoutes(networks, hosts, name))).toEqual(outcome);
    expect(createRouting(networks, hosts).countOf(name)).toBe(outcome.length);
  });

  test("a host alone has its own prefix only", () => {
    expect(text(desiredRoutes(networks, hosts.slice(0, 1), "host-1"))).toEqual([
      "blackhole 10.1.0.0/16 (default host-1)",
    ]);
  });
});

describe("dual stack and several networks", () => {
  const networks = [
    network("default", SEED, IPV6),
    network("next", { ...SEED, prefix: parsePrefix("11.0.0.0/8") }),
  ];
  const hosts = [
    host("a", 1, ["192.168.0.1", "2001:db8::1"]),
    host("b", 2, ["192.168.0.2", "2001:db8::2"]),
    host("c", 3, ["192.168.0.3"]),
    host("d", 4, ["2001:db8::4"]),
  ];

  test("one route per host, family and network; who has no address of the family is named", () => {
    expect(text(desiredRoutes(networks, hosts, "a"))).toEqual([
      "blackhole 10.1.0.0/16 (default a)",
      "host 10.2.0.0/16 via 192.168.0.2 (default b)",
      "host 10.3.0.0/16 via 192.168.0.3 (default c)",
      "blackhole fd00:1234:5678:1::/64 (default a)",
      "host fd00:1234:5678:2::/64 via 2001:db8::2 (default b)",
      "host fd00:1234:5678:4::/64 via 2001:db8::4 (default d)",
      "blackhole 11.1.0.0/16 (next a)",
      "host 11.2.0.0/16 via 192.168.0.2 (next b)",
      "host 11.3.0.0/16 via 192.168.0.3 (next c)",
      '! default IPv4: host "d" has no IPv4 underlay address',
      '! default IPv6: host "c" has no IPv6 underlay address',
      '! next IPv4: host "d" has no IPv4 underlay address',
    ]);
  });

  test("a host's own missing address is others' problem", () => {
    const { problems } = desiredRoutes(networks, hosts, "d");
    expect(problems.map(({ host: name, family }) => `${name} ${family}`)).toEqual(["c 6"]);
  });
});

describe("three racks with routers", () => {
  const racks = [
    group("rack-1 1", "172.16.1.1"),
    group("rack-2 2", "172.16.2.1"),
    group("rack-3 3", "172.16.3.1"),
  ];
  const hosts = [
    host("a1", 1, ["172.16.1.11"], "rack-1"),
    host("a2", 2, ["172.16.1.12"], "rack-1"),
    host("b1", 1, ["172.16.2.11"], "rack-2"),
    host("c1", 1, [], "rack-3"),
  ];

  test.each([
    [
      "a1",
      [
        "blackhole 10.33.0.0/16 (default a1)",
        "host 10.34.0.0/16 via 172.16.1.12 (default a2)",
        "group 10.64.0.0/10 via 172.16.1.1 (default rack-2+rack-3)",
      ],
    ],
    [
      "b1",
      [
        "blackhole 10.65.0.0/16 (default b1)",
        "group 10.32.0.0/11 via 172.16.2.1 (default rack-1)",
        "group 10.96.0.0/11 via 172.16.2.1 (default rack-3)",
      ],
    ],
    [
      "c1",
      [
        "blackhole 10.97.0.0/16 (default c1)",
        "group 10.32.0.0/11 via 172.16.3.1 (default rack-1)",
        "group 10.64.0.0/11 via 172.16.3.1 (default rack-2)",
      ],
    ],
  ])("%s", (name, outcome) => {
    const networks = [network("default", RACKS, undefined, racks)];
    expect(text(desiredRoutes(networks, hosts, name))).toEqual(outcome);
    expect(createRouting(networks, hosts).countOf(name)).toBe(outcome.length);
  });

  test("without a router in the own rack, each host of the others is reached directly", () => {
    const networks = [network("default", RACKS, undefined, [group("rack-1 1"), ...racks.slice(1)])];
    expect(text(desiredRoutes(networks, hosts, "a1"))).toEqual([
      "blackhole 10.33.0.0/16 (default a1)",
      "host 10.34.0.0/16 via 172.16.1.12 (default a2)",
      "host 10.65.0.0/16 via 172.16.2.11 (default b1)",
      '! default IPv4: host "c1" has no IPv4 underlay address',
    ]);
  });

  test("a router of the other family is none", () => {
    const ipv6 = { ...IPV6, hostBits: 13, groupLevels: [{ name: "rack", bits: 3 }] };
    const networks = [network("default", undefined, ipv6, racks)];
    const both = [host("a1", 1, ["2001:db8::a1"], "rack-1"), host("b1", 1, ["2001:db8::b1"], "rack-2")];
    expect(text(desiredRoutes(networks, both, "a1"))).toEqual([
      "blackhole fd00:1234:5678:2001::/64 (default a1)",
      "host fd00:1234:5678:4001::/64 via 2001:db8::b1 (default b1)",
    ]);
  });
});

describe("zones and racks", () => {
  const plan = {
    ...SEED,
    hostBits: 3,
    groupLevels: [
      { name: "zone", bits: 2 },
      { name: "rack", bits: 3 },
    ],
  };
  const zones = [
    group("zone-a 0", "172.16.0.1", [
      group("rack-1 1", "172.16.1.1"),
      group("rack-2 2"),
      group("constructor 3"),
    ]),
    group("zone-b 1", undefined, [group("rack-1 1", "172.17.1.1")]),
    group("zone-c 2"),
    group("zone-d 3"),
  ];
  const networks = [network("default", plan, undefined, zones)];
  const hosts = [
    host("a11", 1, ["172.16.1.11"], "zone-a", "rack-1"),
    host("a21", 1, ["172.16.2.11"], "zone-a", "rack-2"),
    host("a22", 2, ["172.16.2.12"], "zone-a", "rack-2"),
    host("b11", 1, ["172.17.1.11"], "zone-b", "rack-1"),
  ];

  test.each([
    [
      "a11",
      "its rack's router leads everywhere",
      [
        "blackhole 10.9.0.0/16 (default a11)",
        "group 10.16.0.0/12 via 172.16.1.1 (default zone-a/rack-2+zone-a/constructor)",
        "group 10.64.0.0/10 via 172.16.1.1 (default zone-b)",
        "group 10.128.0.0/9 via 172.16.1.1 (default zone-c+zone-d)",
      ],
    ],
    [
      "a21",
      "its zone's router leads to other zones only",
      [
        "blackhole 10.17.0.0/16 (default a21)",
        "host 10.9.0.0/16 via 172.16.1.11 (default a11)",
        "host 10.18.0.0/16 via 172.16.2.12 (default a22)",
        "group 10.64.0.0/10 via 172.16.0.1 (default zone-b)",
        "group 10.128.0.0/9 via 172.16.0.1 (default zone-c+zone-d)",
      ],
    ],
    [
      "b11",
      "a zone without racks or hosts is routed too",
      [
        "blackhole 10.73.0.0/16 (default b11)",
        "group 10.0.0.0/10 via 172.17.1.1 (default zone-a)",
        "group 10.128.0.0/9 via 172.17.1.1 (default zone-c+zone-d)",
      ],
    ],
  ])("%s: %s", (name, _, outcome) => {
    expect(text(desiredRoutes(networks, hosts, name))).toEqual(outcome);
    expect(createRouting(networks, hosts).countOf(name)).toBe(outcome.length);
  });

  test("a host that has no place is reported to everybody and has no routes", () => {
    const lost = [
      host("lost", 1, ["172.16.9.1"], "zone-x", "rack-1"),
      host("far", 8, ["172.16.9.2"], "zone-b", "rack-1"),
      host("high", 1, ["172.16.9.3"], "zone-b"),
    ];
    const reasons = [
      '! default IPv4: Cannot find group "zone-x"',
      "! default IPv4: Cannot encode host: host: ID 8 is not in 0..7",
      "! default IPv4: Cannot encode host: groups: 1 group IDs for the group levels zone/rack",
    ];
    const all = [...hosts, ...lost];
    expect(text(desiredRoutes(networks, all, "lost"))).toEqual(reasons);
    expect(text(desiredRoutes(networks, all, "b11")).slice(3)).toEqual(reasons);
    expect(createRouting(networks, all).countOf("lost")).toBe(0);
  });
});

describe("1,000 hosts", () => {
  test("flat: each has one route per host", () => {
    const plan = {
      ...SEED,
      prefix: parsePrefix("10.0.0.0/8"),
      hostBits: 12,
      tenantBits: 6,
      segmentBits: 3,
      endpointBits: 3,
    };
    const networks = [network("default", plan)];
    const hosts = Array.from({ length: 1000 }, (_, index) =>
      host(`host-${index + 1}`, index + 1, [`172.16.${index >> 8}.${index & 255}`]),
    );
    const routing = createRouting(networks, hosts);
    const { routes, problems } = routing.routesOf("host-500");
    expect([routes.length, problems.length]).toEqual([1000, 0]);
    expect(text({ routes: routes.slice(0, 3), problems })).toEqual([
      "blackhole 10.31.64.0/20 (default host-500)",
      "host 10.0.16.0/20 via 172.16.0.0 (default host-1)",
      "host 10.0.32.0/20 via 172.16.0.1 (default host-2)",
    ]);
    const started = performance.now();
    expect(hosts.reduce((sum, { name }) => sum + routing.countOf(name), 0)).toBe(1_000_000);
    for (const { name } of hosts.slice(0, 100)) expect(routing.routesOf(name).routes).toHaveLength(1000);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test("in 40 racks with routers: 25 of the own rack and the 39 others in 6 prefixes", () => {
    const plan = {
      ...SEED,
      hostBits: 6,
      groupLevels: [{ name: "rack", bits: 6 }],
      tenantBits: 6,
      segmentBits: 3,
      endpointBits: 3,
    };
    const racks = Array.from({ length: 40 }, (_, index) =>
      group(`rack-${index} ${index}`, `172.16.${index}.254`),
    );
    const hosts = Array.from({ length: 1000 }, (_, index) => {
      const rack = index % 40;
      const id = 1 + Math.floor(index / 40);
      return host(`host-${index}`, id, [`172.16.${rack}.${id}`], `rack-${rack}`);
    });
    const routing = createRouting([network("default", plan, undefined, racks)], hosts);
    const { routes } = routing.routesOf("host-0");
    expect(routes.filter(({ kind }) => kind === "host")).toHaveLength(24);
    expect(
      text({ routes: routes.filter(({ kind }) => kind === "group"), problems: [] }).map(
        (line) => line.split(" ")[1],
      ),
    ).toEqual([
      "10.4.0.0/14",
      "10.8.0.0/13",
      "10.16.0.0/12",
      "10.32.0.0/11",
      "10.64.0.0/10",
      "10.128.0.0/11",
    ]);
    expect(routing.countOf("host-0")).toBe(1 + 24 + 6);
  });
});
