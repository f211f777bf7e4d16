import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { buildCni } from "../scripts/build-cni.ts";
import { AgentSite, until } from "../test/support/agent-site.ts";
import { CniRuntime } from "../test/support/cni-driver.ts";
import { startApiServer } from "../test/support/kubernetes/control-plane.ts";
import { ApiClient, type ApiSettings } from "./api-client.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";
import type { PolicyChange, PolicySettings } from "./kubernetes-churn-policies.ts";
import type { Arrival, WatcherSettings } from "./kubernetes-churn-watchers.ts";
import { machineTime } from "./machine-time.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const SECONDS = QUICK ? 5 : 60;
/** Starts and stops of pods per second. */
const RATE = 100;
const HOSTS = 3;
const SIMULATED = QUICK ? 50 : 1_000;
const NAMESPACES = 8;
/** Applications in each namespace that have pods before it begins. */
const APPLICATIONS = 10;
/** One start of so many is the first pod of a new application. */
const NEW_APPLICATION = 201;
/** Pods that live at a time. */
const LIVE = 60;
/** Between two changes of the policy, in milliseconds. */
const POLICY_PAUSE = 400;
const PORTS = [7000, 7001] as const;
const WAIT = 120_000;

/** Room for a thousand hosts. */
const NETWORK = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 11, tenantBits: 4, segmentBits: 4, endpointBits: 5 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/** A pod that runs. */
interface Pod {
  readonly path: string;
  readonly place: { readonly containerId: string; readonly netns: string; readonly ifname: string };
  readonly runtime: CniRuntime;
  readonly address: string;
}

/** What was done and what came of it. */
interface Tally {
  starts: number;
  stops: number;
  readonly failures: string[];
  /** From the creation of the pod's object to the end of the plugin, in milliseconds. */
  readonly delays: number[];
}

/**
 * Pods that come and go in a cluster: what the other hosts hear of it, and how long a change of a policy takes meanwhile. Objects
 * are real, of a real API server, and so are romanad, the controller, three agents and the plugin. Kubelets are not there: pods
 * are born bound to their node, and the bench calls the plugin.
 */
export async function run(): Promise<BenchResult> {
  const plane = await startApiServer();
  const site = await AgentSite.create({ hosts: HOSTS, network: NETWORK });
  const children: ChildProcess[] = [];
  const api: ApiSettings = {
    server: plane.server,
    ca: plane.credentials.ca,
    token: plane.credentials.admin.token,
  };
  const client = new ApiClient(api);
  try {
    const names = Array.from({ length: SIMULATED }, (_, index) => `sim-${index + 1}`);
    for (const [index, name] of names.entries()) {
      const number = index + 1;
      const underlay = { ipv4: `192.168.${1 + (number >> 8)}.${number & 255}`, ipv6: `fd99::1:${number}` };
      await site.client.call("createHost", { body: { name, underlay } });
    }
    await site.startAgents();
    const namespaces = Array.from({ length: NAMESPACES }, (_, index) => `ns-${index}`);
    for (const name of namespaces) await client.create("/api/v1/namespaces", { metadata: { name } });
    children.push(startController(site, plane.kubeconfig));
    const stage = new Stage(site, client);
    // Whoever comes later finds these applications' segments.
    for (const namespace of namespaces) {
      for (let number = 0; number < APPLICATIONS; number++) await warm(stage, namespace, `app-${number}`);
    }
    const policyPath = "/apis/networking.k8s.io/v1/namespaces/ns-0/networkpolicies";
    await client.create(policyPath, POLICY);
    const source = await stage.start(0, "ns-0", "source");
    const targets: Pod[] = [];
    for (let host = 0; host < HOSTS; host++) targets.push(await stage.start(host, "ns-0", "target"));
    await until("all is quiet", () => quiet(site), { timeout: WAIT, interval: 500 });

    const watchers = forkChild<WatcherSettings>("kubernetes-churn-watchers.ts", {
      socket: site.server.replace("unix://", ""),
      hosts: names,
    });
    children.push(watchers);
    await heard(watchers);
    const policies = forkChild<PolicySettings>("kubernetes-churn-policies.ts", {
      api,
      path: `${policyPath}/${POLICY.metadata.name}`,
      ports: PORTS,
      source: source.place.netns,
      targets: targets.map(({ place, address }) => ({ namespace: place.netns, address })),
      pause: POLICY_PAUSE,
    });
    children.push(policies);

    const programs = {
      agents: site.hosts.map(({ name }) => site.pid(name)),
      romanad: [site.pid("romanad")],
      "romana-kubernetes": [children[0]?.pid as number],
    };
    const before = processorTimes(programs);
    const tally: Tally = { starts: 0, stops: 0, failures: [], delays: [] };
    const begun = machineTime();
    await churn(stage, namespaces, tally);
    const seconds = (machineTime() - begun) / 1000;
    const after = processorTimes(programs);
    const changes = await ask<readonly PolicyChange[]>(policies);
    await wait(1_000);
    const arrivals = await ask<readonly Arrival[]>(watchers);
    if (tally.failures.length > 0) process.stderr.write(`${tally.failures.slice(0, 5).join("\n")}\n`);
    return {
      name: "kubernetes-churn",
      method:
        `${RATE} starts and stops of pods a second for ${SECONDS} s on ${HOSTS} hosts with real agents, romanad, controller and API ` +
        `server, beside ${SIMULATED} watches as agents have them; 1 start of ${NEW_APPLICATION} is the first of a new application; ` +
        `meanwhile a NetworkPolicy changes its port, from the request to the API server until packets on all hosts follow it`,
      rows: [
        ...rowsOf(tally, seconds, changes, arrivals),
        ...Object.keys(programs).map((name) => ({
          what: `processor time of ${name} per start or stop`,
          value: ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / (tally.starts + tally.stops),
          unit: "ms",
        })),
      ],
    };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    client.close();
    await site.close();
    await plane.close();
  }
}

