import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Caller, type Client, createClient, parseServer } from "../../src/client/index.ts";
import { AGENT_CONTRACT, type AttachmentResource, type NetworkJson } from "../../src/schema/index.ts";
import { runCommand } from "../../src/system/command.ts";
import { type Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, inNamespace, namespacePath } from "../../src/system/namespace.ts";
import { until } from "./until.ts";

export { until };

const ROMANAD = join(import.meta.dirname, "../../bin/romanad.mjs");
const AGENT = join(import.meta.dirname, "../../bin/romana-agent.mjs");

/** A dual-stack network with room for a thousand endpoints in a segment of a host. */
const NETWORK: NetworkJson = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 4, segmentBits: 2, endpointBits: 10 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/** What a site may differ in. */
export interface SiteOptions {
  /** Number of hosts with a namespace, called host-1, host-2, …; default 2. */
  readonly hosts?: number;
  readonly network?: NetworkJson;
  /** The innermost group of each host; default none. */
  readonly groups?: readonly string[];
  /** What the configuration of all agents has besides. */
  readonly agent?: object;
  /** Directory below which files are kept; default the system's for temporary files. */
  readonly directory?: string;
}

/** A host of a site. */
export interface SiteHost {
  readonly name: string;
  readonly namespace: string;
  readonly kernel: Kernel;
  /** The agent's socket. */
  readonly agent: Caller<typeof AGENT_CONTRACT>;
  readonly stateDir: string;
  readonly log: () => string;
}

/** The real romanad and agents on hosts that are network namespaces, joined by an underlay. */
export class AgentSite {
  readonly directory: string;
  readonly client: Client;
  readonly hosts: readonly SiteHost[];
  readonly #prefix: string;
  readonly #socket: string;
  readonly #namespaces: string[] = [];
  readonly #processes = new Map<string, ChildProcess>();
  static #count = 0;

  readonly #config: object;

