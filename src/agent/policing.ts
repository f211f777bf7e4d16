import type { PolicyRules, SafetyNet } from "../firewall/index.ts";
import { type HostCounters, RomanaError } from "../model/index.ts";
import { missingReferences } from "../policy/index.ts";
import type { RuleModel } from "../rules/index.ts";
import type { AgentConfig } from "../schema/index.ts";
import type { Kernel } from "../system/kernel.ts";
import type { AgentMetrics } from "./agent-metrics.ts";
import { FlowCutter } from "./flow-cutter.ts";
import { HostJudge } from "./host-judge.ts";
import type { Log } from "./log.ts";
import { PacketTeller } from "./packet-teller.ts";
import { copyOf, isSameKnowledge, PolicyEngine, type PolicyKnowledge } from "./policy-engine.ts";
import { RuleCounters } from "./rule-counters.ts";
import type { RulesKeeper } from "./rules-keeper.ts";
import { safeTraffic } from "./safety-net.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What {@link Policing} works with. */
export interface PolicingOptions {
  readonly host: string;
  readonly kernel: Kernel;
  readonly timers: Timers;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  readonly config: Pick<AgentConfig, "gatewayServices" | "packetLog">;
  readonly safetyNet: SafetyNet;
  /** What enforces the rules. */
  readonly rules: () => Pick<RulesKeeper, "counters" | "sample" | "sampleBeforeChange">;
  /** Name of an own endpoint. */
  readonly endpointAt: (address: string) => string | undefined;
  /** Told when rules have counted something. */
  readonly onCounted: () => void;
}

/** How many policies there are, and which of them wait for somebody whom they name. */
export interface PolicySummary {
  readonly count: number;
  readonly pending: readonly string[];
  readonly exceptions: number;
}

/** Time between two looks at the counters of rules, in milliseconds. */
const SAMPLE = 15_000;
/** Rules in a report; of more, those that decided most. */
const MOST_RULES = 1_000;
/** Pending policies in a summary. */
const MOST_PENDING = 100;

/**
 * What policies need besides rules: flows that a change no longer allows are cut, packets that are logged are told, and
 * what rules decide is counted.
 */
export class Policing {
  readonly #options: PolicingOptions;
  readonly #engine = new PolicyEngine();
  readonly #cutter: FlowCutter;
  readonly #teller: PacketTeller;
  readonly #counters = new RuleCounters();
  readonly #sampleAlarm: Alarm;
  /** Version of the counters when somebody was told of them last. */
  #told = 0;
  #known: PolicyKnowledge | undefined;
  /** Judges by what is in force. */
  #judge: HostJudge | undefined;
  #summary: PolicySummary | undefined;
  #isClosed = false;

