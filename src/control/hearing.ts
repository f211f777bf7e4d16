/** Whether a host works, as far as it is heard of. */
export type HostState =
  | "heard"
  | "silent"
  /** Too early to tell, or romanad hears nobody: what was so stays so. */
  | "unknown";

/** Times of heartbeats that tell of health, in milliseconds. */
export const HEARING_TIMES = {
  /** Between two heartbeats of a host with endpoints that flows are steered to. */
  beat: 2_000,
  /** A host that is not heard of for so long is silent. */
  silence: 6_000,
  /** When nobody was heard of for so long, romanad is deaf: the hosts are not to blame. */
  deafness: 3_000,
} as const;

interface Heard {
  readonly at: number;
  /** Healthy endpoints, as the heartbeat named them. */
  readonly healthy: ReadonlySet<string>;
  readonly text: string;
}

/** What heartbeats tell of hosts and their endpoints. It knows no time: `now` is a monotonic clock in milliseconds. */
export class Hearing {
  readonly #hosts = new Map<string, Heard>();
  /** Since when hosts are heard of without a break. */
  #since = Number.NEGATIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;

  /** Takes a heartbeat in; true when it says something new. */
  take(host: string, healthy: readonly string[], now: number): boolean {
    const before = this.#hosts.get(host);
    const isNew = this.stateOf(host, now) !== "heard";
    if (now - this.#latest > HEARING_TIMES.deafness) this.#since = now;
    this.#latest = now;
    const text = healthy.join();
    const isSame = before?.text === text;
    this.#hosts.set(host, { at: now, healthy: isSame ? before.healthy : new Set(healthy), text });
    return isNew || !isSame;
  }

  /** Forgets a host that is gone. */
  forget(host: string): void {
    this.#hosts.delete(host);
  }

  /** After a start, and after nobody was heard of, all hosts get the time to speak before they count as silent. */
  stateOf(host: string, now: number): HostState {
    const at = this.#hosts.get(host)?.at ?? Number.NEGATIVE_INFINITY;
    if (now - at < HEARING_TIMES.silence) return "heard";
    if (now - this.#latest > HEARING_TIMES.deafness) return "unknown";
    return now - this.#since >= HEARING_TIMES.silence ? "silent" : "unknown";
  }

  /** True when the last heartbeat of the host named the endpoint. */
  isHealthy(host: string, endpoint: string): boolean {
    return this.#hosts.get(host)?.healthy.has(endpoint) ?? false;
  }
}
