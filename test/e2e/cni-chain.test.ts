import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildCni } from "../../scripts/build-cni.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { AgentSite, until } from "../support/agent-site.ts";
import { type AttachmentParameters, CniRuntime, type PluginConfig } from "../support/cni-driver.ts";

/** Debian's containernetworking-plugins. */
const DEBIAN = "/usr/lib/cni";
const BUILD_TIMEOUT = 300_000;

let site: AgentSite;
let directory: string;
let count = 0;

beforeAll(async () => {
  if (!existsSync(join(DEBIAN, "portmap")))
    throw new Error("run scripts/setup.sh --test for the other plugins");
  directory = mkdtempSync(join(tmpdir(), "romana-cni-"));
  copyFileSync(buildCni(), join(directory, "romana-cni"));
  site = await AgentSite.create({ hosts: 1, agent: { workloadWait: 5 } });
  await site.startAgents();
  await site.run(site.host(1).namespace, "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=0");
}, BUILD_TIMEOUT);
afterAll(async () => {
  await site.close();
  rmSync(directory, { recursive: true });
});

function romana(change: object = {}): PluginConfig {
  return {
    type: "romana-cni",
    socket: site.agentSocket("host-1"),
    tenant: "acme",
    segment: "web",
    capabilities: { portMappings: true },
    ...change,
  };
}

const PORTMAP = { type: "portmap", capabilities: { portMappings: true } };
const BANDWIDTH = { type: "bandwidth", capabilities: { bandwidth: true } };
const TUNING = { type: "tuning", sysctl: { "net.core.somaxconn": "500" } };
const FIREWALL = { type: "firewall", backend: "iptables" };
const LOOPBACK = { type: "loopback" };

function runtime(cniVersion: string, plugins: readonly PluginConfig[]): CniRuntime {
  const { namespace } = site.host(1);
  return new CniRuntime({ cniVersion, name: `chain-${cniVersion}`, plugins }, [directory, DEBIAN], namespace);
}

function container(change: Partial<AttachmentParameters> = {}): AttachmentParameters {
  const containerId = `chain${++count}`;
  return { containerId, netns: site.addNamespace(containerId), ifname: "eth0", ...change };
}

/** Answers `hello` on a port of the container until the test is over. */
function serve({ netns }: AttachmentParameters, port: number): void {
  const server: Server = createServer((socket) => socket.end("hello"));
  // Listening on no named address opens the socket at once, so inside.
  inNamespace(netns, () => {
    server.listen(port);
  });
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
}

function answerOn(address: string, port: number): Promise<string> {
  const script = `exec 3<>/dev/tcp/${address}/${port}; head -c 5 <&3`;
  return site.run(site.host(1).namespace, "timeout", "3", "bash", "-c", script);
}

/** Lines of the host's kernel that speak of attachments. */
async function hostTraces(): Promise<string[]> {
  const { namespace } = site.host(1);
  const links = await site.run(namespace, "ip", "-br", "link");
  const rules = await site.run(namespace, "iptables-save");
  return [
    ...links.split("\n").filter((line) => /^(rom[0-9a-f]{8}|bwp)/.test(line)),
    ...rules.split("\n").filter((line) => /10\.1\.20\./.test(line)),
  ];
}

