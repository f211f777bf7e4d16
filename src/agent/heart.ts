import { RomanaError, VIRTUAL_IP_TIMES } from "../model/index.ts";
import type { HeartbeatAnswerResult, HeartbeatJson } from "../schema/index.ts";
import type { Romanad } from "./romanad.ts";
import { Alarm, type Timers } from "./timers.ts";

/** Somebody that heartbeats speak of. */
export interface HeartVoice {
  /** Looks at what there is to say; true when romanad is to hear of it. */
  prepare(): boolean;
  /** What it says; called for every heartbeat, whoever has caused it. */
  words(): Partial<HeartbeatJson>;
  /** romanad has answered a heartbeat that was sent at that time of the monotonic clock. */
  heard(answer: HeartbeatAnswerResult, sent: number): void;
  /** A heartbeat is over; nobody answered it, if it failed. */
  rest(hasFailed: boolean): void;
  /** True while it has something to say that was not heard. */
  readonly hasNews: boolean;
  /** When it has to be heard again at the latest, in milliseconds; undefined when romanad may say so. */
  readonly pace: number | undefined;
}

/** What a {@link Heart} works with. */
export interface HeartOptions {
  /** The name of this host. */
  readonly host: string;
  readonly romanad: Pick<Romanad, "beat">;
  readonly timers: Timers;
  /** Another one for each life of the agent. */
  readonly life: string;
  readonly voices: () => readonly HeartVoice[];
}

const { slack, lifetime, beat } = VIRTUAL_IP_TIMES;
/** How long a heartbeat may take; an older answer gives no lifetime to a virtual IP (ADR 0016). */
export const HEARTBEAT_PATIENCE = slack + (lifetime - 1) * 1000;
/** Between two heartbeats at least, in milliseconds. */
const SHORTEST_PACE = 20;

/** Tells romanad again and again that this host lives, and what else there is to say, while anybody is to be heard of. */
export class Heart {
  readonly #options: HeartOptions;
  readonly #alarm: Alarm;
  #number = 0;
  /** When the last heartbeat was sent, by the monotonic clock. */
  #sent = Number.NEGATIVE_INFINITY;
  /** When romanad wants to hear again, in milliseconds. */
  #pace: number = beat;
  #isBeating = false;
  #isHasty = false;
  #isClosed = false;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => void this.#beat());
  }

  /** There is something to say: at once, but never in a tight loop. */
  soon(): void {
    if (this.#isClosed) return;
    if (this.#isBeating) this.#isHasty = true;
    else this.#alarm.set(this.#earliest());
  }

  /** Sends no more heartbeats. */
  close(): void {
    this.#isClosed = true;
    this.#alarm.clear();
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    const voices = this.#options.voices();
    // Each of them looks, whoever has something to say.
    const isWanted = voices.map((voice) => voice.prepare()).includes(true);
    if (!isWanted) return;
    this.#isBeating = true;
    this.#isHasty = false;
    const hasFailed = !(await this.#send(voices));
    this.#isBeating = false;
    for (const voice of voices) voice.rest(hasFailed);
    if (this.#isClosed) return;
    const hasNews = this.#isHasty || voices.some((voice) => voice.hasNews);
    const paces = voices.flatMap(({ pace }) => pace ?? []);
    this.#alarm.set(hasNews && !hasFailed ? this.#earliest() : Math.min(...paces, this.#pace));
  }

  /** False when nobody answered. */
  async #send(voices: readonly HeartVoice[]): Promise<boolean> {
    const { host, romanad, timers, life } = this.#options;
    const patience = new AbortController();
    const cancel = timers.after(HEARTBEAT_PATIENCE, () => {
      patience.abort();
    });
    const sent = timers.monotonic();
    this.#sent = sent;
    const heartbeat: HeartbeatJson = {
      life,
      number: ++this.#number,
      subnets: [],
      held: [],
      refused: [],
      ...Object.assign({}, ...voices.map((voice) => voice.words())),
    };
    try {
      const answer = await romanad.beat(host, heartbeat, patience.signal);
      this.#pace = answer.next;
      for (const voice of voices) voice.heard(answer, sent);
      return true;
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      return false;
    } finally {
      cancel();
    }
  }

  #earliest(): number {
    return Math.max(0, this.#sent + SHORTEST_PACE - this.#options.timers.monotonic());
  }
}
