import { Agent } from "../../src/agent/agent.ts";
import type { Prober } from "../../src/agent/health-prober.ts";
import { Journal } from "../../src/agent/journal.ts";
import { addressBits, formatAddress, formatPrefix } from "../../src/net/index.ts";
import { decodeAgentConfig, type HostSnapshot } from "../../src/schema/index.ts";
import { createMemoryStore, type Store } from "../../src/store/index.ts";
import { createFakeKernel, type FakeKernel, type FakeOperation } from "../../src/system/fake-kernel.ts";
import { createIptablesRunner } from "../../src/system/iptables.ts";
import { MAIN_TABLE } from "../../src/system/kernel.ts";
import { FakeDnsmasq } from "./fake-dnsmasq.ts";
import { FakeIptables } from "./fake-iptables.ts";
import { FakeNeighbours } from "./fake-neighbours.ts";
import { FakeRomanad } from "./fake-romanad.ts";
import { ManualTimers, settled } from "./manual-timers.ts";

/** Namespaces that a scene has from the start. */
export const NAMESPACE = "/run/netns/web";

/** What a scene may begin with. */
export interface SceneOptions {
  readonly kernel?: FakeKernel;
  readonly iptables?: FakeIptables;
  readonly romanad?: FakeRomanad;
  readonly store?: Store;
  readonly view?: HostSnapshot;
  readonly config?: Record<string, unknown>;
}

/** An agent on a fake kernel with a fake romanad, in time that stands still. */
export class AgentScene {
  readonly kernel: FakeKernel;
  readonly iptables: FakeIptables;
  readonly neighbours = new FakeNeighbours();
  readonly dnsmasq = new FakeDnsmasq();
  readonly romanad: FakeRomanad;
  readonly store: Store;
  /** Who answers probes; nobody if nobody says otherwise. */
  probe: Prober = () => Promise.resolve(false);
  timers = new ManualTimers();
  readonly log: string[] = [];
  /** Everything that was changed in the kernel by the agent, in order. */
  readonly operations: FakeOperation[] = [];
  readonly #config: Record<string, unknown>;
  readonly #view: HostSnapshot | undefined;
  #agent: Agent | undefined;
  #life = { isOver: false };
  #ids = 0;
  savedView: HostSnapshot | undefined;
  /** Refuses an operation, when set, with the name of an error number. */
  refuse: ((operation: FakeOperation) => string | undefined) | undefined;

  constructor(options: SceneOptions = {}) {
    this.kernel = options.kernel ?? createSceneKernel();
    this.iptables = options.iptables ?? new FakeIptables();
    this.romanad = options.romanad ?? new FakeRomanad();
    this.store = options.store ?? createMemoryStore();
    this.#config = options.config ?? {};
    this.#view = options.view;
    this.kernel.refuse = (operation) => {
      this.operations.push(operation);
      return this.refuse?.(operation);
    };
  }

