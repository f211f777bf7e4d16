import type { Client, Sleep } from "../client/index.ts";
import { parseAddress } from "../net/index.ts";
import { type AddressBook, addressFindings } from "./address-findings.ts";
import type { Kube } from "./kube.ts";
import { type ClusterNode, nodeFindings } from "./node-findings.ts";
import {
  checkService,
  clusterPolicy,
  podName,
  ROLE_LABEL,
  type Role,
  SERVER_PORT,
  serverPolicy,
} from "./objects.ts";
import { type Path, targetOf } from "./paths.ts";
import { SILENCE } from "./probe.ts";
import { readAll, readHosts } from "./read-hosts.ts";
import { Scene } from "./scene.ts";
import { interrupted, runStep, type Said, type StepResult } from "./step.ts";

/** What a check of a cluster works with. */
export interface SelfTestOptions {
  readonly kube: Kube;
  readonly client: Client;
  /** Image with this package; its pods run `romana kubernetes probe-server`. */
  readonly image: string;
  /** Name of the namespace that is made, which must not be there. */
  readonly namespace: string;
  /** Port of the pods that are in their node's network. */
  readonly nodePort: number;
  /** Milliseconds that pods may take until they are ready. */
  readonly timeout: number;
  /** Leaves everything where it is in the end. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  /** Told what is being done. */
  readonly progress: (line: string) => void;
  readonly sleep: Sleep;
  readonly now: () => number;
}

/** Nodes that get pods at most: more say nothing new, and take long. */
const MAX_NODES = 10;

/** Milliseconds that a change of a policy or a label may take. */
const CHANGE_TIMEOUT = 20_000;

/** Milliseconds that removed objects may take until they are gone. */
const REMOVAL_TIMEOUT = 120_000;

const NO_PODS = "the pods for it are not ready";

const ENFORCEMENT =
  "romana policy list, romana why, and the logs of romana-kubernetes and of romana-agent on these nodes";

/**
 * Checks a cluster in which Romana is installed: its nodes, then with pods of its own in a namespace of its own addresses,
 * connectivity, policies. Removes all it has made, also when it is interrupted.
 * @throws RomanaError `aborted` when it is interrupted
 */
export async function testCluster(options: SelfTestOptions): Promise<readonly StepResult[]> {
  const { kube, client, namespace, keep, signal, progress, now } = options;
  const steps: StepResult[] = [];
  const step = async (name: string, work: () => Promise<Said>): Promise<StepResult> => {
    if (signal.aborted) throw interrupted();
    progress(`${name} …`);
    const result = await runStep(name, signal, now, work);
    steps.push(result);
    return result;
  };
  const nodes = await kube.nodes();
  await step("nodes", async () => ({
    detail: `${nodes.length} known to romanad, with agents that are well`,
    findings: nodeFindings(nodes, await readHosts(client, new Set(nodes.map(({ name }) => name)))),
  }));
  const used = nodes.filter(({ isReady, isSchedulable }) => isReady && isSchedulable).slice(0, MAX_NODES);
  try {
    await testWithPods(options, used, step);
  } finally {
    if (keep)
      progress(`namespace ${namespace} is kept; remove it with kubectl delete namespace ${namespace}`);
    else {
      const removal = await remove(options);
      steps.push(removal);
      for (const { reason } of removal.findings) progress(reason);
    }
  }
  return steps;
}

type Step = (name: string, work: () => Promise<Said>) => Promise<StepResult>;

async function testWithPods(
  { kube, client, namespace, image, nodePort, timeout, signal, sleep, now }: SelfTestOptions,
  nodes: readonly ClusterNode[],
  step: Step,
): Promise<void> {
  const scene = new Scene({ kube, scene: { namespace, image, nodePort }, nodes, signal, sleep, now });
  let uid = "";
  const started = await step("pods", async () => {
    if (nodes.length === 0) return { skipped: "no node is ready" };
    uid = await kube.createNamespace(namespace);
    return { findings: await scene.start(timeout), detail: `ready on ${nodes.length} nodes` };
  });
  if (started.result === "skipped" || scene.pods.length === 0) return;
  await step("addresses", async () => {
    const pods = scene.pods.filter(({ name }) => !name.startsWith("node-"));
    const findings = addressFindings(
      pods.map(({ name, node, addresses }) => ({
        name: `${name}.${namespace}`,
        node,
        namespaceUid: uid,
        label: [ROLE_LABEL, name.replace(/-\d+$/, "")] as const,
        addresses: addresses.map(parseAddress),
      })),
      await readAddressBook(client),
    );
    return { findings, detail: `of ${pods.length} pods say node, namespace and class` };
  });
  await testConnectivity(kube, namespace, nodePort, scene, step);
  await testPolicies(kube, namespace, scene, step);
}