  private constructor({ hosts = 2, directory = tmpdir(), agent = {} }: SiteOptions) {
    this.#config = agent;
    this.#prefix = `romag-${process.pid}-${++AgentSite.#count}`;
    this.directory = mkdtempSync(join(directory, "romana-agent-e2e-"));
    this.#socket = join(this.directory, "romanad.sock");
    this.client = createClient({ server: parseServer(`unix://${this.#socket}`), retries: 0 });
    this.hosts = Array.from({ length: hosts }, (_, index) => this.#makeHost(index + 1));
  }

  /** Makes the namespaces, starts romanad, and creates the network, the hosts, tenant acme and its segment web. */
  static async create(options: SiteOptions = {}): Promise<AgentSite> {
    const site = new AgentSite(options);
    try {
      await site.#join();
      await site.startRomanad();
      await site.client.call("createNetwork", { body: options.network ?? NETWORK });
      for (const [index, { name }] of site.hosts.entries()) {
        const underlay = { ipv4: `192.168.0.${index + 1}`, ipv6: `fd99::${index + 1}` };
        const group = options.groups?.[index];
        const body = { name, id: index + 1, underlay, ...(group !== undefined && { group: [group] }) };
        await site.client.call("createHost", { body });
      }
      await site.client.call("createTenant", { body: { name: "acme", id: 1 } });
      await site.client.call("createSegment", {
        params: { tenant: "acme" },
        body: { name: "web", codes: ["1"] },
      });
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  /** The host of that number. */
  host(number: number): SiteHost {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new RangeError(`there is no host ${number}`);
    return host;
  }

  async startRomanad(): Promise<void> {
    const argv = [ROMANAD, "--socket", this.#socket, "--data", join(this.directory, "romanad")];
    this.#start("romanad", argv);
    await until("romanad answers", () => this.client.call("getReadiness", {}));
  }

  /** Starts the agents of all hosts, and waits until all is well with them. */
  async startAgents(): Promise<void> {
    await Promise.all(this.hosts.map((_, index) => this.startAgent(index + 1)));
  }

  async startAgent(number: number, isWell = true, change: object = {}): Promise<void> {
    const { name, namespace, agent, stateDir } = this.host(number);
    const config = join(this.directory, `${name}.yaml`);
    writeFileSync(
      config,
      JSON.stringify({
        host: name,
        server: `unix://${this.#socket}`,
        stateDir,
        socket: this.agentSocket(name),
        ...this.#config,
        ...change,
      }),
    );
    this.#start(name, [AGENT, "--config", config], namespace);
    await until(`the agent of ${name} answers`, () => agent.call("getAgentStatus", {}));
    if (isWell) await this.well(number);
  }

  /** Waits until the agent of a host says that all is well. */
  async well(number: number): Promise<void> {
    const { name, agent } = this.host(number);
    await until(`${name} is well`, async () => {
      const status = await agent.call("getAgentStatus", {});
      const { state, problems, romanad } = status;
      if (state !== "ok" || !romanad.connected) throw new Error(JSON.stringify({ state, problems, romanad }));
    });
  }

  /** Ends `romanad` or the agent of a host. */
  async stop(name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#processes.get(name);
    if (child === undefined) return;
    this.#processes.delete(name);
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await ended;
  }

  /** Process ID of `romanad` or of the agent of a host. */
  pid(name: string): number {
    const pid = this.#processes.get(name)?.pid;
    if (pid === undefined) throw new RangeError(`${name} does not run`);
    return pid;
  }

  /** Makes a namespace for endpoints and returns its path. */
  addNamespace(name: string): string {
    const full = `${this.#prefix}-${name}`;
    createNamespace(full);
    this.#namespaces.push(full);
    return namespacePath(full);
  }

  /** Makes a namespace on the underlay that is no host, with these addresses on eth0; returns its path. */
  async addOutside(...addresses: readonly string[]): Promise<string> {
    const path = this.addNamespace("outside");
    const underlay = namespacePath(`${this.#prefix}-u`);
    const peer = ["type", "veth", "peer", "name", "eth0", "netns", `${this.#prefix}-outside`];
    await this.run(underlay, "ip", "link", "add", "outside", ...peer);
    await this.run(underlay, "ip", "link", "set", "outside", "master", "br0", "up");
    await this.run(path, "ip", "link", "set", "eth0", "up");
    for (const address of addresses) {
      const rest = address.includes(":") ? ["/64", "nodad"] : ["/16"];
      const [length = "", ...flags] = rest;
      await this.run(path, "ip", "addr", "add", address + length, "dev", "eth0", ...flags);
    }
    return path;
  }

  /** Breaks the link of a host to the underlay at its other end, or mends it. */
  async setCarrier(number: number, isThere: boolean): Promise<void> {
    const underlay = namespacePath(`${this.#prefix}-u`);
    await this.run(underlay, "ip", "link", "set", `p${number}`, isThere ? "up" : "down");
  }

  /** A way over TCP from a host's namespace to romanad's socket, until it is cut: then nothing is answered any more. */
  async openWay(number: number, socket: string): Promise<{ readonly port: number; cut(): void }> {
    const { namespace, name } = this.host(number);
    const port = 9_600;
    await this.run(namespace, "ip", "link", "set", "lo", "up");
    const program = `
      const net = require("node:net");
      net.createServer((one) => {
        const other = net.connect(${JSON.stringify(socket)});
        one.pipe(other).pipe(one);
        for (const end of [one, other]) end.on("error", () => {});
      }).listen(${port}, "127.0.0.1", () => console.log("listening"));`;
    const child = inNamespace(namespace, () =>
      spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] }),
    );
    this.#processes.set(`way-${name}`, child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    return { port, cut: () => child.kill("SIGSTOP") };
  }

  /** Deletes a namespace that {@link addNamespace} has made. */
  deleteNamespace(path: string): void {
    const name = path.split("/").at(-1) ?? "";
    deleteNamespace(name);
    this.#namespaces.splice(this.#namespaces.indexOf(name), 1);
  }

  /** Attaches an endpoint of acme/web as eth0 of a namespace of its own, which is made, too. */
  async attach(number: number, name: string, change: object = {}): Promise<AttachmentResource> {
    const netns = this.addNamespace(name);
    await this.run(netns, "ip", "link", "set", "lo", "up");
    const attach = { kind: "netns", netns, interface: "eth0" } as const;
    const body = { name, tenant: "acme", segment: "web", attach, ...change };
    return this.host(number).agent.call("createAttachment", { body });
  }

  /** Runs a command in a namespace and returns what it prints. */
  run(namespace: string, ...argv: string[]): Promise<string> {
    return runCommand({ argv, namespace });
  }

  /** Routes of both families, links and addresses of a host, as `ip` prints them. */
  async networkText(number: number): Promise<string> {
    const { namespace } = this.host(number);
    const commands = [
      ["ip", "-4", "route"],
      ["ip", "-6", "route"],
      ["ip", "-br", "addr", "show", "dev", "romana-gw"],
      ["ip", "-6", "neigh", "show", "proxy"],
    ];
    const texts = await Promise.all(commands.map((argv) => this.run(namespace, ...argv)));
    return texts.map((text) => text.replaceAll(/ linkdown/g, "").trimEnd()).join("\n\n");
  }

  /** The agent's table without its counters, as `nft` prints it. */
  tableText(number: number): Promise<string> {
    return this.run(this.host(number).namespace, "nft", "-s", "list", "table", "inet", "romana");
  }

  /** Ends everything, and leaves nothing behind. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((name) => this.stop(name, "SIGKILL")));
    for (const { kernel, agent } of this.hosts) {
      kernel.close();
      await agent.close();
    }
    await this.client.close();
    for (const name of this.#namespaces) deleteNamespace(name);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Where romanad is, for the command line. */
  get server(): string {
    return `unix://${this.#socket}`;
  }

  /** The agent's socket of a host. */
  agentSocket(name: string): string {
    return join(this.directory, `${name}.sock`);
  }

  #makeHost(number: number): SiteHost {
    const name = `host-${number}`;
    const namespace = this.addNamespace(`h${number}`);
    const stateDir = join(this.directory, name);
    mkdirSync(stateDir, { mode: 0o700 });
    return {
      name,
      namespace,
      stateDir,
      kernel: createLinuxKernel({ namespace }),
      agent: new Caller(AGENT_CONTRACT, {
        server: parseServer(this.agentSocket(name)),
        retries: 0,
        timeout: 60_000,
      }),
      log: () => readFileSync(join(this.directory, `${name}.log`), "utf8"),
    };
  }

