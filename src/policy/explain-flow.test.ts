import { describe, expect, test } from "vitest";
import { egress, ingress, native, of, tcp } from "./case-policies.case.ts";
import { CASE_WORLD, caseFlow, PARTIES, type PartyName } from "./case-world.case.ts";
import { explainFlow, type FlowSide } from "./explain-flow.ts";

const world = {
  ...CASE_WORLD,
  policies: [
    native("out", [of("acme/web")], [egress.drop(undefined, [tcp(25)])]),
    native("in", [of("open/db")], [ingress.accept([of("acme")], [tcp(80)])]),
    native("host", [{ kind: "host" }], [ingress.accept([of("open")], [tcp(80)])]),
    native("front", [{ kind: "machine", interfaces: ["eth0"] }], [ingress.accept(undefined, [tcp(80)])]),
  ],
};

describe("explainFlow()", () => {
  test.each([
    ["acme/web > open/db", "tcp/80", "accept; host-1 open; host-2 rule in"],
    ["acme/web > open/db", "tcp/25", "drop; host-1 rule out; host-2 isolated"],
    ["acme/web > acme/db", "tcp/80", "drop; host-1 open; host-1 isolated"],
    ["acme/web > outside", "tcp/80", "accept; host-1 open; -"],
    ["outside > open/db", "tcp/80", "drop; -; host-2 isolated"],
    ["outside > outside 2", "tcp/80", "accept; -; -"],
    ["pinned open/web > open/db", "tcp/80", "drop; ? open; host-2 isolated"],
    ["outside > ?/?", "tcp/80", "drop; -; host-1 isolated"],
    // Machines: their own endpoints, others, and what no policy takes away.
    ["host-2 > open/db", "tcp/80", "accept; host-2 open; host-2 own-host"],
    ["host-1 > open/db", "tcp/80", "drop; host-1 open; host-2 isolated"],
    ["open/web > gateway-1", "tcp/80", "accept; host-1 open; host-1 rule host"],
    ["acme/web > gateway-1", "tcp/80", "drop; host-1 open; host-1 to-host"],
    ["acme/web > gateway-1", "tcp/25", "drop; host-1 rule out; host-1 to-host"],
    ["acme/web > gateway-1", "udp/53", "accept; host-1 open; host-1 gateway-service"],
    ["acme/web > host-1", "udp/53", "drop; host-1 open; host-1 to-host"],
    ["acme/web > gateway-1", "tcp/22", "drop; host-1 open; host-1 to-host"],
    ["outside > host-1", "tcp/22", "accept; -; host-1 safety-net"],
    ["outside > host-1", "tcp/80", "accept; -; host-1 rule front"],
    ["outside > host-1", "tcp/81", "drop; -; host-1 isolated"],
    ["acme/web > host-2", "tcp/81", "drop; host-1 open; host-2 isolated"],
    ["host-1 > gateway-1", "tcp/81", "accept; -; -"],
  ])("%s by %s: %s", (parties, traffic, expected) => {
    const [from, to] = parties.split(" > ").filter((name): name is PartyName => name in PARTIES);
    for (const family of [4, 6] as const) {
      const flow = caseFlow(family, from as PartyName, to as PartyName, traffic);
      const answer = explainFlow(world, flow, {
        interfaceName: "eth0",
        gatewayServices: [{ protocol: "udp", port: 53 }],
      });
      const text = [answer.verdict, describeSide(answer.egress), describeSide(answer.ingress)].join("; ");
      expect(text).toBe(expected);
    }
  });

  test("machines are over no interface unless one is given", () => {
    const flow = caseFlow(4, "outside", "host-1", "tcp/81");
    expect(explainFlow(world, flow).verdict).toBe("accept");
    expect(explainFlow(world, flow, { interfaceName: "eth0" }).verdict).toBe("drop");
  });
});

function describeSide(side: FlowSide | undefined): string {
  if (side === undefined) return "-";
  const { decidedBy } = side.decision;
  const by = decidedBy.kind === "rule" ? `rule ${decidedBy.policy}` : decidedBy.kind;
  return `${side.host?.name ?? "?"} ${by}`;
}
