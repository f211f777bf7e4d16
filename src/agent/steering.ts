import type { KernelEvent } from "../system/kernel.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import { Alarm, type Timers } from "./timers.ts";

/**
 * One thing that decides where flows go on this host, in a table of its own (ADR 0004). What the kernel refuses is no exception but a
 * problem, and is tried again by the part itself.
 */
export interface SteeringPart {
  /** Makes the kernel as follows from what is known now; does nothing when that is what it was made from last. */
  follow(knowledge: HostKnowledge): void;
  /** Judges one event of the kernel. */
  notice(event: KernelEvent): void;
  /** Looks at everything of its own in the kernel, and mends it. */
  look(): void;
  /** Sentences for people. */
  readonly problems: readonly string[];
  /** Stops; what is in the kernel stays. */
  close(): void;
}

/** What a {@link Steering} works with. */
export interface SteeringOptions {
  /** In the order in which they follow. */
  readonly parts: readonly SteeringPart[];
  readonly timers: Timers;
  /** What is known now; undefined while nothing is. */
  readonly knowledge: () => HostKnowledge | undefined;
}

/** News come in bursts: one derivation, so many milliseconds after the first of them, is enough for all. */
const SETTLE = 5;

/** Everything that steers flows on this host. It follows what is known, and mends what others change. */
export class Steering {
  readonly #options: SteeringOptions;
  readonly #alarm: Alarm;

  constructor(options: SteeringOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => {
      this.#follow();
    });
  }

  /** Something may be known that was not: the kernel follows soon. */
  follow(): void {
    this.#alarm.set(SETTLE);
  }

  /** Judges one event of the kernel. */
  notice(event: KernelEvent): void {
    for (const part of this.#options.parts) part.notice(event);
  }

  /** Looks at everything of ours in the kernel, and mends it. */
  look(): void {
    for (const part of this.#options.parts) part.look();
  }

  /** Sentences for people: what is not as it should be. */
  get problems(): readonly string[] {
    return this.#options.parts.flatMap(({ problems }) => problems);
  }

  /** Stops; what is in the kernel stays. */
  close(): void {
    this.#alarm.clear();
    for (const part of this.#options.parts) part.close();
  }

  #follow(): void {
    const knowledge = this.#options.knowledge();
    if (knowledge?.ownHost === undefined) return;
    for (const part of this.#options.parts) part.follow(knowledge);
  }
}