  get agent(): Agent {
    if (this.#agent === undefined) throw new Error("the agent has not been started");
    return this.#agent;
  }

  /** Starts an agent, and lets it follow romanad. */
  async start(): Promise<this> {
    this.timers = new ManualTimers(this.timers.now());
    const life = { isOver: false };
    this.#life = life;
    const journal = await Journal.load(mortal({ ...bound(this.store), close: async () => {} }, life));
    const view = this.savedView ?? this.#view;
    const write =
      (level: string) =>
      (fields: object, message: string): void => {
        this.log.push(`${level} ${message} ${JSON.stringify(fields)}`);
      };
    this.#agent = new Agent({
      host: "host-1",
      config: decodeAgentConfig({ ...this.#config }, "read configuration"),
      kernel: mortal(this.kernel, life),
      iptables: createIptablesRunner({ run: this.iptables.run }),
      neighbours: mortal(this.neighbours, life),
      dnsmasq: this.dnsmasq,
      probe: (probe) => this.probe(probe),
      romanad: mortal(this.romanad, life),
      journal,
      ...(view && { view }),
      saveView: (snapshot) => {
        this.savedView = snapshot;
      },
      timers: this.timers,
      random: () => 0,
      newId: () => `id-${++this.#ids}`,
      log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
      version: "1.2.3",
      damage: [],
    });
    this.#agent.start();
    await this.timers.advance(100);
    return this;
  }

  /** The agent ends in order. */
  async stop(): Promise<void> {
    await this.agent.close();
    this.#life.isOver = true;
    await settled();
  }

  /** The agent ends as when it is killed: whatever it waits for never comes. */
  async kill(): Promise<void> {
    this.#life.isOver = true;
    await settled();
  }

  /** An attach of an endpoint called `web-N` to the namespace. */
  attach(number = 1, change: Record<string, unknown> = {}): ReturnType<Agent["attach"]> {
    const request = {
      name: `web-${number}`,
      tenant: "acme",
      segment: "web",
      attach: { kind: "netns", netns: NAMESPACE, interface: `eth${number}` },
      ...change,
    };
    return this.agent.attach(JSON.parse(JSON.stringify(request)));
  }

  /** The whole state of the kernel's networking as text, with names in place of indices. */
  text(): string {
    return kernelText(this.kernel);
  }
}

/** A fake kernel with an underlay device, a namespace, and things of others. */
export function createSceneKernel(): FakeKernel {
  const kernel = createFakeKernel();
  kernel.addNamespace(NAMESPACE);
  const { index } = kernel.addLink({ name: "eth0", mac: "02:00:00:00:00:01" });
  const underlay = { link: index, address: { family: 4, value: 0xc0a80001n }, prefixLength: 24 } as const;
  const underlay6 = {
    link: index,
    address: { family: 6, value: (0xfd99n << 112n) | 1n },
    prefixLength: 64,
  } as const;
  kernel.outside.apply([
    { type: "add-address", address: underlay },
    { type: "add-address", address: underlay6 },
  ]);
  return kernel;
}

/** All links, addresses, routes, proxied neighbours and the agent's table, as text. */
export function kernelText(kernel: FakeKernel): string {
  return `${networkText(kernel)}\n${kernel.listTable("romana") ?? "no table"}`;
}

/** All links, addresses, routes and proxied neighbours, as text. */
export function networkText(kernel: FakeKernel): string {
  const names = new Map(kernel.links().map(({ index, name }) => [index, name]));
  const lines = [
    ...kernel.links().map(({ name, kind, up }) => `link ${name} ${kind ?? "-"} ${up ? "up" : "down"}`),
    ...kernel
      .addresses()
      .map(
        ({ link, address, prefixLength }) =>
          `address ${formatAddress(address)}/${prefixLength} of ${addressBits(address.family)} dev ${names.get(link)}`,
      ),
    ...kernel.routes(MAIN_TABLE).map(({ destination, type, gateway, device, source, metric, protocol }) => {
      const words = [
        `route ${type} ${formatPrefix(destination)}`,
        ...(gateway ? [`via ${formatAddress(gateway)}`] : []),
        ...(device === undefined ? [] : [`dev ${names.get(device)}`]),
        ...(source ? [`src ${formatAddress(source)}`] : []),
        `metric ${metric} proto ${protocol}`,
      ];
      return words.join(" ");
    }),
    ...kernel
      .proxyNeighbours()
      .map(({ link, address }) => `proxy ${formatAddress(address)} dev ${names.get(link)}`),
  ];
  return lines.toSorted().join("\n");
}

/** The object for as long as the life lasts: afterwards its promises and iterations never go on. */
function mortal<T extends object>(object: T, life: { readonly isOver: boolean }): T {
  const never = new Promise<never>(() => {});
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (life.isOver) return never;
        const result: unknown = Reflect.apply(value, target, args);
        if (result instanceof Promise) return result.then((end: unknown) => (life.isOver ? never : end));
        const isIterable = typeof result === "object" && result !== null && Symbol.asyncIterator in result;
        return isIterable ? untilOver(result as AsyncIterable<unknown>, life) : result;
      };
    },
  });
}

async function* untilOver<T>(items: AsyncIterable<T>, life: { readonly isOver: boolean }): AsyncIterable<T> {
  for await (const item of items) {
    if (life.isOver) return;
    yield item;
  }
}

/** A copy of a store whose methods can be called apart from it. */
function bound(store: Store): Store {
  const names = [
    "revision",
    "get",
    "list",
    "transact",
    "watch",
    "grantLease",
    "keepLease",
    "revokeLease",
    "compact",
    "close",
  ] as const;
  return Object.fromEntries(names.map((name) => [name, store[name].bind(store)])) as unknown as Store;
}
