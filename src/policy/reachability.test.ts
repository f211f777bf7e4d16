import { describe, expect, test } from "vitest";
import { exampleWorld } from "../../test/support/example-world.ts";
import type { Host } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
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
