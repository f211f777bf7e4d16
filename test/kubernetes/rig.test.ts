import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { isAsExpected, type Protocol } from "../../src/lab/probe.ts";
import { runProbes } from "../../src/lab/prober.ts";
import { residentMemory } from "../../src/lab/processes.ts";
import { parseAddress } from "../../src/net/index.ts";
import type { Judgement } from "../../src/policy/index.ts";
import { type Cluster, startCluster, startRuntimeCluster } from "../support/kubernetes/cluster.ts";
import { clusterProcesses, createClusterDirectory } from "../support/kubernetes/cluster-directory.ts";
import { startApiServer } from "../support/kubernetes/control-plane.ts";
import { BUSYBOX_IMAGE } from "../support/kubernetes/images.ts";
import { clusterLeftovers, machineState } from "../support/kubernetes/leftovers.ts";
import { buildPeers } from "../support/kubernetes/peers.ts";
import { type PodStation, podStations, sandboxNamespace } from "../support/kubernetes/pod-stations.ts";
import { configureStandInNetwork } from "../support/kubernetes/stand-in-network.ts";
import { until } from "../support/until.ts";

const UP = join(import.meta.dirname, "../support/kubernetes/up.ts");

const ACCEPTED: Judgement = { verdict: "accept", reason: "foreign" };

/** A web server that says which pod it is. */
const SERVE = "hostname > /www/index.html; exec httpd -f -p 80 -h /www";

let before: readonly string[];

beforeAll(async () => {
  await buildPeers();
  before = await machineState();
});

function say(what: string, since: number): void {
  process.stderr.write(`kubernetes: ${what}: ${((performance.now() - since) / 1000).toFixed(1)} s\n`);
}

