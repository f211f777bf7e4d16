import { afterAll, beforeAll, expect, test } from "vitest";
import { BUSYBOX_IMAGE } from "../support/kubernetes/images.ts";
import { type LiveRomana, startLiveRomana } from "../support/kubernetes/live-romana.ts";
import { until } from "../support/until.ts";

const POOLS = ["172.18.0.200-172.18.0.201", "fd18::200/126"];
const POD_NODE = "node-3";
/** Milliseconds that pods may take to start on a busy machine. */
const PATIENCE = 120_000;

let live: LiveRomana;

beforeAll(async () => {
  live = await startLiveRomana({ proxy: "iptables", controller: { virtualIpPools: POOLS } });
  const { cluster } = live;
  await cluster.apply({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          // Not the node that is the first to hold something.
          nodeSelector: { "kubernetes.io/hostname": POD_NODE },
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "web",
              image: BUSYBOX_IMAGE,
              imagePullPolicy: "Never",
              command: ["sh", "-c", "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp"],
            },
          ],
        },
      },
    },
  });
  const wait = ["rollout", "status", "deployment/web", `--timeout=${PATIENCE / 1000}s`];
  await cluster.kubectl(wait);
});

afterAll(async () => {
  await live?.close();
});

function service(name: string, spec: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "romana.io/vip",
      selector: { app: "web" },
      ports: [{ port: 80 }],
      ...spec,
    },
  };
}

/** The addresses that the service's status names. */
async function ingress(name: string): Promise<string[]> {
  const path = "{.status.loadBalancer.ingress[*].ip}";
  const text = await live.cluster.kubectl(["get", "service", name, "-o", `jsonpath=${path}`]);
  return text.split(" ").filter((word) => word !== "");
}

/** What the machine outside all nodes gets from an address. */
async function fetchFrom(address: string): Promise<string> {
  const host = address.includes(":") ? `[${address}]` : address;
  const program = `
    const answer = await fetch("http://${host}/", { signal: AbortSignal.timeout(1000) });
    process.stdout.write(await answer.text());`;
  return await live.cluster.machine.run([process.execPath, "--input-type=module", "-e", program]);
}

async function served(address: string): Promise<void> {
  await until(`${address} answers`, async () => {
    expect(await fetchFrom(address)).toBe("hello\n");
  });
}

async function holderOf(name: string): Promise<string | undefined> {
  const { state, holder } = await live.romana.client.call("getVirtualIp", { params: { name } });
  return state === "held" ? holder : undefined;
}

test("a service is served at its addresses, and goes on to be when its holder's agent is killed", async () => {
  await live.cluster.apply(service("web", { ipFamilyPolicy: "PreferDualStack" }));
  const addresses = await until("it has addresses", async () => {
    const found = await ingress("web");
    expect(found.length).toBeGreaterThan(0);
    return found;
  });
  expect(addresses[0]).toBe("172.18.0.200");
  const holder = await until("it is held", async () => {
    const found = await holderOf("default.web");
    expect(found).toBeDefined();
    return found;
  });
  for (const address of addresses) await served(address);
  const start = performance.now();
  await live.romana.nodes.find(({ node }) => node.name === holder)?.daemon.stop("SIGKILL");
  await until("another node holds it", async () => {
    const found = await holderOf("default.web");
    expect(found).toBeDefined();
    expect(found).not.toBe(holder);
  });
  expect(performance.now() - start).toBeLessThan(10_000);
  for (const address of addresses) await served(address);
});

test("with externalTrafficPolicy Local the node with the pod holds it", async () => {
  await live.cluster.apply(service("local", { externalTrafficPolicy: "Local" }));
  const [address = ""] = await until("it has an address", async () => {
    const found = await ingress("local");
    expect(found).toEqual(["172.18.0.201"]);
    return found;
  });
  await until("it is held there", async () => {
    expect(await holderOf("default.local")).toBe(POD_NODE);
  });
  await served(address);
  const { hosts } = await live.romana.client.call("getVirtualIp", { params: { name: "default.local" } });
  expect(hosts).toEqual({ by: "names", names: [POD_NODE] });
});

test("an empty pool is an Event; what is deleted gives its address back", async () => {
  await live.cluster.apply(service("third"));
  const messages = async (): Promise<string> =>
    await live.cluster.kubectl([
      "get",
      "events",
      "--field-selector",
      "involvedObject.name=third",
      "-o",
      "jsonpath={.items[*].message}",
    ]);
  await until("it is told", async () => {
    expect(await messages()).toContain("no address of IPv4 is free in virtualIpPools");
  });
  await live.cluster.kubectl(["delete", "service", "web", "local", "third"]);
  await until("nothing is left", async () => {
    expect((await live.romana.client.call("listVirtualIps", {})).items).toEqual([]);
  });
});
