import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { hasCode } from "../../src/model/index.ts";
import { runCommand } from "../../src/system/command.ts";
import { type ControlPlane, startApiServer } from "../support/kubernetes/control-plane.ts";
import { buildHelm } from "../support/kubernetes/helm.ts";
import { KUBERNETES_VERSION } from "../support/kubernetes/peers.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEPLOY = join(ROOT, "deploy/kubernetes");
const NAMESPACE = "romana-system";

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  readonly spec?: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

let api: ControlPlane;

beforeAll(async () => {
  api = await startApiServer();
  await api.kubectl(["apply", "-k", join(DEPLOY, "crds")]);
  await api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
});

afterAll(() => api?.close());

/** What the API server says of an object that it is asked to take; empty when it would. */
async function refusal(object: object): Promise<string> {
  try {
    await api.kubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(object));
    return "";
  } catch (error) {
    if (!hasCode(error, "command-failed")) throw error;
    return error.failure.stderr;
  }
}

async function replace(object: object): Promise<string> {
  return await api.kubectl(["replace", "-f", "-"], JSON.stringify(object));
}

function policy(spec: unknown): object {
  return { apiVersion: "romana.io/v1", kind: "Policy", metadata: { name: "x" }, spec };
}

function network(name: string, spec: unknown): object {
  return { apiVersion: "romana.io/v1", kind: "Network", metadata: { name }, spec };
}

