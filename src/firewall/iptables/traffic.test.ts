import { describe, expect, test } from "vitest";
import type { Family } from "../../net/index.ts";
import type { RuleEntry } from "../../rules/index.ts";
import { trafficText } from "./traffic.ts";

type Traffic = RuleEntry["traffic"];

describe("trafficText()", () => {
  test.each<[Family, Traffic, string, number | undefined]>([
    [4, {}, "", undefined],
    [4, { protocol: 6 }, "-p tcp", undefined],
    [6, { protocol: 47 }, "-p 47", undefined],
    [4, { protocol: 17, ports: { first: 53, last: 53 } }, "-p udp -m udp --dport 53", 1],
    [4, { protocol: 132, ports: { first: 80, last: 95 } }, "-p sctp -m sctp --dport 80:95", 16],
    [4, { protocol: 6, ports: { first: 80, last: 96 } }, "-p tcp -m tcp --dport 80:96", undefined],
    [4, { protocol: 6, ports: { first: 0, last: 65535 } }, "-p tcp", undefined],
    [4, { protocol: 1, icmp: { type: 8 } }, "-p icmp -m icmp --icmp-type 8", undefined],
    [6, { protocol: 58, icmp: { type: 1, code: 4 } }, "-p ipv6-icmp -m icmp6 --icmpv6-type 1/4", undefined],
  ])("IPv%i %j: %s", (family, traffic, words, ports) => {
    const text = trafficText(traffic, family);
    expect(text?.words).toBe(words);
    expect(text?.ports?.length).toBe(ports);
  });

  test("ports of elements", () => {
    expect(trafficText({ protocol: 6, ports: { first: 80, last: 82 } }, 4)?.ports).toEqual([
      "tcp:80",
      "tcp:81",
      "tcp:82",
    ]);
  });

  test.each<[Family, Traffic]>([
    [4, { protocol: 58 }],
    [6, { protocol: 1, icmp: { type: 8 } }],
  ])("IPv%i has no packets of %j", (family, traffic) => {
    expect(trafficText(traffic, family)).toBeUndefined();
  });

  test.each<[string, Traffic]>([
    ["protocol 0, which iptables takes for all", { protocol: 0 }],
    ["ICMP type 255, which iptables takes for all", { protocol: 1, icmp: { type: 255 } }],
    ["ports of protocol 47", { protocol: 47, ports: { first: 1, last: 1 } }],
    ["an ICMP type of protocol 6", { protocol: 6, icmp: { type: 8 } }],
    ["needs a protocol", { ports: { first: 1, last: 1 } }],
  ])("%s is refused", (reason, traffic) => {
    expect(() => trafficText(traffic, 4)).toThrow(reason);
  });
});
