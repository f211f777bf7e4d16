import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiServer, loadKubeConfig } from "../../src/controller/index.ts";
import { createPlace, type Place } from "../e2e/romanad-process.case.ts";
import { type ControlPlane, startApiServer } from "../support/kubernetes/control-plane.ts";
import { type ControllerProcess, startController } from "../support/kubernetes/controller.ts";
import {
  namespaceObject,
  networkPolicyObject,
  ObjectWriter,
  podObject,
} from "../support/kubernetes/objects.ts";
import { until } from "../support/until.ts";

const PODS = 10_000;
const NAMESPACES = 50;
const CLASSES = 20;
const AT_ONCE = 32;

/** Bounds on a machine of two cores that does other things too: milliseconds, and bytes. */
const MOST = { first: 120_000, again: 40_000, memory: 400 * 2 ** 20 };

let cluster: ControlPlane;
let api: ApiServer;
let place: Place;

beforeAll(async () => {
  cluster = await startApiServer();
  api = new ApiServer(loadKubeConfig(cluster.kubeconfig, {}));
  const write = new ObjectWriter(api);
  place = createPlace();
  await place.start();
  const plan = { hostBits: 8, tenantBits: 16, segmentBits: 16, endpointBits: 16 };
  await place.client.call("createNetwork", {
    body: { name: "default", plans: { ipv6: { prefix: "fd00::/72", ...plan } } },
  });
  for (let index = 0; index < NAMESPACES; index++) {
    await write.create(namespaceObject(`ns-${index}`));
    await write.create(networkPolicyObject(`ns-${index}`, "isolated", { podSelector: {} }));
  }
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < PODS; index = next++) {
      const labels = {
        app: `app-${Math.floor(index / NAMESPACES) % CLASSES}`,
        "pod-template-hash": "5d4f8c7b9",
      };
      await write.create(podObject(`ns-${index % NAMESPACES}`, `pod-${index}`, { labels }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
});

afterAll(async () => {
  await api?.close();
  await place?.[Symbol.asyncDispose]();
  await cluster?.close();
});

/** Starts a controller, and waits until romanad says what the cluster says. */
async function settle(): Promise<{ controller: ControllerProcess; milliseconds: number; peak: number }> {
  const start = performance.now();
  const controller = await startController(place.directory, {
    server: `unix://${place.socket}`,
    kubeconfig: cluster.kubeconfig,
    lease: { seconds: 3 },
  });
  let peak = 0;
  await until(
    "romanad says what the cluster says",
    () => {
      peak = Math.max(peak, controller.memory());
      expect(controller.output()).toContain("romanad says what the cluster says");
    },
    { timeout: 120_000, interval: 20 },
  );
  return { controller, milliseconds: performance.now() - start, peak };
}

test(`${PODS} pods are workloads in seconds, and after a restart nothing is written again`, async () => {
  const first = await settle();
  let count = 0;
  let cursor: string | undefined;
  do {
    const query = { limit: 1000, ...(cursor !== undefined && { cursor }) };
    const page = await place.client.call("listWorkloads", { query });
    count += page.items.length;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(count).toBe(PODS);
  expect(await first.controller.kill()).toBe(0);
  const { revision } = await place.client.call("getReadiness", {});
  const again = await settle();
  expect((await place.client.call("getReadiness", {})).revision).toBe(revision);
  expect(await again.controller.kill()).toBe(0);
  console.log(
    [first, again]
      .map(({ milliseconds, peak }) => `${Math.round(milliseconds)} ms, ${peak >> 20} MB`)
      .join("; "),
  );
  expect(first.milliseconds).toBeLessThan(MOST.first);
  expect(again.milliseconds).toBeLessThan(MOST.again);
  expect(Math.max(first.peak, again.peak)).toBeLessThan(MOST.memory);
});