const POLICY = {
  metadata: { name: "turns" },
  spec: {
    podSelector: { matchLabels: { app: "target" } },
    policyTypes: ["Ingress"],
    ingress: [{ ports: [{ protocol: "UDP", port: PORTS[0] }] }],
  },
};

/** Starts and stops pods, one after the other at the rate, each as soon as it is due. */
async function churn(stage: Stage, namespaces: readonly string[], tally: Tally): Promise<void> {
  const live: Pod[] = [];
  const underway = new Set<Promise<void>>();
  const begun = performance.now();
  const track = (work: Promise<void>): void => {
    const tracked = work
      .catch((error: unknown) => void tally.failures.push(String(error)))
      .finally(() => underway.delete(tracked));
    underway.add(tracked);
  };
  const start = async (index: number): Promise<void> => {
    const namespace = namespaces[index % namespaces.length] as string;
    const isNew = index % NEW_APPLICATION === NEW_APPLICATION - 1;
    const application = isNew
      ? `new-${index}`
      : `app-${Math.floor(index / namespaces.length) % APPLICATIONS}`;
    const asked = performance.now();
    live.push(await stage.start(index % HOSTS, namespace, application));
    tally.delays.push(performance.now() - asked);
    tally.starts++;
  };
  const stop = async (pod: Pod): Promise<void> => {
    await stage.stop(pod);
    tally.stops++;
  };
  let started = 0;
  for (let change = 0; change < SECONDS * RATE; change++) {
    const due = begun + (change * 1000) / RATE;
    const early = due - performance.now();
    if (early > 1) await wait(early);
    const oldest = live.length >= LIVE ? live.shift() : undefined;
    track(oldest === undefined ? start(started++) : stop(oldest));
    while (underway.size >= LIVE) await Promise.race(underway);
  }
  await Promise.all(underway);
  for (const pod of live) await stage.stop(pod);
}

/** Where pods are started and stopped, without a kubelet. */
class Stage {
  readonly #site: AgentSite;
  readonly #client: ApiClient;
  readonly #runtimes: readonly CniRuntime[];
  readonly #free: string[] = [];
  #made = 0;
  #pods = 0;

