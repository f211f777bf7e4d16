import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { buildImage } from "../../scripts/build-image.ts";
import { isAsExpected, type Protocol } from "../../src/lab/probe.ts";
import { runProbes } from "../../src/lab/prober.ts";
import { parseAddress, parsePrefix, prefixContains } from "../../src/net/index.ts";
import type { Judgement } from "../../src/policy/index.ts";
import { type Cluster, startCluster } from "../support/kubernetes/cluster.ts";
import { BUSYBOX_IMAGE } from "../support/kubernetes/images.ts";
import { type PodStation, podStations } from "../support/kubernetes/pod-stations.ts";
import { until } from "../support/until.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy/kubernetes");
const SYSTEM = ["--namespace", "romana-system"];
/** Milliseconds that programs may take to start on a busy machine. */
const PATIENCE = 300_000;
const ACCEPT: Judgement = { verdict: "accept", reason: "foreign" };
const DROP: Judgement = { verdict: "drop", reason: "not-allowed" };

let images: string;
let cluster: Cluster;

// What an operator does by docs/kubernetes-installation.md, step by step: each test goes on where the one before ended.
beforeAll(async () => {
  images = mkdtempSync(join(tmpdir(), "romana-image-"));
  const archive = join(images, "romana.tar");
  buildImage(archive);
  cluster = await startCluster({ nodes: 3, network: "none", proxy: "iptables", images: [archive] });
});

let broken = false;
beforeEach(({ task }) => {
  if (broken) throw new Error("a step before this one failed");
  onTestFinished(() => {
    broken ||= task.result?.state === "fail";
  });
});

afterAll(async () => {
  await cluster?.close();
  rmSync(images, { recursive: true, force: true });
});

function kubectl(...words: readonly string[]): Promise<string> {
  return cluster.kubectl(words);
}

function stations(): Promise<PodStation[]> {
  return podStations(cluster, ["default"]).then((all) => [...all.values()]);
}

async function rolledOut(...words: readonly string[]): Promise<void> {
  const wait = ["rollout", "status", ...words, "--timeout=60s"];
  await until(`${words.at(-1)} has rolled out`, () => kubectl(...wait), { timeout: PATIENCE, interval: 200 });
}

/** Sends probes from every pod to every other one; every outcome that is not as expected, in words. */
async function surprises(pods: readonly PodStation[], expected: Judgement): Promise<string[]> {
  const protocols: readonly Protocol[] = ["tcp", "udp", "icmp"];
  const probes = pods.flatMap((from) =>
    pods
      .filter((to) => to !== from)
      .flatMap((to) =>
        to.addresses.flatMap((text) =>
          protocols.map((protocol) => ({ from, to, protocol, address: parseAddress(text), expected })),
        ),
      ),
  );
  expect(probes.length).toBeGreaterThan(0);
  const outcomes = await runProbes(probes, performance.now(), { signal: new AbortController().signal });
  return outcomes
    .filter((outcome) => !isAsExpected(outcome))
    .map(({ from, to, protocol, observed }) => `${from.name} to ${to.name} by ${protocol}: ${observed}`);
}

/** What `nc` of a pod says of a TCP port: open, or not. */
async function reaches(pod: PodStation, address: string, port: number): Promise<boolean> {
  const [, name = ""] = pod.name.split("/");
  const script = `nc -w 2 ${address} ${port} </dev/null && echo open || echo closed`;
  return (await kubectl("exec", name, "--", "sh", "-c", script)).trim() === "open";
}

test("nodes become ready, and the controller accepts network and policies", async () => {
  const started = performance.now();
  await until("the first node joins", () => kubectl("label", "node", "node-1", "romana.io/romanad="));
  await kubectl("apply", "-k", join(DEPLOY, "crds"));
  const selector = ["--selector", "app.kubernetes.io/part-of=romana"];
  await kubectl("wait", "--for=condition=Established", "crd", ...selector);
  await kubectl("apply", "-k", join(DEPLOY, "base"));
  await cluster.nodesReady();
  for (const object of ["statefulset/romanad", "deployment/romana-kubernetes", "daemonset/romana-agent"]) {
    await rolledOut(...SYSTEM, object);
  }
  const accepted = ["wait", "--for=condition=Accepted", "--timeout=60s"];
  await kubectl(...accepted, "networks.romana.io", "--all");
  await kubectl(...accepted, "policies.romana.io", "--all");
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`kubernetes: installed after ${seconds} s\n`);
  const hosts = await kubectl(...SYSTEM, "exec", "romanad-0", "--", "romana", "host", "list", "-o", "json");
  const names = (JSON.parse(hosts) as { name: string }[]).map(({ name }) => name);
  expect(names.sort()).toEqual(["node-1", "node-2", "node-3"]);
});

