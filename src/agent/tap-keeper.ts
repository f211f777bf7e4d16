import { hasCode, RomanaError } from "../model/index.ts";
import type { AttachmentRecord } from "../schema/index.ts";
import type { Kernel, KernelEvent, Link } from "../system/kernel.ts";
import type { Attacher } from "./attacher.ts";
import { endpointKey, type HostKnowledge } from "./host-knowledge.ts";
import type { Reconciler } from "./reconciler.ts";
import { endpointLocks, type ReleaserSite } from "./releaser.ts";
import { tapFault } from "./tap-fault.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link TapKeeper} works with. */
export interface TapKeeperOptions extends Pick<ReleaserSite, "journal" | "attachments" | "locks"> {
  readonly kernel: Pick<Kernel, "links">;
  readonly reconciler: Pick<Reconciler, "inventory" | "unwire">;
  readonly attacher: Pick<Attacher, "plug">;
  readonly knowledge: () => HostKnowledge | undefined;
  readonly timers: Timers;
  /** Endpoints were wired or unwired. */
  readonly onChange: () => void;
  /** Runs what nobody waits for. */
  readonly background: (work: Promise<unknown>, what: string) => void;
}

/** Taps are plugged in with several events, and many at a time: one look, so many milliseconds later, is enough. */
const SETTLE = 5;
/** What could not be wired is tried again after so long, then twice as long, … (milliseconds). */
const RETRY = { first: 1_000, longest: 30_000 };
/** What an agent that begins cannot wire because it does not know its host yet: after so long, then twice as long, … */
const WAIT = { first: 20, longest: 30_000 };

/**
 * Wires the endpoints of this host that say their tap themselves: whenever the tap is there. One that goes takes the
 * attachment with it, at once, so that nothing that comes by its name later is taken for it without a look.
 */
export class TapKeeper {
  readonly #options: TapKeeperOptions;
  /** Device of each endpoint that says its tap, by the endpoint's key. */
  readonly #devices = new Map<string, string>();
  readonly #problems = new Map<string, string>();
  /** Endpoints whose tap the kernel has told of. */
  readonly #noticed = new Set<string>();
  readonly #noticeAlarm: Alarm;
  readonly #retryAlarm: Alarm;
  #retries = 0;
  #waits = 0;