async function testConnectivity(
  kube: Kube,
  namespace: string,
  nodePort: number,
  scene: Scene,
  step: Step,
): Promise<void> {
  const { numbers } = scene;
  const open = (from: Role, sender: number, to: Role, receiver: number, port = SERVER_PORT): Path[] =>
    scene.withinReach(from, sender, scene.addressesOf(to, receiver)).map((address) => ({
      from: podName(from, sender),
      to: [podName(to, receiver)],
      target: targetOf(address, port),
      isOpen: true,
    }));
  const pairs = numbers.flatMap((sender) => numbers.map((receiver) => [sender, receiver] as const));
  const tried = async (paths: readonly Path[], advice: string): Promise<Said> => {
    if (paths.length === 0) return { skipped: NO_PODS };
    const findings = await scene.await(paths, CHANGE_TIMEOUT, advice);
    return { detail: `${paths.length} paths are open`, findings };
  };
  await step("pods to pods of the same node", () =>
    tried(
      numbers.flatMap((number) => open("client", number, "server", number)),
      ENFORCEMENT,
    ),
  );
  await step("pods to pods of other nodes", async () => {
    if (numbers.length < 2) return { skipped: "there is only one node" };
    const others = pairs.filter(([sender, receiver]) => sender !== receiver);
    const advice = "romana route list; is a firewall or a cloud's source check between the nodes?";
    return tried(
      others.flatMap(([sender, receiver]) => open("client", sender, "server", receiver)),
      advice,
    );
  });
  await step("nodes to their pods", () =>
    tried(
      numbers.flatMap((number) => open("node", number, "server", number)),
      ENFORCEMENT,
    ),
  );
  await step("pods to their own node", () =>
    tried(
      numbers.flatMap((number) => open("client", number, "node", number, nodePort)),
      "is the policy pods-to-own-node of the installation there? kubectl get policies.romana.io",
    ),
  );
  await step("pods to services", async () => {
    const api = await kube.apiService();
    const [asked] = await scene.probe(podName("node", 1), [api]);
    if (asked?.answer === undefined && asked?.error !== SILENCE) {
      return { skipped: `nobody translates service addresses: no answer at ${api} (${asked?.error})` };
    }
    const addresses = await kube.createService(namespace, checkService());
    const to = numbers.map((number) => podName("server", number));
    const paths = numbers.flatMap((number) =>
      scene.withinReach("client", number, addresses).map((address): Path => {
        const target = targetOf(address, SERVER_PORT);
        return { from: podName("client", number), to, target, isOpen: true };
      }),
    );
    return tried(paths, "does kube-proxy run on these nodes, and is its log without errors?");
  });
}

async function testPolicies(kube: Kube, namespace: string, scene: Scene, step: Step): Promise<void> {
  const { numbers } = scene;
  const isThere = (role: Role) => (number: number) => scene.addressesOf(role, number).length > 0;
  const clients = numbers.filter(isThere("client")).map((number) => podName("client", number));
  const stranger = podName("stranger", 1);
  if (clients.length === 0 || !isThere("stranger")(1) || !numbers.some(isThere("server"))) {
    await step("policies", async () => ({ skipped: NO_PODS }));
    return;
  }
  const paths = (senders: readonly string[], isOpen: boolean): Path[] =>
    senders.flatMap((from) =>
      numbers.flatMap((number) =>
        scene.addressesOf("server", number).map((address) => ({
          from,
          to: [podName("server", number)],
          target: targetOf(address, SERVER_PORT),
          isOpen,
        })),
      ),
    );
  const awaited = async (detail: string, ...wanted: Path[][]): Promise<Said> => ({
    detail,
    findings: await scene.await(wanted.flat(), CHANGE_TIMEOUT, ENFORCEMENT),
  });
  await step("NetworkPolicy that denies", async () => {
    await kube.createPolicy(namespace, serverPolicy());
    return awaited("nobody reaches servers", paths([...clients, stranger], false));
  });
  await step("NetworkPolicy that allows", async () => {
    await kube.createPolicy(namespace, serverPolicy("client"));
    return awaited("clients reach servers, strangers do not", paths(clients, true), paths([stranger], false));
  });
  await step("labels of a running pod", async () => {
    await kube.setLabel(namespace, stranger, ROLE_LABEL, "client");
    const as = await scene.await(paths([stranger], true), CHANGE_TIMEOUT, ENFORCEMENT);
    await kube.setLabel(namespace, stranger, ROLE_LABEL, "stranger");
    const back = await scene.await(paths([stranger], false), CHANGE_TIMEOUT, ENFORCEMENT);
    return { detail: "a stranger becomes a client and a stranger again", findings: [...as, ...back] };
  });
  await step("ClusterNetworkPolicy", async () => {
    if (!(await kube.servesClusterPolicies())) return { skipped: "the cluster does not serve it" };
    await kube.createClusterPolicy(clusterPolicy(namespace, namespace));
    const denied = await scene.await(paths(clients, false), CHANGE_TIMEOUT, ENFORCEMENT);
    await kube.deleteClusterPolicy(namespace);
    const allowed = await scene.await(paths(clients, true), CHANGE_TIMEOUT, ENFORCEMENT);
    return {
      detail: "denies what a NetworkPolicy allows, until it is deleted",
      findings: [...denied, ...allowed],
    };
  });
}

/** Removes everything, whether or not somebody has interrupted: nobody else would. */
function remove({ kube, namespace, progress, sleep, now }: SelfTestOptions): Promise<StepResult> {
  progress("removal …");
  const { signal } = new AbortController();
  return runStep("removal", signal, now, async () => {
    if (await kube.servesClusterPolicies()) await kube.deleteClusterPolicy(namespace);
    await kube.deleteNamespace(namespace);
    const deadline = now() + REMOVAL_TIMEOUT;
    while (await kube.hasNamespace(namespace)) {
      if (now() > deadline) {
        const advice = `kubectl get namespace ${namespace} -o yaml tells what it waits for`;
        return { detail: "", findings: [{ reason: `namespace ${namespace} does not go`, advice }] };
      }
      await sleep(500, signal);
    }
    return { detail: "nothing of the check is left" };
  });
}

async function readAddressBook(client: Client): Promise<AddressBook> {
  const endpoints = await readAll((query) => client.call("listEndpoints", { query }));
  return {
    networks: await readAll((query) => client.call("listNetworks", { query })),
    hosts: await readAll((query) => client.call("listHosts", { query })),
    tenants: await readAll((query) => client.call("listTenants", { query })),
    segments: await readAll((query) => client.call("listAllSegments", { query })),
    exceptions: new Set(endpoints.flatMap(({ name, actsAs }) => (actsAs === undefined ? [] : [name ?? ""]))),
  };
}