describe("a cluster of three nodes", () => {
  let cluster: Cluster;
  let stations: readonly PodStation[];

  beforeAll(async () => {
    const started = performance.now();
    cluster = await startCluster({
      nodes: 3,
      proxy: "nftables",
      labels: (number) => ({ "topology.kubernetes.io/zone": `zone-${number}` }),
    });
    say("three nodes ready", started);
    const memory = clusterProcesses(cluster.directory.path).map(({ pid }) => residentMemory(pid) ?? 0);
    const megabytes = memory.reduce((total, bytes) => total + bytes, 0) / 1e6;
    process.stderr.write(`kubernetes: resident memory of all its processes: ${megabytes.toFixed(0)} MB\n`);
    const applied = performance.now();
    await cluster.apply(...webServers(6));
    await cluster.kubectl(["rollout", "status", "deployment/web", "--timeout=120s"]);
    say("a deployment of six pods ready", applied);
    stations = [...(await podStations(cluster)).values()];
  });

  afterAll(async () => {
    const closed = performance.now();
    const { path } = cluster.directory;
    await cluster.close();
    say("the cluster is gone", closed);
    expect(clusterLeftovers(path)).toEqual([]);
    expect(await machineState()).toEqual(before);
  });

  test("has its nodes ready, with addresses of both families and their labels", async () => {
    const { items } = JSON.parse(await cluster.kubectl(["get", "nodes", "-o", "json"])) as {
      items: readonly NodeJson[];
    };
    const seen = items.map(({ metadata, status }) => ({
      name: metadata.name,
      zone: metadata.labels["topology.kubernetes.io/zone"],
      ready: status.conditions.find(({ type }) => type === "Ready")?.status,
      addresses: status.addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address),
    }));
    expect(seen).toEqual([
      { name: "node-1", zone: "zone-1", ready: "True", addresses: ["172.18.0.11", "fd18::11"] },
      { name: "node-2", zone: "zone-2", ready: "True", addresses: ["172.18.0.12", "fd18::12"] },
      { name: "node-3", zone: "zone-3", ready: "True", addresses: ["172.18.0.13", "fd18::13"] },
    ]);
  });

  test("runs pods on every node", () => {
    const nodes = stations.map(({ node }) => node.name).sort();
    expect(nodes).toEqual(["node-1", "node-1", "node-2", "node-2", "node-3", "node-3"]);
  });

  test("answers probes from every pod to every pod", async () => {
    const protocols: readonly Protocol[] = ["tcp", "udp", "icmp"];
    const probes = stations.flatMap((from) =>
      stations.flatMap((to) =>
        to.addresses.flatMap((text) =>
          protocols.map((protocol) => {
            const address = parseAddress(text);
            return { from, to, protocol, address, expected: ACCEPTED };
          }),
        ),
      ),
    );
    const started = performance.now();
    const outcomes = await runProbes(probes, started, { signal: new AbortController().signal });
    say(`${probes.length} probes`, started);
    expect(outcomes).toHaveLength(6 * 6 * 2 * 3);
    expect(outcomes.filter((outcome) => !isAsExpected(outcome))).toEqual([]);
  });

  test.each(["on the same node", "on another node"])("lets a container reach one %s", async (where) => {
    const from = stations[0] as PodStation;
    const isSame = where === "on the same node";
    const to = stations.find((other) => other !== from && (other.node === from.node) === isSame);
    const page = await fetchFrom(from, `http://${to?.addresses[0]}/`);
    expect(`default/${page}`).toBe(to?.name);
  });

  test("translates service addresses, also the API server's", async () => {
    const from = stations[0] as PodStation;
    const address = await cluster.kubectl(["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
    const names = stations.map(({ name }) => name);
    expect(names).toContain(`default/${await fetchFrom(from, `http://${address}/`)}`);
    const script = "nc -w 3 172.20.0.1 443 </dev/null && echo open";
    expect(await execIn(from, "sh", "-c", script)).toBe("open");
  });

  test("gives pods a service account that the API server knows", async () => {
    const token = await execIn(
      stations[0] as PodStation,
      "cat",
      "/var/run/secrets/kubernetes.io/serviceaccount/token",
    );
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
    const text = await cluster.kubectl(["create", "-f", "-", "-o", "json"], JSON.stringify(review));
    const { status } = JSON.parse(text) as { status: { user: { username: string } } };
    expect(status.user.username).toBe("system:serviceaccount:default:default");
  });

  test("shows what containers print", async () => {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "speaker" } };
    const containers = [{ name: "main", image: BUSYBOX_IMAGE, command: ["/bin/echo", "spoken"] }];
    await cluster.apply({ ...pod, spec: { restartPolicy: "Never", containers } });
    const phase = "--for=jsonpath={.status.phase}=Succeeded";
    await cluster.kubectl(["wait", phase, "pod/speaker", "--timeout=60s"]);
    expect(await cluster.kubectl(["logs", "speaker"])).toBe("spoken\n");
  });

  test("has host paths of its own on every node, which pods see and the real machine does not", async () => {
    await cluster.apply(
      ...[1, 2].map((number) => ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `writer-${number}` },
        spec: {
          nodeName: `node-${number}`,
          restartPolicy: "Never",
          hostNetwork: true,
          containers: [
            {
              name: "main",
              image: BUSYBOX_IMAGE,
              command: ["/bin/sh", "-c", "hostname > /host/written && mount -t tmpfs tmpfs /host/mounted"],
              securityContext: { privileged: true },
              volumeMounts: [{ name: "host", mountPath: "/host", mountPropagation: "Bidirectional" }],
            },
          ],
          volumes: [{ name: "host", hostPath: { path: "/opt/cni/rig", type: "DirectoryOrCreate" } }],
          initContainers: [
            {
              name: "directory",
              image: BUSYBOX_IMAGE,
              command: ["/bin/mkdir", "-p", "/host/mounted"],
              volumeMounts: [{ name: "host", mountPath: "/host" }],
            },
          ],
        },
      })),
    );
    const phase = "--for=jsonpath={.status.phase}=Succeeded";
    await cluster.kubectl(["wait", phase, "pod/writer-1", "pod/writer-2", "--timeout=60s"]);
    const [first, second, third] = cluster.nodes;
    expect(await first?.machine.run(["cat", "/opt/cni/rig/written"])).toBe("node-1\n");
    expect(await second?.machine.run(["cat", "/opt/cni/rig/written"])).toBe("node-2\n");
    await expect(third?.machine.run(["cat", "/opt/cni/rig/written"])).rejects.toThrow("No such file");
    expect(await first?.machine.run(["grep", "-c", " /opt/cni/rig/mounted ", "/proc/mounts"])).toBe("1\n");
    expect(await machineState()).toEqual(before);
  });

  test("does without a node that has lost its power", async () => {
    const lost = cluster.nodes[2];
    const stays = stations.find(({ node }) => node.number === 1) as PodStation;
    const goes = stations.find(({ node }) => node.number === 3) as PodStation;
    const page = (): Promise<string> => fetchFrom(stays, `http://${goes.addresses[0]}/`);
    expect(`default/${await page()}`).toBe(goes.name);
    await lost?.machine.kill();
    await expect(page()).rejects.toThrow("Cannot run");
    await expect(lost?.machine.run(["true"])).rejects.toThrow("Cannot run");
    expect(await fetchFrom(stays, `http://${stays.addresses[0]}/`)).not.toBe("");
  });

  function execIn(from: PodStation, ...command: string[]): Promise<string> {
    const pod = from.name.split("/")[1] as string;
    return cluster.kubectl(["exec", pod, "--", ...command]).then((text) => text.trim());
  }

  function fetchFrom(from: PodStation, url: string): Promise<string> {
    return execIn(from, "timeout", "3", "wget", "-qO-", url);
  }
});

