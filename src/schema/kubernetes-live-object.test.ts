import { describe, expect, test } from "vitest";
import { formatAddress } from "../net/index.ts";
import { decodeCustomNetwork, decodeCustomPolicy } from "./kubernetes-custom-object.ts";
import {
  decodeKubernetesMeta,
  decodeLiveNamespace,
  decodeLiveNode,
  decodeLivePod,
  readConditions,
} from "./kubernetes-live-object.ts";

const META = { name: "x", namespace: "shop", uid: "u", resourceVersion: "7" };

test("what objects say of themselves; whatever else they have is left out", () => {
  expect(
    decodeKubernetesMeta({ metadata: { ...META, generation: 2, managedFields: [{}] }, spec: 1 }),
  ).toEqual({
    ...META,
    generation: 2,
  });
  expect(() => decodeKubernetesMeta({ metadata: { name: "x" } })).toThrow("metadata.uid: is missing");
});

test("a namespace and its labels", () => {
  expect(decodeLiveNamespace({ metadata: META, status: {} })).toEqual({ uid: "u", name: "x", labels: {} });
  expect(decodeLiveNamespace({ metadata: { ...META, labels: { a: "b" } } }).labels).toEqual({ a: "b" });
});

test("a node has its internal addresses, in order", () => {
  const address = (type: string, text: string) => ({ type, address: text });
  const addresses = [
    address("ExternalIP", "198.51.100.1"),
    address("InternalIP", "2001:db8::1"),
    address("InternalIP", "192.0.2.1"),
    address("InternalIP", "node.example"),
    address("Hostname", "x"),
  ];
  const node = decodeLiveNode({ metadata: META, status: { addresses } });
  expect(node.addresses.map(formatAddress)).toEqual(["2001:db8::1", "192.0.2.1"]);
  expect(decodeLiveNode({ metadata: META }).addresses).toEqual([]);
});

describe("a pod", () => {
  const port = (name: string | undefined, containerPort: number, protocol?: string) => ({
    ...(name !== undefined && { name }),
    containerPort,
    ...(protocol !== undefined && { protocol }),
  });
  test("has the named ports of its containers and sidecars", () => {
    const spec = {
      containers: [
        { ports: [port("http", 80), port(undefined, 81)] },
        { ports: [port("dns", 53, "UDP")] },
        {},
      ],
      initContainers: [
        { ports: [port("setup", 1)] },
        { restartPolicy: "Always", ports: [port("mesh", 15_000)] },
      ],
    };
    expect(decodeLivePod({ metadata: META, spec }).ports).toEqual([
      { name: "http", protocol: "TCP", port: 80 },
      { name: "dns", protocol: "UDP", port: 53 },
      { name: "mesh", protocol: "TCP", port: 15_000 },
    ]);
  });
  test.each([
    ["Pending", false],
    ["Running", false],
    ["Unknown", false],
    ["Succeeded", true],
    ["Failed", true],
  ])("%s is finished: %s", (phase, isFinished) => {
    expect(decodeLivePod({ metadata: META, spec: {}, status: { phase } }).isFinished).toBe(isFinished);
  });
  const annotations = { "kubernetes.io/config.hash": "h" };
  test.each<[string, object, object, string | undefined]>([
    ["of its own node", { kind: "Node", name: "n" }, { nodeName: "n" }, "h"],
    ["of another node", { kind: "Node", name: "m" }, { nodeName: "n" }, undefined],
    ["of a set", { kind: "ReplicaSet", name: "n" }, { nodeName: "n" }, undefined],
  ])("%s", (_, owner, spec, staticHash) => {
    const pod = decodeLivePod({ metadata: { ...META, annotations, ownerReferences: [owner] }, spec });
    expect(pod.staticHash).toBe(staticHash);
  });
});

test("conditions are read as far as they are conditions", () => {
  const condition = { type: "Accepted", status: "True", reason: "r", message: "m", observedGeneration: 1 };
  const conditions = [condition, { type: "Odd", status: "Perhaps" }, 7];
  expect(readConditions({ metadata: META, status: { conditions } })).toEqual([condition]);
  for (const status of [undefined, null, {}, { conditions: null }]) {
    expect(readConditions({ metadata: META, status })).toEqual([]);
  }
});

describe("objects of romana.io/v1", () => {
  const plan = { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 };
  test("a network has the name of its object", () => {
    const spec = { plans: { ipv4: plan } };
    expect(decodeCustomNetwork({ metadata: META, spec }).name).toBe("x");
    expect(decodeCustomNetwork({ metadata: META, spec: { ...spec, name: "x" } }).name).toBe("x");
    expect(() => decodeCustomNetwork({ metadata: META, spec: { ...spec, name: "y" } })).toThrow(
      'Cannot read Network: spec.name: differs from the object\'s, "x"',
    );
    expect(() => decodeCustomNetwork({ metadata: META, spec: { ...spec, extra: 1 } })).toThrow(
      "extra: unknown field",
    );
  });
  const spec = {
    direction: "ingress",
    applied_to: [{ tenant: "shop" }],
    ingress: [{ peers: [{ peer: "any" }], rules: [{ protocol: "tcp" }] }],
  };
  test.each([
    [{}, { id: "crd.x", externalId: "u" }],
    [
      { id: "mine", name: "also mine" },
      { id: "crd.x", externalId: "u", description: "also mine" },
    ],
    [{ external_id: "theirs" }, { id: "crd.x", externalId: "theirs" }],
  ])("a policy with %j", (change, expected) => {
    expect(decodeCustomPolicy({ metadata: META, spec: { ...spec, ...change } })).toMatchObject(expected);
  });
  test.each([
    [{ frobnicate: 1 }, "frobnicate: "],
    [{ securitypolicies: [spec] }, "belongs to one of the policies"],
  ])("a policy with %j is refused", (change, reason) => {
    expect(() => decodeCustomPolicy({ metadata: META, spec: { ...spec, ...change } })).toThrow(reason);
  });
});
