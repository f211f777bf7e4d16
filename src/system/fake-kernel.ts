import { RomanaError } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { endpointSysctls } from "./endpoint-sysctls.ts";
import { applyFakeChange } from "./fake-changes.ts";
import { FakeSubscription } from "./fake-events.ts";
import { fakePeerInterface } from "./fake-peer-interface.ts";
import { type FakeInterface, FakeState } from "./fake-state.ts";
import type {
  ChangeFailure,
  Flow,
  FlowTuple,
  Kernel,
  KernelChange,
  KernelEvent,
  KernelRoute,
  KernelRule,
  Link,
  LinkAddress,
  Neighbour,
  PacketLogEvent,
  PeerInterface,
  ProxyNeighbour,
  SetChange,
  SetElement,
  SetElementCounter,
  Veth,
  VethSpec,
  VethWiring,
} from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";

/** What createVeth() has put into a namespace. */
export type { FakeInterface } from "./fake-state.ts";

/** What is asked of a {@link FakeKernel}, for tests that make it fail. */
export type FakeOperation =
  | { readonly method: "apply"; readonly change: KernelChange }
  | { readonly method: "createVeth"; readonly spec: VethSpec }
  | { readonly method: "deleteLink"; readonly name: string }
  | { readonly method: "runNft"; readonly text: string }
  | { readonly method: "changeSets"; readonly changes: readonly SetChange[] }
  | { readonly method: "deleteFlows"; readonly flows: readonly Flow[] }
  | { readonly method: "setSysctl"; readonly name: string; readonly value: string };

/** Settings of {@link createFakeKernel}. */
export interface FakeKernelOptions {
  /** Kinds of links that it can make; both without it. */
  readonly linkKinds?: readonly ("dummy" | "bridge")[];
}

/** An in-memory kernel for tests: the laws of {@link Kernel}, and what a test does to it from outside. */
export interface FakeKernel extends Kernel {
  /** The same kernel in the hands of another process: its changes are foreign. */
  readonly outside: Kernel;
  /** Makes an empty network namespace that createVeth() can put peers into. */
  addNamespace(path: string): void;
  /** Deletes a namespace and with it every pair that has its peer there. */
  deleteNamespace(path: string): void;
  /** Interfaces of a namespace by name. @throws RomanaError `not-found`. */
  interfaces(path: string): ReadonlyMap<string, FakeInterface>;
  /** Makes an interface of a namespace another, as somebody in there would. */
  changeInterface(path: string, name: string, change: Partial<FakeInterface>): void;
  /** Adds a link that createVeth() and apply() cannot make: hardware, or a tap. It is up unless said otherwise. */
  addLink(link: {
    readonly name: string;
    readonly kind?: string;
    readonly mac?: string;
    readonly up?: boolean;
  }): Link;
  /** Somebody on a link has become known. */
  meet(neighbour: Neighbour): void;
  setLinkDown(name: string): void;
  /** Adds to a named counter, as packets would. */
  count(table: string, counter: string, packets: number, bytes: number): void;
  /** Adds to the counter of an element of a set, as packets would. */
  countElement(
    table: string,
    set: string,
    element: Uint8Array | SetElement,
    packets: number,
    bytes: number,
  ): void;
  /** Tells who listens to the log group, if anybody does. */
  log(group: number, event: PacketLogEvent): void;
  /** Tracks a flow; its answers come back as they must if it does not say otherwise. */
  addFlow(flow: Partial<Omit<Flow, "id">> & Pick<Flow, "original">): Flow;
  /** Puts the flow in the place of the one with its ID. */
  changeFlow(flow: Flow): void;
  /** Tells every subscriber that events were lost: those of what happens in `meanwhile`, if there is any. */
  overrun(meanwhile?: () => void): void;
  /** While set, called before each change; the name of an error number that it returns is the kernel's refusal. */
  refuse: ((operation: FakeOperation) => string | undefined) | undefined;
}

/** Makes a {@link FakeKernel} with nothing but the loopback device. */
export function createFakeKernel(options: FakeKernelOptions = {}): FakeKernel {
  return new InMemoryKernel(new FakeState(), new Set(options.linkKinds ?? ["dummy", "bridge"]));
}

const MAX_NAME_LENGTH = 15;
const DEFAULT_MTU = 1500;
const FLOWS_PER_TURN = 500;

class InMemoryKernel implements FakeKernel {
  refuse: ((operation: FakeOperation) => string | undefined) | undefined;
  readonly outside: Kernel;
  readonly #state: FakeState;
  readonly #linkKinds: ReadonlySet<string>;
  readonly #own: boolean;
  readonly #subscriptions = new Set<{ close(): void }>();