test("pods get addresses of the plan and talk to each other", async () => {
  await cluster.apply(webServers(6));
  await rolledOut("deployment/web");
  const pods = await stations();
  const nodes = pods.map(({ node }) => node.name).sort();
  expect(nodes.join(" ")).toBe("node-1 node-1 node-2 node-2 node-3 node-3");
  const plan = parsePrefix("100.64.0.0/10");
  for (const { addresses } of pods) {
    expect(addresses).toHaveLength(1);
    expect(addresses.every((address) => prefixContains(plan, parseAddress(address)))).toBe(true);
  }
  expect(await surprises(pods, ACCEPT)).toEqual([]);
});

test("pods reach their own node, and none reaches romanad", async () => {
  const service = await kubectl(...SYSTEM, "get", "service", "romanad", "-o", "jsonpath={.spec.clusterIP}");
  const pods = await stations();
  const seen = pods.map(async (pod) => ({
    pod: pod.name,
    kubelet: await reaches(pod, pod.node.ipv4, 10250),
    romanad: await reaches(pod, "172.18.0.11", 9600),
    service: await reaches(pod, service, 9600),
  }));
  expect(await Promise.all(seen)).toEqual(
    pods.map(({ name }) => ({ pod: name, kubelet: true, romanad: false, service: false })),
  );
});

test("a NetworkPolicy isolates, and its end connects again", async () => {
  const pods = await stations();
  const isolation = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "nobody", namespace: "default" },
    spec: { podSelector: {}, policyTypes: ["Ingress"] },
  };
  await cluster.apply(isolation);
  await until("nobody is reached", async () => expect(await surprises(pods, DROP)).toEqual([]));
  await kubectl("delete", "networkpolicy", "nobody");
  await until("everybody is reached", async () => expect(await surprises(pods, ACCEPT)).toEqual([]));
});

test("a Service of romana.io gets an address, which pods reach", async () => {
  const prefix = JSON.stringify({ spec: { services: { ipv4: "172.30.0.0/24" } } });
  await kubectl("patch", "networks.romana.io", "default", "--type=merge", "--patch", prefix);
  await cluster.apply({
    apiVersion: "romana.io/v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { matchLabels: { app: "web" } }, ports: [{ port: 8080, targetPort: 80 }] },
  });
  await kubectl("wait", "--for=condition=Ready", "--timeout=60s", "services.romana.io/web");
  for (const pod of await stations()) {
    await until(`${pod.name} reaches it`, async () => {
      expect(await reaches(pod, "172.30.0.1", 8080)).toBe(true);
    });
  }
});

test("a restart of everything changes nothing for pods", async () => {
  const before = await stations();
  const all = ["statefulset/romanad", "deployment/romana-kubernetes", "daemonset/romana-agent"];
  await kubectl(...SYSTEM, "rollout", "restart", ...all);
  for (const object of all) await rolledOut(...SYSTEM, object);
  const after = await stations();
  expect(after.map(({ name, addresses }) => [name, addresses])).toEqual(
    before.map(({ name, addresses }) => [name, addresses]),
  );
  expect(await surprises(after, ACCEPT)).toEqual([]);
});

test("after removal nothing of Romana's is on the nodes", async () => {
  await kubectl("delete", "deployment", "web", "--cascade=foreground", "--timeout=60s");
  await kubectl("delete", "-k", join(DEPLOY, "base"), "--timeout=120s");
  await kubectl("apply", "-k", join(DEPLOY, "removal"));
  await rolledOut("--namespace", "romana-removal", "daemonset/romana-removal");
  await kubectl("delete", "-k", join(DEPLOY, "removal"), "--timeout=120s");
  await kubectl("delete", "-k", join(DEPLOY, "crds"));
  for (const { machine } of cluster.nodes) {
    expect(readdirSync(machine.path("/etc/cni/net.d"))).toEqual([]);
    expect(readdirSync(machine.path("/opt/cni/bin"))).not.toContain("romana-cni");
    expect(readdirSync(machine.path("/var/lib/romana"))).toEqual([]);
    expect(readdirSync(machine.path("/run/romana"))).toEqual([]);
    expect(await machine.run(["ip", "route", "show", "proto", "114"])).toBe("");
    expect(await machine.run(["ip", "-br", "link"])).not.toMatch(/^rom/m);
    expect(await machine.run(["nft", "list", "tables"])).not.toContain("inet romana");
  }
});

function webServers(replicas: number): object {
  const labels = { app: "web" };
  const container = {
    name: "main",
    image: BUSYBOX_IMAGE,
    command: ["/bin/sh", "-c", "echo here > /www/index.html; exec httpd -f -p 80 -h /www"],
    readinessProbe: { httpGet: { port: 80, path: "/" }, periodSeconds: 1 },
  };
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  const spec = {
    topologySpreadConstraints: [spread],
    containers: [container],
    terminationGracePeriodSeconds: 0,
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