  /** Joins the hosts by a bridge in a namespace of its own. */
  async #join(): Promise<void> {
    const underlay = this.addNamespace("u");
    await this.run(underlay, "ip", "link", "add", "br0", "type", "bridge");
    await this.run(underlay, "ip", "link", "set", "br0", "up");
    for (const [index, { namespace }] of this.hosts.entries()) {
      const number = index + 1;
      const name = namespace.split("/").at(-1) ?? "";
      const lines = [
        ["link", "set", "lo", "up"],
        ["link", "set", "eth0", "up"],
        ["addr", "add", `192.168.0.${number}/16`, "dev", "eth0"],
        ["addr", "add", `fd99::${number}/64`, "dev", "eth0", "nodad"],
      ];
      const add = ["link", "add", `p${number}`, "type", "veth", "peer", "name", "eth0", "netns", name];
      await this.run(underlay, "ip", ...add);
      await this.run(underlay, "ip", "link", "set", `p${number}`, "master", "br0", "up");
      for (const line of lines) await this.run(namespace, "ip", ...line);
    }
  }

  #start(name: string, argv: readonly string[], namespace?: string): void {
    const log = join(this.directory, `${name}.log`);
    const start = (): ChildProcess => spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
    const child = namespace === undefined ? start() : inNamespace(namespace, start);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        appendFileSync(log, chunk);
      });
    }
    this.#processes.set(name, child);
  }
}