  constructor(options: TapKeeperOptions) {
    this.#options = options;
    this.#noticeAlarm = new Alarm(options.timers, () => {
      const keys = [...this.#noticed];
      this.#noticed.clear();
      this.follow(keys);
    });
    this.#retryAlarm = new Alarm(options.timers, () => {
      this.look();
    });
  }

  /** Sentences about taps that cannot be wired. */
  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** What went while nobody looked is no attachment any more; the kernel is not made so before. */
  begin(): void {
    const { kernel, attachments } = this.#options;
    if (attachments.all.some(({ isPlugged }) => isPlugged === true)) this.#sieve(kernel.links());
  }

  /** Looks at all taps: those that went, and those that came. */
  look(): void {
    const { knowledge, attachments } = this.#options;
    const told = [...(knowledge()?.endpoints.keys() ?? [])];
    this.follow([...told, ...this.#devices.keys(), ...attachments.all.map((a) => endpointKey(a.endpoint))]);
  }

  /** romanad has told of these endpoints; true when taps were among them. */
  follow(keys: readonly string[]): boolean {
    const { knowledge, attachments, kernel, reconciler } = this.#options;
    const isPlugged = (key: string): boolean => attachments.get(key)?.isPlugged === true;
    for (const key of keys) {
      const device = knowledge()?.endpoints.get(key)?.tap?.device;
      if (device === undefined) this.#forget(key);
      else this.#devices.set(key, device);
    }
    const concerned = [...new Set(keys)].filter((key) => this.#devices.has(key) || isPlugged(key));
    if (concerned.length === 0) return false;
    const links = kernel.links();
    this.#sieve(links);
    if (reconciler.inventory.host === undefined) {
      this.#retryAlarm.set(Math.min(WAIT.longest, WAIT.first * 2 ** this.#waits++));
      return true;
    }
    this.#waits = 0;
    const there = new Set(links.map(({ name }) => name));
    for (const key of concerned) {
      const device = this.#devices.get(key);
      if (device === undefined || attachments.get(key) !== undefined) continue;
      if (there.has(device)) this.#plug(key);
      else this.#problems.delete(key);
    }
    return true;
  }

  /** The kernel has told of something. */
  notice(event: KernelEvent): void {
    if (event.type === "overrun") this.look();
    if (event.type !== "link") return;
    const { inventory } = this.#options.reconciler;
    const { index, name } = event.link;
    const before = inventory.nameOf(index);
    if (before !== undefined && before !== name) this.#lose(before);
    const known = inventory.indexOf(name);
    if (event.action === "delete" || (known !== undefined && known !== index)) this.#lose(name);
    for (const [key, device] of this.#devices) if (device === name) this.#noticed.add(key);
    if (this.#noticed.size > 0) this.#noticeAlarm.set(SETTLE);
  }

  /** Wires nothing by itself any more. */
  close(): void {
    this.#noticeAlarm.clear();
    this.#retryAlarm.clear();
  }

  /** Lets go of attachments whose tap is not there as it was, or is not theirs any more. */
  #sieve(links: readonly Link[]): void {
    const { attachments, knowledge, reconciler } = this.#options;
    const byName = new Map(links.map((link) => [link.name, link]));
    for (const attachment of attachments.all) {
      const { target, device, endpoint, isPlugged, isReleasing } = attachment;
      if (isPlugged !== true || isReleasing || target?.kind !== "tap") continue;
      const link = byName.get(device);
      const index = reconciler.inventory.indexOf(device);
      const told = knowledge()?.endpoints.get(endpointKey(endpoint));
      // One that romanad does not know is left to whoever decides that it was released.
      const tap = told === undefined ? { device, mac: target.mac ?? "" } : told.tap;
      const isRight =
        tap?.device === device &&
        tap.mac === target.mac &&
        link !== undefined &&
        (index === undefined || index === link.index) &&
        tapFault(link, tap) === undefined;
      if (!isRight) this.#lose(device);
    }
  }

  /** The tap is gone: nobody sends by it or is reached by it, from now on. */
  #lose(device: string): void {
    const { attachments, reconciler, journal, locks, background, onChange } = this.#options;
    const attachment = attachments.onDevice(device);
    const isPlugged = attachment?.isPlugged === true && !attachment.isReleasing;
    // One that is being wired right now finds out when it is done.
    const isUnderWay = attachment === undefined && [...this.#devices.values()].includes(device);
    if (isPlugged || isUnderWay) reconciler.unwire(device);
    if (!isPlugged) return;
    const key = endpointKey(attachment.endpoint);
    attachments.remove(key);
    const forget = async (gone: AttachmentRecord): Promise<void> => {
      if (attachments.get(key) === undefined) await journal.remove(gone);
    };
    const locked = locks.run(endpointLocks(attachment.endpoint), () => forget(attachment));
    background(locked, "forget the attachment of a tap that is gone");
    onChange();
  }

  #plug(key: string): void {
    this.#options.background(this.#tryPlug(key), "wire a tap");
  }

  async #tryPlug(key: string): Promise<void> {
    const { attacher, knowledge, onChange } = this.#options;
    const endpoint = knowledge()?.endpoints.get(key);
    if (endpoint?.tap === undefined) return;
    try {
      const isNew = await attacher.plug(endpoint, () => knowledge()?.endpoints.get(key));
      this.#problems.delete(key);
      this.#retries = 0;
      if (isNew) onChange();
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      // It went again: the next event tells when it is back.
      if (hasCode(error, "not-found")) this.#problems.delete(key);
      else this.#problems.set(key, error.message);
      onChange();
      this.#retryAlarm.set(Math.min(RETRY.longest, RETRY.first * 2 ** this.#retries++));
    }
  }

  #forget(key: string): void {
    this.#devices.delete(key);
    this.#problems.delete(key);
  }
}
