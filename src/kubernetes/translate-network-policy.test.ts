import { describe, expect, test } from "vitest";
import type { PolicyPeer, TrafficMatch } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "./objects.ts";
import { translateNetworkPolicy } from "./translate-network-policy.ts";

function policy(spec: Partial<NetworkPolicy["spec"]>): NetworkPolicy {
  return {
    metadata: { namespace: "shop", name: "db.v1", uid: "u-1" },
    spec: { podSelector: {}, ingress: [], egress: [], policyTypes: ["Ingress"], ...spec },
  };
}

const IN_APP = { matchLabels: { app: "db" } };
const APP_IS_DB = { by: "labels", requirements: [{ key: "app", operator: "In", values: ["db"] }] } as const;
const SHOP = { by: "name", name: "shop" } as const;

describe("translateNetworkPolicy()", () => {
  test("a policy that only isolates", () => {
    expect(translateNetworkPolicy(policy({ policyTypes: ["Ingress", "Egress"] }))).toEqual({
      id: "kube.shop.db.v1",
      externalId: "u-1",
      tier: "standard",
      order: 1000,
      appliedTo: [{ kind: "endpoints", tenant: SHOP }],
      isolates: ["ingress", "egress"],
      rules: [],
      established: "cut",
    });
  });

  test("selected pods are endpoints of segments with such labels", () => {
    const podSelector = {
      matchLabels: { app: "db" },
      matchExpressions: [{ key: "tier", operator: "NotIn" as const, values: ["test"] }],
    };
    const requirements = [
      { key: "app", operator: "In", values: ["db"] },
      { key: "tier", operator: "NotIn", values: ["test"] },
    ];
    expect(translateNetworkPolicy(policy({ podSelector })).appliedTo).toEqual([
      { kind: "endpoints", tenant: SHOP, segment: { by: "labels", requirements } },
    ]);
  });

  test("rules of a direction that policyTypes does not name say nothing", () => {
    const rules = { ingress: [{ from: [], ports: [] }], egress: [{ to: [], ports: [] }] };
    const of = (policyTypes: NetworkPolicy["spec"]["policyTypes"]): string[] =>
      translateNetworkPolicy(policy({ ...rules, policyTypes })).rules.map(({ direction }) => direction);
    expect(of(["Ingress"])).toEqual(["ingress"]);
    expect(of(["Egress"])).toEqual(["egress"]);
    expect(of(["Egress", "Ingress"])).toEqual(["ingress", "egress"]);
  });

  test("a rule without peers and ports accepts everything", () => {
    const { rules } = translateNetworkPolicy(policy({ ingress: [{ from: [], ports: [] }] }));
    expect(rules).toEqual([
      { direction: "ingress", verdict: "accept", peers: [{ kind: "any" }], traffic: [{}], stateful: true },
    ]);
  });

  test.each<[string, NetworkPolicyPeer, PolicyPeer]>([
    [
      "pods of the own namespace",
      { podSelector: IN_APP },
      { kind: "endpoints", tenant: SHOP, segment: APP_IS_DB },
    ],
    ["all pods of the own namespace", { podSelector: {} }, { kind: "endpoints", tenant: SHOP }],
    ["pods of namespaces", { namespaceSelector: IN_APP }, { kind: "endpoints", tenant: APP_IS_DB }],
    ["pods of all namespaces", { namespaceSelector: {} }, { kind: "endpoints" }],
    [
      "some pods of all namespaces",
      { namespaceSelector: {}, podSelector: IN_APP },
      { kind: "endpoints", segment: APP_IS_DB },
    ],
    [
      "a block",
      { ipBlock: { cidr: parsePrefix("10.0.0.0/8"), except: [parsePrefix("10.1.0.0/16")] } },
      { kind: "prefix", prefix: parsePrefix("10.0.0.0/8"), except: [parsePrefix("10.1.0.0/16")] },
    ],
  ])("peer: %s", (_, peer, expected) => {
    const document = policy({ egress: [{ to: [peer], ports: [] }], policyTypes: ["Egress"] });
    expect(translateNetworkPolicy(document).rules[0]?.peers).toEqual([expected]);
  });

  test.each<[NetworkPolicyPort, TrafficMatch]>([
    [{ protocol: "TCP" }, { protocol: 6 }],
    [
      { protocol: "UDP", port: 53 },
      { protocol: 17, ports: { first: 53, last: 53 } },
    ],
    [
      { protocol: "SCTP", port: 80, endPort: 90 },
      { protocol: 132, ports: { first: 80, last: 90 } },
    ],
    [
      { protocol: "TCP", port: "http" },
      { protocol: 6, portName: "http" },
    ],
  ])("port %j", (port, expected) => {
    const document = policy({ ingress: [{ from: [], ports: [port] }] });
    expect(translateNetworkPolicy(document).rules[0]?.traffic).toEqual([expected]);
  });
});
