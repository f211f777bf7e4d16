import {
  type Host,
  VIRTUAL_IP_TIMES,
  type VirtualIp,
  type VirtualIpRefusal,
  type VirtualIpState,
  virtualIpAddresses,
} from "../model/index.ts";
import { formatAddress, prefixContains } from "../net/index.ts";
import { selectsHost } from "../policy/index.ts";
import type { Heartbeat, HeartbeatAnswer } from "./heartbeat.ts";

/** What is there now. */
export interface LeaseWorld {
  readonly virtualIps: readonly VirtualIp[];
  readonly host: (name: string) => Host | undefined;
  readonly hosts: () => Iterable<Host>;
}

/** What shall become of a virtual IP: another holder, or its end. */
export type LeaseAction =
  | { readonly type: "move"; readonly name: string; readonly from?: string; readonly to: string }
  | { readonly type: "remove"; readonly name: string };

interface Heard extends Omit<Heartbeat, "refused"> {
  readonly at: number;
  /** When it was asked to come again, in milliseconds. */
  readonly next: number;
}

/** What the holder was last allowed. */
interface Lease {
  readonly holder: string;
  /** When; never: -Infinity. */
  readonly at: number;
  /** When the holder was chosen, so that it can be waited for; unknown: when it was first seen. */
  readonly from: number;
  readonly life?: string;
  readonly number?: number;
  /** The holder has said since that it does not have it. */
  readonly isReleased: boolean;
}

interface Refusal {
  readonly until: number;
  readonly reason: string;
}

const { beat, idleBeat, handOver, refusal: refusalTime } = VIRTUAL_IP_TIMES;
/** How many heartbeats may fail before a host is not chosen. */
const MISSES = 3;
/** How many of those that come next are to be quick. */
const STANDBYS = 2;

/**
 * Who may have which virtual IP, as far as heartbeats tell. It knows no time and no store: `now` is a monotonic clock in
 * milliseconds, and what {@link decide} finds is to be written down by the caller. No two hosts have leave for the same
 * virtual IP at times less than `handOver` apart unless the first has said that it is gone (ADR 0016).
 */
export class VirtualIpLeases {
  readonly #start: number;
  readonly #heard = new Map<string, Heard>();
  readonly #leases = new Map<string, Lease>();
  /** By host, then by virtual IP. */
  readonly #refusals = new Map<string, Map<string, Refusal>>();
  /** Since when virtual IPs have no holder. */
  readonly #orphans = new Map<string, number>();
  /** A move is being written: nobody may have it until it is known how that went. */
  readonly #moving = new Set<string>();
  #quick: ReadonlySet<string> = new Set();

  /** @param now what an earlier romanad has allowed counts as allowed until now */
  constructor(now: number) {
    this.#start = now;
  }

  /** Takes a heartbeat in; undefined when a later one of the same life has come before it. */
  beat(host: string, heartbeat: Heartbeat, world: LeaseWorld, now: number): HeartbeatAnswer | undefined {
    const before = this.#heard.get(host);
    const isSameLife = before?.life === heartbeat.life;
    if (isSameLife && heartbeat.number < before.number) return undefined;
    const { refused, ...rest } = heartbeat;
    const next = this.#quick.has(host) ? beat : idleBeat;
    this.#heard.set(host, { ...rest, at: now, next });
    this.#noteRefusals(host, refused, now);
    const hold: VirtualIp[] = [];
    let hasFreed = false;
    for (const virtualIp of world.virtualIps) {
      const { name } = virtualIp;
      if (virtualIp.holder !== host) continue;
      const lease = this.#leaseOf(virtualIp, host, now);
      if (!this.#moving.has(name) && this.#isEntitled(virtualIp, host, world, now)) {
        const { life, number } = heartbeat;
        this.#leases.set(name, { ...lease, at: now, life, number, isReleased: false });
        hold.push(virtualIp);
      } else if (isSameLife && !heartbeat.held.includes(name) && isLater(heartbeat, lease)) {
        this.#leases.set(name, { ...lease, isReleased: true });
        hasFreed ||= !lease.isReleased;
      }
    }
    return { hold, next: hold.length > 0 ? beat : next, hasFreed };
  }

