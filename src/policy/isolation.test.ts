import { describe, expect, test } from "vitest";
import { exampleWorld, host } from "../../test/support/example-world.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { egress, HOST, ingress, LOCAL, native, of, tcp } from "./case-policies.case.ts";
import { CASE_WORLD } from "./case-world.case.ts";
import { judge, judgeIsolation } from "./isolation.ts";
import type { Packet } from "./packet.ts";

const WORLD = exampleWorld();

describe("judgeIsolation()", () => {
  test.each([
    // acme (tenant 1) isolates segments: web has code 1, db has 2, 3 and 17+1 (10.x.1.136/29).
    ["10.1.1.27", "10.2.1.17", "accept same-segment"],
    ["10.1.1.27", "10.2.1.33", "drop isolation"],
    ["10.1.1.33", "10.2.1.49", "accept same-segment"],
    ["10.1.1.33", "10.2.1.137", "accept same-segment"],
    ["10.2.1.137", "10.1.1.49", "accept same-segment"],
    ["10.2.1.129", "10.1.1.49", "drop isolation"],
    ["10.1.1.97", "10.2.1.97", "drop isolation"],
    ["10.1.2.17", "10.2.1.17", "drop isolation"],
    // beta (tenant 2) isolates itself as a whole.
    ["10.1.2.17", "10.2.2.33", "accept same-tenant"],
    ["10.1.2.97", "10.2.2.33", "accept same-tenant"],
    ["10.1.1.27", "10.2.2.17", "drop isolation"],
    ["10.1.3.17", "10.2.2.17", "drop isolation"],
    // open (tenant 3) lets everybody in.
    ["10.1.1.27", "10.2.3.17", "accept open-tenant"],
    ["192.0.2.1", "10.2.3.17", "accept open-tenant"],
    // Outside, other hosts, tenants that nobody owns.
    ["192.0.2.1", "10.2.1.17", "drop from-outside"],
    ["11.1.1.27", "10.2.1.17", "drop from-outside"],
    ["10.2.0.1", "10.1.1.27", "drop isolation"],
    ["10.1.9.17", "10.2.9.17", "drop isolation"],
    // IPv6 of the same identities.
    ["fd00:10:0:100:1:1:0:b", "fd00:10:0:200:1:1::1", "accept same-segment"],
    ["fd00:10:0:100:1:1:0:b", "fd00:10:0:200:1:2::1", "drop isolation"],
    ["2001:db8::1", "fd00:10:0:200:1:1::1", "drop from-outside"],
    ["2001:db8::1", "fd00:10:0:200:3:1::1", "accept open-tenant"],
  ])("%s to %s: %s", (source, destination, expected) => {
    const { verdict, reason } = judgeIsolation(WORLD, parseAddress(source), parseAddress(destination));
    expect(`${verdict} ${reason}`).toBe(expected);
  });

  test("tenants and segments may have the names of Object's own properties", () => {
    const world = {
      ...WORLD,
      tenants: [{ id: 1, name: "__proto__", isolation: "segment" as const }],
      segments: [{ tenant: "__proto__", name: "constructor", codes: [{ code: 1, extraBits: 0 }] }],
    };
    const same = judgeIsolation(world, parseAddress("10.1.1.27"), parseAddress("10.2.1.17"));
    expect(same.reason).toBe("same-segment");
  });
});

