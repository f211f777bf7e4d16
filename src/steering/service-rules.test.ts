import { describe, expect, test } from "vitest";
import type { Service } from "../model/index.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import { type ServiceRules, serviceRules } from "./service-rules.ts";
import { shopHost, shopKnown, shopService } from "./service-scene.case.ts";

const HERE = shopHost(1);

/** A line for each port: where to, and over whom it is spread. */
function linesOf(rules: ServiceRules): string[] {
  return [...rules.ports.values()].map(({ address, protocol, port, pool, targetPort, spreadBy }) => {
    const members = new Set(rules.pools.get(pool)?.slots.map(formatAddress));
    return `${formatAddress(address)} ${protocol} ${port} by ${spreadBy} > ${[...members].toSorted().join()} ${targetPort}`;
  });
}

describe("serviceRules()", () => {
  const v4 = { addresses: { ipv4: parseAddress("172.30.0.1") } };
  test.each<[string, readonly string[], Partial<Service>, readonly string[]]>([
    [
      "both families",
      ["1.1", "2.1"],
      {},
      [
        "172.30.0.1 tcp 80 by flow > 10.1.17.1,10.2.17.1 8080",
        "fd30::1 tcp 80 by flow > fd00::1:1:1:0:1,fd00::2:1:1:0:1 8080",
      ],
    ],
    [
      "a port without a target is the same there",
      ["1.1"],
      { ...v4, ports: [{ protocol: "udp", port: 53 }] },
      ["172.30.0.1 udp 53 by flow > 10.1.17.1 53"],
    ],
    [
      "several ports share their members",
      ["1.1", "3.1"],
      {
        ...v4,
        ports: [
          { protocol: "tcp", port: 80, targetPort: 8080 },
          { protocol: "sctp", port: 80, targetPort: 9 },
        ],
      },
      [
        "172.30.0.1 tcp 80 by flow > 10.1.17.1,10.3.17.1 8080",
        "172.30.0.1 sctp 80 by flow > 10.1.17.1,10.3.17.1 9",
      ],
    ],
    [
      "affinity goes by the client alone",
      ["1.1"],
      { ...v4, affinity: "client" },
      ["172.30.0.1 tcp 80 by client > 10.1.17.1 8080"],
    ],
    [
      "members of this host are preferred",
      ["1.1", "1.2", "2.1"],
      { ...v4, prefer: "local" },
      ["172.30.0.1 tcp 80 by flow > 10.1.17.1,10.1.17.2 8080"],
    ],
    [
      "others do where none is here",
      ["2.1", "3.1"],
      { ...v4, prefer: "local" },
      ["172.30.0.1 tcp 80 by flow > 10.2.17.1,10.3.17.1 8080"],
    ],
    ["nobody is healthy", [], v4, []],
    [
      "a named port of another protocol is none",
      ["1.1"],
      { ...v4, ports: [{ protocol: "udp", port: 80, targetPort: "http" }] },
      [],
    ],
    ["a segment that nothing is known of", ["1.1"], { segment: "db" }, []],
    ["a network that is not known", ["1.1"], { network: "other" }, []],
  ])("%s", (_, members, change, expected) => {
    expect(linesOf(serviceRules(shopKnown(members, [shopService(change)]), HERE))).toEqual(expected);
  });

  test("members of this host that are services' hear themselves from the gateway", () => {
    const { hairpins } = serviceRules(shopKnown(["1.1", "2.1"]), HERE);
    const texts = [...hairpins.values()].map(({ address, gateway }) => [address, gateway].map(formatAddress));
    expect(texts).toEqual([
      ["10.1.17.1", "10.1.0.1"],
      ["fd00::1:1:1:0:1", "fd00:0:0:1::1"],
    ]);
    expect(serviceRules(shopKnown(["1.1"], []), HERE).hairpins.size).toBe(0);
  });

  test("a target port that nobody has is told, for each port once", () => {
    const ports = [{ protocol: "tcp", port: 80, targetPort: "metrics" }] as const;
    expect(serviceRules(shopKnown(["1.1"], [shopService({ ports })]), HERE).problems).toEqual([
      'Service "www" has no members at tcp port 80: segment "shop/web" has no port "metrics" of that protocol',
    ]);
  });

  test("who prefers members of this host still knows of the others, so that flows to them go on", () => {
    const { ports } = serviceRules(
      shopKnown(["1.1", "2.1"], [shopService({ ...v4, prefer: "local" })]),
      HERE,
    );
    expect([...ports.values()].map(({ members }) => [...members])).toEqual([["10.1.17.1", "10.2.17.1"]]);
  });

  test("pools whose members are the same are taken over, whatever their order", () => {
    const before = serviceRules(shopKnown(["1.1", "2.1"]), HERE);
    const same = serviceRules(shopKnown(["2.1", "1.1"]), HERE, before.pools);
    const other = serviceRules(shopKnown(["2.1", "1.2"]), HERE, before.pools);
    for (const [name, pool] of before.pools) {
      expect(same.pools.get(name)).toBe(pool);
      expect(other.pools.get(name)?.slots).not.toEqual(pool.slots);
    }
  });

  test.each([
    ["are not spread alike", undefined, 2],
    ["are where a client shall stay", "client", 1],
  ] as const)("ports of the same members %s", (_, affinity, expected) => {
    const ports = [80, 81].map((port) => ({ protocol: "tcp", port }) as const);
    const service = shopService({ ...v4, ports, ...(affinity && { affinity }) });
    const rules = serviceRules(shopKnown(["1.1"], [service]), HERE);
    expect(new Set([...rules.ports.values()].map(({ seed }) => seed)).size).toBe(expected);
  });
});
