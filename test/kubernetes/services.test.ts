import { afterAll, beforeAll, expect, test } from "vitest";
import { BUSYBOX_IMAGE } from "../support/kubernetes/images.ts";
import { type LiveRomana, startLiveRomana } from "../support/kubernetes/live-romana.ts";
import { until } from "../support/until.ts";

const SERVICES = { ipv4: "172.30.0.0/24", ipv6: "fd30::/112" };
/** Milliseconds that pods may take to start on a busy machine. */
const PATIENCE = 120_000;
const SERVE = 'echo "$NAME" > /tmp/index.html; touch /tmp/ready; exec httpd -f -p 8080 -h /tmp';

let live: LiveRomana;

beforeAll(async () => {
  live = await startLiveRomana();
  await live.romana.client.call("updateNetwork", {
    params: { network: "default" },
    body: { services: SERVICES },
  });
  await live.cluster.apply(deployment("web", 2, SERVE), deployment("client", 1, "exec sleep 100000"));
  for (const name of ["web", "client"]) {
    await live.cluster.kubectl(["rollout", "status", `deployment/${name}`, `--timeout=${PATIENCE / 1000}s`]);
  }
});

afterAll(async () => {
  await live?.close();
});

/** Pods of one segment of their own name, each on another node. */
function deployment(name: string, replicas: number, script: string, security: object = {}): object {
  const labels = { app: name, "romana.io/segment": name };
  const spread = { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels },
        spec: {
          topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels: { app: name } } }],
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "main",
              image: BUSYBOX_IMAGE,
              imagePullPolicy: "Never",
              command: ["sh", "-c", script],
              securityContext: security,
              env: [{ name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
              ports: [{ name: "http", containerPort: 8080 }],
            },
          ],
        },
      },
    },
  };
}

function object(kind: "Service" | "Chain", name: string, spec: object): object {
  return { apiVersion: "romana.io/v1", kind, metadata: { name, namespace: "default" }, spec };
}

/** The row that kubectl shows of an object, without its name and its age. */
async function row(kind: string, name: string): Promise<string> {
  const text = await live.cluster.kubectl(["get", kind, name, "--no-headers"]);
  return text.trim().split(/\s+/).slice(1, -1).join(" ");
}

async function shows(kind: string, name: string, expected: string): Promise<void> {
  await until(
    `kubectl shows ${kind}/${name}`,
    async () => {
      expect(await row(kind, name)).toBe(expected);
    },
    PATIENCE,
  );
}

async function refused(kind: string, name: string, reason: string): Promise<void> {
  const path = '{.status.conditions[?(@.type=="Accepted")].reason}';
  await until(`${name} is refused`, async () => {
    expect(await live.cluster.kubectl(["get", kind, name, "-o", `jsonpath=${path}`])).toBe(reason);
  });
  await until("an Event says so, too", async () => {
    const selector = `involvedObject.name=${name}`;
    const columns = "custom-columns=:.reason";
    const text = await live.cluster.kubectl(["get", "events", "--field-selector", selector, "-o", columns]);
    expect(text.trim().split(/\s+/)).toContain(reason);
  });
}

async function segmentOf(name: string): Promise<string> {
  return (await live.romana.client.call("getService", { params: { name } })).segment;
}

