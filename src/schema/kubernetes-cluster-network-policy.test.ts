import { describe, expect, test } from "vitest";
import { formatPrefix } from "../net/index.ts";
import {
  type ClusterNetworkPolicyDocument,
  decodeClusterNetworkPolicy,
} from "./kubernetes-cluster-network-policy.ts";

const BASE = { tier: "Admin", priority: 10, subject: { namespaces: {} } };

function policy(spec: object): ClusterNetworkPolicyDocument {
  return decodeClusterNetworkPolicy({
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: "p" },
    spec: { ...BASE, ...spec },
  });
}

function egress(to: unknown, protocols?: unknown): object {
  return { egress: [{ action: "Accept", to: [to], ...(protocols !== undefined && { protocols }) }] };
}

function ingress(from: unknown): object {
  return { ingress: [{ action: "Accept", from: [from] }] };
}

const PODS = { namespaceSelector: {}, podSelector: { matchLabels: { a: "b" } } };

describe("decodeClusterNetworkPolicy()", () => {
  test.each([
    [{ namespaces: {} }, { namespaces: {} }],
    [{ pods: PODS }, { pods: PODS }],
    [{ nodes: { matchLabels: { os: "linux" } } }, { nodes: { matchLabels: { os: "linux" } } }],
    [{ namespaces: {}, nodes: null }, { namespaces: {} }],
    [{ domainNames: ["example.com"] }, { unsupported: "peer domainNames" }],
    [{ namespaces: {}, newWord: 1 }, { unsupported: "peer newWord" }],
    [{ newWord: {}, other: 1 }, { unsupported: "peer newWord, other" }],
    [{}, { unsupported: "peer without any known field" }],
    [{ nodes: null }, { unsupported: "peer without any known field" }],
  ])("peer of egress %j", (peer, expected) => {
    expect(policy(egress(peer)).spec.egress[0]?.to).toEqual([expected]);
  });
  test("networks of egress", () => {
    const [peer] = policy(egress({ networks: ["10.0.0.0/8", "::/0"] })).spec.egress[0]?.to ?? [];
    const networks = peer !== undefined && "networks" in peer ? peer.networks : [];
    expect(networks.map(formatPrefix)).toEqual(["10.0.0.0/8", "::/0"]);
  });
  test.each([
    [{ namespaces: {} }, { namespaces: {} }],
    [{ pods: PODS }, { pods: PODS }],
    [{ nodes: {} }, { unsupported: "peer nodes" }],
    [{ networks: ["10.0.0.0/8"] }, { unsupported: "peer networks" }],
  ])("peer of ingress %j", (peer, expected) => {
    expect(policy(ingress(peer)).spec.ingress[0]?.from).toEqual([expected]);
  });
  const port = (protocol: string, value: object): object => ({ [protocol]: { destinationPort: value } });
  test.each([
    [port("tcp", { number: 80 }), { protocol: "TCP", first: 80, last: 80 }],
    [port("udp", { range: { start: 5, end: 9 } }), { protocol: "UDP", first: 5, last: 9 }],
    [port("sctp", { number: 1, range: null }), { protocol: "SCTP", first: 1, last: 1 }],
    [{ destinationNamedPort: "web" }, { destinationNamedPort: "web" }],
    [{ icmp: {} }, { unsupported: "protocol icmp" }],
    [{}, { unsupported: "protocol without any known field" }],
    [{ tcp: {} }, { unsupported: "protocol tcp without any known field" }],
    [{ tcp: { sourcePort: 1 } }, { unsupported: "protocol tcp sourcePort" }],
    [port("udp", { name: "dns" }), { unsupported: "protocol udp.destinationPort name" }],
  ])("protocol %j", (protocol, expected) => {
    expect(policy(egress({ namespaces: {} }, [protocol])).spec.egress[0]?.protocols).toEqual([expected]);
  });

  const many = (length: number): readonly unknown[] => Array.from({ length }, () => ({ namespaces: {} }));
  test.each<[object, string]>([
    [{ tier: "admin" }, '"admin" is not one of Admin, Baseline, did you mean "Admin"?'],
    [{ priority: -1 }, "spec.priority: -1 is less than 0"],
    [{ priority: 1001 }, "spec.priority: 1001 is more than 1000"],
    [{ priority: undefined }, "spec.priority: is missing"],
    [{ subject: {} }, "spec.subject: wants either namespaces or pods"],
    [{ subject: { namespaces: {}, pods: PODS } }, "spec.subject: wants either namespaces or pods"],
    [{ subject: { nodes: {} } }, "spec.subject.nodes: unknown field"],
    [{ subject: { pods: { podSelector: {} } } }, "spec.subject.pods.namespaceSelector: is missing"],
    [{ match: [] }, "spec.match: unknown field"],
    [ingress({ namespaces: {}, pods: PODS }), "has namespaces and pods, where only one may be"],
    [egress({ networks: [] }), "spec.egress.0.to.0.networks: has fewer than 1 items"],
    [egress({ networks: ["10.0.0.0"] }), '"10.0.0.0" is not a CIDR block'],
    [egress({ namespaces: {} }, []), "spec.egress.0.protocols: has fewer than 1 items"],
    [egress({ namespaces: {} }, [port("tcp", { number: 0 })]), "0 is less than 1"],
    [
      egress({ namespaces: {} }, [port("tcp", { number: 1, range: { start: 1, end: 2 } })]),
      "number and range",
    ],
    [egress({ namespaces: {} }, [port("tcp", { range: { start: 2, end: 2 } })]), "must start below its end"],
    [
      egress({ networks: ["::/0"] }, [{ destinationNamedPort: "web" }]),
      "nodes and networks have no named ports",
    ],
    [{ egress: [{ action: "Accept", to: [] }] }, "spec.egress.0.to: has fewer than 1 items"],
    [{ egress: [{ action: "Accept", to: many(26) }] }, "spec.egress.0.to: has more than 25 items"],
    [{ egress: [{ action: "Accept", from: many(1) }] }, "spec.egress.0.to: is missing"],
    [{ egress: [{ action: "Allow", to: many(1) }] }, '"Allow" is not one of Accept, Deny, Pass'],
    [{ egress: [{ action: "Deny", to: many(1), name: "n".repeat(101) }] }, "has more than 100 characters"],
    [
      { ingress: Array.from({ length: 26 }, () => ({ action: "Deny", from: many(1) })) },
      "more than 25 items",
    ],
  ])("refuses %j", (spec, reason) => {
    expect(() => policy(spec)).toThrow(reason);
  });
});
