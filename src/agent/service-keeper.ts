import { RomanaError } from "../model/index.ts";
import {
  readServiceTable,
  renderServiceTable,
  SERVICES_TABLE,
  type ServiceRules,
  type ServiceTableState,
  serviceRules,
  serviceSteps,
  serviceTableState,
} from "../steering/index.ts";
import type { Kernel, KernelEvent } from "../system/kernel.ts";
import { Damper } from "./damper.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import { fingerprint } from "./listing.ts";
import type { Log } from "./log.ts";
import { cutServiceFlows } from "./service-flows.ts";
import type { SteeringPart } from "./steering.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link ServiceKeeper} works with. */
export interface ServiceKeeperOptions {
  readonly kernel: Kernel;
  readonly timers: Timers;
  readonly log: Log;
  /** Told of every time that the table was mended because others had changed it. */
  readonly onRepair: (item: string) => void;
  /** Told when {@link ServiceKeeper.problems} may be others. */
  readonly onProblems: () => void;
}

const ITEM = `table ${SERVICES_TABLE}`;
/** What the kernel refused is tried again after so long, then twice as long, … (milliseconds). */
const RETRY = { first: 1_000, longest: 30_000 };

/**
 * Keeps the table of services as it follows from what is known, and cuts flows to members that are gone. Of a table that is
 * there already, from an earlier life or because somebody has changed it, everything is written anew without a moment in which it
 * is not there.
 */
export class ServiceKeeper implements SteeringPart {
  readonly #options: ServiceKeeperOptions;
  readonly #damper = new Damper();
  readonly #alarm: Alarm;
  /** What the rules follow from; an object that changes is another one. */
  #inputs: readonly unknown[] = [];
  #wanted: ServiceRules | undefined;
  /** What is in the kernel; undefined when it has to be looked at. */
  #state: ServiceTableState | "absent" | undefined;
  /** How the table looked in which state. */
  #seen:
    | { readonly state: ServiceTableState; readonly shape: string; readonly generation: number }
    | undefined;
  /** By what flows were checked last; undefined when any may lead elsewhere. */
  #checked: ServiceRules | undefined;
  #isRunning = false;
  #isClosed = false;
  #retries = 0;
  #failure: string | undefined;
  #underivable: string | undefined;

  constructor(options: ServiceKeeperOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => void this.#run());
  }

  follow(knowledge: HostKnowledge): void {
    const { ownHost, networks, segments, services, backends } = knowledge;
    const inputs = [ownHost, ...networks, ...segments, ...services, ...backends];
    // Most news are about something else.
    const isSame =
      inputs.length === this.#inputs.length && inputs.every((one, at) => one === this.#inputs[at]);
    if (ownHost === undefined || isSame) return;
    this.#inputs = inputs;
    const problems = this.problems.join();
    try {
      this.#wanted = serviceRules(knowledge, ownHost, this.#wanted?.pools);
      this.#underivable = undefined;
    } catch (error) {
      // What cannot be derived must not take away what is in force.
      if (!(error instanceof RomanaError)) throw error;
      this.#underivable = error.message;
    }
    if (problems !== this.problems.join()) this.#options.onProblems();
    void this.#run();
  }

  notice(event: KernelEvent): void {
    const isOurs = event.type === "table" && event.table === SERVICES_TABLE && !event.ownProcess;
    if (isOurs || event.type === "overrun") this.#distrust();
  }