/** What a server says to the client's pod at an address: the last line of an answer. */
async function fetchFrom(address: string): Promise<string> {
  const script = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${address} 80`;
  const text = await live.cluster.kubectl(["exec", "deployment/client", "--", "sh", "-c", script]);
  return text.trim().split("\n").at(-1) ?? "";
}

test("a service gets addresses, and pods reach each pod behind them", async () => {
  const ports = [{ port: 80, targetPort: "http" }];
  await live.cluster.apply(
    object("Service", "web", {
      segment: "web",
      ports,
      health: { protocol: "http", port: "http", path: "/ready" },
    }),
  );
  await shows("rsvc", "web", "172.30.0.1 fd30::1 80/tcp 2/2 True True");
  const pods = await live.cluster.kubectl(["get", "pods", "-l", "app=web", "-o", "name"]);
  for (const address of ["172.30.0.1", "fd30::1"]) {
    const seen = new Set<string>();
    await until(`both answer at ${address}`, async () => {
      seen.add(`pod/${await fetchFrom(address)}`);
      expect([...seen].sort()).toEqual(pods.trim().split("\n").sort());
    });
  }
});

test("a node reaches it, too", async () => {
  const program = `
    const answer = await fetch("http://172.30.0.1/", { signal: AbortSignal.timeout(2000) });
    process.stdout.write(await answer.text());`;
  for (const { machine } of live.cluster.nodes) {
    const text = await machine.run([process.execPath, "--input-type=module", "-e", program]);
    expect(text).toMatch(/^web-/);
  }
});

test("a pod that fails its check gets no flows until it is well again", async () => {
  const pod = await fetchFrom("172.30.0.1");
  await live.cluster.kubectl(["exec", pod, "--", "rm", "/tmp/ready"]);
  await shows("rsvc", "web", "172.30.0.1 fd30::1 80/tcp 1/2 True True");
  await live.enforced();
  for (let count = 0; count < 10; count++) expect(await fetchFrom("172.30.0.1")).not.toBe(pod);
  await live.cluster.kubectl(["exec", pod, "--", "touch", "/tmp/ready"]);
  await shows("rsvc", "web", "172.30.0.1 fd30::1 80/tcp 2/2 True True");
});

test("a rollout that makes another class of the pods takes the service along", async () => {
  const before = await segmentOf("default.web");
  const template = { metadata: { labels: { version: "2" } } };
  const patch = JSON.stringify({ spec: { template } });
  await live.cluster.kubectl(["patch", "deployment", "web", "--patch", patch]);
  await live.cluster.kubectl(["rollout", "status", "deployment/web", `--timeout=${PATIENCE / 1000}s`]);
  await shows("rsvc", "web", "172.30.0.1 fd30::1 80/tcp 2/2 True True");
  expect(await segmentOf("default.web")).not.toBe(before);
  expect(await fetchFrom("172.30.0.1")).toMatch(/^web-/);
});

test("a selector finds its class of pods", async () => {
  await live.cluster.apply(
    object("Service", "found", {
      selector: { matchLabels: { app: "web" } },
      addresses: { ipv4: "172.30.0.77" },
      ports: [{ port: 8080 }],
    }),
  );
  await shows("rsvc", "found", "172.30.0.77 8080/tcp 2/2 True True");
});

test("what cannot be had is told", async () => {
  const ports = [{ port: 80 }];
  await live.cluster.apply(
    object("Service", "nobody", { segment: "nobody", ports }),
    object("Service", "many", { selector: {}, ports }),
    object("Service", "outside", { segment: "web", ports, addresses: { ipv4: "192.0.2.1" } }),
    object("Service", "odd", { segment: "web", ports, health: { protocol: "icmp", every: 1 } }),
  );
  await refused("rsvc", "nobody", "NoSegment");
  await refused("rsvc", "many", "SeveralSegments");
  await refused("rsvc", "outside", "Refused");
  await refused("rsvc", "odd", "Unreadable");
  expect(await row("rsvc", "nobody")).toBe("False False");
});

test("a chain is accepted, and what is behind it told", async () => {
  await live.cluster.apply(
    object("Chain", "inspected", {
      from: { cidr: "203.0.113.0/24" },
      to: { service: "web" },
      through: [{ segment: "client" }],
    }),
    object("Chain", "foreign", {
      from: { any: true },
      to: { segment: "dns", namespace: "kube-system" },
      through: [{ segment: "client" }],
    }),
    object("Chain", "circle", {
      from: { cidr: "203.0.113.0/24" },
      to: { segment: "client" },
      through: [{ segment: "client" }],
    }),
  );
  await shows("rchain", "inspected", "203.0.113.0/24 service default.web client(1) True True");
  await refused("rchain", "foreign", "NotOurs");
  await refused("rchain", "circle", "Refused");
  expect((await live.romana.client.call("listChains", {})).items.map(({ name }) => name)).toEqual([
    "default.inspected",
  ]);
  await live.cluster.kubectl(["delete", "rchain", "--all"]);
});

test("flows pass the pods of a chain, as long as it is there", async () => {
  const forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; exec sleep 100000";
  await live.cluster.apply(
    deployment("function", 1, forward, { privileged: true }),
    object("Chain", "inspected", {
      from: { segment: "client" },
      to: { service: "web" },
      through: [{ segment: "function" }],
    }),
  );
  await shows("rchain", "inspected", "client service default.web function(1) True True");
  const forwarded = async (): Promise<number> => {
    const words = ["exec", "deployment/function", "--", "cat", "/proc/net/snmp"];
    const [, line = ""] = (await live.cluster.kubectl(words))
      .split("\n")
      .filter((text) => text.startsWith("Ip:"));
    return Number(line.split(" ")[6]);
  };
  const before = await forwarded();
  await until("a flow passes", async () => {
    expect(await fetchFrom("172.30.0.1")).toMatch(/^web-/);
    // A connection has at least three packets of each side.
    expect(await forwarded()).toBeGreaterThanOrEqual(before + 6);
  });
  await live.cluster.kubectl(["delete", "rchain", "inspected"]);
  await live.cluster.kubectl(["delete", "deployment", "function", "--cascade=foreground"]);
  await until("flows go straight", async () => {
    expect(await fetchFrom("172.30.0.1")).toMatch(/^web-/);
  });
});

test("a service without pods is not ready, and what is deleted gives its address back", async () => {
  await live.cluster.kubectl(["scale", "deployment/web", "--replicas=0"]);
  await shows("rsvc", "web", "172.30.0.1 fd30::1 80/tcp 0/0 True False");
  await live.cluster.kubectl(["delete", "rsvc", "--all"]);
  await until("nothing is left", async () => {
    expect((await live.romana.client.call("listServices", {})).items).toEqual([]);
    expect((await live.romana.client.call("listChains", {})).items).toEqual([]);
  });
});