  /** What shall change now. Each action is to be begun with {@link begin} and ended with {@link end}. */
  decide(world: LeaseWorld, now: number): readonly LeaseAction[] {
    const actions: LeaseAction[] = [];
    const counts = new Map<string, number>();
    for (const { holder } of world.virtualIps) {
      if (holder !== undefined) counts.set(holder, (counts.get(holder) ?? 0) + 1);
    }
    const quick = new Set<string>();
    for (const virtualIp of world.virtualIps) {
      const { name, holder } = virtualIp;
      if (this.#moving.has(name)) continue;
      const isFree = holder === undefined || this.#isFree(virtualIp, holder, now);
      if (virtualIp.deleting === true) {
        if (isFree) actions.push({ type: "remove", name });
        continue;
      }
      const ranking = this.#ranking(virtualIp, world, counts, now);
      for (const host of ranking.slice(0, STANDBYS)) quick.add(host);
      if (holder !== undefined) quick.add(holder);
      const to = isFree && this.#isWanted(virtualIp, world, now) ? ranking[0] : undefined;
      if (to === undefined) continue;
      actions.push({ type: "move", name, ...(holder !== undefined && { from: holder }), to });
      counts.set(to, (counts.get(to) ?? 0) + 1);
    }
    this.#quick = quick;
    return actions;
  }

  /** An action is about to be written: from now on nobody gets leave for the virtual IP. */
  begin({ name }: LeaseAction): void {
    this.#moving.add(name);
  }

  /** The action was written, or was not. */
  end(action: LeaseAction, isDone: boolean, now: number): void {
    const { name } = action;
    this.#moving.delete(name);
    if (!isDone) return;
    this.#orphans.delete(name);
    if (action.type === "remove") this.#leases.delete(name);
    else {
      this.#leases.set(name, {
        holder: action.to,
        at: Number.NEGATIVE_INFINITY,
        from: now,
        isReleased: false,
      });
    }
  }

  /** Forgets a host that is gone. What it was allowed stays known. */
  forget(host: string): void {
    this.#heard.delete(host);
    this.#refusals.delete(host);
  }

  /** How a virtual IP is, and why when nobody has it. */
  stateOf(
    virtualIp: VirtualIp,
    world: LeaseWorld,
    now: number,
  ): { readonly state: VirtualIpState; readonly reason?: string } {
    const { name, holder } = virtualIp;
    if (holder === undefined) return { state: "vacant", reason: this.#vacancy(virtualIp, world) };
    const heard = this.#heard.get(holder);
    const refusal = this.#refusal(holder, name, now);
    if (refusal !== undefined) return { state: "vacant", reason: `${holder}: ${refusal}` };
    if (this.#isSilent(virtualIp, holder, now)) {
      return { state: "vacant", reason: `${holder} is not heard of, and no other candidate can take it` };
    }
    if (heard === undefined || now - heard.at > MISSES * beat) {
      return { state: "moving", reason: `${holder} has not been heard of for a moment` };
    }
    if (!this.#isEntitled(virtualIp, holder, world, now)) {
      return { state: "vacant", reason: this.#vacancy(virtualIp, world) };
    }
    if (heard.held.includes(name)) return { state: "held" };
    return { state: "moving", reason: `${holder} is about to take it` };
  }

  #noteRefusals(host: string, refused: readonly VirtualIpRefusal[], now: number): void {
    if (refused.length === 0) return;
    const known = this.#refusals.get(host) ?? new Map<string, Refusal>();
    for (const { name, reason } of refused) known.set(name, { until: now + refusalTime, reason });
    this.#refusals.set(host, known);
  }

  #refusal(host: string, name: string, now: number): string | undefined {
    const refusal = this.#refusals.get(host)?.get(name);
    return refusal !== undefined && now < refusal.until ? refusal.reason : undefined;
  }

  #leaseOf({ name }: VirtualIp, holder: string, now: number): Lease {
    const known = this.#leases.get(name);
    if (known?.holder === holder) return known;
    // An earlier romanad has chosen it, or another one just now.
    const at = known === undefined ? this.#start : now;
    const lease: Lease = { holder, at, from: at, isReleased: false };
    this.#leases.set(name, lease);
    return lease;
  }

  /** True when the holder, or who was it, cannot have it in its kernel any more. */
  #isFree(virtualIp: VirtualIp, holder: string, now: number): boolean {
    const { isReleased, at } = this.#leaseOf(virtualIp, holder, now);
    return isReleased || now - at >= handOver;
  }

  #isSilent(virtualIp: VirtualIp, holder: string, now: number): boolean {
    const at = this.#heard.get(holder)?.at ?? this.#start;
    return now - Math.max(at, this.#leaseOf(virtualIp, holder, now).from) >= handOver;
  }

  /** True when it should have another holder. */
  #isWanted(virtualIp: VirtualIp, world: LeaseWorld, now: number): boolean {
    const { name, holder } = virtualIp;
    if (holder !== undefined) {
      if (this.#isSilent(virtualIp, holder, now)) return true;
      // After the start nobody has been heard of yet.
      return this.#heard.has(holder) && !this.#isEntitled(virtualIp, holder, world, now);
    }
    // All candidates hear of a new one at once; the best shall get it, not the fastest.
    const since = this.#orphans.get(name) ?? now;
    this.#orphans.set(name, since);
    return now - since >= beat;
  }

  #isEntitled(virtualIp: VirtualIp, name: string, world: LeaseWorld, now: number): boolean {
    const host = world.host(name);
    if (virtualIp.deleting === true || host === undefined || !selectsHost(virtualIp.hosts, host))
      return false;
    if (this.#refusal(name, virtualIp.name, now) !== undefined) return false;
    const subnets = this.#heard.get(name)?.subnets ?? [];
    return virtualIpAddresses(virtualIp).every((address) =>
      subnets.some((subnet) => prefixContains(subnet, address)),
    );
  }

  /** Those that can take it, the best first: who was heard of lately, has fewest, and comes first by name. */
  #ranking(
    virtualIp: VirtualIp,
    world: LeaseWorld,
    counts: ReadonlyMap<string, number>,
    now: number,
  ): readonly string[] {
    const found: { name: string; isQuick: boolean; count: number }[] = [];
    for (const [name, { at, next }] of this.#heard) {
      if (name === virtualIp.holder || now - at > next + (MISSES - 1) * beat) continue;
      if (!this.#isEntitled(virtualIp, name, world, now)) continue;
      found.push({ name, isQuick: now - at <= MISSES * beat, count: counts.get(name) ?? 0 });
    }
    return found
      .toSorted(
        (a, b) => Number(b.isQuick) - Number(a.isQuick) || a.count - b.count || (a.name < b.name ? -1 : 1),
      )
      .map(({ name }) => name);
  }

  #vacancy(virtualIp: VirtualIp, world: LeaseWorld): string {
    const candidates = [...world.hosts()].filter((host) => selectsHost(virtualIp.hosts, host));
    if (candidates.length === 0) return "no host is a candidate";
    const heard = candidates.filter(({ name }) => this.#heard.has(name));
    if (heard.length === 0) return "no candidate has been heard of";
    const texts = virtualIpAddresses(virtualIp).map(formatAddress).join(" and ");
    return `no candidate that was heard of can take it: a working device in the subnet of ${texts} is wanted, and nobody else there who uses it`;
  }
}

/** True when the heartbeat was sent after the answer that gave the lease had come, or been given up. */
function isLater({ life, number }: Heartbeat, lease: Lease): boolean {
  return lease.life !== life || lease.number === undefined || number > lease.number;
}