function documentsOf(folder: string): [string, Record<string, unknown>][] {
  return readdirSync(join(ROOT, "examples", folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(json|yaml)$/.test(name))
    .flatMap((name) => {
      const document = parse(readFileSync(join(ROOT, "examples", folder, name), "utf8"));
      const list: unknown = document.securitypolicies ?? document;
      const all = (Array.isArray(list) ? list : [list]) as Record<string, unknown>[];
      return all.map((item, index): [string, Record<string, unknown>] => [`${name} #${index + 1}`, item]);
    });
}

/** Objects of a kind, as examples show them; their namespaces need not be there. */
function objectsIn(folder: string): [string, KubernetesObject][] {
  return documentsOf(`kubernetes/${folder}`).map(([name, document]) => {
    const object = document as unknown as KubernetesObject;
    return [name, { ...object, metadata: { ...object.metadata, namespace: "default" } }];
  });
}

function service(spec: object, name = "x"): object {
  return { apiVersion: "romana.io/v1", kind: "Service", metadata: { name }, spec: { ...SERVICE, ...spec } };
}

function chain(spec: object, name = "x"): object {
  return { apiVersion: "romana.io/v1", kind: "Chain", metadata: { name }, spec: { ...CHAIN, ...spec } };
}

const IPV4 = { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 };
const INGRESS = [{ peers: [{ peer: "any" }], rules: [{ protocol: "tcp" }] }];
const SERVICE = { segment: "web", ports: [{ port: 80 }] };
const CHAIN = { from: { any: true }, to: { segment: "web" }, through: [{ segment: "firewall" }] };
const POLICY = { direction: "ingress", applied_to: [{ dest: "local" }], ingress: INGRESS };

describe("the API server takes every example", () => {
  test.each(documentsOf("policies"))("policy %s", async (_, spec) => {
    expect(await refusal(policy(spec))).toBe("");
  });
  test.each(documentsOf("networks"))("network %s", async (_, { name, ...spec }) => {
    expect(await refusal(network(name as string, spec))).toBe("");
  });
  test.each([...objectsIn("services"), ...objectsIn("chains")])("object %s", async (_, object) => {
    expect(await refusal(object)).toBe("");
  });
});

describe("the API server refuses", () => {
  const wrong: [string, object, string][] = [
    ["a direction that is none", policy({ ...POLICY, direction: "in" }), "spec.direction"],
    ["an action that is none", policy({ ...POLICY, action: "reject" }), "spec.action"],
    ["a policy for nobody", policy({ ...POLICY, applied_to: [] }), "spec.applied_to"],
    ["a policy without a direction", policy({ ...POLICY, direction: undefined }), "spec.direction"],
    [
      "a port that is none",
      policy({ ...POLICY, ingress: [{ ...INGRESS[0], rules: [{ protocol: "tcp", ports: [70_000] }] }] }),
      "spec.ingress[0].rules[0].ports[0]",
    ],
    [
      "a peer that is none",
      policy({ ...POLICY, ingress: [{ ...INGRESS[0], peers: [{ peer: "all" }] }] }),
      "peer",
    ],
    ["a network without plans", network("n", {}), "spec.plans"],
    ["a network with no plan", network("n", { plans: {} }), "spec.plans"],
    ["a plan without bits", network("n", { plans: { ipv4: { ...IPV4, hostBits: undefined } } }), "hostBits"],
    ["a network of a long name", network("n".repeat(64), { plans: { ipv4: IPV4 } }), "at most 63 characters"],
    ["a service for nobody", service({ segment: undefined }), "one of segment and selector is wanted"],
    ["a service for two", service({ selector: {} }), "one of segment and selector is wanted"],
    ["a service without a port", service({ ports: [] }), "spec.ports"],
    ["a port that is none", service({ ports: [{ port: 0 }] }), "spec.ports[0].port"],
    ["a protocol without ports", service({ ports: [{ port: 1, protocol: "icmp" }] }), "ports[0].protocol"],
    ["a port twice", service({ ports: [{ port: 80 }, { port: 80, protocol: "tcp" }] }), "Duplicate value"],
    [
      "ports without names",
      service({ ports: [{ port: 80 }, { port: 81 }] }),
      "of several ports each has a name of its own",
    ],
    [
      "ports of one name",
      service({
        ports: [
          { name: "a", port: 80 },
          { name: "a", port: 81 },
        ],
      }),
      "of several ports each has a name of its own",
    ],
    ["an affinity that is none", service({ affinity: "cookie" }), "spec.affinity"],
    ["a preference that is none", service({ prefer: "remote" }), "spec.prefer"],
    ["a check without a port", service({ health: { protocol: "tcp" } }), "tcp and http have a port"],
    ["an echo with a port", service({ health: { protocol: "icmp", port: 7 } }), "icmp has none"],
    [
      "a path to nowhere",
      service({ health: { protocol: "tcp", port: 7, path: "/" } }),
      "only http has a path",
    ],
    ["a check that never ends", service({ health: { protocol: "icmp", timeout: 0 } }), "health.timeout"],
    ["no address of any family", service({ addresses: {} }), "spec.addresses"],
    ["a service of a long name", service({}, "n".repeat(64)), "at most 63 characters"],
    ["a chain from nobody", chain({ from: {} }), "one of segment, namespace, cidr and any is wanted"],
    ["a chain from two", chain({ from: { any: true, segment: "web" } }), "one of segment, namespace, cidr"],
    ["a block with a namespace", chain({ from: { cidr: "0.0.0.0/0", namespace: "x" } }), "one of segment"],
    ["a chain from not anybody", chain({ from: { any: false } }), "spec.from.any"],
    ["a chain to nobody", chain({ to: { namespace: "shop" } }), "one of segment and service is wanted"],
    ["a chain to two", chain({ to: { segment: "a", service: "b" } }), "one of segment and service is wanted"],
    ["a chain through nothing", chain({ through: [] }), "spec.through"],
    ["a chain through nine", chain({ through: Array(9).fill({ segment: "a" }) }), "spec.through"],
    ["a function that fails somehow", chain({ through: [{ segment: "a", fail: "half" }] }), "fail"],
    ["a direction of no chain", chain({ direction: "backward" }), "spec.direction"],
    ["a chain of a long name", chain({}, "n".repeat(64)), "at most 63 characters"],
  ];
  test.each(wrong)("%s", async (_, object, words) => {
    expect(await refusal(object)).toContain(words);
  });

  test("another plan for a network that is there", async () => {
    await api.apply(network("fixed", { plans: { ipv4: IPV4 } }));
    const change = { plans: { ipv4: { ...IPV4, hostBits: 7, endpointBits: 5 } } };
    await expect(api.apply(network("fixed", change))).rejects.toThrow("make a second network");
    const groups = { plans: { ipv4: IPV4 }, groups: [{ name: "rack-1", id: 1 }] };
    expect(await api.apply(network("fixed", groups))).toContain("configured");
  });

  test.each([
    ["service", service],
    ["chain", chain],
  ])("another network for a %s that is there", async (_, object) => {
    await api.apply(object({ network: "one" }, "moved"));
    for (const network of ["two", undefined]) {
      await expect(replace(object({ network }, "moved"))).rejects.toThrow("cannot change; make a second");
    }
    await api.apply(object({}, "unsaid"));
    expect(await api.apply(object({ network: "one" }, "unsaid"))).toContain("configured");
  });

  test("other addresses for a service that has asked for some", async () => {
    const addresses = { ipv4: "10.96.0.1", ipv6: "fd00::1" };
    await api.apply(service({ addresses }, "placed"));
    for (const change of [{ ...addresses, ipv4: "10.96.0.2" }, { ipv4: "10.96.0.1" }, undefined]) {
      await expect(replace(service({ addresses: change }, "placed"))).rejects.toThrow(
        "the addresses of a service cannot change; make a second service",
      );
    }
  });
});

test("a field that nobody knows is kept for the controller to refuse", async () => {
  const odd = { ...POLICY, ingress: [{ ...INGRESS[0], rules: [{ protocol: "tcp", prots: [80] }] }] };
  await api.apply(policy(odd));
  const stored = JSON.parse(await api.kubectl(["get", "policies.romana.io", "x", "-o", "json"]));
  expect(stored.spec).toEqual(odd);
});

test("kubectl get shows plans, policies and what the controller thinks", async () => {
  await api.apply(network("columns", { plans: { ipv4: IPV4 } }), {
    ...policy({ ...POLICY, action: "deny", order: 5 }),
    metadata: { name: "columns" },
  });
  const condition = {
    type: "Accepted",
    status: "False",
    reason: "Invalid",
    message: "wrong",
    lastTransitionTime: "2026-11-23T12:00:00Z",
  };
  const patch = JSON.stringify({ status: { observedGeneration: 1, conditions: [condition] } });
  const names = ["rnet/columns", "rpol/columns"];
  for (const name of names) {
    await api.kubectl(["patch", name, "--subresource=status", "--type=merge", "-p", patch]);
  }
  const [networks, policies] = await Promise.all(
    names.map((name) => api.kubectl(["get", name, "-o", "wide"])),
  );
  expect(networks?.replace(/\S+\s*$/, "AGE").split(/\s{2,}|\n/)).toEqual([
    "NAME",
    "IPV4",
    "IPV6",
    "ACCEPTED",
    "MESSAGE",
    "AGE",
    "columns",
    "10.0.0.0/8",
    "False",
    "wrong",
    "AGE",
  ]);
  expect(policies?.replace(/\S+\s*$/, "AGE").split(/\s{2,}|\n/)).toEqual(
    "NAME DIRECTION ACTION ORDER ACCEPTED MESSAGE AGE columns ingress deny 5 False wrong AGE".split(" "),
  );
  expect((await api.kubectl(["get", "romana", "-o", "name"])).trim().split("\n")).toContain(
    "network.romana.io/columns",
  );
});

test("kubectl get shows where services and chains are, and what is behind them", async () => {
  await api.apply(service({}, "columns"), chain({}, "columns"));
  const condition = (type: string, status: string, message: string) => ({
    type,
    status,
    reason: "Because",
    message,
    lastTransitionTime: "2026-11-23T12:00:00Z",
  });
  const conditions = [condition("Accepted", "True", "fine"), condition("Ready", "False", "not yet")];
  const statuses = {
    rsvc: {
      addresses: { ipv4: "10.96.0.1", ipv6: "fd00::1" },
      ports: "80/tcp",
      segment: "web",
      backends: "2/3",
      healthy: 2,
      members: 3,
    },
    rchain: { from: "any", to: "web", through: "firewall(1/2)" },
  };
  const shown = await Promise.all(
    Object.entries(statuses).map(async ([kind, status]) => {
      const patch = JSON.stringify({ status: { ...status, observedGeneration: 1, conditions } });
      await api.kubectl(["patch", `${kind}/columns`, "--subresource=status", "--type=merge", "-p", patch]);
      const [, row = ""] = (await api.kubectl(["get", kind, "columns", "-o", "wide"])).trim().split("\n");
      return row.split(/\s{2,}/).slice(0, -1);
    }),
  );
  expect(shown).toEqual([
    ["columns", "10.96.0.1", "fd00::1", "80/tcp", "web", "2/3", "True", "False", "fine"],
    ["columns", "any", "web", "firewall(1/2)", "both", "True", "False", "fine"],
  ]);
});

async function kustomized(): Promise<KubernetesObject[]> {
  return objectsOf(await runCommand({ argv: [api.peers.kubectl, "kustomize", join(DEPLOY, "base")] }));
}

async function rendered(...words: readonly string[]): Promise<KubernetesObject[]> {
  const helm = await buildHelm();
  const version = ["--kube-version", KUBERNETES_VERSION];
  const argv = [helm, "template", "romana", join(DEPLOY, "chart"), "--namespace", NAMESPACE, ...version];
  return objectsOf(await runCommand({ argv: [...argv, ...words] }));
}

function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as KubernetesObject | null) ?? []);
}