  constructor(site: AgentSite, client: ApiClient) {
    this.#site = site;
    this.#client = client;
    const directory = dirname(buildCni());
    this.#runtimes = site.hosts.map(({ name, namespace }) => {
      const plugins = [{ type: "romana-cni", socket: site.agentSocket(name) }];
      return new CniRuntime({ cniVersion: "1.0.0", name: "romana", plugins }, [directory], namespace);
    });
  }

  /** Creates a pod's object and has its network attached. */
  async start(host: number, namespace: string, app: string): Promise<Pod> {
    const number = this.#pods++;
    const name = `${app}-${number}`;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    // Every replica set has its hash, and no class follows from it.
    const labels = { app, "pod-template-hash": number.toString(16) };
    const { metadata } = await this.#client.create(path, {
      metadata: { name, labels },
      spec: {
        nodeName: this.#site.host(host + 1).name,
        automountServiceAccountToken: false,
        containers: [{ name: "app", image: "app" }],
      },
    });
    const netns = this.#free.pop() ?? this.#site.addNamespace(`p${this.#made++}`);
    const runtime = this.#runtimes[host] as CniRuntime;
    const place = { containerId: metadata.uid, netns, ifname: "eth0" };
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${metadata.uid}`;
    const { ips } = await runtime.add({ ...place, args });
    return { path: `${path}/${name}`, place, runtime, address: ips[0]?.address.split("/")[0] as string };
  }

  /** Has it detached, and deletes its object. */
  async stop({ path, place, runtime }: Pod): Promise<void> {
    await runtime.delete(place);
    this.#free.push(place.netns);
    await this.#client.delete(path);
  }
}

/** Lets an application have had a pod. */
async function warm(stage: Stage, namespace: string, app: string): Promise<void> {
  await stage.stop(await stage.start(0, namespace, app));
}

function startController(site: AgentSite, kubeconfig: string): ChildProcess {
  const config = join(site.directory, "kubernetes.yaml");
  const settings = { server: site.server, kubeconfig, listen: null, segmentGrace: 3600 };
  writeFileSync(config, JSON.stringify(settings));
  const program = join(import.meta.dirname, "../bin/romana-kubernetes.mjs");
  const log = openSync(join(site.directory, "romana-kubernetes.log"), "a");
  const child = spawn(process.execPath, [program, "--config", config], { stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
}

async function quiet(site: AgentSite): Promise<void> {
  const { items } = await site.client.call("listPolicies", { query: {} });
  if (items.length === 0) throw new Error("the policy is not there yet");
  for (const { name, agent } of site.hosts) {
    const { state, problems } = await agent.call("getAgentStatus", {});
    if (state !== "ok") throw new Error(`${name} is ${state}: ${JSON.stringify(problems)}`);
  }
}

function forkChild<T>(file: string, settings: T): ChildProcess {
  return fork(join(import.meta.dirname, file), [JSON.stringify(settings)]);
}

/** The next message of a child. @throws Error when it ends without */
function heard(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (status) => reject(new Error(`a child has ended with ${status}`)));
  });
}

async function ask<T>(child: ChildProcess): Promise<T> {
  const answer = heard(child);
  child.send("report");
  return (await answer) as T;
}

function rowsOf(
  { starts, stops, failures, delays }: Tally,
  seconds: number,
  changes: readonly PolicyChange[],
  arrivals: readonly Arrival[],
): readonly BenchRow[] {
  const ofPolicies = arrivals.filter(({ kinds }) => kinds.includes("policies"));
  const others = arrivals.length - ofPolicies.length;
  const enforced = changes.map(({ asked, enforced: at }) => (at === undefined ? Infinity : at - asked));
  // Changes and revisions of the policy are in the same order.
  const received = changes.map(({ asked }, index) => {
    const arrival = ofPolicies[index];
    return arrival?.watchers === SIMULATED ? arrival.last - asked : Infinity;
  });
  const leaks = changes.reduce((sum, change) => sum + change.leaks, 0);
  const everywhere = enforced.map((value, index) => Math.max(value, received[index] as number));
  const quick = { bar: { relation: "at most", value: 100 } as const };
  return [
    {
      what: "starts and stops",
      value: (starts + stops) / seconds,
      unit: "/s",
      bar: { relation: "at least", value: 0.95 * RATE },
    },
    { what: "pods started", value: starts, unit: "pods" },
    { what: "failures", value: failures.length, unit: "", bar: { relation: "at most", value: 0 } },
    { what: "from the pod's object to the plugin's end, median", value: median(delays), unit: "ms" },
    { what: "from the pod's object to the plugin's end, p99", value: p99(delays), unit: "ms" },
    { what: "messages to each agent because of starts and stops", value: others, unit: "" },
    {
      what: "starts without a message to any agent",
      value: 100 * (1 - others / starts),
      unit: "%",
      bar: { relation: "at least", value: 99 },
    },
    { what: "changes of the policy", value: changes.length, unit: "" },
    {
      what: "packets that a change did not stop",
      value: leaks,
      unit: "",
      bar: { relation: "at most", value: 0 },
    },
    { what: "policy change enforced on the real hosts, median", value: median(enforced), unit: "ms" },
    { what: "policy change enforced on the real hosts, p99", value: p99(enforced), unit: "ms" },
    { what: `policy change at ${SIMULATED} simulated agents, median`, value: median(received), unit: "ms" },
    { what: `policy change at ${SIMULATED} simulated agents, p99`, value: p99(received), unit: "ms" },
    { what: "policy change everywhere, p99", value: p99(everywhere), unit: "ms", ...quick },
  ];
}

/** Milliseconds of processor time that processes have had, by what they are called here. */
function processorTimes(programs: Readonly<Record<string, readonly number[]>>): ReadonlyMap<string, number> {
  const timeOf = (pid: number): number => {
    // Behind the name, which may have blanks: proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  };
  return new Map(
    Object.entries(programs).map(([name, pids]) => [
      name,
      pids.map(timeOf).reduce((sum, each) => sum + each, 0),
    ]),
  );
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(0.99 * values.length) - 1] ?? Number.NaN;
}
