import { describe, expect, test } from "vitest";
import { formatPrefix } from "../net/index.ts";
import { decodeNetworkPolicy, type NetworkPolicyDocument } from "./kubernetes-network-policy.ts";

function policy(spec: unknown, metadata: unknown = { name: "p", namespace: "n" }): NetworkPolicyDocument {
  return decodeNetworkPolicy({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec });
}

describe("decodeNetworkPolicy()", () => {
  test.each<[string, object, readonly string[]]>([
    ["nothing", {}, ["Ingress"]],
    ["null", { policyTypes: null, egress: null }, ["Ingress"]],
    ["an empty list", { policyTypes: [] }, ["Ingress"]],
    ["ingress rules", { ingress: [{}] }, ["Ingress"]],
    ["egress rules", { egress: [{}] }, ["Ingress", "Egress"]],
    ["egress rules, but its own word", { egress: [{}], policyTypes: ["Ingress"] }, ["Ingress"]],
    ["its own word", { policyTypes: ["Egress"] }, ["Egress"]],
  ])("policyTypes of %s", (_, spec, expected) => {
    expect(policy({ podSelector: {}, ...spec }).spec.policyTypes).toEqual(expected);
  });

  test("metadata may hold anything else, and an absent namespace is the default one", () => {
    const metadata = { name: "p", creationTimestamp: null, managedFields: [{}], uid: "u-1" };
    const { metadata: decoded } = policy({ podSelector: {} }, metadata);
    expect(decoded).toEqual({ name: "p", namespace: "default", uid: "u-1" });
  });

  test("a status, an absent kind and API version are no faults", () => {
    const decoded = decodeNetworkPolicy({ metadata: { name: "p" }, spec: { podSelector: {} }, status: {} });
    expect(decoded.spec).toEqual({ podSelector: {}, ingress: [], egress: [], policyTypes: ["Ingress"] });
  });

  test("the protocol of a port is TCP when it has none", () => {
    const ports = [{}, { port: 80 }, { protocol: "SCTP", port: "web" }, { port: 80, endPort: 80 }];
    expect(policy({ ingress: [{ ports }] }).spec.ingress[0]?.ports).toEqual([
      { protocol: "TCP" },
      { protocol: "TCP", port: 80 },
      { protocol: "SCTP", port: "web" },
      { protocol: "TCP", port: 80, endPort: 80 },
    ]);
  });

  test("bits behind the length of a CIDR do not count, as for the API server", () => {
    const ipBlock = { cidr: "192.168.1.9/24", except: ["192.168.1.9/28"] };
    const peer = policy({ ingress: [{ from: [{ ipBlock }] }] }).spec.ingress[0]?.from[0];
    expect(
      [peer?.ipBlock?.cidr, ...(peer?.ipBlock?.except ?? [])].map((one) => one && formatPrefix(one)),
    ).toEqual(["192.168.1.0/24", "192.168.1.0/28"]);
  });

  const ingress = (rule: unknown): object => ({ podSelector: {}, ingress: [rule] });
  const from = (peer: unknown): object => ingress({ from: [peer] });
  const port = (value: unknown): object => ingress({ ports: [value] });
  const expression = (value: object): object => ({
    podSelector: { matchExpressions: [{ key: "a", ...value }] },
  });
  test.each<[object, string]>([
    [{ podSelector: {}, rules: [] }, "spec.rules: unknown field"],
    [
      { podSelector: { matchLabel: {} } },
      'podSelector.matchLabel: unknown field, did you mean "matchLabels"?',
    ],
    [
      { podSelector: { matchLabels: { a: null } } },
      "spec.podSelector.matchLabels.a: expected a string, got null",
    ],
    [{ podSelector: { matchLabels: { "a b": "" } } }, "is not a label key"],
    [
      { podSelector: { matchLabels: JSON.parse('{"__proto__":"x"}') } },
      "matchLabels.__proto__: no field may",
    ],
    [{ podSelector: { matchLabels: { a: "b c" } } }, '"b c" is not a label value'],
    [expression({ operator: "Like" }), '"Like" is not one of In, NotIn, Exists, DoesNotExist'],
    [expression({ operator: "In" }), "matchExpressions.0.values: is empty, but In wants some"],
    [expression({ operator: "NotIn", values: [] }), "is empty, but NotIn wants some"],
    [expression({ operator: "Exists", values: ["b"] }), "values: Exists takes none"],
    [expression({ operator: "DoesNotExist", values: ["b"] }), "values: DoesNotExist takes none"],
    [{ policyTypes: ["Ingress", "Egress", "Ingress"] }, "spec.policyTypes: has more than 2 items"],
    [{ policyTypes: ["ingress"] }, '"ingress" is not one of Ingress, Egress'],
    [from({}), "spec.ingress.0.from.0: wants an ipBlock, a podSelector or a namespaceSelector"],
    [from({ podSelector: null }), "wants an ipBlock, a podSelector or a namespaceSelector"],
    [
      from({ ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }),
      "ipBlock cannot be used together with selectors",
    ],
    [from({ serviceSelector: {} }), "spec.ingress.0.from.0.serviceSelector: unknown field"],
    [from({ ipBlock: { cidr: "10.0.0.0" } }), '"10.0.0.0" is not a CIDR block'],
    [from({ ipBlock: { cidr: "10.0.0.0/33" } }), '"10.0.0.0/33" is longer than an address of IPv4'],
    [
      from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/8"] } }),
      "10.0.0.0/8 is not a part of 10.0.0.0/8",
    ],
    [
      from({ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/9"] } }),
      "11.0.0.0/9 is not a part of 10.0.0.0/8",
    ],
    [
      from({ ipBlock: { cidr: "10.0.0.0/8", except: ["fd00::/16"] } }),
      "fd00::/16 is not a part of 10.0.0.0/8",
    ],
    [port({ protocol: "ICMP" }), '"ICMP" is not one of TCP, UDP, SCTP'],
    [port({ port: 0 }), "0 is less than 1"],
    [port({ port: 65_536 }), "65536 is more than 65535"],
    [port({ port: "80" }), '"80" is not a port name'],
    [port({ port: "a--b" }), '"a--b" is not a port name'],
    [port({ port: 80, endPort: 79 }), "ports.0.endPort: is less than port 80"],
    [port({ port: "web", endPort: 81 }), "ports.0.endPort: wants a port with a number"],
    [port({ endPort: 81 }), "ports.0.endPort: wants a port with a number"],
  ])("refuses %j", (spec, reason) => {
    expect(() => policy(spec)).toThrow(reason);
  });

  test.each<[object, string]>([
    [{ name: "p", namespace: "a.b" }, '"a.b" is not a namespace'],
    [{ name: "P" }, '"P" is not an object name'],
    [{}, "metadata.name: is missing"],
  ])("refuses metadata %j", (metadata, reason) => {
    expect(() => policy({ podSelector: {} }, metadata)).toThrow(reason);
  });
  test("refuses other kinds and versions", () => {
    const document = {
      kind: "Ingress",
      apiVersion: "networking.k8s.io/v2",
      metadata: { name: "p" },
      spec: {},
    };
    expect(() => decodeNetworkPolicy(document)).toThrow(/apiVersion: .*; kind: /);
  });
});
