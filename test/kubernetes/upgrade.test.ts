import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { buildImage } from "../../scripts/build-image.ts";
import { parseAddress, parsePrefix, prefixContains } from "../../src/net/index.ts";
import type { ClusterStatus } from "../../src/selftest/index.ts";
import { runCommand } from "../../src/system/command.ts";
import { type Flow, FlowMeter, type FlowReport } from "../support/flow-meter.ts";
import { type Cluster, startCluster } from "../support/kubernetes/cluster.ts";
import { buildHelm } from "../support/kubernetes/helm.ts";
import { BUSYBOX_IMAGE } from "../support/kubernetes/images.ts";
import { type PodStation, podStations } from "../support/kubernetes/pod-stations.ts";
import { until } from "../support/until.ts";

const ROMANA = join(import.meta.dirname, "../../bin/romana.mjs");
const DEPLOY = join(import.meta.dirname, "../../deploy/kubernetes");
const NAMESPACE = "romana-system";
const PROGRAMS = ["statefulset/romanad", "deployment/romana-kubernetes", "daemonset/romana-agent"];
/** Milliseconds that programs may take to start on a busy machine. */
const PATIENCE = 300_000;
/** The release that is there first, and the one after it: the same programs, which say other versions. */
const [FIRST, SECOND] = [manifest.version, "99.1.0"];

const PLANS = {
  ipv4: { prefix: "100.64.0.0/10", hostBits: 7, tenantBits: 7, segmentBits: 4, endpointBits: 4 },
  ipv6: { prefix: "fd52:4f00::/24", hostBits: 24, tenantBits: 24, segmentBits: 24, endpointBits: 32 },
};

/** What the second release is told: its image, and something else of every program that no plan knows of. */
const SECOND_VALUES = {
  network: { spec: { plans: PLANS } },
  image: { tag: SECOND },
  agent: { config: { safetyNet: { destinations: ["tcp/9600", "tcp/6443"] }, endpointMtu: 1400 } },
  controller: { config: { resyncInterval: 120 } },
  romanad: { config: { heartbeat: 10 } },
};

let directory: string;
let helm: string;
let cluster: Cluster;

// What an operator does by docs/kubernetes-installation.md with Helm and two families: each test goes on where the one before ended.
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-upgrade-"));
  helm = await buildHelm();
  const images = [FIRST, SECOND].map((release) => {
    const archive = join(directory, `romana-${release}.tar`);
    buildImage(archive, { release });
    return archive;
  });
  cluster = await startCluster({ nodes: 3, network: "none", proxy: "iptables", images });
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
  rmSync(directory, { recursive: true, force: true });
});

function kubectl(...words: readonly string[]): Promise<string> {
  return cluster.kubectl(words);
}

/** Runs Helm on the release, with these values. */
async function runHelm(words: readonly string[], values?: object): Promise<void> {
  const file = join(directory, "values.json");
  writeFileSync(file, JSON.stringify(values ?? {}));
  const options = ["--kubeconfig", cluster.kubeconfig, "--namespace", NAMESPACE];
  await runCommand({
    argv: [helm, ...words, ...options, ...(values ? ["--values", file] : [])],
    timeout: 120_000,
  });
}

/** Waits until new pods have taken the place of all old ones, and nodes are ready. */
async function rolledOut(...objects: readonly string[]): Promise<void> {
  for (const object of objects) {
    const wait = ["rollout", "status", object, "--timeout=60s"];
    const namespace = PROGRAMS.includes(object) ? NAMESPACE : "default";
    await until(`${object} has rolled out`, () => kubectl("--namespace", namespace, ...wait), {
      timeout: PATIENCE,
      interval: 200,
    });
  }
}

async function stations(): Promise<ReadonlyMap<string, readonly PodStation[]>> {
  return Map.groupBy((await podStations(cluster, ["default"])).values(), ({ labels }) => labels["app"] ?? "");
}

/** What `romana kubernetes status` says, from a machine that has nothing but a kubeconfig. */
function status(): ClusterStatus & { readonly exitCode: number | null } {
  const words = [ROMANA, "kubernetes", "status", "--kubeconfig", cluster.kubeconfig, "-o", "json"];
  const said = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 60_000 });
  if (said.stdout === "") throw new Error(said.stderr);
  return { ...(JSON.parse(said.stdout) as ClusterStatus), exitCode: said.status };
}

/** Waits until all is well, with agents of this version. */
async function allIsWell(version: string): Promise<void> {
  const nodes = cluster.nodes.map(({ name }) => ({ node: name, ready: true, agent: "ok", version }));
  await until("all is well", () => expect(status()).toMatchObject({ ok: true, exitCode: 0, nodes }), {
    timeout: PATIENCE,
    interval: 500,
  });
}

