import {
  type Host,
  RomanaError,
  VIRTUAL_IP_TIMES,
  type VirtualIp,
  type VirtualIpRefusal,
  type VirtualIpStatus,
  virtualIpAddresses,
} from "../model/index.ts";
import { type Address, addressBits, formatAddress, formatPrefix } from "../net/index.ts";
import { selectsHost } from "../policy/index.ts";
import type { HeartbeatAnswerResult, HeartbeatJson } from "../schema/index.ts";
import type { Kernel, Link } from "../system/kernel.ts";
import type { LinkNeighbours } from "../system/link-neighbours.ts";
import type { Heart, HeartVoice } from "./heart.ts";
import type { Log } from "./log.ts";
import type { Counter } from "./metrics.ts";
import type { Reporter } from "./reporter.ts";
import type { Timers } from "./timers.ts";
import { readUnderlay, type Underlay } from "./virtual-ip-underlay.ts";

/** What a {@link VirtualIpHolder} works with. */
export interface VirtualIpHolderOptions {
  /** The name of this host. */
  readonly host: string;
  readonly kernel: Pick<Kernel, "links" | "addresses" | "apply">;
  readonly neighbours: LinkNeighbours;
  readonly heart: Pick<Heart, "soon">;
  readonly timers: Timers;
  readonly log: Log;
  /** Counts `taken`, `given-up`, `lapsed` and `refused`. */
  readonly counter: Counter;
  /** Told when the status may be another one. */
  readonly reporter: Pick<Reporter, "notice">;
}

/** An address of ours that may be in the kernel. */
interface Own {
  /** Of its virtual IP; unknown when an earlier life has left it. */
  readonly name?: string;
  readonly link: Link;
  readonly address: Address;
  /** Until when romanad allows it, by the monotonic clock in milliseconds. */
  readonly until: number;
}

const { beat, slack, lifetime } = VIRTUAL_IP_TIMES;
const LEASE = slack + lifetime * 1000;
/** How long it counts that nobody on the link has an address, in milliseconds. */
const CLEAR_FOR = 1_000;
/** When an address is announced, in milliseconds after it was taken. */
const ANNOUNCEMENTS = [0, 500, 1_500];

/**
 * Has virtual IPs in the kernel for as long as romanad has just said that it may, and never longer (ADR 0016). It reads the
 * kernel before each heartbeat, and asks the link before it takes an address.
 */
