import type { Policy, PolicyPeer, PolicyRule, PolicyTarget } from "../../src/model/index.ts";
import { parsePrefix } from "../../src/net/index.ts";
import { type PolicyWorld, PROTOCOL } from "../../src/policy/index.ts";
import { exampleWorld } from "./example-world.ts";
import { PROBE_PORT } from "./firewall-probes.ts";

const tenant = (name: string): PolicyPeer & PolicyTarget => ({
  kind: "endpoints",
  tenant: { by: "name", name },
});
const segment = (of: string, name: string): PolicyPeer & PolicyTarget => ({
  ...tenant(of),
  kind: "endpoints",
  segment: { by: "name", name },
});
const prefix = (text: string): PolicyPeer => ({ kind: "prefix", prefix: parsePrefix(text), except: [] });

/** A rule about everything that the rest does not say. */
function rule(part: Partial<PolicyRule>): PolicyRule {
  return {
    direction: "ingress",
    verdict: "accept",
    peers: [{ kind: "any" }],
    traffic: [{}],
    stateful: true,
    ...part,
  };
}

function policy(id: string, part: Partial<Policy>): Policy {
  return {
    id,
    tier: "standard",
    order: 1000,
    appliedTo: [],
    isolates: [],
    rules: [],
    established: "cut",
    ...part,
  };
}

const UDP_PROBE = { protocol: PROTOCOL.udp, ports: { first: PROBE_PORT, last: PROBE_PORT } };

/**
 * The example with policies of every tier, direction and verdict, over both kinds of targets, and with exceptions: an
 * endpoint with the address of acme's first web server acts as beta's.
 */
export function policyWorld(): PolicyWorld {
  return {
    ...exampleWorld(),
    exceptions: [
      {
        blocks: ["10.1.1.18/32", "fd00:10:0:100:1:1:0:2/128"].map(parsePrefix),
        tenant: "beta",
        segment: "web",
      },
    ],
    policies: [
      policy("db-clients", {
        appliedTo: [segment("acme", "db")],
        isolates: ["ingress"],
        rules: [
          rule({ peers: [segment("beta", "web")], traffic: [UDP_PROBE] }),
          rule({
            peers: [segment("acme", "web"), prefix("192.0.2.0/24"), prefix("2001:db8::/32")],
            traffic: [{ protocol: PROTOCOL.tcp, ports: { first: 6000, last: 7010 } }],
          }),
          rule({
            peers: [tenant("open")],
            traffic: [
              { protocol: PROTOCOL.tcp, ports: { first: PROBE_PORT - 1, last: PROBE_PORT + 2 } },
              { protocol: PROTOCOL.icmp, icmp: { type: 8 } },
              { protocol: PROTOCOL.icmpv6, icmp: { type: 128, code: 0 } },
            ],
          }),
        ],
      }),
      policy("beta-sends-little", {
        appliedTo: [segment("beta", "web")],
        isolates: ["egress"],
        rules: [
          rule({ direction: "egress", peers: [tenant("acme"), tenant("beta")] }),
          rule({ direction: "egress", verdict: "drop", peers: [segment("acme", "web")] }),
          rule({ direction: "egress", peers: [{ kind: "host" }], traffic: [UDP_PROBE] }),
        ],
      }),
      policy("no-udp-between-web-and-open", {
        tier: "admin",
        order: 1,
        appliedTo: [tenant("open")],
        rules: [
          rule({ verdict: "pass", peers: [prefix("10.2.0.0/16")] }),
          rule({ verdict: "log" }),
          rule({ verdict: "drop", peers: [segment("acme", "web"), { kind: "host" }], traffic: [UDP_PROBE] }),
        ],
      }),
      policy("open-is-not-for-strangers", {
        tier: "baseline",
        appliedTo: [tenant("open")],
        rules: [rule({ verdict: "accept", peers: [{ kind: "local" }] }), rule({ verdict: "drop" })],
      }),
      policy("without-state", {
        order: 10,
        appliedTo: [segment("beta", "db")],
        rules: [rule({ peers: [segment("acme", "db")], traffic: [UDP_PROBE], stateful: false })],
      }),
      policy("acme-may-ask-its-host", {
        appliedTo: [{ kind: "host" }],
        rules: [rule({ peers: [tenant("acme")], traffic: [UDP_PROBE] })],
      }),
      policy("machines", {
        appliedTo: [{ kind: "machine" }],
        isolates: ["ingress"],
        rules: [
          // What machines say to each other by themselves, such as solicitations of routers.
          rule({ traffic: [{ protocol: PROTOCOL.icmpv6 }] }),
          rule({ peers: [{ kind: "local" }] }),
          rule({ peers: [prefix("192.0.2.0/24")], traffic: [UDP_PROBE] }),
          rule({
            peers: [prefix("192.168.77.0/24"), prefix("fd77::/64")],
            traffic: [{ protocol: PROTOCOL.tcp }],
          }),
        ],
      }),
    ],
  };
}