  /** @param inside the kernel of which this is the view from outside */
  constructor(state: FakeState, linkKinds: ReadonlySet<string>, inside?: Kernel) {
    this.#state = state;
    this.#linkKinds = linkKinds;
    this.#own = inside === undefined;
    this.outside = inside === undefined ? new InMemoryKernel(state, linkKinds, this) : this;
  }

  links(): readonly Link[] {
    return [...this.#state.links.values()];
  }

  addresses(): readonly LinkAddress[] {
    return [...this.#state.addresses];
  }

  routes(table: number, protocol?: number): readonly KernelRoute[] {
    const routes = this.#state.routes.list(table, this.#state.surroundings);
    return routes.filter((route) => protocol === undefined || route.protocol === protocol);
  }

  rules(): readonly KernelRule[] {
    return [...this.#state.rules];
  }

  neighbours(): readonly Neighbour[] {
    return this.#state.met.filter(({ link }) => this.#state.linkAt(link) !== undefined);
  }

  meet(neighbour: Neighbour): void {
    this.#state.met.push(neighbour);
  }

  proxyNeighbours(): readonly ProxyNeighbour[] {
    return [...this.#state.neighbours];
  }

  apply(changes: readonly KernelChange[]): readonly ChangeFailure[] {
    return changes.flatMap((change): ChangeFailure[] => {
      const unknownKind = change.type === "add-link" && !this.#linkKinds.has(change.kind);
      const errno =
        this.refuse?.({ method: "apply", change }) ??
        (unknownKind ? "EOPNOTSUPP" : applyFakeChange(this.#state, change));
      return errno === undefined ? [] : [{ change, errno }];
    });
  }

  async createVeth(spec: VethSpec, wiring?: VethWiring): Promise<Veth> {
    const { name, mtu = DEFAULT_MTU, peer } = spec;
    const inside = this.#state.namespace(peer.namespace);
    const taken = this.#state.links.has(name) ? name : inside.has(peer.name) ? peer.name : undefined;
    if (taken !== undefined) {
      throw new RomanaError(`Cannot create interface "${taken}": the name is taken`, {
        code: "conflict",
        noun: "interface",
        name: taken,
      });
    }
    const operation = `create interface "${name}" with "${peer.name}" in ${peer.namespace}`;
    this.#check({ method: "createVeth", spec }, operation);
    if ([name, peer.name].some((text) => text.length > MAX_NAME_LENGTH))
      throw kernelRefused(operation, "ERANGE");
    const host = this.#state.addLink({ name, kind: "veth", up: true, mtu });
    const mac = peer.mac ?? host.mac?.replace(/^02/, "06") ?? "";
    for (const [key, value] of endpointSysctls(name)) this.#state.sysctls.set(key, value);
    try {
      wiring?.wire(host);
      inside.set(peer.name, { host: name, mac, mtu, addresses: peer.addresses, gateways: peer.gateways });
      const texts = peer.addresses.map(({ family, value }) => `${family} ${value}`);
      if (new Set(texts).size < texts.length) throw kernelRefused(operation, "EEXIST");
    } catch (error) {
      wiring?.unwire();
      this.#state.deleteLink(name);
      throw error;
    }
    return { host, peer: { name: peer.name, mac } };
  }

  peerInterface(namespace: string, name: string): PeerInterface | undefined {
    const found = this.#state.namespace(namespace).get(name);
    return found && fakePeerInterface(name, found);
  }

  async deleteLink(name: string): Promise<void> {
    const operation = `delete interface "${name}"`;
    this.#check({ method: "deleteLink", name }, operation);
    const errno = this.#state.deleteLink(name);
    if (errno !== undefined) throw kernelRefused(operation, errno);
  }

  supportsLinkKind(kind: "dummy" | "bridge"): boolean {
    return this.#linkKinds.has(kind);
  }

  sysctl(name: string): string | undefined {
    return this.#state.sysctls.get(name);
  }

  setSysctl(name: string, value: string): void {
    this.#check({ method: "setSysctl", name, value }, `set sysctl "${name}" to "${value}"`);
    this.#state.sysctls.set(name, value);
  }

  runNft(text: string): void {
    this.#check({ method: "runNft", text }, "run nft text");
    this.#tell(this.#state.nftables.run(text));
  }

  listTable(name: string): string | undefined {
    return this.#state.nftables.list(name, false);
  }

  listTableShape(name: string): string | undefined {
    return this.#state.nftables.list(name, true);
  }

  rulesetGeneration(): number {
    return this.#state.nftables.generation;
  }

  counters(table: string): ReadonlyMap<string, { readonly packets: number; readonly bytes: number }> {
    return this.#state.nftables.counters(table);
  }

  changeSets(changes: readonly SetChange[]): void {
    this.#check({ method: "changeSets", changes }, "change sets");
    this.#tell(this.#state.nftables.changeSets(changes));
  }

  readSetCounters(table: string, set: string): readonly SetElementCounter[] {
    return this.#state.nftables.setCounters(table, set);
  }

  loggedPackets(group: number, signal: AbortSignal): AsyncIterable<PacketLogEvent> {
    const { logs } = this.#state;
    if (logs.has(group)) throw kernelRefused(`listen to log group "${group}"`, "EBUSY");
    const subscription = new FakeSubscription<PacketLogEvent>(() => logs.delete(group));
    logs.set(group, subscription);
    return this.#subscribe(subscription, signal);
  }

  listFlows(family?: Family): readonly Flow[] {
    return this.#state.flows.filter(
      ({ original }) => family === undefined || original.source.family === family,
    );
  }

  async *walkFlows(): AsyncGenerator<readonly Flow[], void, undefined> {
    const { flows } = this.#state;
    for (let start = 0; start < flows.length; start += FLOWS_PER_TURN) {
      yield flows.slice(start, start + FLOWS_PER_TURN);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  deleteFlows(flows: readonly Flow[]): number {
    this.#check({ method: "deleteFlows", flows }, "delete flows");
    const before = this.#state.flows;
    const gone = new Set(flows.map(({ id }) => id));
    this.#state.flows = before.filter(({ id }) => !gone.has(id));
    return before.length - this.#state.flows.length;
  }

  events(signal: AbortSignal): AsyncIterable<KernelEvent> {
    const { subscriptions } = this.#state;
    const subscription = new FakeSubscription<KernelEvent>(() => subscriptions.delete(subscription));
    subscriptions.add(subscription);
    return this.#subscribe(subscription, signal);
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  addNamespace(path: string): void {
    this.#state.namespaces.set(path, new Map());
  }

  deleteNamespace(path: string): void {
    const inside = this.#state.namespaces.get(path);
    this.#state.namespaces.delete(path);
    for (const { host } of inside?.values() ?? []) this.#state.deleteLink(host);
  }

  changeInterface(path: string, name: string, change: Partial<FakeInterface>): void {
    const inside = this.#state.namespace(path);
    const found = inside.get(name);
    if (found === undefined) throw new RangeError(`there is no interface "${name}" in ${path}`);
    inside.set(name, { ...found, ...change });
  }

  interfaces(path: string): ReadonlyMap<string, FakeInterface> {
    return this.#state.namespace(path);
  }

  addLink(link: { name: string; kind?: string; mac?: string; up?: boolean }): Link {
    return this.#state.addLink({ up: true, mtu: DEFAULT_MTU, ...link });
  }

  setLinkDown(name: string): void {
    const link = this.#state.links.get(name);
    if (link === undefined) throw new RangeError(`there is no link "${name}"`);
    this.#state.routes.dropWhere((route) => route.device === link.index);
    this.#state.changeLink({ ...link, up: false });
  }

  count(table: string, counter: string, packets: number, bytes: number): void {
    this.#state.nftables.count(table, counter, packets, bytes);
  }

  countElement(
    table: string,
    set: string,
    element: Uint8Array | SetElement,
    packets: number,
    bytes: number,
  ): void {
    this.#state.nftables.countElement(table, set, element, packets, bytes);
  }

  overrun(meanwhile?: () => void): void {
    if (meanwhile) this.#state.unheard(meanwhile);
    this.#state.emit({ type: "overrun" });
  }

  log(group: number, event: PacketLogEvent): void {
    this.#state.logs.get(group)?.push(event);
  }

  addFlow(flow: Partial<Omit<Flow, "id">> & Pick<Flow, "original">): Flow {
    const { source, destination, protocol, sourcePort, destinationPort, icmp } = flow.original;
    const reply: FlowTuple = {
      source: destination,
      destination: source,
      protocol,
      ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
      ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
      ...(icmp === undefined ? {} : { icmp }),
    };
    const id = Math.max(0, ...this.#state.flows.map((known) => known.id)) + 1;
    const added: Flow = { reply, seenReply: false, assured: false, mark: 0, zone: 0, ...flow, id };
    this.#state.flows = [...this.#state.flows, added];
    return added;
  }

  changeFlow(flow: Flow): void {
    this.#state.flows = this.#state.flows.map((known) => (known.id === flow.id ? flow : known));
  }

  #subscribe<T>(subscription: FakeSubscription<T>, signal: AbortSignal): FakeSubscription<T> {
    const end = (): void => {
      subscription.close();
      this.#subscriptions.delete(subscription);
    };
    this.#subscriptions.add(subscription);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    return subscription;
  }

  #check(operation: FakeOperation, description: string): void {
    const errno = this.refuse?.(operation);
    if (errno !== undefined) throw kernelRefused(description, errno);
  }

  #tell(tables: ReadonlySet<string>): void {
    for (const table of tables) this.#state.emit({ type: "table", table, ownProcess: this.#own });
  }
}
