import { describe, expect, test } from "vitest";
import type { PolicyPeer, PolicyVerdict, TrafficMatch } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import type {
  ClusterNetworkPolicy,
  ClusterNetworkPolicyPeer,
  ClusterNetworkPolicyProtocol,
  ClusterNetworkPolicyRule,
} from "./objects.ts";
import { translateClusterNetworkPolicy } from "./translate-cluster-network-policy.ts";

type Rule = ClusterNetworkPolicyRule<"to">;

function policy(spec: Partial<ClusterNetworkPolicy["spec"]>): ClusterNetworkPolicy {
  const base = { tier: "Admin", priority: 7, subject: { namespaces: {} }, ingress: [], egress: [] } as const;
  return { metadata: { name: "guard" }, spec: { ...base, ...spec } };
}

function egress(rule: Partial<Rule>): ClusterNetworkPolicy {
  return policy({ egress: [{ action: "Accept", to: [{ namespaces: {} }], ...rule }] });
}

const RED = { matchLabels: { team: "red" } };
const TEAM_IS_RED = [{ key: "team", operator: "In", values: ["red"] }] as const;
const BY_TEAM = { by: "labels", requirements: TEAM_IS_RED } as const;

describe("translateClusterNetworkPolicy()", () => {
  test("tier, priority and subject", () => {
    const subject = { pods: { namespaceSelector: {}, podSelector: RED } };
    expect(translateClusterNetworkPolicy(policy({ tier: "Baseline", subject }))).toEqual({
      policy: {
        id: "cnp.guard",
        tier: "baseline",
        order: 7,
        appliedTo: [{ kind: "endpoints", segment: BY_TEAM }],
        isolates: [],
        rules: [],
        established: "cut",
      },
      problems: [],
    });
  });

  test("rules keep their order and names, ingress comes first", () => {
    const { policy: translated } = translateClusterNetworkPolicy(
      policy({
        ingress: [
          { name: "first", action: "Pass", from: [{ namespaces: {} }] },
          { action: "Deny", from: [{ namespaces: {} }] },
        ],
        egress: [{ name: "last", action: "Accept", to: [{ namespaces: {} }] }],
      }),
    );
    const said = translated.rules.map(({ name, direction, verdict }) => [name, direction, verdict]);
    expect(said).toEqual([
      ["first", "ingress", "pass"],
      [undefined, "ingress", "drop"],
      ["last", "egress", "accept"],
    ]);
  });

  test.each<[ClusterNetworkPolicyPeer, PolicyPeer[]]>([
    [{ namespaces: RED }, [{ kind: "endpoints", tenant: BY_TEAM }]],
    [
      { pods: { namespaceSelector: RED, podSelector: RED } },
      [{ kind: "endpoints", tenant: BY_TEAM, segment: BY_TEAM }],
    ],
    [{ nodes: RED }, [{ kind: "hosts", requirements: TEAM_IS_RED }]],
    [{ nodes: {} }, [{ kind: "hosts", requirements: [] }]],
  ])("peer %j", (peer, expected) => {
    expect(translateClusterNetworkPolicy(egress({ to: [peer] })).policy.rules[0]?.peers).toEqual(expected);
  });
  test("each network is a peer of its own", () => {
    const networks = [parsePrefix("10.0.0.0/8"), parsePrefix("::/0")];
    const { rules } = translateClusterNetworkPolicy(egress({ to: [{ networks }] })).policy;
    expect(rules[0]?.peers).toEqual(networks.map((prefix) => ({ kind: "prefix", prefix, except: [] })));
  });

  test.each<[ClusterNetworkPolicyProtocol[] | undefined, TrafficMatch[]]>([
    [undefined, [{}]],
    [[{ protocol: "UDP", first: 5, last: 9 }], [{ protocol: 17, ports: { first: 5, last: 9 } }]],
    [
      [{ destinationNamedPort: "web" }],
      [
        { protocol: 6, portName: "web" },
        { protocol: 17, portName: "web" },
        { protocol: 132, portName: "web" },
      ],
    ],
  ])("protocols %j", (protocols, expected) => {
    expect(translateClusterNetworkPolicy(egress({ protocols })).policy.rules[0]?.traffic).toEqual(expected);
  });

  const peers: Rule["to"] = [{ namespaces: {} }, { unsupported: "peer domainNames" }];
  test.each<[Rule["action"], PolicyVerdict, PolicyPeer[], TrafficMatch[], string]>([
    ["Accept", "accept", [], [], "so this Accept rule matches nothing"],
    ["Deny", "drop", [{ kind: "any" }], [{}], "so this Deny rule denies everything"],
    ["Pass", "drop", [{ kind: "any" }], [{}], "so this Pass rule denies everything"],
  ])("%s fails closed on what is not supported", (action, verdict, expectedPeers, traffic, consequence) => {
    const protocols: Rule["protocols"] = [{ unsupported: "protocol icmp" }];
    const place = 'egress[0] "r"';
    for (const [rule, words] of [
      [{ to: peers }, "peer domainNames"],
      [{ protocols }, "protocol icmp"],
    ] as const) {
      const { policy: translated, problems } = translateClusterNetworkPolicy(
        egress({ name: "r", action, ...rule }),
      );
      expect(translated.rules).toEqual([
        { name: "r", direction: "egress", verdict, peers: expectedPeers, traffic, stateful: true },
      ]);
      const message = `${place}: ${words} is not supported, ${consequence}`;
      expect(problems).toEqual([{ policy: "cnp.guard", message }]);
    }
  });
});
