import { RomanaError } from "../model/index.ts";
import { isSameAddress } from "../net/index.ts";
import {
  CHAIN_TABLE,
  CHAIN_TABLES,
  type ChainEndpoint,
  type ChainInput,
  type ChainRules,
  chainRules,
  NOWHERE,
  renderChainTable,
} from "../steering/index.ts";
import type { ChangeFailure, Kernel, KernelEvent, Link } from "../system/kernel.ts";
import { hopChanges, hopNumbers, isOurs, readHops, removedHops } from "./chain-routes.ts";
import { ChainUnderlay } from "./chain-underlay.ts";
import { Damper } from "./damper.ts";
import { endpointKey, type HostKnowledge } from "./host-knowledge.ts";
import { fingerprint } from "./listing.ts";
import type { Log } from "./log.ts";
import type { Reconciler } from "./reconciler.ts";
import type { SteeringPart } from "./steering.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link ChainKeeper} works with. */
export interface ChainKeeperOptions {
  readonly kernel: Kernel;
  readonly timers: Timers;
  readonly log: Log;
  readonly reconciler: Pick<Reconciler, "inventory" | "steer">;
  /** Told of every time that something was mended because others had changed it. */
  readonly onRepair: (item: string) => void;
  /** Told when {@link ChainKeeper.problems} may be others. */
  readonly onProblems: () => void;
}

const ITEM = `table ${CHAIN_TABLE}`;
/** Events come in bursts: one look, so many milliseconds after the first of them, is enough for all. */
const SETTLE = 5;
/** What the kernel refused is tried again after so long, then twice as long, … (milliseconds). */
const RETRY = { first: 1_000, longest: 30_000 };
/** Who else is in the link is looked at so often while packets from outside of the network are steered, in milliseconds. */
const NEIGHBOURS_LOOK = 2_000;

/** The table as it was made last, and how the kernel prints it. */
interface Made {
  readonly text: string;
  readonly listed: string;
}

/** What rules follow from, but for what is read from the kernel. */
type Known = Omit<ChainInput, "hopNumbers" | "hostMacs" | "unreachable" | "underlayDevices"> & {
  readonly underlay: readonly number[];
};

/**
 * Keeps what chains need on this host: next hops with their routing tables, the rules' and sysctls' part of it, then the table
 * that marks packets for them. What goes is taken away in the reverse order, so that no packet of a chain is ever routed as if it
 * were in none.
 */
export class ChainKeeper implements SteeringPart {
  readonly #options: ChainKeeperOptions;
  readonly #underlay: ChainUnderlay;
  readonly #damper = new Damper();
  readonly #alarm: Alarm;
  readonly #neighboursAlarm: Alarm;
  #knowledge: HostKnowledge | undefined;
  /** What was made last, and from what. */
  #known: Known | undefined;
  #rules: ChainRules | undefined;
  #made: Made | "absent" | undefined;
  /** Hosts that the kernel has refused a way to since the last look at everything. */
  #unreachable: ReadonlySet<string> = new Set();
  #retries = 0;
  #failures: readonly string[] = [];
  #problems: readonly string[] = [];

  constructor(options: ChainKeeperOptions) {
    this.#options = options;
    this.#underlay = new ChainUnderlay(options.kernel, options.log);
    this.#alarm = new Alarm(options.timers, () => this.#run());
    this.#neighboursAlarm = new Alarm(options.timers, () => this.#run());
  }