/** Objects by kind and name, without what only Helm needs, and with configuration files as values. */
function comparable(objects: readonly KubernetesObject[]): Record<string, unknown> {
  const entries = objects.map((object): [string, unknown] => {
    const value = structuredClone(object) as Record<string, never> & KubernetesObject;
    const template = value.spec?.["template"] as { metadata?: { annotations?: object } } | undefined;
    delete template?.metadata?.annotations;
    delete value.metadata.annotations;
    const data = value.data && Object.entries(value.data).map(([name, text]) => [name, parse(text)]);
    return [
      `${value.kind} ${value.metadata.name}`,
      data ? { ...value, data: Object.fromEntries(data) } : value,
    ];
  });
  return Object.fromEntries(entries);
}

describe("the chart", () => {
  test("without values says what the manifests say", async () => {
    const { [`Namespace ${NAMESPACE}`]: namespace, ...manifests } = comparable(await kustomized());
    expect(namespace).toBeDefined();
    expect(Object.keys(manifests)).toHaveLength(15);
    expect(comparable(await rendered())).toEqual(manifests);
  });
  test("brings the resource definitions", async () => {
    const all = await rendered("--include-crds");
    const definitions = all.filter(({ kind }) => kind === "CustomResourceDefinition");
    const own = await runCommand({ argv: [api.peers.kubectl, "kustomize", join(DEPLOY, "crds")] });
    expect(comparable(definitions)).toEqual(comparable(objectsOf(own)));
  });
  test("follows its values", async () => {
    const values = [
      "image.tag=1.2.3",
      "image.pullPolicy=Always",
      "romanad.port=9700",
      "romanad.store.claim=store",
      "controller.replicas=1",
      "agent.config.firewall=iptables",
      "policies.podsToOwnNode=false",
    ].flatMap((value) => ["--set", value]);
    const objects = comparable(await rendered(...values)) as Record<string, never>;
    const text = JSON.stringify(objects);
    expect(Object.keys(objects)).not.toContain("Policy pods-to-own-node");
    expect(text.match(/"image":"docker.io\/library\/romana:1.2.3"/g)).toHaveLength(4);
    expect(text.match(/"imagePullPolicy":"Always"/g)).toHaveLength(4);
    expect(text).toContain('"$(HOST_IP):9700"');
    expect(text).toContain('"persistentVolumeClaim":{"claimName":"store"}');
    expect(objects["ConfigMap romana-config"]).toMatchObject({
      data: { "agent.yaml": { firewall: "iptables" } },
    });
    expect(objects["Deployment romana-kubernetes"]).toMatchObject({ spec: { replicas: 1 } });
  });
  test("another configuration starts the programs anew", async () => {
    const checksums = async (...words: string[]): Promise<unknown[]> =>
      (await rendered(...words)).flatMap(({ spec }) => {
        const template = spec?.["template"] as { metadata: { annotations: object } } | undefined;
        return template === undefined ? [] : Object.values(template.metadata.annotations);
      });
    const [plain, other] = [await checksums(), await checksums("--set", "romanad.config.coolDown=5")];
    expect(new Set(plain).size).toBe(1);
    expect(plain).toHaveLength(3);
    expect(other).not.toEqual(plain);
  });
});