describe("judge()", () => {
  const ARRIVALS = {
    endpoint: { from: "endpoint", owns: [parsePrefix("10.1.1.27/32")] },
    unbound: { from: "endpoint", owns: [] },
    elsewhere: { from: "elsewhere" },
    host: { from: "host" },
  } as const satisfies Record<string, Packet["arrival"]>;
  const TRAFFIC = {
    http: { kind: "tcp", port: 80 },
    dns: { kind: "udp", port: 53 },
    echo: { kind: "echo-request" },
    "echo by its number": { kind: "icmp", type: 8, code: 0 },
    "echo by the other family's": { kind: "icmp", type: 128, code: 0 },
    redirect: { kind: "redirect" },
    multicast: { kind: "multicast" },
    solicitation: { kind: "neighbour-discovery", hopLimit: 255 },
    "solicitation from afar": { kind: "neighbour-discovery", hopLimit: 254 },
  } as const satisfies Record<string, Packet["traffic"]>;

  const cases: [
    keyof typeof ARRIVALS,
    string,
    Packet["delivery"],
    string,
    Packet["state"],
    keyof typeof TRAFFIC,
    string,
  ][] = [
    // What an endpoint may send, and to whom.
    ["endpoint", "10.1.1.27", "forward", "10.2.1.17", "new", "http", "accept sending"],
    ["endpoint", "10.1.1.27", "forward", "192.0.2.1", "new", "http", "accept sending"],
    ["endpoint", "10.1.1.27", "forward", "10.1.1.17", "new", "http", "accept same-segment"],
    ["endpoint", "10.1.1.27", "forward", "10.1.1.33", "new", "http", "drop isolation"],
    ["endpoint", "10.1.1.27", "forward", "10.1.1.33", "established", "http", "accept established"],
    // Other sources from its device, known flow or not.
    ["endpoint", "10.1.1.28", "forward", "10.1.1.17", "new", "http", "drop spoofed-source"],
    ["endpoint", "10.2.1.17", "forward", "10.1.1.17", "established", "http", "drop spoofed-source"],
    ["endpoint", "192.0.2.1", "forward", "10.1.3.17", "new", "http", "drop spoofed-source"],
    ["endpoint", "10.1.0.1", "host", "10.1.0.1", "new", "echo", "drop spoofed-source"],
    ["unbound", "10.1.1.27", "forward", "10.1.1.17", "new", "http", "drop spoofed-source"],
    ["unbound", "10.2.1.17", "forward", "10.1.1.17", "established", "http", "drop spoofed-source"],
    // Own addresses from anywhere else.
    ["elsewhere", "10.1.1.27", "forward", "10.1.1.17", "new", "http", "drop spoofed-source"],
    ["elsewhere", "10.1.0.1", "host", "192.168.0.1", "established", "http", "drop spoofed-source"],
    // What reaches an endpoint.
    ["elsewhere", "10.2.1.17", "forward", "10.1.1.27", "new", "http", "accept same-segment"],
    ["elsewhere", "10.2.1.33", "forward", "10.1.1.27", "new", "http", "drop isolation"],
    ["elsewhere", "192.0.2.1", "forward", "10.1.1.27", "new", "http", "drop from-outside"],
    ["elsewhere", "192.0.2.1", "forward", "10.1.1.27", "established", "http", "accept established"],
    ["host", "10.1.0.1", "forward", "10.1.1.27", "new", "http", "accept from-own-host"],
    // What has nothing to do with own endpoints.
    ["elsewhere", "192.0.2.1", "forward", "198.51.100.1", "new", "http", "accept foreign"],
    ["elsewhere", "10.3.1.17", "forward", "10.2.1.17", "new", "http", "accept foreign"],
    ["elsewhere", "10.2.1.17", "host", "10.1.0.1", "new", "http", "accept foreign"],
    ["elsewhere", "192.0.2.1", "host", "192.168.0.1", "new", "http", "accept foreign"],
    // From an endpoint to its host.
    ["endpoint", "10.1.1.27", "host", "10.1.0.1", "new", "echo", "accept gateway-service"],
    ["endpoint", "10.1.1.27", "host", "10.1.0.1", "new", "echo by its number", "accept gateway-service"],
    ["endpoint", "10.1.1.27", "host", "10.1.0.1", "new", "echo by the other family's", "drop to-host"],
    ["endpoint", "10.1.1.27", "host", "10.1.0.1", "new", "dns", "accept gateway-service"],
    ["endpoint", "10.1.1.27", "host", "10.1.0.1", "new", "http", "drop to-host"],
    ["endpoint", "10.1.1.27", "host", "192.168.0.1", "new", "echo", "drop to-host"],
    ["endpoint", "10.1.1.27", "host", "192.168.0.1", "new", "dns", "drop to-host"],
    ["endpoint", "10.1.1.27", "host", "192.168.0.1", "established", "http", "accept established"],
    ["endpoint", "10.1.1.27", "host", "192.168.0.1", "established", "redirect", "drop to-host"],
    ["endpoint", "10.1.1.27", "host", "224.0.0.251", "new", "multicast", "drop multicast"],
    ["endpoint", "0.0.0.0", "host", "255.255.255.255", "new", "multicast", "drop multicast"],
    ["endpoint", "10.1.1.28", "host", "224.0.0.251", "new", "multicast", "drop spoofed-source"],
    // Neighbour discovery.
    ["endpoint", "fe80::1", "host", "ff02::1:ff00:1", "new", "solicitation", "accept neighbour-discovery"],
    ["endpoint", "::", "host", "ff02::1:ff00:1", "new", "solicitation", "accept neighbour-discovery"],
    ["unbound", "fe80::1", "host", "ff02::1:ff00:1", "new", "solicitation", "accept neighbour-discovery"],
    ["endpoint", "fe80::1", "host", "fe80::2", "new", "solicitation from afar", "drop spoofed-source"],
    ["endpoint", "fe80::1", "host", "fe80::2", "new", "http", "drop spoofed-source"],
    ["endpoint", "fd00:10:0:100::1", "host", "fe80::2", "new", "solicitation", "drop spoofed-source"],
    ["endpoint", "fe80::1", "forward", "2001:db8::1", "new", "http", "drop spoofed-source"],
  ];
  test.each(cases)(
    "from %s %s, %s to %s, %s %s: %s",
    (arrival, source, delivery, destination, state, traffic, expected) => {
      const services = [{ protocol: "udp", port: 53 }] as const;
      const { verdict, reason } = judge(WORLD, host(1), services, {
        source: parseAddress(source),
        destination: parseAddress(destination),
        arrival: ARRIVALS[arrival],
        delivery,
        state,
        traffic: TRAFFIC[traffic],
      });
      expect(`${verdict} ${reason}`).toBe(expected);
    },
  );

  const CONFIGURATION = { kind: "configuration" } as const;
  const HTTP = { kind: "tcp", port: 80 } as const;
  const guests: [keyof typeof ARRIVALS, string, string, Packet["traffic"], string, string][] = [
    ["endpoint", "0.0.0.0", "255.255.255.255", CONFIGURATION, "accept configuration", "drop multicast"],
    ["unbound", "0.0.0.0", "255.255.255.255", CONFIGURATION, "accept configuration", "drop multicast"],
    ["endpoint", "10.1.1.27", "255.255.255.255", CONFIGURATION, "accept configuration", "drop multicast"],
    ["endpoint", "fe80::1", "ff02::1:2", CONFIGURATION, "accept configuration", "drop multicast"],
    ["endpoint", "192.0.2.1", "255.255.255.255", CONFIGURATION, "drop multicast", "drop multicast"],
    ["endpoint", "10.1.1.28", "255.255.255.255", CONFIGURATION, "drop spoofed-source", "drop spoofed-source"],
    ["endpoint", "0.0.0.0", "255.255.255.255", { kind: "multicast" }, "drop multicast", "drop multicast"],
    ["endpoint", "10.1.1.27", "169.254.169.254", HTTP, "accept gateway-service", "drop to-host"],
    ["endpoint", "10.1.1.27", "169.254.169.254", { kind: "tcp", port: 22 }, "drop to-host", "drop to-host"],
    ["endpoint", "10.1.1.28", "169.254.169.254", HTTP, "drop spoofed-source", "drop spoofed-source"],
    ["elsewhere", "10.2.1.17", "169.254.169.254", HTTP, "drop to-host", "accept foreign"],
    ["elsewhere", "192.0.2.1", "169.254.169.254", HTTP, "drop to-host", "accept foreign"],
  ];
  test.each(guests)(
    "where guests are served, from %s %s to %s %j: %s; else %s",
    (arrival, source, destination, traffic, served, otherwise) => {
      const packet: Packet = {
        source: parseAddress(source),
        destination: parseAddress(destination),
        arrival: ARRIVALS[arrival],
        delivery: "host",
        state: "new",
        traffic,
      };
      const guestServices = { dhcp: true, metadata: true };
      const judgements = [
        judge(WORLD, host(1), [], packet, { guestServices }),
        judge(WORLD, host(1), [], packet),
      ];
      expect(judgements.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual([served, otherwise]);
    },
  );
});

describe("judge() of a world with policies", () => {
  const WEB = [tcp(80)];
  const policies = [
    native("open db", [of("acme/db")], [ingress.accept([of("acme/web")], WEB)]),
    native("no mail", [of("acme")], [egress.drop(undefined, [tcp(25)])]),
    native("db goes nowhere", [of("acme/db")], [egress.accept([LOCAL], WEB)]),
    native(
      "own host",
      [{ kind: "host" }],
      [ingress.accept([of("acme/web")], WEB), ingress.drop([of("beta")])],
    ),
    native("from own host", [of("acme/web")], [ingress.drop([HOST], [tcp(81)])]),
    native("not to beta", [{ kind: "host" }], [egress.drop([of("beta")])]),
    native("machine", [{ kind: "machine", interfaces: ["eth0"] }], [ingress.accept([of("acme")], WEB)]),
    native("machine out", [{ kind: "machine", interfaces: ["eth0"] }], [egress.accept([LOCAL])]),
    native("given", [of("open/web")], [ingress.drop(undefined, [tcp(25)])]),
  ];
  const world = { ...CASE_WORLD, policies };
  const SENDERS = {
    web: { source: "10.1.1.17", arrival: { from: "endpoint", owns: [parsePrefix("10.1.1.17/32")] } },
    db: { source: "10.1.1.33", arrival: { from: "endpoint", owns: [parsePrefix("10.1.1.33/32")] } },
    beta: { source: "10.1.2.17", arrival: { from: "endpoint", owns: [parsePrefix("10.1.2.17/32")] } },
    "far web": { source: "10.2.1.18", arrival: { from: "elsewhere" } },
    outside: { source: "192.0.2.1", arrival: { from: "elsewhere" } },
    "itself as given": { source: "172.16.0.9", arrival: { from: "elsewhere" } },
    host: { source: "192.168.0.1", arrival: { from: "host" } },
  } as const satisfies Record<string, Pick<Packet, "arrival"> & { source: string }>;
  const cases: [keyof typeof SENDERS, string, Packet["delivery"], number, Packet["state"], string][] = [
    ["web", "10.1.1.33", "forward", 80, "new", "accept allowed"],
    ["web", "10.1.1.33", "forward", 81, "new", "drop not-allowed"],
    ["web", "10.1.1.33", "forward", 81, "established", "accept established"],
    ["web", "192.0.2.1", "forward", 25, "new", "drop denied"],
    ["web", "192.0.2.1", "forward", 80, "new", "accept sending"],
    ["web", "10.1.2.17", "forward", 80, "new", "drop isolation"],
    ["db", "192.0.2.1", "forward", 80, "new", "drop not-allowed"],
    ["db", "10.1.3.17", "forward", 80, "new", "accept open-tenant"],
    ["far web", "10.1.1.33", "forward", 80, "new", "accept allowed"],
    ["far web", "10.1.1.17", "forward", 25, "new", "accept same-segment"],
    ["outside", "10.1.1.17", "forward", 80, "new", "drop from-outside"],
    ["outside", "10.1.1.33", "forward", 80, "new", "drop not-allowed"],
    // Towards the own host: egress, then rules of the host, then what the gateway offers.
    ["web", "10.1.0.1", "host", 80, "new", "accept allowed"],
    ["web", "10.1.0.1", "host", 53, "new", "accept gateway-service"],
    ["web", "10.1.0.1", "host", 81, "new", "drop to-host"],
    ["web", "10.1.0.1", "host", 25, "new", "drop denied"],
    ["db", "10.1.0.1", "host", 53, "new", "drop not-allowed"],
    ["beta", "10.1.0.1", "host", 53, "new", "drop denied"],
    ["beta", "10.1.0.1", "host", 53, "established", "accept established"],
    // The machine itself, behind its safety net.
    ["far web", "192.168.0.1", "host", 80, "new", "accept allowed"],
    ["far web", "192.168.0.1", "host", 81, "new", "drop not-allowed"],
    ["outside", "192.168.0.1", "host", 22, "new", "accept foreign"],
    ["outside", "192.168.0.1", "host", 81, "established", "accept foreign"],
    ["host", "192.0.2.1", "forward", 443, "new", "drop not-allowed"],
    ["host", "10.2.1.18", "forward", 443, "new", "accept from-own-host"],
    ["host", "192.0.2.1", "forward", 443, "established", "accept from-own-host"],
    // Its processes and own endpoints.
    ["host", "10.1.1.17", "forward", 80, "new", "accept from-own-host"],
    ["host", "10.1.1.17", "forward", 81, "new", "drop denied"],
    ["host", "10.1.2.17", "forward", 80, "new", "drop denied"],
    // An address that was given to an own endpoint.
    ["outside", "172.16.0.9", "forward", 80, "new", "accept open-tenant"],
    ["outside", "172.16.0.9", "forward", 25, "new", "drop denied"],
    ["outside", "172.16.0.77", "forward", 25, "new", "accept foreign"],
    ["itself as given", "10.1.3.17", "forward", 80, "new", "drop spoofed-source"],
  ];
  test.each(cases)(
    "from %s to %s, %s, TCP port %d, %s: %s",
    (sender, destination, delivery, port, state, expected) => {
      const { source, arrival } = SENDERS[sender];
      const { verdict, reason } = judge(
        world,
        host(1),
        [{ protocol: "tcp", port: 53 }],
        {
          source: parseAddress(source),
          destination: parseAddress(destination),
          arrival,
          delivery,
          state,
          traffic: { kind: "tcp", port },
          interfaceName: "eth0",
        },
        { pinned: [parsePrefix("172.16.0.9/32")] },
      );
      expect(`${verdict} ${reason}`).toBe(expected);
    },
  );

  test("a caller says what else the safety net holds", () => {
    const packet = {
      source: parseAddress("192.0.2.1"),
      destination: parseAddress("192.168.0.1"),
      arrival: { from: "elsewhere" },
      delivery: "host",
      state: "new",
      traffic: { kind: "tcp", port: 9600 },
      interfaceName: "eth0",
    } as const;
    const romanad = { direction: "ingress", protocol: 6, port: 9600 } as const;
    expect(judge(world, host(1), [], packet).verdict).toBe("drop");
    expect(judge(world, host(1), [], packet, { safetyNet: [romanad] }).verdict).toBe("accept");
  });
});
