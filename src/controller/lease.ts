import type { Sleep } from "../client/index.ts";
import { hasCode, RomanaError } from "../model/index.ts";
import type { ApiServer } from "./api-server.ts";
import type { Log } from "./log.ts";

/** What an {@link Elector} works with. Times are in milliseconds. */
export interface ElectorOptions {
  readonly api: Pick<ApiServer, "call">;
  readonly namespace: string;
  readonly name: string;
  /** Who we are; unique over all that may lead. */
  readonly identity: string;
  /** After so long without a sign of life of the leader another one takes over. */
  readonly duration: number;
  readonly log: Log;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly random: () => number;
}

/** A leader that could not renew for this part of the duration leads no more: before anybody else does. */
const RENEW_SHARE = 2 / 3;
/** How often the lease is looked at or renewed, as a part of the duration. */
const RETRY_SHARE = 1 / 6;

interface Lease {
  readonly metadata: object & { readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/**
 * One of several leads: whoever holds a Lease (coordination.k8s.io/v1). Whether another's has run out is measured on our own
 * clock, from when we saw it renewed: clocks of different machines are never compared.
 */
export class Elector {
  readonly #options: ElectorOptions;
  /** What another wrote last, and when we saw it first. */
  #seen: { readonly text: string; readonly at: number } | undefined;
  #isLeading = false;

  constructor(options: ElectorOptions) {
    this.#options = options;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /**
   * Waits until we lead, then runs `lead`, whose signal aborts when we may not lead any more; and so on until the signal
   * aborts. Gives the lease back at the end, so that another one takes over at once.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { log, identity, now } = this.#options;
    while (!signal.aborted) {
      const since = now();
      if (!(await this.#tryHold(signal))) {
        await this.#pause(signal);
        continue;
      }
      log.info({ identity }, "leading");
      const lost = new AbortController();
      const both = AbortSignal.any([signal, lost.signal]);
      this.#isLeading = true;
      const leading = lead(both).finally(() => {
        lost.abort();
      });
      // Its failure is told below, once renewing has ended.
      leading.catch(() => undefined);
      await this.#renew(since, both);
      this.#isLeading = false;
      lost.abort();
      await leading;
      log.info({ identity }, "leading no more");
      if (signal.aborted) await this.#release();
    }
  }

  /** Renews until that fails for too long, or the signal aborts. `since`: when the last renewal that worked began. */
  async #renew(since: number, signal: AbortSignal): Promise<void> {
    const { now, duration, log } = this.#options;
    let renewed = since;
    while (!signal.aborted) {
      await this.#pause(signal);
      const at = now();
      const left = renewed + duration * RENEW_SHARE - at;
      if (left <= 0) {
        log.error({}, "the lease could not be renewed in time");
        return;
      }
      if (signal.aborted) return;
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(left))]);
      const held = await this.#tryHold(deadline);
      if (held) renewed = at;
      else if (held === false) {
        log.error({}, "another one holds the lease");
        return;
      }
    }
  }

  /** True: it is ours now. False: it is another's. Undefined: nobody knows, since the API server is away. */
  async #tryHold(signal: AbortSignal): Promise<boolean | undefined> {
    const { api, now, log, name, namespace, identity, duration } = this.#options;
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const timeout = duration * RETRY_SHARE * 2;
    try {
      const lease = await this.#read(`${path}/${name}`, signal, timeout);
      const time = new Date(now()).toISOString().replace("Z", "000Z");
      const spec = {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(duration / 1000),
        renewTime: time,
      };
      if (lease === undefined) {
        const body = leaseOf({ name, namespace }, { ...spec, acquireTime: time, leaseTransitions: 0 });
        await api.call({ method: "POST", path, body, signal, timeout });
        return true;
      }
      const { holderIdentity, acquireTime, leaseTransitions } = lease.spec ?? {};
      const isOurs = holderIdentity === identity;
      if (!isOurs && !this.#hasRunOut(lease)) return false;
      const body = leaseOf(lease.metadata, {
        ...spec,
        acquireTime: isOurs ? (acquireTime ?? time) : time,
        leaseTransitions: (leaseTransitions ?? 0) + (isOurs ? 0 : 1),
      });
      await api.call({ method: "PUT", path: `${path}/${name}`, body, signal, timeout });
      return true;
    } catch (error) {
      // Another one was faster.
      if (hasCode(error, "conflict")) return this.#isLeading ? undefined : false;
      if (!(error instanceof RomanaError)) throw error;
      if (!signal.aborted) log.warn({ err: error }, "the lease cannot be read or written");
      return undefined;
    }
  }

  async #read(path: string, signal: AbortSignal, timeout: number): Promise<Lease | undefined> {
    try {
      return (await this.#options.api.call({ method: "GET", path, signal, timeout })) as Lease;
    } catch (error) {
      if (hasCode(error, "not-found")) return undefined;
      throw error;
    }
  }

  #hasRunOut({ spec = {} }: Lease): boolean {
    if ((spec.holderIdentity ?? "") === "") return true;
    const text = `${spec.holderIdentity} ${spec.renewTime ?? ""}`;
    const now = this.#options.now();
    if (this.#seen?.text !== text) this.#seen = { text, at: now };
    const duration = (spec.leaseDurationSeconds ?? 0) * 1000 || this.#options.duration;
    return now - this.#seen.at >= duration;
  }

  async #release(): Promise<void> {
    const { api, name, namespace, identity, duration } = this.#options;
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
    const signal = AbortSignal.timeout(duration * RENEW_SHARE);
    try {
      const lease = await this.#read(path, signal, duration);
      if (lease?.spec?.holderIdentity !== identity) return;
      const body = leaseOf(lease.metadata, { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 });
      await api.call({ method: "PUT", path, body, signal });
    } catch (error) {
      // It runs out by itself.
      if (!(error instanceof RomanaError)) throw error;
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { sleep, duration, random } = this.#options;
    await sleep(duration * RETRY_SHARE * (0.8 + 0.4 * random()), signal).catch(() => undefined);
  }
}

function leaseOf(metadata: object, spec: object): object {
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
}
