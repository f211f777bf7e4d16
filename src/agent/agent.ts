import type { SafetyNet, SteeredMarks } from "../firewall/index.ts";
import { type Endpoint, type HostCounters, type HostStatus, RomanaError } from "../model/index.ts";
import type { AgentStatus, AttachmentRecord, AttachmentResource, DesiredText } from "../schema/index.ts";
import { CHAIN_TABLE } from "../steering/index.ts";
import type { KernelEvent } from "../system/kernel.ts";
import { type AgentMetrics, addGauges, createAgentMetrics } from "./agent-metrics.ts";
import type { AgentOptions } from "./agent-options.ts";
import { allocateWhenKnown } from "./allocate-when-known.ts";
import { Attacher, type Detached } from "./attacher.ts";
import { checkAttachment } from "./attachment-check.ts";
import { Attachments } from "./attachments.ts";
import { createRulesKeeper } from "./create-rules-keeper.ts";
import { createSteering } from "./create-steering.ts";
import { damagedPolicies } from "./damaged-policies.ts";
import { Damper } from "./damper.ts";
import { desiredEndpoint, desiredHost } from "./desired.ts";
import { renderDesired } from "./desired-text.ts";
import { isOwnDeviceName } from "./device-name.ts";
import { Follower } from "./follower.ts";
import { guestAt, type MetadataGuest } from "./guest-at.ts";
import { GuestDhcp } from "./guest-dhcp.ts";
import { endpointKey, type HostKnowledge, type ViewChange } from "./host-knowledge.ts";
import { describeAttachment, hostProblems } from "./host-problems.ts";
import { Keeper } from "./keeper.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { OperationTimer } from "./operation-timer.ts";
import { OtherRules } from "./other-rules.ts";
import { Policing } from "./policing.ts";
import { Pulse } from "./pulse.ts";
import { connected, enforced, type Readiness } from "./readiness.ts";
import type { Cause, Outcome } from "./reconcile-run.ts";
import { Reconciler } from "./reconciler.ts";
import { Releaser } from "./releaser.ts";
import { Reporter } from "./reporter.ts";
import { Reviewer } from "./reviewer.ts";
import type { Allocation } from "./romanad.ts";
import { RoutingKeeper } from "./routing-keeper.ts";
import type { RulesKeeper } from "./rules-keeper.ts";
import { agentSafetyNet } from "./safety-net.ts";
import { steeredMarks } from "./steered-marks.ts";
import type { Steering } from "./steering.ts";
import { TapKeeper } from "./tap-keeper.ts";
import { Alarm } from "./timers.ts";
import { ViewSaver } from "./view-saver.ts";
import { WaysMemory } from "./ways-memory.ts";

/** News of the network come in bursts; so many milliseconds after the first of them all is derived anew. */
const TOPOLOGY_SETTLE = 20;
/** Time between two looks at rules that the kernel sends no events about, in milliseconds. */
const RULES_LOOK = 5_000;

