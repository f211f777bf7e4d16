import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { runIp } from "../../../src/lab/command.ts";
import { runCommand } from "../../../src/system/command.ts";
import { until } from "../until.ts";
import { type ClusterDirectory, createClusterDirectory } from "./cluster-directory.ts";
import { type Credentials, createCredentials, writeKubeconfig } from "./credentials.ts";
import { type Daemon, type Machine, startMachine } from "./machine.ts";
import { buildPeers, type Peers } from "./peers.ts";
import { API_PORT, API_SERVICE, bridgeLines, SERVICE_PREFIXES, UNDERLAY } from "./underlay.ts";

const DOOR = join(import.meta.dirname, "door.ts");
const MANAGER = "system:kube-controller-manager";
const SCHEDULER = "system:kube-scheduler";

/** User of `kube-proxy` on every node. */
export const PROXY = "system:kube-proxy";

/** Milliseconds from the start of a program until it answers, on a busy machine. */
const START_TIMEOUT = 90_000;

/** Requests per second that components may make: they are not what holds a test up. */
const REQUEST_RATE = 1000;

/** How to start a control plane. */
export interface ControlPlaneOptions {
  /** Nodes that will join: each gets a user. Default none. */
  readonly nodes?: readonly string[];
  /** Also runs the controller manager: service accounts, end of namespaces, endpoints. Default false. */
  readonly controllers?: boolean;
  /** Also runs the scheduler. Default false. */
  readonly scheduler?: boolean;
  /** More arguments for the API server. */
  readonly apiServerArguments?: readonly string[];
}

/** A control plane that runs. */
export interface ControlPlane {
  readonly peers: Peers;
  readonly directory: ClusterDirectory;
  readonly machine: Machine;
  readonly credentials: Credentials;
  /** Where processes of this machine reach the API server. */
  readonly server: string;
  /** Where machines of the cluster do. */
  readonly innerServer: string;
  /** File with which everything may be done, for processes of this machine. */
  readonly kubeconfig: string;
  readonly daemons: ReadonlyMap<string, Daemon>;
  /** Runs kubectl. @throws RomanaError `command-failed` with what it says */
  kubectl(argv: readonly string[], input?: string): Promise<string>;
  /** Applies objects. */
  apply(...objects: readonly object[]): Promise<string>;
  /** Stops the API server (its process only), and starts it again; the port outside stays the same. */
  stopApiServer(signal?: NodeJS.Signals): Promise<void>;
  startApiServer(): Promise<void>;
  /** Removes everything. */
  close(): Promise<void>;
}

/**
 * An API server with its etcd, in namespaces of their own, and nothing else: nobody makes service accounts (so pods need none),
 * and a namespace that is deleted stays `Terminating`, unless `controllers` are wanted. 5 s, some 400 MB.
 *
 *     const api = await startApiServer();
 *     try {
 *       api.kubeconfig;                       // path of a file for any client, https://127.0.0.1:PORT
 *       await api.kubectl(["get", "nodes"]);
 *       await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
 *       await api.stopApiServer("SIGKILL");   // the API server is lost …
 *       await api.startApiServer();           // … and back
 *     } finally {
 *       await api.close();
 *     }
 */
