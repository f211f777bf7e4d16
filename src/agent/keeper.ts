import type { RouteStatus } from "../model/index.ts";
import type { KernelEvent } from "../system/kernel.ts";
import { suspect } from "./drift.ts";
import type { Cause, Outcome } from "./reconcile-run.ts";
import type { Reconciler } from "./reconciler.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link Keeper} works with. */
export interface KeeperOptions {
  readonly reconciler: Reconciler;
  readonly timers: Timers;
  /** Looks at least so often, in milliseconds: for what the kernel sends no events about. */
  readonly lookEvery?: number;
  /** Told what every look at the kernel found, and the seconds that a look at everything took. */
  readonly onOutcome: (outcome: Outcome, cause: Cause, seconds?: number) => void;
}

/** Events come in bursts: one look, so many milliseconds after the first of them, is enough for all. */
const SETTLE = 5;
/** What the kernel refused is tried again after so long, then twice as long, … (milliseconds). */
const RETRY = { first: 1_000, longest: 30_000 };
/** Events that may make a refused change possible cause a look at most this often. */
const RETRY_SETTLE = 500;
/** Sysctls of so many devices are looked at in one go. */
const SYSCTL_SLICE = 50;

/** Keeps the kernel as it should be: looks when an event is suspicious, when told to, and when time is up. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #devices = new Set<string>();
  readonly #lookAlarm: Alarm;
  readonly #retryAlarm: Alarm;
  readonly #everyAlarm: Alarm;
  readonly #sysctlFailures = new Map<string, readonly string[]>();
  #last: Outcome = { routes: [], failures: [], repaired: [] };
  #routes: { readonly of: Outcome["routes"]; readonly routes: readonly RouteStatus[] } = {
    of: [],
    routes: [],
  };
  #isHostSuspect = false;
  #isDrift = false;
  #retries = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#lookAlarm = new Alarm(options.timers, () => {
      this.#look();
    });
    this.#everyAlarm = new Alarm(options.timers, () => {
      this.reconcile("drift");
    });
    this.#retryAlarm = new Alarm(options.timers, () => {
      this.reconcile("desired");
    });
  }

  /** The routes after the last look; the same list as long as no look has found others. */
  get routes(): readonly RouteStatus[] {
    if (this.#routes.of !== this.#last.routes) {
      const routes = this.#last.routes.map(({ route, state }) => ({ ...route, state }));
      this.#routes = { of: this.#last.routes, routes };
    }
    return this.#routes.routes;
  }

  /** What the kernel refuses. */
  get failures(): readonly string[] {
    return [...this.#last.failures, ...[...this.#sysctlFailures.values()].flat()];
  }

  /** Judges one event; a suspicious one causes a look soon. */
  notice(event: KernelEvent): void {
    const { reconciler } = this.#options;
    if (event.type === "address" && event.action === "new") reconciler.inventory.noteAddress(event.address);
    const suspicion = suspect(event, reconciler.inventory);
    if (event.type === "link" && event.link.up) reconciler.inventory.noteUp(event.link.index);
    switch (suspicion?.kind) {
      case undefined:
        return;
      case "everything":
        for (const { device } of reconciler.inventory.endpoints) this.#devices.add(device);
        this.#isHostSuspect = true;
        this.#isDrift = true;
        break;
      case "drift":
        this.#isDrift = true;
        break;
      case "sysctls":
        if (suspicion.device === undefined) this.#isHostSuspect = true;
        else this.#devices.add(suspicion.device);
        break;
      case "retry":
        if (this.#last.failures.length > 0) this.#retryAlarm.set(RETRY_SETTLE);
        return;
    }
    this.#lookAlarm.set(SETTLE);
  }

  /** Looks at everything but the sysctls of endpoints now. */
  reconcile(cause: Cause): Outcome {
    const start = performance.now();
    const outcome = this.#options.reconciler.reconcile(cause);
    this.#last = outcome;
    this.#options.onOutcome(outcome, cause, (performance.now() - start) / 1000);
    this.#plan(outcome);
    this.#everyAlarm.clear();
    if (this.#options.lookEvery !== undefined) this.#everyAlarm.set(this.#options.lookEvery);
    return outcome;
  }

  /** Looks at the sysctls of all endpoints, a slice at a time so that nobody waits for long. */
  async reconcileSysctls(): Promise<void> {
    const devices = this.#options.reconciler.inventory.endpoints.map(({ device }) => device);
    for (let start = 0; start < devices.length; start += SYSCTL_SLICE) {
      for (const device of devices.slice(start, start + SYSCTL_SLICE)) this.#checkDevice(device);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Stops looking by itself. */
  close(): void {
    this.#lookAlarm.clear();
    this.#retryAlarm.clear();
    this.#everyAlarm.clear();
  }

  #look(): void {
    const devices = [...this.#devices];
    this.#devices.clear();
    for (const device of devices) this.#checkDevice(device);
    if (this.#isHostSuspect) this.#checkSysctls("host", this.#options.reconciler.inventory.hostSysctls);
    this.#isHostSuspect = false;
    if (!this.#isDrift) return;
    this.#isDrift = false;
    this.reconcile("drift");
  }

  #checkDevice(device: string): void {
    const { reconciler } = this.#options;
    const endpoint = reconciler.inventory.endpointOf(device);
    if (endpoint === undefined) this.#sysctlFailures.delete(device);
    else if (reconciler.inventory.indexOf(device) !== undefined) this.#checkSysctls(device, endpoint.sysctls);
  }

  #checkSysctls(owner: string, values: ReadonlyMap<string, string>): void {
    const outcome = this.#options.reconciler.reconcileSysctls("drift", values);
    if (outcome.failures.length === 0) this.#sysctlFailures.delete(owner);
    else this.#sysctlFailures.set(owner, outcome.failures);
    this.#options.onOutcome(outcome, "drift");
    if (outcome.again === undefined) return;
    if (owner === "host") this.#isHostSuspect = true;
    else this.#devices.add(owner);
    this.#lookAlarm.set(outcome.again);
  }

  /** Comes back to what was left alone or refused. */
  #plan({ again, failures }: Outcome): void {
    if (again !== undefined) {
      this.#isDrift = true;
      this.#lookAlarm.set(again);
    }
    this.#retryAlarm.clear();
    if (failures.length === 0) this.#retries = 0;
    else this.#retryAlarm.set(Math.min(RETRY.longest, RETRY.first * 2 ** this.#retries++));
  }
}