describe.each(["0.3.1", "0.4.0", "1.0.0"])("version %s", (version) => {
  const hasCheck = version !== "0.3.1";
  // Debian's firewall speaks nothing older than 0.4.0.
  const firewall = hasCheck ? [FIREWALL] : [];

  test.each([
    ["portmap, bandwidth, tuning and firewall", [PORTMAP]],
    ["bandwidth, tuning and firewall", []],
  ])("with %s behind", async (_, first) => {
    const own = runtime(version, [romana(), ...first, BANDWIDTH, TUNING, ...firewall]);
    const capabilities = {
      portMappings: [{ hostPort: 18080, containerPort: 80, protocol: "tcp" }],
      bandwidth: {
        ingressRate: 8_000_000,
        ingressBurst: 800_000,
        egressRate: 8_000_000,
        egressBurst: 800_000,
      },
    };
    const parameters = container({ capabilities });
    const { interfaces, ips } = await own.add(parameters);
    serve(parameters, 80);
    if (first.length > 0) expect(await answerOn("192.168.0.1", 18080)).toBe("hello");
    expect(await answerOn((ips[0]?.address ?? "").replace("/32", ""), 80)).toBe("hello");
    const shaped = await site.run(
      site.host(1).namespace,
      "tc",
      "qdisc",
      "show",
      "dev",
      interfaces[0]?.name ?? "",
    );
    expect(shaped).toContain("qdisc tbf 1: root");
    expect(await site.run(parameters.netns, "sysctl", "-n", "net.core.somaxconn")).toBe("500\n");
    if (hasCheck) {
      expect((await hostTraces()).join("\n")).toMatch(/CNI-FORWARD -s 10\.1\.20\.[0-9]+\/32/);
    }
    // CHECK of Debian's portmap 1.1.1 looks for the rules of one family in both.
    if (hasCheck && first.length === 0) await own.check(parameters);
    await own.delete(parameters);
    await own.delete(parameters);
    await until("nothing is left", async () => {
      expect(await hostTraces()).toEqual([]);
    });
  });

  test.each([
    ["loopback, tuning and portmap", []],
    ["loopback, tuning, portmap and firewall", firewall],
  ])("behind %s", async (_, more) => {
    const own = runtime(version, [LOOPBACK, TUNING, PORTMAP, ...more, romana(), TUNING]);
    const parameters = container();
    const { interfaces, ips, cniVersion } = await own.add(parameters);
    expect(cniVersion).toBe(version);
    expect(interfaces.map(({ name }) => name)).toEqual(["lo", expect.stringMatching(/^rom/), "eth0"]);
    expect(ips.map((ip) => [ip.interface, ip.address.split("/")[1]])).toEqual([
      [0, "8"],
      [0, "128"],
      [2, "32"],
      [2, "128"],
    ]);
    serve(parameters, 80);
    expect(await answerOn((ips[2]?.address ?? "").replace("/32", ""), 80)).toBe("hello");
    // CHECK shows every plugin the last result: firewall would miss rules for addresses that came after it.
    if (hasCheck && more.length === 0) await own.check(parameters);
    await own.delete(parameters);
    await until("nothing is left", async () => {
      expect(await hostTraces()).toEqual([]);
    });
  });

  test("with a MAC address that tuning has changed", async () => {
    const tuning = { ...TUNING, capabilities: { mac: true } };
    const own = runtime(version, [romana(), tuning]);
    const parameters = container({ capabilities: { mac: "02:00:00:00:00:99" } });
    const { interfaces } = await own.add(parameters);
    expect(interfaces[1]?.mac).toBe("02:00:00:00:00:99");
    if (hasCheck) await own.check(parameters);
    await site.run(parameters.netns, "ping", "-q", "-c", "1", "-W", "2", "10.1.0.1");
    await own.delete(parameters);
  });
});

describe("a pod", () => {
  const args = (uid: string): string =>
    `IgnoreUnknown=1;K8S_POD_NAMESPACE=acme;K8S_POD_NAME=web-1;K8S_POD_UID=${uid};K8S_POD_INFRA_CONTAINER_ID=c`;
  const workload = { tenant: "acme", segment: "web", name: "web-1.acme" };
  const unowned = (): PluginConfig => romana({ tenant: undefined, segment: undefined });

  test("is what the workload with its UID says, also when romanad hears of that later", async () => {
    const own = runtime("1.0.0", [unowned()]);
    const parameters = container({ args: args("0a1b-early") });
    const adding = own.add(parameters);
    await site.client.call("putWorkload", { params: { workload: "0a1b-early" }, body: workload });
    await adding;
    const { items } = await site.host(1).agent.call("listAttachments", {});
    expect(items.map(({ endpoint }) => endpoint)).toMatchObject([
      { externalId: "0a1b-early", name: "web-1.acme", tenant: "acme", segment: "web" },
    ]);
    await own.delete(parameters);
  });

  test("that nobody knows is to be tried again later, and leaves nothing", async () => {
    const parameters = container({ args: args("unknown") });
    const adding = runtime("1.0.0", [unowned()]).add(parameters);
    await expect(adding).rejects.toMatchObject({ code: 11 });
    expect(await hostTraces()).toEqual([]);
  });
});