export class VirtualIpHolder implements HeartVoice {
  readonly #options: VirtualIpHolderOptions;
  /** By address. */
  readonly #own = new Map<string, Own>();
  /** When the link was found free of an address. */
  readonly #clear = new Map<string, number>();
  readonly #asking = new Set<string>();
  readonly #refusals = new Map<string, { readonly reason: string; isTold: boolean }>();
  #known: readonly VirtualIp[] = [];
  #isCandidate = false;
  #interest = "";
  /** romanad is still to hear that something was given up. */
  #owesNews = false;
  /** As it was when the last heartbeat was prepared. */
  #underlay: Underlay;
  /** What the heartbeat under way tells. */
  #telling: { readonly refused: readonly { isTold: boolean }[]; readonly owed: boolean } = {
    refused: [],
    owed: false,
  };
  #isClosed = false;

  constructor(options: VirtualIpHolderOptions) {
    this.#options = options;
    const until = options.timers.monotonic() + LEASE;
    this.#underlay = readUnderlay(options.kernel);
    for (const { link, address } of this.#underlay.leased) {
      this.#own.set(formatAddress(address), { link, address, until });
    }
  }

  /** Takes in which virtual IPs there are, and who this host is, as romanad has told in this life. */
  follow(virtualIps: readonly VirtualIp[], ownHost: Host | undefined): void {
    const { host } = this.#options;
    this.#known = virtualIps;
    const candidacies =
      ownHost === undefined ? [] : virtualIps.filter(({ hosts }) => selectsHost(hosts, ownHost));
    this.#isCandidate = candidacies.length > 0;
    const may = new Set(
      candidacies
        .filter(({ holder }) => holder === host)
        .flatMap((mine) => virtualIpAddresses(mine).map(formatAddress)),
    );
    this.#drop(
      [...this.#own.keys()].filter((key) => !may.has(key)),
      "given-up",
    );
    for (const name of this.#refusals.keys()) {
      if (!candidacies.some((mine) => mine.name === name && mine.holder === host))
        this.#refusals.delete(name);
    }
    const interest = JSON.stringify(candidacies.map(({ name, holder }) => [name, holder === host]));
    if (interest === this.#interest) return;
    this.#interest = interest;
    this.#options.reporter.notice();
    this.#soon();
  }

  /** Virtual IPs that this host is to hold, or still has. */
  status(): readonly VirtualIpStatus[] {
    const { host } = this.#options;
    return this.#known.flatMap((virtualIp): VirtualIpStatus[] => {
      const { name, holder } = virtualIp;
      const own = virtualIpAddresses(virtualIp).map((address) => this.#own.get(formatAddress(address)));
      const device = own.find((one) => one !== undefined)?.link.name;
      const refusal = this.#refusals.get(name);
      if (refusal !== undefined) return [{ name, state: "refused", reason: refusal.reason }];
      if (!own.includes(undefined) && device !== undefined) return [{ name, state: "held", device }];
      return holder === host ? [{ name, state: "taking" }] : [];
    });
  }

  /** Sentences for people. */
  get problems(): readonly string[] {
    return [...this.#refusals].map(([name, { reason }]) => `Cannot hold virtual IP "${name}": ${reason}`);
  }

  /** How many addresses are in the kernel. */
  get held(): number {
    return this.#own.size;
  }

  /** Takes nothing any more; what is in the kernel ends by itself. */
  close(): void {
    this.#isClosed = true;
  }

  prepare(): boolean {
    this.#underlay = readUnderlay(this.#options.kernel);
    this.#compare(this.#underlay);
    return this.#isCandidate || this.#own.size > 0 || this.#owesNews;
  }

  words(): Partial<HeartbeatJson> {
    const refused = [...this.#refusals].filter(([, { isTold }]) => !isTold);
    this.#telling = { refused: refused.map(([, refusal]) => refusal), owed: this.#owesNews };
    this.#owesNews = false;
    return {
      subnets: this.#underlay.subnets.map(({ prefix }) => formatPrefix(prefix)),
      held: this.#heldNames(),
      refused: refused.map(([name, { reason }]): VirtualIpRefusal => ({ name, reason })),
    };
  }

  heard(answer: HeartbeatAnswerResult, sent: number): void {
    for (const refusal of this.#telling.refused) refusal.isTold = true;
    if (!this.#isClosed) this.#take(answer, sent);
  }

  rest(hasFailed: boolean): void {
    if (hasFailed) this.#owesNews ||= this.#telling.owed;
    this.#dropLapsed();
  }

  get hasNews(): boolean {
    return this.#owesNews;
  }

  get pace(): number | undefined {
    return this.#own.size > 0 ? beat : undefined;
  }

  #soon(): void {
    if (!this.#isClosed) this.#options.heart.soon();
  }

  /** Forgets what the kernel has not any more. */
  #compare({ leased }: Underlay): void {
    const there = new Set(leased.map(({ address }) => formatAddress(address)));
    for (const [key, { name }] of this.#own) {
      if (there.has(key)) continue;
      this.#own.delete(key);
      this.#note("lapsed", name, key, "a virtual IP is not in the kernel any more");
    }
    this.#dropLapsed();
  }

  #heldNames(): string[] {
    const names = [...this.#own].flatMap(([key, { name }]) => name ?? this.#nameOf(key) ?? []);
    return [...new Set(names)];
  }

  #nameOf(key: string): string | undefined {
    return this.#known.find((one) =>
      virtualIpAddresses(one).some((address) => formatAddress(address) === key),
    )?.name;
  }

  /** Makes the kernel as the answer to a heartbeat says that was sent at that time. */
  #take({ hold }: HeartbeatAnswerResult, sent: number): void {
    const { timers, kernel, host } = this.#options;
    // What has been said since by the watch is newer.
    const mine = hold.filter(({ name }) => this.#known.find((one) => one.name === name)?.holder === host);
    const may = new Set(mine.flatMap((one) => virtualIpAddresses(one).map(formatAddress)));
    this.#drop(
      [...this.#own.keys()].filter((key) => !may.has(key)),
      "given-up",
    );
    const until = sent + LEASE;
    if (timers.monotonic() + 1000 > until || mine.length === 0) return;
    const underlay = readUnderlay(kernel);
    for (const { name, addresses } of mine) {
      for (const address of virtualIpAddresses({ addresses })) {
        const key = formatAddress(address);
        const own = this.#own.get(key);
        if (own !== undefined) this.#lease({ ...own, name, until });
        else this.#acquire(name, address, until, underlay);
      }
    }
  }

  #acquire(name: string, address: Address, until: number, underlay: Underlay): void {
    const key = formatAddress(address);
    const subnet = underlay.subnetOf(address);
    if (underlay.hasOfOthers(address)) {
      this.#refuse(name, `${key} is an address of this machine already, and not as a virtual IP`);
    } else if (subnet === undefined) {
      this.#refuse(name, `no working device of this machine is in a subnet with ${key}`);
    } else if (
      this.#options.timers.monotonic() - (this.#clear.get(key) ?? Number.NEGATIVE_INFINITY) >
      CLEAR_FOR
    ) {
      void this.#ask(name, subnet.link, address);
    } else if (this.#lease({ name, link: subnet.link, address, until })) {
      this.#clear.delete(key);
      this.#refusals.delete(name);
      this.#note("taken", name, key, "took a virtual IP");
      for (const after of ANNOUNCEMENTS) this.#announce(key, after);
      this.#options.reporter.notice();
    }
  }

  /** Asks the link who has the address, and tells romanad if somebody has. */
  async #ask(name: string, link: Link, address: Address): Promise<void> {
    const key = formatAddress(address);
    if (this.#asking.has(key)) return;
    this.#asking.add(key);
    try {
      const user = await this.#options.neighbours.whoHas(link, address);
      if (user === undefined) this.#clear.set(key, this.#options.timers.monotonic());
      else this.#refuse(name, `${user} on the link of ${link.name} has ${key}`);
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#refuse(name, error.message);
    } finally {
      this.#asking.delete(key);
    }
    this.#soon();
  }

  /**
   * Gives an address a lifetime that ends in time. The clock is looked at again afterwards: this process may have been stopped
   * in between. False when it is not in the kernel now.
   */
  #lease(own: Own): boolean {
    const { kernel, timers } = this.#options;
    const { name = "", link, address, until } = own;
    const key = formatAddress(address);
    const place = { link: link.index, address, prefixLength: addressBits(address.family) };
    for (;;) {
      const seconds = Math.min(lifetime, Math.floor((until - timers.monotonic()) / 1000));
      if (seconds < 1) break;
      this.#own.set(key, own);
      const [failure] = kernel.apply([{ type: "lease-address", address: place, seconds }]);
      if (failure !== undefined) {
        this.#refuse(name, `the kernel refuses ${key} on ${link.name}: ${failure.errno}`);
        break;
      }
      if (timers.monotonic() + seconds * 1000 <= until) return true;
    }
    this.#drop([key], "lapsed");
    return false;
  }

  #dropLapsed(): void {
    const now = this.#options.timers.monotonic();
    this.#drop(
      [...this.#own].filter(([, { until }]) => until <= now).map(([key]) => key),
      "lapsed",
    );
  }

  /** Takes addresses out of the kernel. One that the kernel does not delete ends by itself, and is told as held until then. */
  #drop(keys: readonly string[], event: "given-up" | "lapsed"): void {
    for (const key of keys) {
      const own = this.#own.get(key);
      if (own === undefined) continue;
      const { link, address, name } = own;
      const place = { link: link.index, address, prefixLength: addressBits(address.family) };
      const [failure] = this.#options.kernel.apply([{ type: "delete-address", address: place }]);
      if (failure !== undefined) continue;
      this.#own.delete(key);
      this.#note(event, name, key, "a virtual IP is not here any more");
      this.#owesNews = true;
      this.#soon();
    }
  }

  #refuse(name: string, reason: string): void {
    if (this.#refusals.get(name)?.reason !== reason) {
      this.#options.counter.add("refused");
      this.#options.log.warn({ virtualIp: name, reason }, "cannot hold a virtual IP");
      this.#options.reporter.notice();
    }
    this.#refusals.set(name, { reason, isTold: false });
    this.#soon();
  }

  #announce(key: string, after: number): void {
    const { neighbours, timers, log } = this.#options;
    timers.after(after, () => {
      const own = this.#own.get(key);
      if (own === undefined || this.#isClosed) return;
      try {
        neighbours.announce(own.link, own.address);
      } catch (error) {
        if (!(error instanceof RomanaError)) throw error;
        log.warn({ error: error.message, address: key }, "cannot announce a virtual IP");
      }
    });
  }

  #note(
    event: "taken" | "given-up" | "lapsed",
    name: string | undefined,
    address: string,
    message: string,
  ): void {
    this.#options.counter.add(event);
    this.#options.log.info({ virtualIp: name, address, event }, message);
    this.#options.reporter.notice();
  }
}