describe("the manifests", () => {
  test("are taken, again without a change, and as another version", async () => {
    const first = await api.kubectl(["apply", "--server-side", "-k", join(DEPLOY, "base")]);
    expect(first.trim().split("\n")).toHaveLength(16);
    expect(first).not.toContain("Warning");
    const again = await api.kubectl(["apply", "-k", join(DEPLOY, "base")]);
    expect(again).not.toContain("created");
    const objects = await kustomized();
    const text = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
    await api.kubectl(["apply", "-f", "-"], text.replaceAll("romana:0.1.0", "romana:0.2.0"));
    const agents = JSON.parse(
      await api.kubectl(["-n", NAMESPACE, "get", "ds", "romana-agent", "-o", "json"]),
    );
    expect(agents.metadata.generation).toBe(2);
    const images = await api.kubectl(["-n", NAMESPACE, "get", "ds,sts,deploy", "-o", "wide", "--no-headers"]);
    expect(images.match(/romana:0\.2\.0/g)).toHaveLength(3);
  });

  const rights: [who: string, verb: string, what: string, where: string | undefined, may: boolean][] = [
    ["romana-kubernetes", "list", "pods", undefined, true],
    ["romana-kubernetes", "watch", "networkpolicies.networking.k8s.io", undefined, true],
    ["romana-kubernetes", "watch", "policies.romana.io", undefined, true],
    ["romana-kubernetes", "patch", "policies.romana.io/status", undefined, true],
    ["romana-kubernetes", "watch", "services.romana.io", undefined, true],
    ["romana-kubernetes", "patch", "services.romana.io/status", undefined, true],
    ["romana-kubernetes", "patch", "services.romana.io", undefined, false],
    ["romana-kubernetes", "watch", "chains.romana.io", undefined, true],
    ["romana-kubernetes", "patch", "chains.romana.io/status", undefined, true],
    ["romana-kubernetes", "patch", "clusternetworkpolicies.policy.networking.k8s.io/status", undefined, true],
    ["romana-kubernetes", "create", "events", "shop", true],
    ["romana-kubernetes", "create", "leases.coordination.k8s.io", NAMESPACE, true],
    ["romana-kubernetes", "update", "leases.coordination.k8s.io romana-kubernetes", NAMESPACE, true],
    ["romana-kubernetes", "update", "leases.coordination.k8s.io other", NAMESPACE, false],
    ["romana-kubernetes", "create", "leases.coordination.k8s.io", "kube-system", false],
    ["romana-kubernetes", "get", "secrets", undefined, false],
    ["romana-kubernetes", "get", "configmaps", NAMESPACE, false],
    ["romana-kubernetes", "patch", "nodes", undefined, false],
    ["romana-kubernetes", "delete", "pods", undefined, false],
    ["romana-kubernetes", "update", "policies.romana.io/status", undefined, false],
    ["romana-kubernetes", "patch", "policies.romana.io", undefined, false],
    ["romana-kubernetes", "create", "networkpolicies.networking.k8s.io", undefined, false],
    ["romana-agent", "get", "pods", undefined, false],
    ["romana-agent", "get", "nodes", undefined, false],
    ["romanad", "get", "nodes", undefined, false],
  ];
  test.each(rights)("%s may %s %s in %s: %s", async (who, verb, what, where, may) => {
    const [, resource, group, subresource, name] = /^([a-z]+)\.?([a-z0-9.]*)\/?(\S*) ?(.*)$/.exec(what) ?? [];
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: `system:serviceaccount:${NAMESPACE}:${who}`,
        resourceAttributes: { verb, resource, group, subresource, name, namespace: where ?? "" },
      },
    };
    const answer = await api.kubectl(["create", "-o", "json", "-f", "-"], JSON.stringify(review));
    expect(JSON.parse(answer).status.allowed).toBe(may);
  });
});
