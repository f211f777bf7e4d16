import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDaemon } from "../../src/api/index.ts";
import { type Client, createClient, parseServer, sleep } from "../../src/client/index.ts";
import { createControl } from "../../src/control/index.ts";
import { ApiServer, Controller, createRomanad, type Romanad } from "../../src/controller/index.ts";
import { decodeKubernetesConfig, decodeRomanadConfig } from "../../src/schema/index.ts";
import { createMemoryStore } from "../../src/store/index.ts";
import { type ApiObject, FakeApiServer } from "./fake-api-server.ts";
import { until } from "./until.ts";

/** Listings of the kinds that a controller follows. */
export const PATHS = {
  namespaces: "/api/v1/namespaces",
  nodes: "/api/v1/nodes",
  pods: "/api/v1/pods",
  services: "/api/v1/services",
  endpointSlices: "/apis/discovery.k8s.io/v1/endpointslices",
  events: "/api/v1/events",
  networkPolicies: "/apis/networking.k8s.io/v1/networkpolicies",
  clusterNetworkPolicies: "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies",
  policies: "/apis/romana.io/v1/policies",
  networks: "/apis/romana.io/v1/networks",
  customServices: "/apis/romana.io/v1/services",
  customChains: "/apis/romana.io/v1/chains",
} as const;

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, isLevelEnabled: () => false };

/** A controller in this process between an API server that is none and a romanad with a store in memory. */
export interface ControllerScene extends AsyncDisposable {
  readonly server: FakeApiServer;
  readonly client: Client;
  readonly controller: Controller;
  /** Objects of Kubernetes, as their API server would have them. */
  put(
    path: keyof typeof PATHS,
    object: Partial<ApiObject> & { readonly metadata: ApiObject["metadata"] },
  ): ApiObject;
  remove(path: keyof typeof PATHS, name: string, namespace?: string): void;
  /** Waits until the controller knows the last version of everything, and has done what follows. */
  settled(): Promise<void>;
  /** `REASON OBJECT: MESSAGE` of all events. */
  events(): Promise<readonly string[]>;
  /** Ends the controller, and starts another one. */
  restart(): Promise<void>;
  /** As {@link restart}; the action happens while there is none. */
  pause(action: () => void): Promise<void>;
}

/** How a scene may differ. */
export interface SceneOptions {
  readonly config?: object;
  /** Puts something between the controller and romanad. */
  readonly wrap?: (romanad: Romanad) => Romanad;
}

/** Starts everything; there is a network `default` with 3 codes for each tenant. */
export async function startControllerScene({
  config = {},
  wrap = (same) => same,
}: SceneOptions = {}): Promise<ControllerScene> {
  const directory = mkdtempSync(join(tmpdir(), "romana-controller-"));
  const server = await FakeApiServer.start();
  const control = await createControl({ store: createMemoryStore(), coolDown: 0, onTrouble: () => {} });
  const socket = join(directory, "romanad.sock");
  const daemon = await startDaemon(decodeRomanadConfig({ socket }), control, SILENT, "test");
  const client = createClient({ server: parseServer(`unix://${socket}`), retries: 0 });
  const plan = { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 2, endpointBits: 6 };
  await client.call("createNetwork", { body: { name: "default", plans: { ipv4: plan } } });
  const api = new ApiServer(server.config);
  const start = (): { controller: Controller; stop: () => Promise<void> } => {
    const controller = new Controller({
      api,
      romanad: wrap(createRomanad(client)),
      config: decodeKubernetesConfig(
        { segmentGrace: 0, lease: { seconds: 3 }, ...config },
        "read configuration",
      ),
      identity: "tester",
      log: SILENT,
      now: Date.now,
      sleep,
      random: Math.random,
      informerTimes: {
        backoff: { first: 1, longest: 20 },
        absentRecheck: 5,
        absentGrace: 30_000,
        silence: 10_000,
      },
      queueBackoff: { temporary: { first: 1, longest: 20 }, lasting: { first: 20, longest: 100 } },
    });
    const abort = new AbortController();
    const ended = controller.run(abort.signal);
    return {
      controller,
      async stop() {
        abort.abort();
        await ended;
      },
    };
  };
  let running = start();
  const knows = (): void => {
    const { informers } = running.controller.cluster;
    for (const { resource, objects } of Object.values(informers)) {
      const versions = (list: Iterable<ApiObject["metadata"]>): string =>
        [...list]
          .map(({ uid, resourceVersion }) => `${uid} ${resourceVersion}`)
          .sort()
          .join();
      const theirs = versions(server.list(resource.path).map(({ metadata }) => metadata));
      const ours = versions([...objects.values()].map(({ meta }) => meta as ApiObject["metadata"]));
      if (theirs !== ours) throw new Error(`${resource.kind}: ${ours} instead of ${theirs}`);
    }
    if (!running.controller.isLeading) throw new Error("it does not lead");
  };
  return {
    server,
    client,
    get controller() {
      return running.controller;
    },
    put: (path, object) => server.put(PATHS[path], object),
    remove: (path, name, namespace) => {
      server.remove(PATHS[path], name, namespace);
    },
    async settled() {
      // What it writes into statuses comes back as something new.
      await until("it knows everything and has done it", async () => {
        knows();
        await running.controller.idle();
        knows();
      });
    },
    async events() {
      return server.list(PATHS.events).map((event) => {
        const { name } = event["involvedObject"] as { name: string };
        return `${String(event["reason"])} ${name}: ${String(event["message"])}`;
      });
    },
    async restart() {
      await running.stop();
      running = start();
    },
    async pause(action) {
      await running.stop();
      action();
      running = start();
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await api.close();
      await client.close();
      await daemon.close();
      await control.close();
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
