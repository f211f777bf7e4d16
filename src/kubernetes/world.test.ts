import { describe, expect, test } from "vitest";
import { codeFaults, tenantFaults } from "../addressing/index.ts";
import { plansOf } from "../model/index.ts";
import { formatAddress, formatPrefix, parseAddress } from "../net/index.ts";
import { classOf } from "./label-classes.ts";
import type { KubernetesPod } from "./objects.ts";
import { createKubernetesWorld, type KubernetesObjects } from "./world.ts";

function pod(
  namespace: string,
  name: string,
  address: string,
  rest: Partial<KubernetesPod> = {},
): KubernetesPod {
  const addresses = address.split(" ").map(parseAddress);
  return { namespace, name, addresses, labels: {}, ports: [], hostNetwork: false, ...rest };
}

const EMPTY: KubernetesObjects = {
  namespaces: [
    { name: "shop", labels: { team: "red" } },
    { name: "bank", labels: { "kubernetes.io/metadata.name": "bank" } },
  ],
  pods: [],
  nodes: [],
  networkPolicies: [],
  clusterNetworkPolicies: [],
};

const WEB = { labels: { app: "web" } };
const PODS = [
  pod("shop", "web-1", "10.0.0.1 fd00::1", { labels: { app: "web", "pod-template-hash": "1" } }),
  pod("shop", "web-2", "10.0.0.2", { labels: { app: "web", "pod-template-hash": "2" } }),
  pod("shop", "db", "10.0.0.3", {
    labels: { app: "db" },
    ports: [{ name: "sql", protocol: "TCP", port: 1 }],
  }),
  pod("bank", "web", "10.0.0.4", WEB),
  pod("shop", "agent", "172.16.0.1", { hostNetwork: true }),
];

describe("createKubernetesWorld()", () => {
  test("namespaces are open tenants that know their own names", () => {
    const { tenants } = createKubernetesWorld(EMPTY).world;
    expect(tenants.map(({ labels, ...tenant }) => ({ ...tenant, labels: [...(labels ?? [])] }))).toEqual([
      {
        name: "shop",
        id: 1,
        isolation: "none",
        labels: [
          ["team", "red"],
          ["kubernetes.io/metadata.name", "shop"],
        ],
      },
      { name: "bank", id: 2, isolation: "none", labels: [["kubernetes.io/metadata.name", "bank"]] },
    ]);
  });

  test("pods of equal labels and ports are one segment of their namespace", () => {
    const { segments } = createKubernetesWorld({ ...EMPTY, pods: PODS }).world;
    const [web, db] = [WEB.labels, { app: "db" }].map((labels) => classOf(labels, []).name);
    const sql = classOf({ app: "db" }, [{ name: "sql", protocol: "TCP", port: 1 }]).name;
    expect(db).not.toBe(sql);
    expect(
      segments.map(({ tenant, name, codes, ports }) => [tenant, name, codes[0]?.code, ports?.length]),
    ).toEqual([
      ["shop", web, 1, 0],
      ["shop", sql, 2, 1],
      ["bank", web, 1, 0],
    ]);
  });

  test("pods keep their addresses as exceptions, but for those on their node's network", () => {
    const { exceptions } = createKubernetesWorld({ ...EMPTY, pods: PODS }).world;
    expect(exceptions.map(({ blocks, tenant }) => [tenant, ...blocks.map(formatPrefix)])).toEqual([
      ["shop", "10.0.0.1/32", "fd00::1/128"],
      ["shop", "10.0.0.2/32"],
      ["shop", "10.0.0.3/32"],
      ["bank", "10.0.0.4/32"],
    ]);
  });
  test("pods that are not pinned have segments only", () => {
    const { world } = createKubernetesWorld({ ...EMPTY, pods: PODS }, { pinned: false });
    expect([world.segments.length, world.exceptions.length]).toEqual([3, 0]);
  });

  test("nodes are hosts with their first address of each family", () => {
    const addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(parseAddress);
    const nodes = [{ name: "node-1", labels: { zone: "a" }, addresses }];
    const [host] = createKubernetesWorld({ ...EMPTY, nodes }).world.hosts;
    expect([host?.name, host?.id, [...(host?.labels ?? [])]]).toEqual(["node-1", 1, [["zone", "a"]]]);
    expect(Object.values(host?.underlay ?? {}).map(formatAddress)).toEqual(["192.0.2.1", "2001:db8::1"]);
  });

  test("IDs and codes of a large cluster fit the plan", () => {
    const namespaces = Array.from({ length: 300 }, (_, index) => ({ name: `n${index}`, labels: {} }));
    const pods = Array.from({ length: 300 }, (_, index) => {
      const labels = { app: `a${index}` };
      return pod("n299", `p${index}`, `10.0.${index >> 8}.${index & 255}`, { labels });
    });
    const { world } = createKubernetesWorld({ ...EMPTY, namespaces, pods }, { pinned: false });
    const [plan] = world.networks.flatMap(plansOf);
    if (plan === undefined) throw new Error("no plan");
    expect(world.segments.map(({ codes }) => codes[0]?.code)).toEqual(pods.map((_, index) => index + 1));
    expect(world.segments.flatMap(({ codes }) => codes.flatMap((code) => codeFaults(plan, code)))).toEqual(
      [],
    );
    expect(world.tenants.flatMap(({ id }) => tenantFaults(plan, id))).toEqual([]);
  });

  test("policies of both kinds are there, and problems of theirs", () => {
    const { world, problems } = createKubernetesWorld({
      ...EMPTY,
      networkPolicies: [
        {
          metadata: { namespace: "shop", name: "p" },
          spec: { podSelector: {}, ingress: [], egress: [], policyTypes: [] },
        },
      ],
      clusterNetworkPolicies: [
        {
          metadata: { name: "c" },
          spec: {
            tier: "Admin",
            priority: 1,
            subject: { namespaces: {} },
            ingress: [],
            egress: [{ action: "Deny", to: [{ unsupported: "peer domainNames" }] }],
          },
        },
      ],
    });
    expect(world.policies.map(({ id }) => id)).toEqual(["kube.shop.p", "cnp.c"]);
    expect(problems.map(({ policy }) => policy)).toEqual(["cnp.c"]);
  });

  test.each<[string, Partial<KubernetesObjects>, string]>([
    [
      "a namespace that is not there",
      { pods: [pod("moon", "p", "10.0.0.1")] },
      'pods.moon/p: there is no namespace "moon"',
    ],
    [
      "an address that is there twice",
      { pods: [pod("shop", "p", "10.0.0.1"), pod("bank", "q", "10.0.0.1")] },
      'pods.bank/q: 10.0.0.1 is the address of "shop/p" too',
    ],
    [
      "a namespace that is there twice",
      { namespaces: [...EMPTY.namespaces, { name: "bank", labels: {} }] },
      'namespaces: "bank" is there twice',
    ],
  ])("refuses %s", (_, objects, reason) => {
    expect(() => createKubernetesWorld({ ...EMPTY, ...objects })).toThrow(`Cannot read cluster: ${reason}`);
  });
});