const KINDS = ["udp", "tcp", "new"] as const;

function flowsTo(pods: readonly PodStation[], silent: boolean): readonly Flow[] {
  return pods.flatMap(({ addresses }) =>
    addresses.flatMap((address) => KINDS.map((protocol) => ({ protocol, address, silent }))),
  );
}

interface Watched {
  /** Flows between pods that may talk, on which not every packet has come back. */
  readonly losses: readonly string[];
  /** What has arrived at the pod that nobody may reach, of how many packets. */
  readonly intruders: FlowReport["counted"];
  readonly denied: number;
  readonly sent: number;
}

/** Lets all pods talk while something happens, each with each other, and with the vault in vain. */
async function whileTheyTalk(action: () => Promise<void>): Promise<Watched> {
  const pods = await stations();
  const [talkers = [], vaults = []] = ["talker", "vault"].map((app) => pods.get(app));
  const meters = [...talkers, ...vaults].map((pod) => ({ pod, meter: new FlowMeter(pod.namespace) }));
  try {
    await Promise.all(meters.map(({ meter }) => meter.serving()));
    const [active, [vault]] = [meters.slice(0, talkers.length), meters.slice(talkers.length)];
    for (const { pod, meter } of active) {
      const others = talkers.filter((other) => other !== pod);
      meter.start([...flowsTo(others, false), ...flowsTo(vaults, true)]);
    }
    await action();
    const reports = await Promise.all(
      active.map(async ({ pod, meter }) => ({ pod, ...(await meter.stop()) })),
    );
    const intruders = (await vault?.meter.stop())?.counted ?? { datagrams: -1, connections: -1 };
    const results = reports.flatMap(({ pod, results }) => results.map((flow) => ({ pod, ...flow })));
    const total = (silent: boolean): number =>
      results.filter((flow) => flow.silent === silent).reduce((sum, { sent }) => sum + sent, 0);
    return {
      losses: results
        .filter(({ silent, sent, received }) => !silent && received !== sent)
        .map(
          ({ pod, protocol, address, sent, received }) =>
            `${pod.name} on ${pod.node.name} to ${address} by ${protocol}: ${received} of ${sent}`,
        ),
      intruders,
      denied: total(true),
      sent: total(false),
    };
  } finally {
    for (const { meter } of meters) meter.close();
  }
}