  follow(knowledge: HostKnowledge): void {
    this.#knowledge = knowledge;
    // Most news, and each attach, are about others.
    const isDone = this.#made !== undefined && this.#failures.length === 0;
    if (isDone && isSameInput(this.#known, this.#knownOf(knowledge))) return;
    this.#run();
  }

  notice(event: KernelEvent): void {
    if (this.#made === undefined || this.#made === "absent") return;
    switch (event.type) {
      case "overrun":
        this.look();
        return;
      case "table":
        if (event.table === CHAIN_TABLE && !event.ownProcess) this.#distrust();
        return;
      case "rule":
        if (isOurs(event.rule)) this.#alarm.set(SETTLE);
        return;
      case "route":
        if (isHopTable(event.route.table)) this.#alarm.set(SETTLE);
        return;
      case "link":
        if (this.#isOfInterest(event.link)) this.#alarm.set(SETTLE);
        return;
      default:
    }
  }

  look(): void {
    const made = this.#made;
    this.#unreachable = new Set();
    if (made !== undefined && made !== "absent" && this.#listed() !== made.listed) this.#distrust();
    else this.#run();
  }

  get problems(): readonly string[] {
    const fights = this.#damper.fights(this.#options.timers.now());
    return [
      ...this.#failures.map((failure) => `Chains are not in force: ${failure}`),
      ...this.#problems,
      ...fights.map(({ item }) => `Somebody keeps changing ${item}`),
    ];
  }

  close(): void {
    this.#alarm.clear();
    this.#neighboursAlarm.clear();
    this.#knowledge = undefined;
  }

  /** Somebody has changed the table: it is written anew, later if that happens again and again. */
  #distrust(): void {
    const now = this.#options.timers.now();
    const wait = this.#damper.wait(ITEM, now);
    this.#made = undefined;
    this.#damper.record(ITEM, now + wait);
    this.#options.onRepair(ITEM);
    this.#alarm.set(wait);
  }

  #run(): void {
    const knowledge = this.#knowledge;
    // Before that it is not known either which endpoints are attached.
    const isKnown = this.#options.reconciler.inventory.host !== undefined;
    if (knowledge?.ownHost === undefined || !isKnown) return;
    const before = this.problems.join();
    const failures: string[] = [];
    try {
      if (knowledge.chains.length > 0) failures.push(...this.#make(knowledge));
      else if (this.#made !== "absent") failures.push(...this.#remove());
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#made = undefined;
      failures.push(error.message);
    }
    this.#failures = failures;
    if (failures.length === 0) this.#retries = 0;
    else this.#alarm.set(Math.min(RETRY.longest, RETRY.first * 2 ** this.#retries++));
    if (before !== this.problems.join()) this.#options.onProblems();
  }

  /** @returns what the kernel refuses. @throws RomanaError when it is the table */
  #make(knowledge: HostKnowledge): readonly string[] {
    const { kernel, reconciler } = this.#options;
    const links = kernel.links();
    const known = this.#knownOf(knowledge);
    let rules = this.#derive(known, links);
    let hops = hopChanges(rules.hops, readHops(kernel, rules.hops), links);
    let refused = kernel.apply(hops.before);
    const lost = hostsOf(refused, knowledge);
    if (lost.length > 0) {
      this.#unreachable = new Set([...this.#unreachable, ...lost]);
      rules = this.#derive(known, links);
      hops = hopChanges(rules.hops, readHops(kernel, rules.hops), links);
      refused = kernel.apply(hops.before);
    }
    const failures = reconciler.steer(new Set(rules.functionDevices));
    this.#problems = [...rules.problems, ...this.#underlay.prepare(rules)];
    this.#writeTable(rules);
    this.#known = known;
    this.#rules = rules;
    return [...failures, ...[...refused, ...kernel.apply(hops.after)].map(failureText)];
  }

  #derive(known: Known, links: readonly Link[]): ChainRules {
    const { kernel } = this.#options;
    const { underlay, chains, hosts, host } = known;
    const isOpen = chains.some(({ from }) => from.kind === "any" || from.kind === "cidr");
    if (isOpen) this.#neighboursAlarm.set(NEIGHBOURS_LOOK);
    else this.#neighboursAlarm.clear();
    const input = {
      ...known,
      underlayDevices: links.flatMap(({ index, name }) => (underlay.includes(index) ? [name] : [])),
      hostMacs: isOpen ? this.#underlay.macsOf(hosts.filter(({ name }) => name !== host.name)) : [],
      unreachable: this.#unreachable,
      hopNumbers: hopNumbers(readHops(kernel, []), links),
    };
    return chainRules(input, this.#rules);
  }

  #knownOf(knowledge: HostKnowledge): Known {
    const { ownHost, networks, hosts, tenants, segments, exceptions, services, chains, backends } = knowledge;
    if (ownHost === undefined) throw new TypeError("nobody knows this host");
    return {
      host: ownHost,
      networks,
      hosts,
      tenants,
      segments,
      exceptions,
      services,
      chains,
      backends,
      endpoints: this.#endpoints(knowledge),
      underlay: [...this.#options.reconciler.inventory.underlay],
    };
  }

  /** Devices that next hops and sysctls depend on. */
  #isOfInterest({ name }: Link): boolean {
    const { functionDevices = [], underlayDevices = [] } = this.#rules ?? {};
    return functionDevices.includes(name) || underlayDevices.includes(name);
  }

  /** Endpoints of functions that are attached here, as far as it is known who they are. */
  #endpoints(knowledge: HostKnowledge): readonly ChainEndpoint[] {
    const functions = new Set(
      knowledge.chains.flatMap(({ through }) => through.map(({ tenant, segment }) => `${tenant}/${segment}`)),
    );
    if (functions.size === 0) return [];
    return this.#options.reconciler.inventory.endpoints.flatMap(({ key, device }) => {
      const endpoint = knowledge.endpoints.get(key);
      if (endpoint === undefined || endpointKey(endpoint) !== key) return [];
      const { tenant, segment, actsAs = segment, addresses } = endpoint;
      return functions.has(`${tenant}/${actsAs}`) ? [{ tenant, segment: actsAs, addresses, device }] : [];
    });
  }