  constructor(options: PolicingOptions) {
    const { kernel, log, timers, metrics, config, endpointAt } = options;
    this.#options = options;
    this.#cutter = new FlowCutter({
      kernel,
      log,
      onChecked: ({ cut, kept }) => {
        metrics.flows.add("cut", cut);
        metrics.flows.add("kept", kept);
      },
    });
    this.#teller = new PacketTeller({
      kernel,
      log,
      timers,
      group: config.packetLog.group,
      judge: () => this.#judge,
      endpointAt,
      onPackets: (outcome, count) => {
        metrics.packets.add(outcome, count);
      },
    });
    this.#sampleAlarm = new Alarm(timers, () => void this.#sample());
    this.#sampleAlarm.set(SAMPLE);
  }

  /** The rules that were compiled last, and completely. */
  get lastGood(): PolicyRules | undefined {
    return this.#engine.lastGood;
  }

  /** The same, for who makes rules of all of it. */
  get model(): RuleModel | undefined {
    return this.#engine.model();
  }

  /** Where to whoever keeps the rules adds what they have decided. */
  get ruleCounters(): RuleCounters {
    return this.#counters;
  }

  /** Sentences for people. */
  get problems(): readonly string[] {
    const { problem } = this.#teller;
    return problem === undefined ? [] : [problem];
  }

  /** What is known of policies. */
  get summary(): PolicySummary {
    this.#summary ??= summarize(this.#known);
    return this.#summary;
  }

  /** The rules that follow from what is known. @throws RomanaError `internal`, as {@link PolicyEngine.update}. */
  update(live: PolicyKnowledge): PolicyRules | undefined {
    const known = copyOf(live);
    const isOther = this.#known === undefined || !isSameKnowledge(this.#known, known);
    if (!isOther) return this.#engine.update(known);
    this.#sampleBeforeChange();
    const rules = this.#engine.update(known);
    this.#known = known;
    this.#summary = undefined;
    return rules;
  }

  /** The kernel has the rules that {@link update} gave. */
  enforced(): void {
    const known = this.#known;
    if (known === undefined) return;
    if (this.#judge?.world !== known) {
      const { packetLog } = this.#options.config;
      this.#counters.keepOnly(new Set(known.policies.map(({ id }) => id)));
      this.#judge = this.#createJudge(known);
      this.#teller.listen(packetLog.drops || known.policies.some(logs));
    }
    this.#cutter.check(this.#judge);
  }

  /** The kernel's table is going to be made anew, and will count from zero. */
  beforeReplace(): void {
    this.#sampleBeforeChange();
    this.#counters.startOver();
  }

  /** What rules have decided, as last seen, and what was dropped. */
  counters(): HostCounters {
    const rules = this.#counters.totals.toSorted((a, b) => b.packets - a.packets);
    return {
      rules: rules.slice(0, MOST_RULES),
      omitted: Math.max(0, rules.length - MOST_RULES),
      drops: [...this.#options.rules().counters()].flatMap(([reason, { packets, bytes }]) =>
        packets > 0 ? [{ reason, packets, bytes }] : [],
      ),
    };
  }

  /** Reads the counters of rules now. */
  async sample(): Promise<void> {
    await this.#options.rules().sample();
  }

  /** Ends what goes on in the background. */
  close(): void {
    this.#isClosed = true;
    this.#sampleAlarm.clear();
    this.#cutter.close();
    this.#teller.listen(false);
  }

  #createJudge(world: PolicyKnowledge): HostJudge {
    const { host, kernel, config, safetyNet } = this.#options;
    return new HostJudge({
      world,
      host,
      settings: { gatewayServices: config.gatewayServices, safetyNet: safeTraffic(safetyNet) },
      addresses: () => {
        const names = new Map(kernel.links().map(({ index, name }) => [index, name]));
        return kernel
          .addresses()
          .map(({ address, link }) => ({ address, interfaceName: names.get(link) ?? "" }));
      },
    });
  }

  /** What cannot be counted must not keep rules from being changed. */
  #sampleBeforeChange(): void {
    try {
      this.#options.rules().sampleBeforeChange();
    } catch (error) {
      this.#noteUnread(error);
    }
  }

  #noteUnread(error: unknown): void {
    if (!(error instanceof RomanaError)) throw error;
    if (!this.#isClosed) this.#options.log.warn({ error: error.message }, "cannot read counters");
  }

  async #sample(): Promise<void> {
    try {
      await this.sample();
    } catch (error) {
      this.#noteUnread(error);
    }
    if (this.#isClosed) return;
    // Whoever looks at rules may have read counters in between.
    const { version } = this.#counters;
    if (version !== this.#told) this.#options.onCounted();
    this.#told = version;
    this.#sampleAlarm.set(SAMPLE);
  }
}

function logs({ rules }: PolicyKnowledge["policies"][number]): boolean {
  return rules.some(({ verdict }) => verdict === "log");
}

function summarize(known: PolicyKnowledge | undefined): PolicySummary {
  if (known === undefined) return { count: 0, pending: [], exceptions: 0 };
  const { tenants, segments, policies, exceptions } = known;
  const byTenant = new Map<string, (typeof segments)[number][]>(tenants.map(({ name }) => [name, []]));
  for (const segment of segments) byTenant.get(segment.tenant)?.push(segment);
  const nouns = { tenants, segmentsOf: (name: string) => byTenant.get(name) ?? [] };
  const pending = policies.filter((policy) => missingReferences(nouns, policy).length > 0);
  return {
    count: policies.length,
    pending: pending.slice(0, MOST_PENDING).map(({ id }) => id),
    exceptions: exceptions.length,
  };
}
