import { backoffDelay } from "../client/index.ts";
import { hasCode, RomanaError } from "../model/index.ts";
import type { HostSnapshot } from "../schema/index.ts";
import { HostKnowledge, type ViewChange } from "./host-knowledge.ts";
import type { Romanad } from "./romanad.ts";
import { pause, type Timers } from "./timers.ts";

/** What a {@link Follower} works with. */
export interface FollowerOptions {
  readonly host: string;
  readonly romanad: Romanad;
  readonly timers: Timers;
  /** A number in 0..1 by chance. */
  readonly random: () => number;
  /** What was known before; absent at the first start. */
  readonly view?: HostSnapshot;
  /** The highest revision that was ever seen. */
  readonly seenRevision: number;
  /** Told of everything that is new. */
  readonly onChange: (change: ViewChange) => void;
  /** Told when the connection comes or goes. */
  readonly onConnection: (connection: Connection) => void;
}

/** How the agent stands with romanad. */
export interface Connection {
  readonly connected: boolean;
  /** Why there is none. */
  readonly error?: string;
  /** Set when romanad's store has lost what the agent knew: the revision that it knew. */
  readonly lostRevision?: number;
}

/** Waits between attempts; the watch itself reconnects with waits of its own. */
const BACKOFF = { first: 100, longest: 5_000 };

/** Keeps up with romanad: a snapshot, then its changes, and all again when the history is gone. */
export class Follower {
  readonly #options: FollowerOptions;
  #knowledge: HostKnowledge | undefined;
  #connection: Connection = { connected: false };
  #hasSeenRomanad = false;
  #seenRevision: number;
  #waiting: (() => void)[] = [];

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#seenRevision = options.seenRevision;
    if (options.view !== undefined) this.#knowledge = new HostKnowledge(options.view);
  }

  /** What romanad has told, maybe in an earlier life. */
  get knowledge(): HostKnowledge | undefined {
    return this.#knowledge;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** True when something has come from romanad in this life. */
  get hasSeenRomanad(): boolean {
    return this.#hasSeenRomanad;
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { timers, random } = this.#options;
    for (let attempt = 0; !signal.aborted; ) {
      try {
        await this.#follow(signal);
        attempt = 0;
      } catch (error) {
        if (!(error instanceof RomanaError)) throw error;
        // The history is gone: a new snapshot, at once.
        if (hasCode(error, "compacted")) continue;
        this.#setConnection({ ...this.#connection, connected: false, error: error.message });
        await pause(timers, backoffDelay(BACKOFF, attempt++, random()), signal);
      }
    }
  }

  /** Waits until the condition holds, which is looked at after every change. False when time runs out first. */
  async until(condition: () => boolean, milliseconds: number): Promise<boolean> {
    if (condition()) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (condition()) resolve(true);
      else this.#waiting.push(look);
    };
    this.#waiting.push(look);
    const cancel = this.#options.timers.after(milliseconds, () => {
      resolve(false);
      this.#waiting = this.#waiting.filter((other) => other !== look);
    });
    try {
      return await promise;
    } finally {
      cancel();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { host, romanad } = this.#options;
    const view = await romanad.view(host, signal);
    const lost = Math.max(this.#seenRevision, this.#knowledge?.revision ?? 0);
    this.#seenRevision = lost;
    const lostRevision = view.revision < lost ? lost : undefined;
    this.#hasSeenRomanad = true;
    this.#setConnection({ connected: true, ...(lostRevision !== undefined && { lostRevision }) });
    if (this.#knowledge === undefined) {
      this.#knowledge = new HostKnowledge(view);
      const endpoints = [...this.#knowledge.endpoints.keys()];
      this.#changed({ isTopology: true, isSnapshot: true, endpoints });
    } else {
      this.#changed(this.#knowledge.replace(view));
    }
    await this.#watch(this.#knowledge, signal);
  }

  async #watch(knowledge: HostKnowledge, signal: AbortSignal): Promise<void> {
    const { host, romanad } = this.#options;
    const restart = new AbortController();
    const both = AbortSignal.any([signal, restart.signal]);
    const onState = ({ connected, error }: { connected: boolean; error?: Error }): void => {
      const { lostRevision } = this.#connection;
      this.#setConnection({
        connected,
        ...(error && { error: error.message }),
        ...(lostRevision !== undefined && { lostRevision }),
      });
      if (connected) void this.#assertSameStore(knowledge.revision, restart, both);
    };
    for await (const event of romanad.watch(host, knowledge.revision, both, onState)) {
      this.#changed(knowledge.apply(event));
    }
  }

  /** A store that was replaced by an older one would never tell anything until it is as old again. */
  async #assertSameStore(known: number, restart: AbortController, signal: AbortSignal): Promise<void> {
    try {
      if ((await this.#options.romanad.revision(signal)) < known) restart.abort();
    } catch (error) {
      // The connection broke again; the next one asks again.
      if (!(error instanceof RomanaError)) throw error;
    }
  }

  #changed(change: ViewChange): void {
    this.#options.onChange(change);
    this.#wake();
  }

  #setConnection(connection: Connection): void {
    const before = this.#connection;
    this.#connection = connection;
    this.#wake();
    const isSame = before.connected === connection.connected && before.error === connection.error;
    if (!isSame || before.lostRevision !== connection.lostRevision) this.#options.onConnection(connection);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }
}