  /** @throws RomanaError when the kernel refuses it; the table is then as it was */
  #writeTable(rules: ChainRules): void {
    const { kernel } = this.#options;
    const text = renderChainTable(rules);
    const made = this.#made;
    if (made !== undefined && made !== "absent" && made.text === text) return;
    kernel.runNft(renderChainTable(rules, kernel.counters(CHAIN_TABLE)));
    this.#made = { text, listed: this.#listed() };
  }

  #remove(): readonly string[] {
    const { kernel, reconciler } = this.#options;
    if (kernel.listTableShape(CHAIN_TABLE) !== undefined) kernel.runNft(`delete table inet ${CHAIN_TABLE}\n`);
    const failures = reconciler.steer(new Set());
    this.#underlay.restore();
    this.#neighboursAlarm.clear();
    this.#problems = [];
    this.#rules = undefined;
    this.#known = this.#knowledge && this.#knownOf(this.#knowledge);
    const refused = kernel.apply(removedHops(kernel));
    if (refused.length === 0) this.#made = "absent";
    return [...failures, ...refused.map(failureText)];
  }

  #listed(): string {
    return fingerprint(this.#options.kernel.listTable(CHAIN_TABLE) ?? "");
  }
}

/** True when all objects are the very same: those that romanad tells anew are others. */
function isSameInput(a: Known | undefined, b: Known): boolean {
  if (a === undefined || a.host !== b.host) return false;
  const lists = [
    "networks",
    "hosts",
    "tenants",
    "segments",
    "exceptions",
    "services",
    "chains",
    "backends",
    "underlay",
  ] as const;
  return (
    lists.every((list) => isSameList<unknown>(a[list], b[list], Object.is)) &&
    isSameList(
      a.endpoints,
      b.endpoints,
      (one, other) => one.device === other.device && one.addresses === other.addresses,
    )
  );
}

function isSameList<T>(a: readonly T[], b: readonly T[], isSame: (one: T, other: T) => boolean): boolean {
  return a.length === b.length && a.every((one, index) => isSame(one, b[index] as T));
}

function isHopTable(table: number): boolean {
  return table > CHAIN_TABLES && table < CHAIN_TABLES + NOWHERE;
}

/** Hosts behind gateways that the kernel knows no link to. */
function hostsOf(refused: readonly ChangeFailure[], { hosts }: HostKnowledge): readonly string[] {
  return refused.flatMap(({ change }) => {
    const gateway = change.type === "replace-route" ? change.route.gateway : undefined;
    if (gateway === undefined) return [];
    return hosts
      .filter(({ underlay: { ipv4, ipv6 } }) =>
        [ipv4, ipv6].some((address) => address !== undefined && isSameAddress(address, gateway)),
      )
      .map(({ name }) => name);
  });
}

function failureText({ change, errno, detail }: ChangeFailure): string {
  return `Cannot ${change.type}: ${detail === undefined ? errno : `${errno} (${detail})`}`;
}
