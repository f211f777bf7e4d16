import fc from "fast-check";
import { expect, test } from "vitest";
import { Heart } from "../src/agent/heart.ts";
import { Metrics } from "../src/agent/metrics.ts";
import { VirtualIpHolder } from "../src/agent/virtual-ip-holder.ts";
import type { Control } from "../src/control/index.ts";
import { createControl } from "../src/control/index.ts";
import { RomanaError, VIRTUAL_IP_TIMES } from "../src/model/index.ts";
import { formatAddress, parseAddress } from "../src/net/index.ts";
import { decodeWith, type HeartbeatJson, heartbeatSchema } from "../src/schema/index.ts";
import { createMemoryStore } from "../src/store/index.ts";
import { createFakeKernel, type FakeKernel } from "../src/system/fake-kernel.ts";
import type { LinkAddress } from "../src/system/kernel.ts";
import { FakeNeighbours } from "./support/fake-neighbours.ts";
import { ManualTimers, settled } from "./support/manual-timers.ts";

const HOSTS = ["host-1", "host-2", "host-3"];
const ADDRESS = { ipv4: parseAddress("192.0.2.200") };
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** Between two lookups of what the watch has told, in milliseconds. */
const NEWS_EVERY = 40;

type Step =
  | {
      readonly do: "kill" | "start" | "cut" | "deafen" | "mend" | "exclude";
      readonly host: number;
      readonly after: number;
    }
  | { readonly do: "restart" | "recreate" | "admit"; readonly after: number };

/** Three hosts and romanad in simulated time, joined by a network that delays and loses what it carries. */
class Cluster {
  readonly timers = new ManualTimers(0);
  readonly store = createMemoryStore();
  readonly faults: string[] = [];
  readonly takers = new Set<string>();
  readonly #chance: () => number;
  readonly #kernels = new Map<string, FakeKernel>();
  readonly #agents = new Map<string, { readonly heart: Heart; readonly holder: VirtualIpHolder }>();
  readonly #cut = new Set<string>();
  /** Whom the watch does not reach. */
  readonly #deaf = new Set<string>();
  #control: Control | undefined;
  #lives = 0;
  #name = "www";

  /** @param chance numbers from 0 up to 1 */
  constructor(chance: () => number) {
    this.#chance = chance;
  }

  async begin(): Promise<void> {
    await this.#startRomanad();
    for (const [index, name] of HOSTS.entries()) {
      await this.#control?.hosts.create({ name, underlay: { ipv4: parseAddress(`192.0.2.${index + 1}`) } });
      this.#kernels.set(name, this.#createKernel(name, index + 1));
      this.#start(name);
    }
    await this.#control?.virtualIps.create({ name: this.#name, addresses: ADDRESS });
    this.#news();
  }

