import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildCni } from "../../scripts/build-cni.ts";
import { SUPPORTED_VERSIONS } from "../../src/cni/versions.ts";
import { AgentSite, until } from "../support/agent-site.ts";
import {
  type AttachmentParameters,
  CniRuntime,
  type PluginConfig,
  PluginFailure,
  startPlugin,
} from "../support/cni-driver.ts";

const BUILD_TIMEOUT = 300_000;
const NETWORK = "romana";

let site: AgentSite;
let path: string[];
let count = 0;

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), "romana-cni-"));
  copyFileSync(buildCni(), join(directory, "romana-cni"));
  path = [directory, "/usr/lib/cni"];
  site = await AgentSite.create({ hosts: 1 });
  await site.startAgents();
}, BUILD_TIMEOUT);
afterAll(async () => {
  await site.close();
  rmSync(path[0] as string, { recursive: true });
});

function plugin(change: object = {}): PluginConfig {
  const socket = site.agentSocket("host-1");
  return { type: "romana-cni", socket, tenant: "acme", segment: "web", ...change };
}

function runtime(
  cniVersion: string,
  plugins: readonly PluginConfig[] = [plugin()],
  name: string = NETWORK,
): CniRuntime {
  return new CniRuntime({ cniVersion, name, plugins }, path, site.host(1).namespace);
}

/** A container with a namespace of its own, which is not attached when the test is over. */
function container(
  change: Partial<AttachmentParameters> = {},
  network: string = NETWORK,
): AttachmentParameters {
  const containerId = `c${++count}`;
  const parameters = { containerId, netns: site.addNamespace(containerId), ifname: "eth0", ...change };
  onTestFinished(() => runtime("1.1.0", [plugin()], network).delete(parameters));
  return parameters;
}

/** The code that a call fails with; 0 when it succeeds. */
async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return 0;
  } catch (error) {
    if (error instanceof PluginFailure) return error.code;
    throw error;
  }
}

async function attachedTokens(): Promise<string[]> {
  const { items } = await site.host(1).agent.call("listAttachments", {});
  return items.map(({ endpoint }) => endpoint.requestToken ?? "").toSorted();
}

/** Everything that attachments leave behind: at the agent, in the kernel, at romanad. */
async function traces(): Promise<string[]> {
  const links = await site.run(site.host(1).namespace, "ip", "-br", "link");
  const { items } = await site.client.call("listEndpoints", { query: { limit: 1000 } });
  return [
    ...(await attachedTokens()),
    ...links.split("\n").filter((line) => line.startsWith("rom") && !line.startsWith("romana-gw")),
    ...items.map(({ requestToken }) => `endpoint ${requestToken ?? ""}`),
  ];
}

async function noTraces(): Promise<void> {
  await until("nothing is left", async () => {
    expect(await traces()).toEqual([]);
  });
}

