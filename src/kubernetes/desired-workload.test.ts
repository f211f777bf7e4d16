import { describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { desiredHost } from "./desired-host.ts";
import { wantsWorkload, workloadIdOf, workloadNameOf } from "./desired-workload.ts";
import { selectedLabelKeys } from "./selector-keys.ts";
import { translateNetworkPolicy } from "./translate-network-policy.ts";

const POD = { uid: "u", namespace: "shop", name: "web", hostNetwork: false, isFinished: false };
const HASH = "0123456789abcdef0123456789abcdef";

test.each([
  [{}, "u"],
  [{ staticHash: HASH }, HASH],
  [{ staticHash: "62735732-dda1-4ad2-8f6e-883a57babfff" }, "u"],
  [{ staticHash: "" }, "u"],
])("the workload of %j is %s", (change, id) => {
  expect(workloadIdOf({ ...POD, ...change })).toBe(id);
});

test.each([
  [{}, true],
  [{ hostNetwork: true }, false],
  [{ isFinished: true }, false],
])("%j wants one: %s", (change, wants) => {
  expect(wantsWorkload({ ...POD, ...change })).toBe(wants);
});

test.each([
  ["web", "shop", "web.shop"],
  ["10.0.0", "1", undefined],
  ["a".repeat(248), "shop", `${"a".repeat(248)}.shop`],
  ["a".repeat(249), "shop", undefined],
])("the name of pod %s of %s is %s", (name, namespace, expected) => {
  expect(workloadNameOf({ ...POD, name, namespace })).toBe(expected);
});

describe("desiredHost()", () => {
  const [v4, other, v6] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(parseAddress);
  const node = {
    uid: "u",
    name: "n",
    labels: { zone: "a", rack: "3" },
    addresses: [v4, other, v6] as never[],
  };
  test("has the first address of each family, its labels, and its groups in order", () => {
    expect(desiredHost(node, ["zone", "rack"])).toEqual({
      name: "n",
      externalId: "u",
      group: ["a", "3"],
      underlay: { ipv4: v4, ipv6: v6 },
      labels: new Map([
        ["zone", "a"],
        ["rack", "3"],
      ]),
    });
  });
  test.each([
    [{ zone: "a" }, "it has no label rack, which names its group"],
    [{ zone: "" }, "it has no label zone, rack, which names its group"],
  ])("labels %j: %s", (labels, problem) => {
    expect(desiredHost({ ...node, labels }, ["zone", "rack"])).toEqual({ problem });
  });
});

test("labels by which a policy selects pods, as targets and as peers; those of namespaces are none", () => {
  const by = (key: string) => ({ matchLabels: { [key]: "x" } });
  const policy = translateNetworkPolicy({
    metadata: { name: "p", namespace: "shop" },
    spec: {
      podSelector: by("a"),
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ from: [{ podSelector: by("b"), namespaceSelector: by("ns") }], ports: [] }],
      egress: [
        {
          to: [{ podSelector: { matchExpressions: [{ key: "c", operator: "Exists", values: [] }] } }],
          ports: [],
        },
      ],
    },
  });
  expect([...selectedLabelKeys(policy)]).toEqual(["a", "b", "c"]);
});