export async function startApiServer(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const peers = await buildPeers();
  const directory = await createClusterDirectory();
  try {
    return await startControlPlane(peers, directory, await startControlMachine(directory), options);
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** The machine of a control plane, which is also where the links of all nodes meet. */
export async function startControlMachine(directory: ClusterDirectory): Promise<Machine> {
  const machine = await startMachine(directory, "control");
  await runIp(machine.netns, bridgeLines());
  return machine;
}

/** The control plane of a cluster whose directory and control machine are there. */
export async function startControlPlane(
  peers: Peers,
  directory: ClusterDirectory,
  machine: Machine,
  { nodes = [], controllers = false, scheduler = false, apiServerArguments = [] }: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const keys = join(directory.path, "keys");
  const names = ["127.0.0.1", UNDERLAY.ipv4.control, UNDERLAY.ipv6.control, API_SERVICE].map(
    (ip) => `IP:${ip}`,
  );
  const service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
  const credentials = await createCredentials(
    keys,
    [...names, ...service.map((name) => `DNS:${name}`)],
    [MANAGER, SCHEDULER, PROXY, ...nodes.map((name) => `system:node:${name}`)],
  );
  const daemons = new Map<string, Daemon>();
  const innerServer = `https://${UNDERLAY.ipv4.control}:${API_PORT}`;
  const configOf = (user: string): string =>
    writeKubeconfig(join(keys, `${user}.kubeconfig`), innerServer, credentials.ca, credentials.user(user));

  daemons.set("etcd", machine.start("etcd", etcdLine()));
  const apiServerLine = [
    peers["kube-apiserver"],
    ...apiServerFlags(credentials),
    ...(controllers ? [] : ["--disable-admission-plugins=ServiceAccount"]),
    ...apiServerArguments,
  ];
  const door = openDoor(directory, machine);
  const startServer = async (): Promise<void> => {
    const daemon = machine.start("kube-apiserver", apiServerLine);
    daemons.set("kube-apiserver", daemon);
    const port = await door;
    await until(
      "the API server is ready",
      async () => {
        daemon.check();
        await ask(port, "/readyz", credentials);
      },
      { timeout: START_TIMEOUT, interval: 50 },
    );
  };
  await startServer();
  const server = `https://127.0.0.1:${await door}`;
  const kubeconfig = writeKubeconfig(
    join(directory.path, "admin.kubeconfig"),
    server,
    credentials.ca,
    credentials.admin,
  );
  if (controllers) {
    const line = [peers["kube-controller-manager"], ...managerFlags(configOf(MANAGER), credentials)];
    daemons.set("kube-controller-manager", machine.start("kube-controller-manager", line));
  }
  if (scheduler) {
    const config = join(machine.directory, "scheduler.json");
    writeFileSync(config, JSON.stringify(schedulerConfig(configOf(SCHEDULER))));
    const line = [peers["kube-scheduler"], `--config=${config}`];
    daemons.set("kube-scheduler", machine.start("kube-scheduler", line));
  }
  const kubectl = (argv: readonly string[], input = ""): Promise<string> =>
    runCommand({ argv: [peers.kubectl, `--kubeconfig=${kubeconfig}`, ...argv], input, timeout: 120_000 });

  return {
    peers,
    directory,
    machine,
    credentials,
    server,
    innerServer,
    kubeconfig,
    daemons,
    kubectl,
    apply: (...objects) =>
      kubectl(["apply", "-f", "-"], objects.map((object) => JSON.stringify(object)).join("\n---\n")),
    stopApiServer: async (signal = "SIGTERM") => daemons.get("kube-apiserver")?.stop(signal),
    startApiServer: startServer,
    close: () => directory.close(),
  };
}

function etcdLine(): readonly string[] {
  const client = "http://127.0.0.1:2379";
  const peer = "http://127.0.0.1:2380";
  return [
    "etcd",
    "--data-dir=/var/lib/etcd/data",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    "--log-level=warn",
  ];
}

function apiServerFlags(credentials: Credentials): readonly string[] {
  return [
    "--etcd-servers=http://127.0.0.1:2379",
    `--secure-port=${API_PORT}`,
    `--advertise-address=${UNDERLAY.ipv4.control}`,
    `--tls-cert-file=${credentials.certificate}`,
    `--tls-private-key-file=${credentials.key}`,
    `--token-auth-file=${credentials.tokens}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${credentials.accountPublicKey}`,
    `--service-account-signing-key-file=${credentials.accountKey}`,
    `--service-cluster-ip-range=${SERVICE_PREFIXES.ipv4},${SERVICE_PREFIXES.ipv6}`,
    "--allow-privileged=true",
    "--kubelet-preferred-address-types=InternalIP",
  ];
}

function managerFlags(kubeconfig: string, credentials: Credentials): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    "--use-service-account-credentials=true",
    `--kube-api-qps=${REQUEST_RATE}`,
    `--kube-api-burst=${REQUEST_RATE}`,
    `--service-account-private-key-file=${credentials.accountKey}`,
    `--root-ca-file=${credentials.certificate}`,
    `--service-cluster-ip-range=${SERVICE_PREFIXES.ipv4},${SERVICE_PREFIXES.ipv6}`,
  ];
}

/** KubeSchedulerConfiguration v1. */
function schedulerConfig(kubeconfig: string): object {
  return {
    kind: "KubeSchedulerConfiguration",
    apiVersion: "kubescheduler.config.k8s.io/v1",
    leaderElection: { leaderElect: false },
    clientConnection: { kubeconfig, qps: REQUEST_RATE, burst: REQUEST_RATE },
  };
}

/** Starts the door to the API server. @returns its port on this machine's loopback */
async function openDoor(directory: ClusterDirectory, machine: Machine): Promise<number> {
  const file = join(directory.path, "door");
  const log = openSync(join(machine.directory, "logs/door.log"), "a");
  spawn(process.execPath, [DOOR, machine.netns, String(API_PORT), file], {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, ...directory.mark },
  });
  closeSync(log);
  return until("there is a door to the API server", () => {
    const port = Number(readFileSync(file, "utf8"));
    if (!(port > 0)) throw new Error("it has no port yet");
    return port;
  });
}

/** Asks the API server for a path. @throws Error unless it answers with status 200 */
function ask(port: number, path: string, { ca, admin }: Credentials): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { authorization: `Bearer ${admin.token}` };
  const sent = request(
    { host: "127.0.0.1", port, path, ca, headers, agent: false, timeout: 5000 },
    (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    },
  );
  sent.on("error", reject);
  sent.on("timeout", () => sent.destroy(new Error("no answer")));
  sent.end();
  return promise;
}