describe.each(SUPPORTED_VERSIONS)("version %s", (version) => {
  const hasCheck = !version.startsWith("0.3");
  const isNewest = version === "1.1.0";

  test("ADD, CHECK and DEL in a life without faults, in both families", async () => {
    const { netns, ...rest } = container();
    const parameters = { ...rest, netns };
    const result = await runtime(version).add(parameters);
    const text = await site.run(netns, "ip", "-br", "addr", "show", "dev", "eth0");
    const [, ipv4, ipv6] = /(10\.1\.[0-9.]+\/32).* (fd00:[0-9a-f:]+\/128)/.exec(text) ?? [];
    const mac = /link\/ether ([0-9a-f:]+)/.exec(await site.run(netns, "ip", "link", "show", "eth0"))?.[1];
    const size = isNewest ? { mtu: 1500 } : {};
    const family = (number: string): object => (version.startsWith("0") ? { version: number } : {});
    expect(result).toEqual({
      cniVersion: version,
      interfaces: [
        { name: expect.stringMatching(/^rom[0-9a-f]{8}$/), ...size },
        { name: "eth0", mac, ...size, sandbox: netns },
      ],
      ips: [
        { ...family("4"), interface: 1, address: ipv4, gateway: "10.1.0.1" },
        { ...family("6"), interface: 1, address: ipv6, gateway: "fd00:10:0:100::1" },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.1.0.1" },
        { dst: "::/0", gw: "fd00:10:0:100::1" },
      ],
      dns: {},
    });
    await site.run(netns, "ping", "-q", "-c", "1", "-W", "1", "10.1.0.1");
    // A runtime of its own: this one knows no result.
    expect(await codeOf(runtime(version).check(parameters))).toBe(hasCheck ? 7 : 1);
    await runtime(version).delete(parameters);
    expect(await site.run(netns, "ip", "-br", "link")).not.toContain("eth0");
    await noTraces();
  });

  test("CHECK finds what is not as ADD has made it", async () => {
    const parameters = container();
    const { netns } = parameters;
    const own = runtime(version);
    const { ips } = await own.add(parameters);
    const check = (): Promise<string> =>
      own.check(parameters).then(
        () => "",
        (error: PluginFailure) =>
          `${error.code} ${(JSON.parse(error.output) as { details?: string }).details}`,
      );
    const ip = (...words: string[]): Promise<string> => site.run(netns, "ip", ...words);
    if (!hasCheck) {
      expect(await check()).toMatch(/^1 /);
      return;
    }
    expect(await check()).toBe("");
    await ip("-6", "addr", "del", ips[1]?.address ?? "", "dev", "eth0");
    expect(await check()).toBe(`121 ${ips[1]?.address} is not on eth0`);
    await ip("-6", "addr", "add", ips[1]?.address ?? "", "dev", "eth0", "nodad");
    await ip("-4", "route", "del", "default");
    expect(await check()).toBe("121 interface eth0 has no default route by 10.1.0.1");
    await ip("-4", "route", "add", "default", "via", "10.1.0.1");
    expect(await check()).toBe("");
    await ip("link", "set", "eth0", "down");
    expect(await check()).toContain("121 interface eth0 is down");
    await ip("link", "del", "eth0");
    expect(await check()).toContain("is gone from the host");
    expect(await check()).toContain(`there is no interface eth0 in ${netns}`);
    await runtime(version).delete(parameters);
    expect(await check()).toBe('122 Cannot find attachment "cni/romana/' + `${parameters.containerId}/eth0"`);
  });

  test("ADD again, and ADD of an interface that is somebody else's, fail and touch nothing", async () => {
    const parameters = container();
    const own = runtime(version);
    await own.add(parameters);
    const before = await traces();
    expect(await codeOf(own.add(parameters))).toBe(120);
    expect(await codeOf(own.add({ ...parameters, containerId: "other" }))).toBe(102);
    expect(await traces()).toEqual(before);
    const taken = container();
    await site.run(taken.netns, "ip", "link", "add", "eth0", "type", "bridge");
    expect(await codeOf(own.add(taken))).toBe(102);
    await runtime(version).delete(taken);
    expect(await site.run(taken.netns, "ip", "-br", "link")).toContain("eth0");
    if (hasCheck) await own.check(parameters);
  });

  test("DEL succeeds as often as it is called, without namespace, without result, and for what never was", async () => {
    const parameters = container();
    const own = runtime(version);
    await own.add(parameters);
    site.deleteNamespace(parameters.netns);
    expect(await codeOf(own.check(parameters))).toBe(hasCheck ? 121 : 1);
    const runs = [
      parameters,
      parameters,
      { ...parameters, netns: "" },
      { ...parameters, containerId: "never" },
    ];
    for (const run of runs) await runtime(version).delete(run);
    await noTraces();
  });

  test("ADD into a namespace that is gone needs no DEL", async () => {
    const parameters = container();
    site.deleteNamespace(parameters.netns);
    expect(await codeOf(runtime(version).add(parameters))).toBe(3);
    await noTraces();
  });

  test("GC keeps what is valid, and what is of other networks", async () => {
    const [keep, stale] = [container(), container()];
    const own = runtime(version);
    await own.add(keep);
    await own.add(stale);
    const foreign = await site.attach(1, `other-${version}`, {
      requestToken: `cni/romana2/c${version}/eth0`,
    });
    const known = { containerID: keep.containerId, ifname: "eth0" };
    if (!isNewest) {
      expect(await codeOf(own.collectGarbage([known]))).toBe(1);
      expect(await attachedTokens()).toHaveLength(3);
    } else {
      const config = { ...plugin(), cniVersion: version, name: NETWORK };
      expect(await own.start("GC", plugin(), config).ended).toMatchObject({
        status: 1,
        output: expect.stringContaining("cni.dev/valid-attachments is no list"),
      });
      expect(await attachedTokens()).toHaveLength(3);
      await own.collectGarbage([known, { containerID: "unknown", ifname: "eth0" }]);
      expect(await attachedTokens()).toEqual([
        `cni/romana/${keep.containerId}/eth0`,
        foreign.endpoint.requestToken,
      ]);
      await own.collectGarbage(null);
      expect(await attachedTokens()).toEqual([foreign.endpoint.requestToken]);
    }
    await site
      .host(1)
      .agent.call("deleteAttachment", { params: { ref: foreign.endpoint.requestToken ?? "" } });
  });

  test("VERSION and STATUS", async () => {
    expect(await runtime(version).version()).toEqual({
      cniVersion: version,
      supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
    expect(await codeOf(runtime(version).status())).toBe(isNewest ? 0 : 1);
  });

  test("wishes: addresses, MAC address, MTU, DNS", async () => {
    const dns = { nameservers: ["10.1.0.1"], search: ["shop.example"] };
    const capable = plugin({ mtu: 1400, dns, capabilities: { ips: true, mac: true, portMappings: true } });
    const capabilities = {
      ips: ["10.1.20.77/32", "fd00:10:0:100:1:1:0:4d"],
      mac: "02:00:00:00:00:77",
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    };
    const parameters = container({ capabilities });
    const result = await runtime(version, [capable]).add(parameters);
    expect(result.ips.map(({ address }) => address)).toEqual(["10.1.20.77/32", "fd00:10:0:100:1:1:0:4d/128"]);
    expect(result.interfaces[1]).toMatchObject({ name: "eth0", mac: "02:00:00:00:00:77" });
    expect(result.dns).toEqual(dns);
    expect(await site.run(parameters.netns, "ip", "link", "show", "eth0")).toContain("mtu 1400");
    const other = container({ capabilities: { ips: ["10.1.20.78", "fd00:10:0:100:1:1:0:4f"] } });
    const [taken, foreign] = [
      container({ capabilities }),
      container({ capabilities: { ips: ["192.0.2.1"] } }),
    ];
    expect(await codeOf(runtime(version, [capable]).add(other))).toBe(7);
    expect(await codeOf(runtime(version, [capable]).add(taken))).toBe(102);
    expect(await codeOf(runtime(version, [capable]).add(foreign))).toBe(7);
    expect(await attachedTokens()).toEqual([`cni/romana/${parameters.containerId}/eth0`]);
  });
});

test("a hundred at once come and go, and nothing is left", async () => {
  const own = runtime("1.0.0");
  const all = Array.from({ length: 100 }, () => container());
  const results = await Promise.all(all.map((parameters) => own.add(parameters)));
  expect(new Set(results.map(({ ips }) => ips[0]?.address)).size).toBe(100);
  await Promise.all(all.map((parameters) => own.check(parameters)));
  await Promise.all(all.map((parameters) => own.delete(parameters)));
  await noTraces();
});

describe("what was killed half-way leaves nothing behind after its DEL", () => {
  /** Two ADDs that the agent cannot end because romanad does not answer. */
  async function startTwo(own: CniRuntime): Promise<{
    readonly containers: readonly AttachmentParameters[];
    readonly plugins: readonly ReturnType<CniRuntime["start"]>[];
  }> {
    const containers = [container(), container()];
    const config = { ...plugin(), cniVersion: "1.0.0", name: NETWORK };
    process.kill(site.pid("romanad"), "SIGSTOP");
    const plugins = containers.map((parameters) => own.start("ADD", plugin(), config, parameters));
    for (const { child } of plugins) {
      // It waits for its socket, the first file that it opens: the request is sent.
      await until("the plugin waits", () => {
        expect(readFileSync(`/proc/${child.pid}/syscall`, "utf8")).toMatch(/^[0-9]+ 0x3 /);
      });
    }
    return { containers, plugins };
  }

  test("the plugin", async () => {
    const own = runtime("1.0.0");
    const { containers, plugins } = await startTwo(own);
    for (const { child } of plugins) child.kill("SIGKILL");
    const ends = await Promise.all(plugins.map(({ ended }) => ended));
    expect(ends.map(({ status }) => status)).toEqual(["SIGKILL", "SIGKILL"]);
    process.kill(site.pid("romanad"), "SIGCONT");
    for (const parameters of containers) await own.delete(parameters);
    await noTraces();
  });

  test("the agent", async () => {
    const own = runtime("1.0.0");
    const { containers, plugins } = await startTwo(own);
    await site.stop("host-1", "SIGKILL");
    const ends = await Promise.all(plugins.map(({ ended }) => ended));
    expect(ends.map(({ output }) => (JSON.parse(output) as { code: number }).code)).toEqual([11, 11]);
    process.kill(site.pid("romanad"), "SIGCONT");
    await site.startAgent(1);
    for (const parameters of containers) await own.delete(parameters);
    await noTraces();
  });
});

interface Runs {
  readonly version: string;
  readonly own: CniRuntime;
  /** What is attached, and what is not. */
  readonly parameters: AttachmentParameters;
  readonly fresh: AttachmentParameters;
}

/** What every operation ends with, in the order of {@link VERBS}. */
async function outcomes({ version, own, parameters, fresh }: Runs): Promise<unknown[]> {
  return [
    await codeOf(own.add(fresh)),
    await codeOf(own.check(parameters)),
    await codeOf(own.collectGarbage([{ containerID: parameters.containerId, ifname: "eth0" }])),
    await codeOf(own.status()),
    (await own.version()).cniVersion === version ? 0 : "another version",
    await codeOf(own.delete(parameters)),
  ];
}

const VERBS = ["ADD", "CHECK", "GC", "STATUS", "VERSION", "DEL"];

describe("while somebody is away", () => {
  /** Attaches a container for each version, then takes somebody away and asks for everything. */
  async function codesWithout(who: string, back: () => Promise<void>): Promise<Record<string, unknown[]>> {
    const attached = await Promise.all(
      SUPPORTED_VERSIONS.map(async (version) => {
        const network = `${NETWORK}-${version}`;
        const [parameters, fresh] = [container({}, network), container({}, network)];
        const own = runtime(version, [plugin()], network);
        await own.add(parameters);
        return { version, parameters, fresh, own };
      }),
    );
    await site.stop(who, "SIGKILL");
    try {
      const codes = attached.map(async (runs) => [runs.version, await outcomes(runs)] as const);
      return Object.fromEntries(await Promise.all(codes));
    } finally {
      await back();
    }
  }

  test(`${VERBS.join(", ")} without the agent`, async () => {
    expect(await codesWithout("host-1", () => site.startAgent(1))).toEqual({
      "0.3.0": [11, 1, 1, 1, 0, 11],
      "0.3.1": [11, 1, 1, 1, 0, 11],
      "0.4.0": [11, 11, 1, 1, 0, 11],
      "1.0.0": [11, 11, 1, 1, 0, 11],
      "1.1.0": [11, 11, 11, 50, 0, 11],
    });
  });

  test(`${VERBS.join(", ")} without romanad`, async () => {
    const back = async (): Promise<void> => {
      await site.startRomanad();
      await site.well(1);
    };
    expect(await codesWithout("romanad", back)).toEqual({
      "0.3.0": [11, 1, 1, 1, 0, 0],
      "0.3.1": [11, 1, 1, 1, 0, 0],
      "0.4.0": [11, 0, 1, 1, 0, 0],
      "1.0.0": [11, 0, 1, 1, 0, 0],
      "1.1.0": [11, 0, 0, 51, 0, 0],
    });
  });

  test("nothing is left when all are back", noTraces);
});

describe.each([
  ["the native plugin", () => join(path[0] as string, "romana-cni")],
  ["the plugin in Node", () => join(import.meta.dirname, "../../bin/romana-cni.mjs")],
])("bad calls of %s", (_, executable) => {
  const ADD = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "bad",
    CNI_NETNS: "/run/netns/none",
    CNI_IFNAME: "eth0",
  };
  test.each<[string, Record<string, string | undefined>, (own: object) => string, number, string]>([
    ["no command", { CNI_COMMAND: undefined }, JSON.stringify, 4, "CNI_COMMAND"],
    ["an unknown command", { CNI_COMMAND: "add" }, JSON.stringify, 4, "CNI_COMMAND"],
    ["no namespace", { CNI_NETNS: undefined }, JSON.stringify, 4, "CNI_NETNS"],
    ["a relative namespace", { CNI_NETNS: "netns" }, JSON.stringify, 4, "CNI_NETNS"],
    ["a bad ID", { CNI_CONTAINERID: "-x" }, JSON.stringify, 4, "CNI_CONTAINERID"],
    ["a long name", { CNI_IFNAME: "a234567890123456" }, JSON.stringify, 4, "CNI_IFNAME"],
    ["an unknown argument", { CNI_ARGS: "COLOUR=red" }, JSON.stringify, 4, "CNI_ARGS"],
    ["no input", {}, () => "", 6, ""],
    ["what is no JSON", {}, (own) => JSON.stringify(own).slice(1), 6, ""],
    ["no object", {}, () => "[]", 6, ""],
    ["a version of tomorrow", {}, (own) => JSON.stringify({ ...own, cniVersion: "9.9.9" }), 1, ""],
    ["no name", {}, (own) => JSON.stringify({ ...own, name: undefined }), 7, ""],
    ["no segment", {}, (own) => JSON.stringify({ ...own, segment: undefined }), 7, ""],
    ["no such segment", {}, (own) => JSON.stringify({ ...own, segment: "none" }), 101, ""],
    ["a wish nobody grants", {}, (own) => JSON.stringify({ ...own, ipMasq: true }), 2, "ipMasq = true"],
    ["a socket that is a directory", {}, (own) => JSON.stringify({ ...own, socket: "/tmp" }), 11, ""],
    [
      "a socket that is below a file",
      {},
      (own) => JSON.stringify({ ...own, socket: "/etc/passwd/x" }),
      5,
      "",
    ],
    ["a namespace that is gone", {}, JSON.stringify, 3, ""],
  ])("%s", async (__, change, inputOf, code, named) => {
    const input = inputOf({ ...plugin(), cniVersion: "1.0.0", name: NETWORK });
    const variables = Object.entries({ ...ADD, ...change }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const { ended } = startPlugin(executable(), site.host(1).namespace, Object.fromEntries(variables), input);
    const { status, output } = await ended;
    const error = JSON.parse(output) as { cniVersion: string; code: number; msg: string };
    const version = ["1.0.0", "1.1.0"].includes(error.cniVersion);
    expect([status, error.code, version]).toEqual([1, code, true]);
    expect(error.msg).toContain(named);
  });
});