/** Changes the release while pods talk, and starts two more pods meanwhile. */
async function change(what: string, replicas: number, apply: () => Promise<void>): Promise<void> {
  const before = await stations();
  const started = performance.now();
  const { losses, intruders, denied, sent } = await whileTheyTalk(async () => {
    await apply();
    await kubectl("scale", "deployment/newcomer", `--replicas=${replicas}`);
    await rolledOut(...PROGRAMS, "deployment/newcomer");
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(
    `kubernetes: ${what} took ${seconds} s; ${sent} packets and connections, ${denied} in vain\n`,
  );
  expect(losses).toEqual([]);
  expect(intruders).toEqual({ datagrams: 0, connections: 0 });
  expect(Math.min(sent, denied)).toBeGreaterThan(0);
  const of = (pods: Awaited<ReturnType<typeof stations>>): unknown =>
    ["talker", "vault"].flatMap((app) => pods.get(app)?.map(({ name, addresses }) => [name, addresses]));
  expect(of(await stations())).toEqual(of(before));
}

/** The MTU that a pod sees. */
async function mtuOf(pod: PodStation): Promise<string> {
  const [, name = ""] = pod.name.split("/");
  return (await kubectl("exec", name, "--", "cat", "/sys/class/net/eth0/mtu")).trim();
}

test("the chart installs a network of both families", async () => {
  await kubectl("create", "namespace", NAMESPACE);
  await kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=privileged");
  await until("the first node joins", () => kubectl("label", "node", "node-1", "romana.io/romanad="));
  await runHelm(["install", "romana", join(DEPLOY, "chart")], { network: { spec: { plans: PLANS } } });
  await cluster.nodesReady();
  await rolledOut(...PROGRAMS);
  await allIsWell(FIRST);
});

test("pods get an address of each family, and policies hold for both", async () => {
  await cluster.apply(
    VAULT_POLICY,
    deployment("talker", 4),
    deployment("vault", 1),
    deployment("newcomer", 0),
  );
  await rolledOut("deployment/talker", "deployment/vault");
  const pods = [...(await stations()).values()].flat();
  expect(pods).toHaveLength(5);
  const prefixes = [parsePrefix(PLANS.ipv4.prefix), parsePrefix(PLANS.ipv6.prefix)];
  for (const { addresses } of pods) {
    const parsed = addresses.map(parseAddress).sort((a, b) => a.family - b.family);
    expect(parsed.map(({ family }) => family)).toEqual([4, 6]);
    expect(parsed.map((address, index) => prefixContains(prefixes[index] as never, address))).toEqual([
      true,
      true,
    ]);
  }
  const { losses, intruders } = await whileTheyTalk(async () => {
    await kubectl("annotate", "deployment/talker", "romana-test/talks=yes");
  });
  expect({ losses, intruders }).toEqual({ losses: [], intruders: { datagrams: 0, connections: 0 } });
  // Without the policy the vault hears them: the meters do not only believe it.
  await kubectl("delete", "networkpolicy", "vault");
  await until("the vault hears of both families", async () => {
    const { intruders: heard } = await whileTheyTalk(async () => {
      await kubectl("get", "namespaces");
    });
    expect(Math.min(heard.datagrams, heard.connections)).toBeGreaterThan(0);
  });
  await cluster.apply(VAULT_POLICY);
});

test("the status says that nobody leads, and who does", async () => {
  const before = status();
  expect(before.leader?.identity).toMatch(/^node-[123]_/);
  expect(before.policies.count).toBe(3);
  expect(Object.keys(before.exceptions)).toEqual([]);
  await kubectl("--namespace", NAMESPACE, "scale", "deployment/romana-kubernetes", "--replicas=0");
  await until("the status tells it", () => {
    const { exitCode, findings } = status();
    expect(findings.map(({ reason }) => reason)).toEqual([
      "there is no pod of romana-kubernetes",
      "no controller leads",
    ]);
    expect(exitCode).toBe(1);
  });
  await kubectl("--namespace", NAMESPACE, "scale", "deployment/romana-kubernetes", "--replicas=2");
  await allIsWell(FIRST);
});

test("an upgrade with another configuration interrupts nobody and lets nobody in", async () => {
  await kubectl("apply", "-k", join(DEPLOY, "crds"), "--server-side", "--force-conflicts");
  await change("the upgrade", 2, () => runHelm(["upgrade", "romana", join(DEPLOY, "chart")], SECOND_VALUES));
  await allIsWell(SECOND);
});

test("what starts after the upgrade is as the new configuration says, and reaches what was there", async () => {
  const pods = await stations();
  await kubectl("scale", "deployment/newcomer", "--replicas=3");
  await rolledOut("deployment/newcomer");
  const last = [...((await stations()).get("newcomer") ?? [])].filter(
    ({ name }) => !pods.get("newcomer")?.some((known) => known.name === name),
  );
  expect(await Promise.all(last.map(mtuOf))).toEqual(["1400"]);
  expect(await Promise.all((pods.get("talker") ?? []).map(mtuOf))).toEqual(["1500", "1500", "1500", "1500"]);
});

test("another back-end of rules on every node interrupts nobody and lets nobody in", async () => {
  const { agent } = SECOND_VALUES;
  const values = { ...SECOND_VALUES, agent: { config: { ...agent.config, firewall: "iptables" } } };
  await change("the other back-end", 4, () => runHelm(["upgrade", "romana", join(DEPLOY, "chart")], values));
  for (const { machine } of cluster.nodes) {
    expect(await machine.run(["iptables-save"])).toContain("-A FORWARD -j ROMANA-FORWARD");
    expect(await machine.run(["nft", "list", "tables"])).not.toContain("inet romana");
  }
});

test("the way back interrupts nobody, either", async () => {
  await change("the way back", 5, () => runHelm(["rollback", "romana", "1"]));
  await allIsWell(FIRST);
});

test("after it is uninstalled, pods go on as they were", async () => {
  const { losses, intruders } = await whileTheyTalk(async () => {
    await runHelm(["uninstall", "romana", "--wait"]);
    await until("its pods are gone", async () => {
      expect((await kubectl("--namespace", NAMESPACE, "get", "pods", "-o", "name")).trim()).toBe("");
    });
  });
  expect({ losses, intruders }).toEqual({ losses: [], intruders: { datagrams: 0, connections: 0 } });
});

/** Nobody reaches the vault. */
const VAULT_POLICY = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "vault", namespace: "default" },
  spec: { podSelector: { matchLabels: { app: "vault" } }, policyTypes: ["Ingress"] },
};

function deployment(app: string, replicas: number): object {
  const labels = { app };
  const container = { name: "main", image: BUSYBOX_IMAGE, command: ["/bin/sleep", "2147483647"] };
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
    metadata: { name: app },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
