import type { Family } from "../net/index.ts";
import { applyChanges } from "./changes.ts";
import { Conntrack } from "./conntrack.ts";
import { Subscription } from "./events.ts";
import {
  readAddresses,
  readLink,
  readLinks,
  readNeighbours,
  readProxyNeighbours,
  readRoutes,
  readRules,
} from "./inventory.ts";
import type {
  ChangeFailure,
  Flow,
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
  SetElementCounter,
  TableFamily,
  Veth,
  VethSpec,
  VethWiring,
} from "./kernel.ts";
import { LinkDeleter } from "./link-deleter.ts";
import { inNamespaceOf, openNamespace } from "./namespace.ts";
import { NETLINK_ROUTE } from "./netlink/constants.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";
import { Nftables } from "./nftables.ts";
import { PacketLog } from "./packet-log.ts";
import { readPeerInterface } from "./peer-interface.ts";
import { sys } from "./sys.ts";
import { Sysctls } from "./sysctl.ts";
import { VethMaker } from "./veth.ts";

/** What {@link createLinuxKernel} works on. */
export interface LinuxKernelOptions {
  /** Path of a network namespace, such as `/run/netns/NAME`; without it the process's own. */
  readonly namespace?: string;
}

/**
 * The kernel's networking through netlink and libnftables, in this process.
 * @throws RomanaError `not-found` when the namespace is gone, `unsupported` without libnftables.
 */
export function createLinuxKernel(options: LinuxKernelOptions = {}): Kernel {
  return new LinuxKernel(options.namespace);
}

interface Closable {
  close(): void;
}

/** Owns the sockets of one network namespace. */
class LinuxKernel implements Kernel {
  readonly #namespace: { readonly fd: number; readonly path: string } | undefined;
  readonly #socket: NetlinkSocket;
  readonly #nftables: Nftables;
  readonly #conntrack: Conntrack;
  readonly #maker: VethMaker;
  readonly #deleter: LinkDeleter;
  readonly #sysctls = new Sysctls();
  readonly #subscriptions = new Set<Closable>();
  readonly #linkKinds = new Map<string, boolean>();
  #closed = false;

  constructor(namespace: string | undefined) {
    if (namespace !== undefined) this.#namespace = { fd: openNamespace(namespace), path: namespace };
    try {
      [this.#nftables, this.#socket, this.#conntrack, this.#maker, this.#deleter] = this.#within(() => [
        new Nftables(),
        openNetlink(NETLINK_ROUTE),
        new Conntrack(),
        new VethMaker((values) => this.#within(() => this.#sysctls.writeAll(values))),
        new LinkDeleter(),
      ]);
    } catch (error) {
      if (this.#namespace !== undefined) sys.close(this.#namespace.fd);
      throw error;
    }
  }

  links(): readonly Link[] {
    return readLinks(this.#socket);
  }

  addresses(): readonly LinkAddress[] {
    return readAddresses(this.#socket);
  }

  routes(table: number, protocol = 0): readonly KernelRoute[] {
    return readRoutes(this.#socket, table, protocol);
  }

  rules(): readonly KernelRule[] {
    return readRules(this.#socket);
  }

  neighbours(): readonly Neighbour[] {
    return readNeighbours(this.#socket);
  }

  proxyNeighbours(): readonly ProxyNeighbour[] {
    return readProxyNeighbours(this.#socket);
  }

  apply(changes: readonly KernelChange[]): readonly ChangeFailure[] {
    return applyChanges(this.#socket, changes);
  }

  createVeth(spec: VethSpec, wiring?: VethWiring): Promise<Veth> {
    return this.#maker.create(spec, wiring);
  }

  peerInterface(namespace: string, name: string): PeerInterface | undefined {
    return readPeerInterface(namespace, name);
  }

  deleteLink(name: string): Promise<void> {
    return this.#deleter.delete(name);
  }

  supportsLinkKind(kind: "dummy" | "bridge"): boolean {
    const known = this.#linkKinds.get(kind);
    if (known !== undefined) return known;
    const name = freeName(this.#socket);
    const supported = this.apply([{ type: "add-link", name, kind }]).length === 0;
    this.apply([{ type: "delete-link", name }]);
    this.#linkKinds.set(kind, supported);
    return supported;
  }

  sysctl(name: string): string | undefined {
    return this.#within(() => this.#sysctls.read(name));
  }

  setSysctl(name: string, value: string): void {
    this.#within(() => this.#sysctls.write(name, value));
  }

  runNft(text: string): void {
    this.#within(() => this.#nftables.run(text));
  }

  listTable(name: string): string | undefined {
    return this.#within(() => this.#nftables.listTable(name, false));
  }

  listTableShape(name: string): string | undefined {
    return this.#within(() => this.#nftables.listTable(name, true));
  }

  rulesetGeneration(): number {
    return this.#nftables.generation();
  }

  counters(table: string): ReadonlyMap<string, { readonly packets: number; readonly bytes: number }> {
    return this.#nftables.counters(table);
  }

  changeSets(changes: readonly SetChange[]): void {
    this.#nftables.changeSets(changes);
  }

  readSetCounters(table: string, set: string, family: TableFamily = "inet"): readonly SetElementCounter[] {
    return this.#nftables.setCounters({ family, table, set });
  }

  loggedPackets(group: number, signal: AbortSignal): AsyncIterable<PacketLogEvent> {
    return this.#subscribe(() => new PacketLog(group), signal);
  }

  listFlows(family?: Family): readonly Flow[] {
    return this.#conntrack.list(family);
  }

  walkFlows(): AsyncIterable<readonly Flow[]> {
    return this.#within(() => this.#conntrack.walk());
  }

  deleteFlows(flows: readonly Flow[]): number {
    return this.#conntrack.delete(flows);
  }

  events(signal: AbortSignal): AsyncIterable<KernelEvent> {
    return this.#subscribe(() => new Subscription(), signal);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.close();
    this.#subscriptions.clear();
    this.#nftables.close();
    this.#socket.close();
    this.#conntrack.close();
    this.#maker.close();
    this.#deleter.close();
    this.#sysctls.close();
    if (this.#namespace !== undefined) sys.close(this.#namespace.fd);
  }

  /** Opens what goes on until the signal aborts or the kernel is closed. */
  #subscribe<T extends Closable>(open: () => T, signal: AbortSignal): T {
    const subscription = this.#within(open);
    this.#subscriptions.add(subscription);
    const end = (): void => {
      subscription.close();
      this.#subscriptions.delete(subscription);
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    return subscription;
  }

  /** Sysctls and nft's look at device names belong to the namespace of the thread that asks. */
  #within<T>(run: () => T): T {
    if (this.#namespace === undefined) return run();
    return inNamespaceOf(this.#namespace.fd, this.#namespace.path, run);
  }
}

/** A name for a link that lives for a moment. */
function freeName(socket: NetlinkSocket): string {
  let number = 0;
  while (readLink(socket, `romprobe${number}`) !== undefined) number++;
  return `romprobe${number}`;
}