  look(): void {
    const state = this.#state;
    if (this.#isRunning || state === undefined || state === "absent") return;
    const { kernel } = this.#options;
    const seen = this.#seen?.state === state ? this.#seen : undefined;
    try {
      const generation = kernel.rulesetGeneration();
      if (seen?.generation === generation) return;
      const listing = kernel.listTableShape(SERVICES_TABLE) ?? "";
      const shape = fingerprint(listing);
      const isOther = seen !== undefined && seen.shape !== shape;
      if (isOther || !hasSameNames(readServiceTable(listing), state)) this.#distrust();
      else this.#seen = { state, shape, generation };
    } catch (error) {
      this.#fail(error);
    }
  }

  get problems(): readonly string[] {
    const fights = this.#damper.fights(this.#options.timers.now());
    return [
      ...(this.#underivable === undefined ? [] : [this.#underivable]),
      ...(this.#failure === undefined ? [] : [`Services are not in force: ${this.#failure}`]),
      ...(this.#wanted?.problems ?? []),
      ...fights.map(({ item }) => `Somebody keeps changing ${item}`),
    ];
  }

  /** True when there is nothing left to do. */
  get isSettled(): boolean {
    return !this.#isRunning && this.#failure === undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm.clear();
  }

  /** Somebody may have changed the table: it is written anew, later if that happens again and again. */
  #distrust(): void {
    if (this.#state === undefined) return;
    const now = this.#options.timers.now();
    const wait = this.#damper.wait(ITEM, now);
    this.#state = undefined;
    this.#checked = undefined;
    this.#damper.record(ITEM, now + wait);
    this.#options.onRepair(ITEM);
    this.#alarm.set(wait);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (await this.#advance());
      this.#retries = 0;
      if (this.#failure !== undefined) this.#options.onProblems();
      this.#failure = undefined;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Makes the kernel what is wanted; true when that is something else by now. @throws RomanaError */
  async #advance(): Promise<boolean> {
    const wanted = this.#wanted;
    if (wanted === undefined || this.#isClosed) return false;
    const isCurrent = (): boolean => this.#wanted === wanted && !this.#isClosed;
    for (const step of this.#steps(wanted)) {
      const state = step();
      this.#state = state;
      await turn();
      if (!isCurrent() || this.#state !== state) return true;
    }
    if (this.#checked === undefined || losesMembers(this.#checked, wanted)) {
      const cut = await cutServiceFlows(this.#options.kernel, wanted, isCurrent);
      if (cut > 0) this.#options.log.info({ connections: cut }, "cut connections to members that are gone");
    }
    if (isCurrent()) this.#checked = wanted;
    return !isCurrent();
  }

  /** What is to be done, each of which returns what is in the kernel then. */
  *#steps(wanted: ServiceRules): Generator<() => ServiceTableState | "absent", void, undefined> {
    const { kernel } = this.#options;
    const isNeeded = wanted.prefixes.length > 0 || wanted.ports.size > 0;
    if (!isNeeded) {
      if (this.#state !== "absent") yield () => this.#remove();
      return;
    }
    const listing = this.#state === undefined ? kernel.listTableShape(SERVICES_TABLE) : undefined;
    let state = this.#state;
    if (state === undefined && listing !== undefined) state = readServiceTable(listing);
    if (state === undefined || state === "absent") {
      const bare = { ...wanted, pools: new Map(), ports: new Map(), hairpins: new Map() };
      state = serviceTableState(bare);
      yield () => this.#replace(bare);
    }
    for (const { text, after } of serviceSteps(state, wanted)) {
      yield () => {
        try {
          kernel.runNft(text);
          return after;
        } catch (error) {
          if (!(error instanceof RomanaError)) throw error;
          // It is not as it was thought to be.
          this.#checked = undefined;
          return this.#replace(wanted);
        }
      };
    }
  }

  #replace(rules: ServiceRules): ServiceTableState {
    this.#options.kernel.runNft(renderServiceTable(rules));
    return serviceTableState(rules);
  }

  #remove(): "absent" {
    const { kernel } = this.#options;
    const isThere = kernel.listTableShape(SERVICES_TABLE) !== undefined;
    if (isThere) kernel.runNft(`delete table inet ${SERVICES_TABLE}\n`);
    return "absent";
  }

  /** Tries again later. @throws whatever is no refusal */
  #fail(error: unknown): void {
    if (!(error instanceof RomanaError)) throw error;
    this.#state = undefined;
    if (this.#failure !== error.message) {
      this.#failure = error.message;
      this.#options.log.error({ error: error.message }, "services are not in force");
      this.#options.onProblems();
    }
    if (!this.#isClosed) this.#alarm.set(Math.min(RETRY.longest, RETRY.first * 2 ** this.#retries++));
  }
}

/** Others have their turn of the event loop between two transactions. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function hasSameNames(one: ServiceTableState, other: ServiceTableState): boolean {
  const names = ({ pools, ports }: ServiceTableState): string =>
    [...pools.keys(), ...ports.keys()].toSorted().join();
  return names(one) === names(other);
}

/** True when flows may lead to members that are none any more. */
function losesMembers(before: ServiceRules, after: ServiceRules): boolean {
  return [...before.ports.values()].some(({ name, members }) => {
    const now = after.ports.get(name)?.members;
    return now === undefined || [...members].some((member) => !now.has(member));
  });
}
