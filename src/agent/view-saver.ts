import { RomanaError } from "../model/index.ts";
import type { HostSnapshot } from "../schema/index.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import type { Log } from "./log.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link ViewSaver} works with. */
export interface ViewSaverOptions {
  readonly timers: Timers;
  readonly log: Log;
  readonly knowledge: () => HostKnowledge | undefined;
  /** Keeps a view for a later life. @throws RomanaError */
  readonly saveView: (view: HostSnapshot) => void;
}

/** A view is written to disk so long after it changed, in milliseconds. */
const SETTLE = 1_000;

/** Keeps what is known on disk, for a later life without romanad. */
export class ViewSaver {
  readonly #options: ViewSaverOptions;
  readonly #alarm: Alarm;
  #savedRevision: number | undefined;

  constructor(options: ViewSaverOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => {
      this.save();
    });
  }

  /** What is known has changed: keeps it soon. */
  notice(): void {
    this.#alarm.set(SETTLE);
  }

  /** Keeps what is known now, unless that was done. A failure is logged, and tried again with the next change. */
  save(): void {
    const knowledge = this.#options.knowledge();
    if (knowledge === undefined || knowledge.revision === this.#savedRevision) return;
    try {
      this.#options.saveView(knowledge.snapshot());
      this.#savedRevision = knowledge.revision;
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#options.log.error({ error: error.message }, "cannot keep the view on disk");
    }
  }

  /** Keeps what is known for the last time. */
  close(): void {
    this.#alarm.clear();
    this.save();
  }
}
