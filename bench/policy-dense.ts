import { endpointPrefix } from "../src/addressing/index.ts";
import {
  createTable,
  type EndpointDevice,
  type FirewallInput,
  PolicyRules,
  renderTable,
  type Table,
} from "../src/firewall/index.ts";
import { createKubernetesWorld, type NetworkPolicy } from "../src/kubernetes/index.ts";
import { type Network, plansOf } from "../src/model/index.ts";
import { parsePrefix } from "../src/net/index.ts";
import type { PolicyWorld } from "../src/policy/index.ts";
import { compilePolicies } from "../src/rules/index.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../src/system/namespace.ts";
import { host, network } from "../test/support/example-world.ts";
import { type BenchResult, median } from "./bench.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const PODS = 500;
const POLICIES = 300;
const WORKLOADS = 50;
const ROUNDS = QUICK ? 2 : 15;
const WARMUP = QUICK ? 0 : 5;

/** Room for all pods of one host in one namespace. */
const NETWORK: Network = network(
  "default",
  { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 4, segmentBits: 6, endpointBits: 6 },
  { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
);

/** Every policy selects every pod of a host: what its table costs. */
export async function run(): Promise<BenchResult> {
  const name = `rombench-${process.pid}d`;
  createNamespace(name);
  const kernel = createLinuxKernel({ namespace: namespacePath(name) });
  try {
    const world = denseWorld();
    const begun = performance.now();
    const policyRules = new PolicyRules(world.networks, compilePolicies(world));
    const compileMs = performance.now() - begun;
    const devices = devicesOf(world);
    const input: FirewallInput = {
      table: "romana",
      ...world,
      host: host(1),
      devices,
      gatewayServices: [],
      underlayDevices: [2],
    };
    const without = createTable(input);
    const times = { text: [] as number[], nft: [] as number[], both: [] as number[] };
    let table = without;
    for (let round = 0; round < WARMUP + ROUNDS; round++) {
      kernel.runNft("add table inet romana\ndelete table inet romana\n");
      const start = performance.now();
      table = createTable({ ...input, policyRules });
      const text = renderTable(table);
      const rendered = performance.now();
      kernel.runNft(text);
      const loaded = performance.now();
      if (round < WARMUP) continue;
      times.text.push(rendered - start);
      times.nft.push(loaded - rendered);
      times.both.push(loaded - start);
    }
    return {
      name: "policy-dense",
      method:
        `${PODS} pods of one namespace on one host, ${POLICIES} NetworkPolicies that each select all of them, ` +
        `dual stack; medians of ${ROUNDS} loads`,
      rows: [
        {
          what: "rules that policies add",
          value: countRules(table) - countRules(without),
          unit: "rules",
          bar: { relation: "at most", value: 50 },
        },
        { what: "rules of the whole table", value: countRules(table), unit: "rules" },
        {
          what: "elements of the whole table",
          value: countElements(table),
          unit: "elements",
          bar: { relation: "at most", value: 5_000 },
        },
        { what: "of them without policies", value: countElements(without), unit: "elements" },
        {
          what: "built and loaded",
          value: median(times.both),
          unit: "ms",
          bar: { relation: "at most", value: 100 },
        },
        { what: "of it: table and text", value: median(times.text), unit: "ms" },
        { what: "of it: nft", value: median(times.nft), unit: "ms" },
        { what: "policies compiled before, once", value: compileMs, unit: "ms" },
      ],
    };
  } finally {
    kernel.close();
    deleteNamespace(name);
  }
}

function denseWorld(): PolicyWorld {
  const pods = Array.from({ length: PODS }, (_, index) => ({
    namespace: "dense",
    name: `pod-${index}`,
    labels: { app: `app-${index % WORKLOADS}` },
    addresses: [],
    ports: [],
    hostNetwork: false,
  }));
  const { world } = createKubernetesWorld(
    {
      namespaces: [{ name: "dense", labels: {} }],
      pods,
      nodes: [],
      networkPolicies: Array.from({ length: POLICIES }, (_, index) => densePolicy(index)),
      clusterNetworkPolicies: [],
    },
    { pinned: false },
  );
  return { ...world, networks: [NETWORK], hosts: [host(1)] };
}

/** All pods accept one workload at one port, and reach one network of each family. */
function densePolicy(index: number): NetworkPolicy {
  const number = index.toString(16);
  return {
    metadata: { namespace: "dense", name: `policy-${index}` },
    spec: {
      podSelector: {},
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { app: `app-${index % WORKLOADS}` } } }],
          ports: [{ protocol: "TCP", port: 1000 + index }],
        },
      ],
      egress: [
        {
          to: [`172.16.${index & 255}.0/${24 + (index >> 8)}`, `2001:db8:${number}::/48`].map((text) => ({
            ipBlock: { cidr: parsePrefix(text), except: [] },
          })),
          ports: [{ protocol: "TCP", port: 443 }],
        },
      ],
      policyTypes: ["Ingress", "Egress"],
    },
  };
}

/** Devices that are not there, of endpoints that would be. */
function devicesOf({ segments, tenants }: PolicyWorld): readonly EndpointDevice[] {
  const tenant = tenants[0]?.id ?? 0;
  return Array.from({ length: PODS }, (_, index): EndpointDevice => {
    const code = segments[index % WORKLOADS]?.codes[0] ?? { code: 0, extraBits: 0 };
    const identity = { host: 1, groups: [], tenant, code, endpoint: 1 + Math.floor(index / WORKLOADS) };
    const owns = plansOf(NETWORK).map((plan) => endpointPrefix(plan, identity));
    return { name: `romx${index}`, index: 10_000 + index, owns };
  });
}

function countRules({ chains }: Table): number {
  return chains.reduce((sum, { rules }) => sum + rules.length, 0);
}

function countElements({ sets }: Table): number {
  return sets.reduce((sum, { elements }) => sum + elements.length, 0);
}