  async run(step: Step): Promise<void> {
    const host = "host" in step ? (HOSTS[step.host] as string) : "";
    const control = this.#control;
    switch (step.do) {
      case "kill":
        this.#kill(host);
        break;
      case "start":
        if (!this.#agents.has(host)) this.#start(host);
        break;
      case "cut":
        this.#cut.add(host);
        break;
      case "deafen":
        this.#deaf.add(host);
        break;
      case "mend":
        this.#cut.delete(host);
        this.#deaf.delete(host);
        break;
      case "restart":
        this.#control = undefined;
        await control?.close();
        this.timers.after(this.#chance() * 3_000, () => void this.#startRomanad());
        break;
      case "exclude": {
        const names = HOSTS.filter((name) => name !== host);
        await control?.virtualIps.update(this.#name, { hosts: { by: "names", names } }).catch(ignore);
        break;
      }
      case "admit":
        await control?.virtualIps.update(this.#name, { hosts: null }).catch(ignore);
        break;
      case "recreate":
        await control?.virtualIps.delete(this.#name).catch(ignore);
        this.#name = this.#name === "www" ? "web" : "www";
        break;
    }
    for (let left = step.after; left > 0; left -= 500) {
      await this.timers.advance(Math.min(left, 500));
      // Refused as long as the old one's address may be up.
      await this.#control?.virtualIps.create({ name: this.#name, addresses: ADDRESS }).catch(ignore);
    }
  }

  async end(): Promise<void> {
    for (const host of this.#agents.keys()) this.#kill(host);
    await this.#control?.close();
    await settled();
  }

  async #startRomanad(): Promise<void> {
    const { now, monotonic, after } = this.timers;
    this.#control ??= await createControl({ store: this.store, clock: { now, monotonic, after } });
  }

  #createKernel(name: string, number: number): FakeKernel {
    const kernel = createFakeKernel();
    const { index } = kernel.addLink({ name: "eth0" });
    const address = { link: index, address: parseAddress(`192.0.2.${number}`), prefixLength: 24 };
    kernel.outside.apply([{ type: "add-address", address }]);
    const ends = new Map<string, () => void>();
    kernel.refuse = (operation) => {
      if (operation.method !== "apply" || operation.change.type !== "lease-address") return undefined;
      const { address: leased, seconds } = operation.change;
      this.#judge(name, leased);
      ends.get(formatAddress(leased.address))?.();
      const life = seconds * 1000 + Math.min(1, 2 * this.#chance()) * VIRTUAL_IP_TIMES.kernelDelay;
      const end = (): void => void kernel.outside.apply([{ type: "delete-address", address: leased }]);
      ends.set(formatAddress(leased.address), this.timers.after(life, end));
      return undefined;
    };
    return kernel;
  }

  /** A host is about to have an address: nobody else may. */
  #judge(name: string, { address }: LinkAddress): void {
    this.takers.add(name);
    for (const [other, kernel] of this.#kernels) {
      const has = kernel.addresses().some((its) => its.isLeased && its.address.value === address.value);
      if (other !== name && has)
        this.faults.push(`${this.timers.now()}: ${name} takes it while ${other} has it`);
    }
  }

  #kill(host: string): void {
    this.#agents.get(host)?.heart.close();
    this.#agents.get(host)?.holder.close();
    this.#agents.delete(host);
  }

  #start(host: string): void {
    const kernel = this.#kernels.get(host) as FakeKernel;
    const heart = new Heart({
      host,
      romanad: { beat: (name, heartbeat, signal) => this.#beat(name, heartbeat, signal) },
      timers: this.timers,
      life: `life-${++this.#lives}`,
      voices: () => [holder],
    });
    const holder = new VirtualIpHolder({
      host,
      kernel,
      // The link never says who else has it: only time keeps hosts apart here.
      neighbours: new FakeNeighbours(),
      heart,
      timers: this.timers,
      log: SILENT,
      counter: new Metrics().counter("events", "", "event"),
      reporter: { notice: () => {} },
    });
    this.#agents.set(host, { heart, holder });
  }

  async #beat(host: string, json: HeartbeatJson, signal: AbortSignal): ReturnType<Beating["beat"]> {
    const away = new RomanaError("Cannot send heartbeat: nobody answers", { code: "unavailable" });
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(away);
      });
    });
    const carry = async (): Promise<void> => {
      const isLost = this.#chance() < 0.15;
      const delay = this.#chance() < 0.1 ? this.#chance() * 3_000 : this.#chance() * 20;
      await new Promise<void>((resolve) => this.timers.after(delay, resolve));
      if (isLost || this.#cut.has(host)) await new Promise<never>(() => {});
    };
    const exchange = async (): ReturnType<Beating["beat"]> => {
      await carry();
      const control = this.#control;
      if (control === undefined) throw away;
      const { hold, next } = control.beat(host, decodeWith(heartbeatSchema, "read", json));
      await carry();
      return { hold: hold.map(({ name, addresses }) => ({ name, addresses })), next };
    };
    return await Promise.race([exchange(), aborted]);
  }

  /** What the watch tells, to those that it reaches. */
  #news(): void {
    this.timers.after(NEWS_EVERY, () => {
      for (const [host, agent] of this.#agents) {
        if (this.#control === undefined || this.#cut.has(host) || this.#deaf.has(host)) continue;
        void this.#control.view(host).then(({ virtualIps, hosts }) => {
          const own = hosts.find(({ object }) => object.name === host)?.object;
          agent.holder.follow(
            virtualIps.map(({ object }) => object),
            own,
          );
        });
      }
      this.#news();
    });
  }
}

type Beating = ConstructorParameters<typeof Heart>[0]["romanad"];

function ignore(error: unknown): void {
  if (!(error instanceof RomanaError)) throw error;
}

const host = fc.integer({ min: 0, max: HOSTS.length - 1 });
const after = fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 3_000, max: 6_000 }));
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("kill", "start", "cut", "deafen", "mend", "exclude"), host, after }),
  fc.record({ do: fc.constantFrom("restart", "recreate", "admit"), after }),
);

test("two hosts never have an address at the same time, whatever is delayed, lost, killed or restarted", async () => {
  const takers: number[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.array(stepArbitrary, { minLength: 4, maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 999 })),
      async (steps, chances) => {
        const cluster = new Cluster(() => (chances.next().value as number) / 1000);
        await cluster.begin();
        await cluster.run({ do: "admit", after: 4_000 });
        for (const step of steps) await cluster.run(step);
        await cluster.end();
        takers.push(cluster.takers.size);
        expect(cluster.faults).toEqual([]);
      },
    ),
    { numRuns: 200 },
  );
  // Not because nobody ever took it.
  expect(takers.filter((count) => count > 1).length).toBeGreaterThan(20);
}, 120_000);
