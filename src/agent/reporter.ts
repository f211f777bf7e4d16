import { type HostStatus, RomanaError, type RouteStatus } from "../model/index.ts";
import { encodeHostReport, encodeRoute } from "../schema/index.ts";
import type { Romanad } from "./romanad.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link Reporter} works with. */
export interface ReporterOptions {
  readonly host: string;
  readonly romanad: Romanad;
  readonly timers: Timers;
  readonly status: () => HostStatus;
}

/** Changes come together; one report after so many milliseconds is enough for all. */
const SETTLE = 300;
/** Attachments come and go by the hundred and romanad knows its endpoints: their number may be so old. */
const COUNT_SETTLE = 1_500;
/** After a report that romanad did not take. */
const RETRY = 5_000;

/** Tells romanad how the host is, when that has changed; routes only when they have. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #alarm: Alarm;
  #sent: string | undefined;
  /** What romanad knows: the very list, and how it reads. */
  #sentRoutes: readonly RouteStatus[] | undefined;
  #sentRoutesText: string | undefined;
  #isSending = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => void this.#send());
  }

  /** Something may have changed: reports soon, if it has. */
  notice(): void {
    this.#alarm.set(SETTLE);
  }

  /** The number of attachments has changed. */
  noticeCount(): void {
    this.#alarm.set(COUNT_SETTLE);
  }

  /** romanad may have forgotten the last report: reports again. */
  forget(): void {
    this.#sent = undefined;
    this.#sentRoutesText = undefined;
    this.notice();
  }

  /** Reports no more. */
  close(): void {
    this.#alarm.clear();
  }

  async #send(): Promise<void> {
    if (this.#isSending) {
      this.notice();
      return;
    }
    const { host, romanad, status } = this.#options;
    const { routes, ...report } = status();
    const text = JSON.stringify({ ...encodeHostReport(report), reportedAt: 0 });
    const routesText = this.#textOf(routes);
    const hasNewRoutes = routesText !== this.#sentRoutesText;
    if (text === this.#sent && !hasNewRoutes) return;
    this.#isSending = true;
    try {
      await romanad.report(host, { ...report, ...(hasNewRoutes && { routes }) });
      this.#sent = text;
      this.#sentRoutes = routes;
      this.#sentRoutesText = routesText;
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#sentRoutesText = undefined;
      this.#alarm.set(RETRY);
    } finally {
      this.#isSending = false;
    }
  }

  /** The text of routes; that of the same list is remembered. */
  #textOf(routes: readonly RouteStatus[]): string {
    if (this.#sentRoutesText !== undefined && routes === this.#sentRoutes) return this.#sentRoutesText;
    return JSON.stringify(routes.map(encodeRoute));
  }
}
