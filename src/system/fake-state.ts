import { notFound } from "../model/index.ts";
import type { Address, Prefix } from "../net/index.ts";
import type { FakeSubscription } from "./fake-events.ts";
import { FakeNftables } from "./fake-nftables.ts";
import { FakeRoutes } from "./fake-routes.ts";
import { FakeSysctls } from "./fake-sysctls.ts";
import type {
  Flow,
  KernelEvent,
  KernelRule,
  Link,
  LinkAddress,
  Neighbour,
  PacketLogEvent,
  ProxyNeighbour,
} from "./kernel.ts";

/** What createVeth() has put into a namespace of a fake kernel. */
export interface FakeInterface {
  /** Name of the host's end. */
  readonly host: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly Prefix[];
  readonly gateways: readonly Address[];
  /** True without it. */
  readonly up?: boolean;
}

/** All that two views of one kernel share. */
export class FakeState {
  readonly links = new Map<string, Link>();
  readonly namespaces = new Map<string, Map<string, FakeInterface>>();
  readonly routes = new FakeRoutes();
  readonly subscriptions = new Set<FakeSubscription>();
  /** Who listens to which log group. */
  readonly logs = new Map<number, FakeSubscription<PacketLogEvent>>();
  flows: readonly Flow[] = [];
  readonly nftables: FakeNftables;
  readonly sysctls: FakeSysctls;
  addresses: LinkAddress[] = [];
  rules: readonly KernelRule[] = [];
  neighbours: ProxyNeighbour[] = [];
  /** Those that became known by themselves. */
  readonly met: Neighbour[] = [];
  #isMute = false;
  #lastIndex = 0;

  constructor() {
    const indexes = (): ReadonlyMap<string, number> =>
      new Map([...this.links].map(([name, { index }]) => [name, index]));
    this.nftables = new FakeNftables(indexes);
    this.sysctls = new FakeSysctls(indexes, (event) => this.emit(event));
    this.addLink({ name: "lo", up: true, mac: "00:00:00:00:00:00", mtu: 65_536 });
  }

  emit(event: KernelEvent): void {
    if (this.#isMute) return;
    for (const subscription of this.subscriptions) subscription.push(event);
  }

  /** Nobody is told of what happens meanwhile. */
  unheard(meanwhile: () => void): void {
    this.#isMute = true;
    try {
      meanwhile();
    } finally {
      this.#isMute = false;
    }
  }

  addLink(link: Omit<Link, "index" | "mac"> & { readonly mac?: string | undefined }): Link {
    const index = ++this.#lastIndex;
    const mac =
      link.mac ??
      `02:00:00:00:${[index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
    const added = { ...link, index, mac };
    this.links.set(link.name, added);
    this.sysctls.addLink(link.name);
    this.emit({ type: "link", action: "new", link: added });
    return added;
  }

  changeLink(link: Link): void {
    this.links.set(link.name, link);
    this.emit({ type: "link", action: "new", link });
  }

  /** Deletes a link with all that hangs on it; returns the name of the error number when the kernel would refuse it. */
  deleteLink(name: string): string | undefined {
    const link = this.links.get(name);
    if (link === undefined) return undefined;
    // Hardware and the loopback device.
    if (link.kind === undefined) return "EOPNOTSUPP";
    this.links.delete(name);
    this.sysctls.deleteLink(name);
    for (const inside of this.namespaces.values()) {
      for (const [peer, { host }] of inside) if (host === name) inside.delete(peer);
    }
    this.routes.dropWhere((route) => route.device === link.index);
    this.addresses = this.addresses.filter((address) => address.link !== link.index);
    this.neighbours = this.neighbours.filter((neighbour) => neighbour.link !== link.index);
    this.emit({ type: "link", action: "delete", link });
    return undefined;
  }

  get surroundings(): { readonly links: readonly Link[]; readonly addresses: readonly LinkAddress[] } {
    return { links: [...this.links.values()], addresses: this.addresses };
  }

  linkAt(index: number): Link | undefined {
    return [...this.links.values()].find((link) => link.index === index);
  }

  namespace(path: string): Map<string, FakeInterface> {
    const inside = this.namespaces.get(path);
    if (inside === undefined) throw notFound("network namespace", path);
    return inside;
  }
}