test("machines with containerd run pods without Kubernetes", async () => {
  const cluster = await startRuntimeCluster(2);
  onTestFinished(() => cluster.close());
  await configureStandInNetwork(cluster.nodes, cluster.machine);
  const pods = await Promise.all(
    cluster.nodes.map(async (node) => {
      await until("the runtime has a network", async () => expect(await node.cri.problems()).toEqual([]));
      const sandbox = await node.cri.runSandbox({ name: `web-${node.number}` });
      const container = await node.cri.startContainer(sandbox, "main", BUSYBOX_IMAGE, [
        "/bin/sh",
        "-c",
        SERVE,
      ]);
      return { node, sandbox, container, status: await node.cri.sandboxStatus(sandbox.id) };
    }),
  );
  const [first, second] = pods as [(typeof pods)[number], (typeof pods)[number]];
  expect(pods.map(({ status }) => status.addresses)).toEqual([
    ["10.244.1.2", "fd44:0:0:1::2"],
    ["10.244.2.2", "fd44:0:0:2::2"],
  ]);
  const fetch = ["timeout", "3", "wget", "-qO-", `http://[${second.status.addresses[1]}]/`];
  expect(await first.node.cri.exec(first.container, fetch)).toEqual({
    status: 0,
    stdout: "web-2\n",
    stderr: "",
  });
  expect(await first.node.cri.exec(first.container, ["false"])).toMatchObject({ status: 1 });
  expect(await sandboxNamespace(first.node, first.sandbox.id)).toContain("/run/netns/cni-");
  expect([...(await first.node.cri.listSandboxes()).keys()]).toEqual(["default/web-1"]);
  await first.node.cri.stopSandbox(first.sandbox.id);
  await first.node.cri.removeSandbox(first.sandbox.id);
  await expect(first.node.cri.sandboxStatus(first.sandbox.id)).rejects.toThrow("not found");
  await expect(
    first.node.cri.startContainer(second.sandbox, "main", BUSYBOX_IMAGE, ["/bin/true"]),
  ).rejects.toThrow("not found");
});

test("an API server comes back with what it knew", async () => {
  const api = await startApiServer();
  onTestFinished(() => api.close());
  await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await api.stopApiServer("SIGKILL");
  await expect(api.kubectl(["get", "--raw", "/readyz"])).rejects.toThrow("Cannot run");
  await api.startApiServer();
  expect(await api.kubectl(["get", "namespace", "shop", "-o", "name"])).toBe("namespace/shop\n");
});

test.each<[string, NodeJS.Signals]>([
  ["is told to end", "SIGINT"],
  ["is killed", "SIGKILL"],
])("nothing is left of a cluster whose maker %s", async (_what, signal) => {
  const { maker, directory } = await makeElsewhere();
  maker.kill(signal);
  await until("it is gone", () => expect(clusterLeftovers(directory)).toEqual([]), { interval: 100 });
  expect(await machineState()).toEqual(before);
});

test("the next cluster removes one that nobody answers for any more", async () => {
  const { maker, directory } = await makeElsewhere();
  const keeper = JSON.parse(readFileSync(join(directory, "owner.json"), "utf8")) as { pid: number };
  expect(keeper.pid).not.toBe(maker.pid);
  process.kill(keeper.pid, "SIGKILL");
  maker.kill("SIGKILL");
  await once(maker, "close");
  expect(clusterLeftovers(directory).length).toBeGreaterThan(10);
  const next = await createClusterDirectory();
  expect(clusterLeftovers(directory)).toEqual([]);
  await next.close();
  expect(clusterLeftovers(next.path)).toEqual([]);
});

/** A process that has made a cluster of one node, and the cluster's directory. */
async function makeElsewhere(): Promise<{ maker: ChildProcess; directory: string }> {
  const maker = spawn(process.execPath, [UP, "--nodes", "1"], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void maker.kill("SIGKILL"));
  const [said] = (await once(maker.stdout, "data")) as [Buffer];
  const directory = /KUBECONFIG=(.*)\/admin.kubeconfig/.exec(said.toString())?.[1] ?? "";
  expect(clusterLeftovers(directory).length).toBeGreaterThan(10);
  return { maker, directory };
}

/** The part of a node that is looked at. */
interface NodeJson {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
  };
}

/** A deployment of web servers that is spread over the nodes evenly, and its service. */
function webServers(replicas: number): readonly object[] {
  const labels = { app: "web" };
  const container = {
    name: "main",
    image: BUSYBOX_IMAGE,
    command: ["/bin/sh", "-c", SERVE],
    readinessProbe: { httpGet: { port: 80, path: "/" }, periodSeconds: 1 },
  };
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  const spec = { topologySpreadConstraints: [spread], containers: [container] };
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: labels, ports: [{ port: 80 }] },
    },
  ];
}
