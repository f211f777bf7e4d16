import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildImage } from "../../scripts/build-image.ts";
import type { StepResult } from "../../src/selftest/index.ts";
import { type Cluster, startCluster } from "../support/kubernetes/cluster.ts";
import { type ControllerProcess, startController } from "../support/kubernetes/controller.ts";
import { CLUSTER_NETWORK_POLICY_DEFINITION } from "../support/kubernetes/objects.ts";
import { type RomanaPrograms, startRomana } from "../support/kubernetes/romana.ts";
import { until } from "../support/until.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/romana.mjs");
/** Milliseconds that a check may take on a busy machine. */
const PATIENCE = 300_000;

/** Pods may reach the node that they are on. */
const OWN_NODE = {
  name: "pods-to-own-node",
  direction: "ingress",
  applied_to: [{ dest: "host" }],
  ingress: [{ peers: [{ peer: "local" }], rules: [{ protocol: "any" }] }],
} as const;

let images: string;
let cluster: Cluster;
let romana: RomanaPrograms;
let controller: ControllerProcess;

// Romana is on two nodes of three.
beforeAll(async () => {
  images = mkdtempSync(join(tmpdir(), "romana-image-"));
  const archive = join(images, "romana.tar");
  buildImage(archive);
  cluster = await startCluster({ nodes: 3, network: "none", proxy: "iptables", images: [archive] });
  const { directory, machine, nodes } = cluster;
  romana = await startRomana({ directory, machine, nodes: nodes.slice(0, 2) }, { hosts: false });
  const { client, server } = romana;
  controller = await startController(directory.path, { server, kubeconfig: cluster.kubeconfig });
  await cluster.apply(CLUSTER_NETWORK_POLICY_DEFINITION);
  await client.call("createPolicy", { body: OWN_NODE });
  await romana.well();
  const names = nodes.slice(0, 2).map(({ name }) => `node/${name}`);
  await cluster.kubectl(["wait", "--for=condition=Ready", ...names, "--timeout=120s"]);
}, PATIENCE);

afterAll(async () => {
  await controller?.kill();
  await romana?.close();
  await cluster?.close();
  rmSync(images, { recursive: true, force: true });
});

interface Check {
  readonly child: ChildProcess;
  /** What it says of its progress, so far. */
  readonly progress: () => string;
  readonly ended: Promise<{ readonly status: number | null; readonly output: string }>;
}

function startCheck(...words: readonly string[]): Check {
  const options = ["--kubeconfig", cluster.kubeconfig, "--server", romana.server, "-o", "json"];
  const child = spawn(process.execPath, [PROGRAM, "kubernetes", "check", ...options, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let progress = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    progress += text;
  });
  const ended = new Promise<{ status: number | null; output: string }>((resolve) => {
    child.once("close", (status) => resolve({ status, output }));
  });
  return { child, progress: () => progress, ended };
}

function stepsOf(output: string): ReadonlyMap<string, StepResult> {
  const { steps } = JSON.parse(output) as { steps: readonly StepResult[] };
  return new Map(steps.map((step) => [step.name, step]));
}

async function checkNamespaces(): Promise<readonly string[]> {
  const names = await cluster.kubectl(["get", "namespaces", "-o", "name"]);
  return names.split("\n").filter((name) => name.includes("romana-check"));
}

test(
  "a cluster where all is well but for a node without an agent, which is named",
  async () => {
    const { status, output } = await startCheck().ended;
    const steps = stepsOf(output);
    const results = [...steps.values()].map(({ name, result, findings }) => [name, result, findings.length]);
    expect(results).toEqual([
      ["nodes", "failed", 1],
      ["pods", "ok", 0],
      ["addresses", "ok", 0],
      ["pods to pods of the same node", "ok", 0],
      ["pods to pods of other nodes", "ok", 0],
      ["nodes to their pods", "ok", 0],
      ["pods to their own node", "ok", 0],
      ["pods to services", "ok", 0],
      ["NetworkPolicy that denies", "ok", 0],
      ["NetworkPolicy that allows", "ok", 0],
      ["labels of a running pod", "ok", 0],
      ["ClusterNetworkPolicy", "ok", 0],
      ["removal", "ok", 0],
    ]);
    expect(steps.get("nodes")?.findings[0]).toMatchObject({
      reason: 'the agent of node "node-3" has never reported',
      advice: expect.stringContaining("romana-agent"),
    });
    expect(status).toBe(1);
    expect(await checkNamespaces()).toEqual([]);
  },
  PATIENCE,
);

test(
  "an interrupted check leaves nothing",
  async () => {
    const check = startCheck();
    await until(
      "there are pods",
      async () => {
        if (!check.progress().includes("addresses")) throw new Error(check.progress());
      },
      PATIENCE,
    );
    expect(await checkNamespaces()).toHaveLength(1);
    check.child.kill("SIGINT");
    const { status } = await check.ended;
    expect(status).toBe(75);
    expect(await checkNamespaces()).toEqual([]);
  },
  PATIENCE,
);

test(
  "an agent that has died is named by the pods that do not start",
  async () => {
    await romana.nodes[1]?.daemon.stop("SIGKILL");
    const { status, output } = await startCheck("--timeout", "20").ended;
    const findings = stepsOf(output).get("pods")?.findings ?? [];
    expect(findings.map(({ reason }) => reason)).toEqual(
      ["client-2", "server-2"].map((pod): unknown =>
        expect.stringMatching(new RegExp(`^pod ${pod} on node "node-2" is not ready: .*The agent is away`)),
      ),
    );
    expect(status).toBe(1);
  },
  PATIENCE,
);