/** Keeps one host's kernel equal to what romanad and the attachments say, and attaches and detaches endpoints. */
export class Agent {
  readonly metrics: AgentMetrics = createAgentMetrics();
  /** Looks whether an attachment works; see {@link checkAttachment}. */
  readonly check: (ref: string, json: unknown) => readonly string[];
  /** Who has an address on this host, as Nova knows it; see {@link guestAt}. */
  readonly guestAt: (address: string) => MetadataGuest | undefined;
  readonly #options: AgentOptions;
  readonly #rules: RulesKeeper;
  readonly #otherRules: OtherRules;
  readonly #reconciler: Reconciler;
  readonly #keeper: Keeper;
  readonly #follower: Follower;
  readonly #attachments = new Attachments();
  readonly #ways = new WaysMemory();
  readonly #dhcp: GuestDhcp;
  readonly #routing: RoutingKeeper;
  readonly #releaser: Releaser;
  readonly #attacher: Attacher;
  readonly #reviewer: Reviewer;
  readonly #taps: TapKeeper;
  readonly #reporter: Reporter;
  readonly #pulse: Pulse;
  readonly #timer = new OperationTimer(this.metrics);
  readonly #topologyAlarm: Alarm;
  readonly #steering: Steering;
  readonly #viewSaver: ViewSaver;
  readonly #resyncAlarm: Alarm;
  readonly #stop = new AbortController();
  /** Without memory nothing is known of what is attached: the kernel is left alone until romanad has told. */
  #hasMemory: boolean;
  readonly #policing: Policing;
  readonly #safetyNet: SafetyNet;
  #underivable: string | undefined;
  /** Of what the kernel was last made from. */
  #appliedRevision = 0;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { kernel, journal, timers, romanad, host, config, newId, random, view } = options;
    this.#safetyNet = agentSafetyNet(config);
    this.#policing = new Policing({
      host,
      kernel,
      timers,
      log: options.log,
      metrics: this.metrics,
      config,
      safetyNet: this.#safetyNet,
      rules: () => this.#rules,
      endpointAt: (address) => this.#attachments.find(address)?.endpoint.name,
      onCounted: () => {
        this.#reporter.notice();
      },
    });
    this.#rules = createRulesKeeper({
      config,
      kernel,
      iptables: options.iptables,
      policing: this.#policing,
      reference: journal.table,
      remember: (reference) => {
        this.#background(journal.keepTable(reference), "keep how the rules look");
      },
    });
    const { now } = timers;
    this.#otherRules = new OtherRules({ ...options, now });
    const steered = (): SteeredMarks | undefined => steeredMarks(config, this.#follower.knowledge);
    this.#reconciler = new Reconciler({ kernel, rules: this.#rules, damper: new Damper(), now, steered });
    this.#keeper = new Keeper({
      reconciler: this.#reconciler,
      timers,
      ...(config.firewall === "iptables" && { lookEvery: RULES_LOOK }),
      onOutcome: (outcome, cause, seconds) => {
        this.#onOutcome(outcome, cause);
        if (seconds === undefined) return;
        this.metrics.looks.add(cause);
        this.metrics.look.observe(seconds);
      },
    });
    this.#follower = new Follower({
      host,
      romanad,
      timers,
      random,
      ...(view && { view }),
      seenRevision: Math.max(view?.revision ?? 0, ...journal.attachments.map(({ revision }) => revision)),
      onChange: (change) => {
        this.#onChange(change);
      },
      onConnection: (connection) => {
        const { connected, error } = connection;
        if (connected) options.log.info(connection, "connected to romanad");
        else options.log.warn({ error }, "romanad is away");
        if (connected) this.#reporter.forget();
        if (connected) this.#settle();
      },
    });
    const knowledge = (): HostKnowledge | undefined => this.#follower.knowledge;
    const patience = { romanad, timers, wait: config.workloadWait * 1000, signal: this.#stop.signal };
    const site = {
      journal,
      attachments: this.#attachments,
      locks: new KeyedLock(),
      romanad,
      allocate: (allocation: Allocation) => allocateWhenKnown(patience, allocation),
      knowledge,
      newId,
      now,
    };
    const readiness: Readiness = {
      follower: this.#follower,
      reconciler: this.#reconciler,
      keeper: this.#keeper,
      isTopologyDue: () => this.#topologyAlarm.isSet,
      applyTopology: () => {
        this.#applyTopology();
      },
      underivable: () => this.#underivable,
    };
    this.#releaser = new Releaser(site, journal.intents);
    const takesRelocated = config.firewall !== "iptables";
    this.#attacher = new Attacher(
      {
        ...site,
        host,
        kernel,
        reconciler: this.#reconciler,
        endpointMtu: config.endpointMtu,
        takesRelocated,
        connected: () => connected(readiness),
        enforced: (endpoint) => enforced(readiness, endpoint),
      },
      this.#releaser,
    );
    const sources = { ...site, reconciler: this.#reconciler, keeper: this.#keeper, kernel };
    this.check = (ref, json) => checkAttachment(ref, json, sources);
    this.#reviewer = new Reviewer({
      ...site,
      kernel,
      attacher: this.#attacher,
      follower: this.#follower,
      takesRelocated,
    });
    const onChange = this.#noticeCount.bind(this);
    const background = this.#background.bind(this);
    this.#taps = new TapKeeper({ ...sources, attacher: this.#attacher, timers, onChange, background });
    this.#reporter = new Reporter({ host, romanad, timers, status: () => this.#hostStatus() });
    this.#dhcp = new GuestDhcp({
      ...options,
      ...site,
      inventory: () => this.#reconciler.inventory,
      reporter: () => this.#reporter,
    });
    this.#routing = new RoutingKeeper({ ...options, knowledge, onChange: () => this.#reporter.notice() });
    this.guestAt = (address) => guestAt(address, this.#attachments, this.#follower.knowledge);
    const counted = { counter: this.metrics.virtualIps, reporter: this.#reporter };
    const attached = (): readonly Endpoint[] => this.#attachments.endpoints;
    this.#pulse = new Pulse({ ...options, ...counted, attached, life: newId() });
    this.#topologyAlarm = new Alarm(timers, () => {
      this.#applyTopology();
    });
    this.#viewSaver = new ViewSaver({ ...options, knowledge });
    const { metrics } = this;
    this.#steering = createSteering({ ...sources, ...options, metrics, reporter: this.#reporter, knowledge });
    this.#resyncAlarm = new Alarm(timers, () => {
      this.#resync();
    });
    this.#hasMemory = journal.adoptable !== undefined;
    for (const attachment of journal.attachments) this.#attachments.put(attachment);
    addGauges(this.metrics.registry, {
      attached: () => this.#attachments.attached,
      unsettled: () => this.#releaser.unsettled,
      isConnected: () => this.#follower.connection.connected,
      revision: () => this.#follower.knowledge?.revision ?? 0,
      counters: () => this.#rules.counters(),
      chainCounters: () => kernel.counters(CHAIN_TABLE),
      virtualIps: () => this.#pulse.virtualIps.held,
    });
  }

  /** Makes the kernel as it was known to be right, then follows romanad and the kernel until {@link close}. */
  start(): void {
    const { kernel } = this.#options;
    const { signal } = this.#stop;
    const events = kernel.events(signal);
    if (this.#hasMemory) {
      this.#reconciler.pruneDevices();
      this.#taps.begin();
      this.#applyTopology();
      this.#taps.look();
      this.#steering.follow();
    }
    this.#resyncAlarm.set(this.#options.config.resyncInterval * 1000);
    this.#background(this.#followKernel(events), "follow the kernel's events");
    this.#background(this.#follower.run(signal), "follow romanad");
  }

  /** True while somebody waits for an attach or a detach. */
  get isBusy(): boolean {
    return this.#timer.isBusy;
  }

  /** Attaches an endpoint as the JSON asks; see {@link Attacher.attach}. */
  async attach(
    json: unknown,
  ): Promise<{ readonly created: boolean; readonly attachment: AttachmentResource }> {
    const { created, attachment } = await this.#timer.time("attach", () => this.#attacher.attach(json));
    this.metrics.operations.add(created ? "attach" : "repeat");
    if (created) this.#noticeCount();
    return { created, attachment: this.#describe(attachment) };
  }

  /** Detaches an endpoint by name, address or request token; see {@link Attacher.detach}. */
  async detach(ref: string): Promise<Detached> {
    const detached = await this.#timer.time("detach", () => this.#attacher.detach(ref));
    if (detached.detached) {
      this.metrics.operations.add("detach");
      this.#noticeCount();
    }
    return detached;
  }

  /** The attachments of this host. */
  attachments(): readonly AttachmentResource[] {
    return this.#attachments.all.map((attachment) => this.#describe(attachment));
  }

  /** An attachment by name, address or request token. */
  attachment(ref: string): AttachmentResource | undefined {
    const attachment = this.#attachments.find(ref);
    return attachment && this.#describe(attachment);
  }

  /** How the agent is. */
  status(): AgentStatus {
    const { host, config } = this.#options;
    const { problems, routes, counters: _, virtualIps = [], ...status } = this.#hostStatus();
    const { pending, ...policies } = this.#policing.summary;
    const routing = this.#routing.status;
    return {
      host,
      ...status,
      problems: [...problems],
      routes: [...routes],
      virtualIps: [...virtualIps],
      policies: { ...policies, pending: [...pending] },
      firewall: config.firewall,
      ...(routing !== undefined && { routing }),
      romanad: { server: config.server, ...this.#follower.connection },
      repairs: [...this.metrics.repairs.values].map(([kind, count]) => ({ kind, count })),
    };
  }

  /** What the rules of this host have counted until now. */
  async counters(): Promise<HostCounters> {
    await this.#policing.sample();
    return this.#policing.counters();
  }

  /** What the agent works towards, as text; undefined while nothing is known. */
  desired(): DesiredText | undefined {
    return renderDesired(this.#reconciler.inventory, this.#rules);
  }

  /** Stops following and forgets nothing; the kernel stays as it is, and the data path works on. */
  async close(): Promise<void> {
    this.#stop.abort();
    const parts = [this.#keeper, this.#policing, this.#reporter, this.#pulse, this.#taps, this.#steering];
    for (const part of [...parts, this.#dhcp, this.#routing, this.#viewSaver]) part.close();
    for (const alarm of [this.#topologyAlarm, this.#resyncAlarm]) alarm.clear();
    await this.#options.journal.close();
  }

  #onChange({ isTopology, isSnapshot, endpoints }: ViewChange): void {
    this.metrics.news.add(isTopology ? "topology" : "endpoint");
    if (!this.#hasMemory && this.#follower.hasSeenRomanad) this.#adopt();
    this.#followPulse();
    if (isTopology) {
      this.#topologyAlarm.set(TOPOLOGY_SETTLE);
      this.#viewSaver.notice();
    }
    this.#steering.follow();
    this.#dhcp.notice();
    const attached = isSnapshot ? this.#attachments.all.map(({ endpoint }) => endpointKey(endpoint)) : [];
    for (const key of new Set([...endpoints, ...attached])) {
      this.#background(this.#review(key), "review an attachment");
    }
    if (this.#hasMemory && this.#taps.follow(endpoints)) this.#viewSaver.notice();
    if (endpoints.length > 0 && this.#releaser.unsettled > 0) this.#settle();
  }

  #followPulse(): void {
    const { hasSeenRomanad, knowledge } = this.#follower;
    if (hasSeenRomanad && knowledge !== undefined) this.#pulse.follow(knowledge);
  }

  /** Attachments came or went. */
  #noticeCount(): void {
    this.#reporter.noticeCount();
    this.#steering.follow();
    this.#dhcp.notice();
    this.#followPulse();
  }

  /** From now on it is known what is attached. */
  #adopt(): void {
    const { count, kept } = this.#reviewer.adopt();
    this.#hasMemory = true;
    this.#reconciler.pruneDevices();
    this.#background(kept, "keep what was adopted");
    if (count > 0) this.#options.log.warn({ attachments: count }, "found attachments in the kernel");
  }

  async #review(key: string): Promise<void> {
    if ((await this.#reviewer.review(key)) !== "dropped") return;
    this.metrics.operations.add("drop");
    this.#taps.look();
    this.#noticeCount();
    this.#options.log.warn({ endpoint: key }, "detached an endpoint that was released at romanad");
  }

  #applyTopology(): void {
    this.#topologyAlarm.clear();
    const { config, kernel, log } = this.#options;
    const knowledge = this.#follower.knowledge;
    const host = knowledge?.ownHost;
    if (knowledge === undefined || host === undefined) return;
    const gatewayKind = kernel.supportsLinkKind("dummy") ? "dummy" : "bridge";
    try {
      const settings = { ...config, gatewayKind, safetyNet: this.#safetyNet } as const;
      const policyRules = this.#policing.update(knowledge);
      const ways = this.#ways.of(host, knowledge, settings);
      this.#reconciler.setHost(desiredHost(host, knowledge, settings, policyRules, ways));
      for (const { endpoint, device, isReleasing } of this.#attachments.all) {
        const network = knowledge.network(endpoint.network);
        if (isReleasing || network === undefined || this.#reconciler.inventory.endpointOf(device)) continue;
        const isOwn = isOwnDeviceName(device);
        this.#reconciler.adopt(desiredEndpoint(network, endpoint, { name: device, isOwn }, host));
      }
      this.#underivable = undefined;
    } catch (error) {
      // What cannot be derived must not take away what is in force.
      if (!(error instanceof RomanaError)) throw error;
      this.#underivable = error.message;
      this.#reconciler.replacePolicyRules(this.#policing.lastGood);
      log.error({ error: error.message }, "cannot derive what should be");
    }
    this.#keeper.reconcile("desired");
    this.#steering.follow();
    this.#routing.follow();
    if (this.#underivable === undefined) this.#appliedRevision = knowledge.topologyRevision;
    this.#reporter.notice();
  }

  /** The safety net: everything is looked at, and what is left over is done. */
  #resync(): void {
    this.#resyncAlarm.set(this.#options.config.resyncInterval * 1000);
    this.#keeper.reconcile("drift");
    this.#background(this.#keeper.reconcileSysctls(), "look at sysctls");
    this.#steering.look();
    this.#dhcp.notice();
    if (this.#hasMemory) this.#taps.look();
    this.#viewSaver.save();
    this.#settle();
    this.#reporter.notice();
  }

  #settle(): void {
    if (!this.#follower.connection.connected || this.#releaser.unsettled === 0) return;
    this.#background(this.#releaser.settle(), "release what is left over");
  }

  #hostStatus(): HostStatus {
    const { timers, version, damage, kernel } = this.#options;
    const problems = hostProblems({
      damage,
      kernel,
      keeper: this.#keeper,
      reconciler: this.#reconciler,
      attachments: this.#attachments,
      connection: this.#follower.connection,
      isKnown: this.#follower.knowledge?.ownHost !== undefined,
      underivable: this.#underivable,
      policing: [...damagedPolicies(this.#follower.knowledge?.policies ?? []), ...this.#policing.problems],
      taps: this.#taps.problems,
      virtualIps: this.#pulse.virtualIps.problems,
      steering: this.#steering.problems,
      routing: this.#routing.problems,
      dhcp: this.#dhcp.problems,
    });
    return {
      observedRevision: this.#appliedRevision,
      state: problems.length === 0 ? "ok" : "degraded",
      problems,
      routes: this.#keeper.routes,
      attachments: this.#attachments.attached,
      counters: this.#policing.counters(),
      virtualIps: this.#pulse.virtualIps.status(),
      version,
      reportedAt: timers.now(),
    };
  }

  #describe(attachment: AttachmentRecord): AttachmentResource {
    return describeAttachment(attachment, this.#reconciler.inventory);
  }

  #onOutcome({ repaired, failures }: Outcome, cause: Cause): void {
    const { log } = this.#options;
    this.metrics.refusals.add(cause, failures.length);
    if (this.#reconciler.isEnforcing) {
      this.#policing.enforced();
      this.#otherRules.remove();
    }
    for (const { kind, item } of repaired) {
      this.metrics.repairs.add(kind);
      log.warn({ kind, item }, "mended what somebody changed");
    }
    for (const failure of failures) log.error({ failure }, "the kernel refused");
    if (repaired.length + failures.length > 0) this.#reporter.notice();
  }

  async #followKernel(events: AsyncIterable<KernelEvent>): Promise<void> {
    for await (const event of events) {
      this.metrics.events.add(event.type);
      if (this.#hasMemory) this.#taps.notice(event);
      this.#keeper.notice(event);
      this.#steering.notice(event);
      if (event.type === "link") this.#dhcp.notice();
    }
  }

  /** What goes wrong in the background is tried again by the next event or resync. */
  #background(work: Promise<unknown>, what: string): void {
    work.catch((error: unknown) => {
      if (!(error instanceof RomanaError)) throw error;
      this.#options.log.warn({ error: error.message }, `cannot ${what}`);
    });
  }
}
