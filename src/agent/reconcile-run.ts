import { RomanaError } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import type { Kernel } from "../system/kernel.ts";
import type { Damper } from "./damper.ts";
import type { DriftKind, Repair, RouteFinding } from "./network-diff.ts";

/** Why the kernel is looked at: what should be has changed, or what is may have. */
export type Cause = "desired" | "drift";

/** One thing that was found changed by others and mended. */
export interface Repaired {
  readonly kind: DriftKind;
  readonly item: string;
}

/** What is true after a look at the kernel. */
export interface Outcome {
  /** The routes of the host as they were found; those that were then made count as present. */
  readonly routes: readonly RouteFinding[];
  /** Sentences about what the kernel refused. */
  readonly failures: readonly string[];
  readonly repaired: readonly Repaired[];
  /** Milliseconds until what was left alone, because somebody keeps changing it, may be mended again. */
  readonly again?: number;
}

/** What changes are made with. */
export interface RunOptions {
  readonly kernel: Kernel;
  readonly damper: Damper;
  /** The time in milliseconds. */
  readonly now: () => number;
}

/** Makes changes, goes on after failures, and remembers what came of it. */
export class Run {
  readonly #options: RunOptions;
  readonly #cause: Cause;
  readonly #repaired: Repaired[] = [];
  readonly #failures = new Map<string, string>();
  readonly #deferred = new Map<string, number>();

  constructor(options: RunOptions, cause: Cause) {
    this.#options = options;
    this.#cause = cause;
  }

  /** True when the thing may be mended now; drift is counted, and damped when it comes again and again. */
  may(kind: DriftKind, item: string): boolean {
    if (this.#cause === "desired") return true;
    const { damper, now } = this.#options;
    if (this.#repaired.some((other) => other.item === item)) return true;
    const wait = damper.wait(item, now());
    if (wait > 0) {
      this.#deferred.set(item, wait);
      return false;
    }
    damper.record(item, now());
    this.#repaired.push({ kind, item });
    return true;
  }

  /** Runs an action; a refusal is noted. True when it worked. */
  attempt(item: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#failures.set(item, error.message);
      return false;
    }
  }

  /** Notes what cannot be. */
  fail(item: string, reason: string): void {
    this.#failures.set(item, reason);
  }

  /** Makes those changes that may be made, in order. */
  apply(repairs: readonly Repair[]): void {
    const allowed = repairs.filter(({ kind, item }) => this.may(kind, item));
    if (allowed.length === 0) return;
    const byChange = new Map(allowed.map((repair) => [repair.change, repair.item]));
    for (const { change, errno, detail } of this.#options.kernel.apply(
      allowed.map((repair) => repair.change),
    )) {
      const item = byChange.get(change) ?? change.type;
      const reason = detail === undefined ? errno : `${errno} (${detail})`;
      this.#failures.set(item, `Cannot ${VERBS[change.type]} ${item}: ${reason}`);
    }
  }

  /** What came of it all; `routes` as they were found before. */
  outcome(routes: readonly RouteFinding[]): Outcome {
    const again = Math.min(...this.#deferred.values());
    const isPresent = routes.every(({ state }) => state === "present");
    return {
      routes: isPresent ? routes : routes.map((finding) => this.#made(finding)),
      failures: [...this.#failures.values()],
      repaired: this.#repaired,
      ...(Number.isFinite(again) && { again }),
    };
  }

  #made({ route, state }: RouteFinding): RouteFinding {
    const item = `route ${formatPrefix(route.destination)}`;
    const isLeft = this.#failures.has(item) || this.#deferred.has(item);
    return { route, state: isLeft ? state : "present" };
  }
}

const VERBS: Readonly<Record<Repair["change"]["type"], string>> = {
  "add-link": "make",
  "delete-link": "delete",
  "set-link-up": "set up",
  "add-address": "add",
  "lease-address": "lease",
  "delete-address": "delete",
  "replace-route": "set",
  "delete-route": "delete",
  "add-rule": "add",
  "delete-rule": "delete",
  "add-proxy-neighbour": "add",
  "delete-proxy-neighbour": "delete",
};
