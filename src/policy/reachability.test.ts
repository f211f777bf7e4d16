import { describe, expect, test } from "vitest";
import { exampleWorld } from "../../test/support/example-world.ts";
import type { Host } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import { egress, ingress, native, of, tcp } from "./case-policies.case.ts";
import { CASE_WORLD } from "./case-world.case.ts";
import { expectReachable, type Party } from "./reachability.ts";

const WORLD = exampleWorld();

/** A party from its text: `endpoint ADDRESS`, `outside ADDRESS`, `host-1 ADDRESS`. */
function party(text: string): Party {
  const [who, address] = text.split(" ") as [string, string];
  if (who === "endpoint" || who === "outside") return { kind: who, address: parseAddress(address) };
  const host = WORLD.hosts.find(({ name }) => name === who) as Host;
  return { kind: "host", host, address: parseAddress(address) };
}

describe("expectReachable()", () => {
  const TRAFFIC = {
    http: { kind: "tcp", port: 80 },
    dns: { kind: "udp", port: 53 },
    echo: { kind: "echo-request" },
  } as const;
  test.each<[string, string, keyof typeof TRAFFIC, string]>([
    ["endpoint 10.1.1.27", "endpoint 10.1.1.17", "http", "accept same-segment"],
    ["endpoint 10.1.1.27", "endpoint 10.2.1.17", "http", "accept same-segment"],
    ["endpoint 10.1.1.27", "endpoint 10.1.1.33", "http", "drop isolation"],
    ["endpoint 10.1.1.27", "endpoint 10.2.2.17", "http", "drop isolation"],
    ["endpoint 10.1.1.27", "endpoint 10.2.3.17", "http", "accept open-tenant"],
    ["endpoint 10.1.1.27", "outside 192.0.2.1", "http", "accept sending"],
    ["outside 192.0.2.1", "endpoint 10.1.1.27", "http", "drop from-outside"],
    ["outside 192.0.2.1", "endpoint 10.1.3.17", "http", "accept open-tenant"],
    ["outside 192.0.2.1", "outside 192.0.2.2", "http", "accept foreign"],
    ["host-1 10.1.0.1", "endpoint 10.1.1.27", "http", "accept from-own-host"],
    ["host-2 192.168.0.2", "endpoint 10.1.1.27", "http", "drop from-outside"],
    ["host-2 192.168.0.2", "endpoint 10.1.3.17", "http", "accept open-tenant"],
    ["endpoint 10.1.1.27", "host-1 10.1.0.1", "echo", "accept gateway-service"],
    ["endpoint 10.1.1.27", "host-1 10.1.0.1", "dns", "accept gateway-service"],
    ["endpoint 10.1.1.27", "host-1 10.1.0.1", "http", "drop to-host"],
    ["endpoint 10.1.1.27", "host-1 192.168.0.1", "echo", "drop to-host"],
    ["endpoint 10.1.1.27", "host-2 10.2.0.1", "http", "accept foreign"],
    ["host-1 192.168.0.1", "host-2 192.168.0.2", "http", "accept foreign"],
  ])("%s to %s by %s: %s", (source, destination, traffic, expected) => {
    const services = [{ protocol: "udp", port: 53 }] as const;
    const { verdict, reason } = expectReachable(
      WORLD,
      services,
      party(source),
      party(destination),
      TRAFFIC[traffic],
    );
    expect(`${verdict} ${reason}`).toBe(expected);
  });
});

describe("expectReachable() in a world with policies", () => {
  const world = {
    ...CASE_WORLD,
    policies: [
      native("out", [of("acme")], [egress.accept([of("open")], [tcp(80)])]),
      native("in", [of("open/db")], [ingress.accept([of("acme/web")])]),
      native("given", [of("open/web")], [ingress.drop(undefined, [tcp(81)])]),
      native("machine", [{ kind: "machine", interfaces: ["eth0"] }], [ingress.accept(undefined, [tcp(80)])]),
    ],
  };
  const at = (id: 0 | 1): Host => world.hosts[id] as Host;
  const given = { kind: "endpoint", address: parseAddress("172.16.0.9"), host: at(0) } as const;
  const machine = {
    kind: "host",
    address: parseAddress("192.168.0.1"),
    host: at(0),
    interfaceName: "eth0",
  } as const;
  const inside = (text: string): Party => ({ kind: "endpoint", address: parseAddress(text) });
  test.each<[string, Party, Party, number, string]>([
    ["both directions accept", inside("10.1.1.17"), inside("10.2.3.33"), 80, "accept allowed"],
    ["the source may not send", inside("10.1.1.17"), inside("10.2.3.33"), 81, "drop not-allowed"],
    ["the destination does not let it in", inside("10.1.1.33"), inside("10.2.3.33"), 80, "drop not-allowed"],
    ["no policy is about the source", inside("10.1.2.17"), inside("10.1.3.17"), 80, "accept open-tenant"],
    ["to an address that was given", inside("10.2.3.33"), given, 80, "accept open-tenant"],
    ["a rule about who has it", inside("10.2.3.33"), given, 81, "drop denied"],
    ["from an address that was given", given, inside("10.2.2.33"), 80, "drop isolation"],
    ["to a machine over its interface", inside("10.2.3.33"), machine, 80, "accept allowed"],
    ["to a machine, another port", inside("10.2.3.33"), machine, 81, "drop not-allowed"],
    ["between machines without rules", machine, { ...machine, host: at(1) }, 80, "accept allowed"],
  ])("%s", (_, source, destination, port, expected) => {
    const { verdict, reason } = expectReachable(world, [], source, destination, { kind: "tcp", port });
    expect(`${verdict} ${reason}`).toBe(expected);
  });
});
