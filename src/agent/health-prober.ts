import type { HealthCheck } from "../model/index.ts";
import { type Address, formatAddress } from "../net/index.ts";
import { Alarm, type Timers } from "./timers.ts";

/** One look whether an endpoint answers, from an address of this host. */
export interface Probe {
  readonly protocol: HealthCheck["protocol"];
  readonly address: Address;
  /** `icmp` has none. */
  readonly port?: number;
  /** Of an HTTP request. */
  readonly path?: string;
  readonly source: Address;
  /** Milliseconds until no answer is one. */
  readonly timeout: number;
}

/** Makes a probe; true when the endpoint has answered well in time. Never fails. */
export type Prober = (probe: Probe) => Promise<boolean>;

/** An endpoint of this host that checks are made of. */
export interface HealthTarget {
  /** What heartbeats call it. */
  readonly key: string;
  readonly address: Address;
  readonly source: Address;
  /** All have to hold; a port that is not known never answers. */
  readonly checks: readonly (Omit<HealthCheck, "port"> & { readonly port?: number })[];
  /** What is thought of it before the first probe; asked when it is new. */
  readonly wasHealthy: () => boolean;
}

/** What a {@link HealthProber} works with. */
export interface HealthProberOptions {
  readonly probe: Prober;
  readonly timers: Timers;
  /** Told when {@link HealthProber.healthy} is another list. */
  readonly onChange: () => void;
}

/** Looks again and again whether the endpoints of this host that have checks work. */
export class HealthProber {
  readonly #options: HealthProberOptions;
  readonly #watches = new Map<string, { readonly text: string; readonly checks: readonly Watch[] }>();

  constructor(options: HealthProberOptions) {
    this.#options = options;
  }

  /** These are the endpoints now. What is the same goes on as it was. */
  follow(targets: readonly HealthTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.key, target]));
    const before = this.healthy.join();
    for (const [key, target] of wanted) {
      const text = textOf(target);
      const known = this.#watches.get(key);
      if (known?.text === text) continue;
      // Of an endpoint with other checks it is true for now what was true by the old ones.
      const wasHealthy = known === undefined ? target.wasHealthy() : isHealthy(known.checks);
      stop(known?.checks);
      const checks = target.checks.map((check) => this.#watch(target, check, wasHealthy));
      this.#watches.set(key, { text, checks });
    }
    for (const [key, { checks }] of this.#watches) {
      if (wanted.has(key)) continue;
      stop(checks);
      this.#watches.delete(key);
    }
    if (this.healthy.join() !== before) this.#options.onChange();
  }

  /** Keys of the endpoints that pass all their checks, sorted. */
  get healthy(): readonly string[] {
    return [...this.#watches].flatMap(([key, { checks }]) => (isHealthy(checks) ? [key] : [])).toSorted();
  }

  /** Looks no more. */
  close(): void {
    for (const { checks } of this.#watches.values()) stop(checks);
    this.#watches.clear();
  }

  #watch(
    { address, source }: HealthTarget,
    check: HealthTarget["checks"][number],
    wasHealthy: boolean,
  ): Watch {
    const { protocol, port, path, timeout } = check;
    const probe: Probe = {
      protocol,
      address,
      source,
      timeout,
      ...(port !== undefined && { port }),
      ...(path !== undefined && { path }),
    };
    return new Watch(check, probe, wasHealthy, this.#options);
  }
}

/** One check of one endpoint. */
class Watch {
  readonly #check: HealthTarget["checks"][number];
  readonly #probe: Probe;
  readonly #options: HealthProberOptions;
  readonly #alarm: Alarm;
  isHealthy: boolean;
  /** Results in a row that say the opposite. */
  #doubts = 0;
  #isFirst = true;
  #isStopped = false;

  constructor(
    check: HealthTarget["checks"][number],
    probe: Probe,
    wasHealthy: boolean,
    options: HealthProberOptions,
  ) {
    this.#check = check;
    this.#probe = probe;
    this.#options = options;
    this.isHealthy = wasHealthy;
    this.#alarm = new Alarm(options.timers, () => void this.#look());
    this.#alarm.set(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#alarm.clear();
  }

  /** The next probe is `interval` after this one began, and never before this one is over. */
  async #look(): Promise<void> {
    const { probe, timers, onChange } = this.#options;
    const { interval, failures, successes } = this.#check;
    const began = timers.monotonic();
    const hasAnswered = await probe(this.#probe);
    if (this.#isStopped) return;
    this.#doubts = hasAnswered === this.isHealthy ? 0 : this.#doubts + 1;
    // One that nothing was known of works as soon as it answers.
    const enough = this.#isFirst && hasAnswered ? 1 : hasAnswered ? successes : failures;
    this.#isFirst = false;
    if (this.#doubts >= enough) {
      this.isHealthy = hasAnswered;
      this.#doubts = 0;
      onChange();
    }
    this.#alarm.set(Math.max(0, began + interval - timers.monotonic()));
  }
}

function isHealthy(checks: readonly Watch[]): boolean {
  return checks.every((check) => check.isHealthy);
}

function stop(checks: readonly Watch[] = []): void {
  for (const check of checks) check.stop();
}

/** Text that is equal for targets that are looked at in the same way. */
function textOf({ address, source, checks }: HealthTarget): string {
  return JSON.stringify([formatAddress(address), formatAddress(source), checks]);
}
