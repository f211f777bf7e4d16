import { reversePathFilter } from "../system/endpoint-sysctls.ts";
import { type KernelRoute, type Link, type LinkAddress, ROMANA_PROTOCOL } from "../system/kernel.ts";
import { type DesiredEndpoint, type DesiredHost, type DesiredRoute, forwardingSysctl } from "./desired.ts";
import { isLinkLocal } from "./network-diff.ts";
import { ownSlot } from "./route-slot.ts";

/** So many deleted devices are remembered, until their events have surely come. */
const REMEMBERED_DEVICES = 1_000;

/** What shall be on this host, and where it was last seen in the kernel: what events are compared with. */
export class Inventory {
  readonly #endpoints = new Map<string, DesiredEndpoint>();
  /** By slot. An endpoint stands where the host has a route for it, as it has for one of another host. */
  readonly #endpointRoutes = new Map<string, DesiredRoute>();
  #hostRoutes: ReadonlyMap<string, DesiredRoute> = new Map();
  readonly #indices = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #linkLocals = new Map<number, LinkAddress>();
  /** Devices that were just made: the kernel still has to tell that they were down before they were up. */
  readonly #fresh = new Set<number>();
  readonly #making = new Set<string>();
  readonly #deleted = new Set<number>();
  #functions: ReadonlySet<string> = new Set();
  #host: DesiredHost | undefined;
  #underlay: ReadonlySet<number> = new Set();
  #underlayNames: readonly string[] = [];

  get host(): DesiredHost | undefined {
    return this.#host;
  }

  get endpoints(): readonly DesiredEndpoint[] {
    return [...this.#endpoints.values()];
  }

  /** Sets what follows from the view. */
  setHost(host: DesiredHost): void {
    const before = this.#host?.routes;
    this.#host = host;
    if (before === host.routes) return;
    this.#hostRoutes = new Map(host.routes.map((route) => [ownSlot(route.destination), route]));
  }

  /** Adds an endpoint; `link` is its device when that was just made or found. */
  add(endpoint: DesiredEndpoint, link?: Link): void {
    const { device } = endpoint;
    this.#endpoints.set(device, this.#filtering(endpoint));
    this.#making.delete(device);
    for (const route of endpoint.routes) this.#endpointRoutes.set(ownSlot(route.destination), route);
    if (link === undefined) return;
    this.#setIndex(device, link.index);
    if (endpoint.isOwnDevice) this.#fresh.add(link.index);
  }

  /** These devices are of functions, which send packets of others; returns the endpoints for whom that is news. */
  setFunctions(devices: ReadonlySet<string>): readonly DesiredEndpoint[] {
    const changed = this.endpoints.filter(
      ({ device }) => devices.has(device) !== this.#functions.has(device),
    );
    this.#functions = devices;
    return changed.map((endpoint) => {
      const known = this.#filtering(endpoint);
      this.#endpoints.set(endpoint.device, known);
      return known;
    });
  }

  /** A device of ours is being made; its endpoint is added once it is. */
  beginMaking(device: string): void {
    this.#making.add(device);
  }

  /** It could not be made, or its endpoint was added. */
  endMaking(device: string): void {
    this.#making.delete(device);
  }

  /** True for a device that is being made and whose endpoint is yet to be added. */
  isMaking(device: string): boolean {
    return this.#making.has(device);
  }

  /** Takes an endpoint away. If its device is the agent's, it is going to be deleted. */
  remove({ device, routes, isOwnDevice }: DesiredEndpoint): void {
    const index = this.#indices.get(device);
    this.#endpoints.delete(device);
    for (const { destination } of routes) this.#endpointRoutes.delete(ownSlot(destination));
    if (index === undefined) return;
    this.#forgetIndex(device);
    if (isOwnDevice) this.#rememberDeleted(index);
  }

  /** Takes note of all links and addresses, and returns the devices of endpoints that are new. */
  see(links: readonly Link[], addresses: readonly LinkAddress[]): readonly DesiredEndpoint[] {
    const before = new Map(this.#indices);
    const there = new Map(links.map((link) => [link.name, link.index]));
    for (const [device, index] of before) if (there.get(device) !== index) this.#forgetIndex(device);
    for (const { name, index } of links) {
      if (name === this.#host?.gateway.name || this.#endpoints.has(name)) this.#setIndex(name, index);
    }
    for (const address of addresses) this.noteAddress(address);
    this.#underlayNames = links.flatMap(({ index, name }) => (this.#underlay.has(index) ? [name] : []));
    return this.endpoints.filter(({ device }) => {
      const index = this.#indices.get(device);
      return index !== undefined && index !== before.get(device);
    });
  }

  /**
   * Finds the devices of the underlay by our routes; true when they are others than before.
   * @param isComplete false when routes are missing, whose devices are then kept
   */
  seeRoutes(routes: readonly KernelRoute[], isComplete: boolean): boolean {
    const found = routes.flatMap(({ gateway, device, protocol }) =>
      protocol === ROMANA_PROTOCOL && gateway !== undefined && device !== undefined ? [device] : [],
    );
    const underlay = new Set([...found, ...(isComplete ? [] : this.#underlay)].toSorted((a, b) => a - b));
    const isSame =
      underlay.size === this.#underlay.size && [...underlay].every((device) => this.#underlay.has(device));
    this.#underlay = underlay;
    return !isSame;
  }

  /** Remembers the link-local address of an endpoint's device, in case somebody takes it away. */
  noteAddress(address: LinkAddress): void {
    const device = this.#names.get(address.link);
    if (device === undefined || !this.#endpoints.has(device) || !isLinkLocal(address)) return;
    this.#linkLocals.set(address.link, address);
  }

  /** An event has told that a device is up: from now on one that it is down means what it says. */
  noteUp(index: number): void {
    this.#fresh.delete(index);
  }

  /** The endpoint of a device by name. */
  endpointOf(device: string): DesiredEndpoint | undefined {
    return this.#endpoints.get(device);
  }

  /** The route that shall stand in a slot of ours. */
  routeIn(slot: string): DesiredRoute | undefined {
    return this.#endpointRoutes.get(slot) ?? this.#hostRoutes.get(slot);
  }

  /** Index of an endpoint's device or of the gateway. */
  indexOf(device: string): number | undefined {
    return this.#indices.get(device);
  }

  /** Name of the gateway or of an endpoint's device by its index. */
  nameOf(index: number): string | undefined {
    return this.#names.get(index);
  }

  /** True for the index of a device that the agent has deleted: events about it may still come. */
  hasDeleted(index: number): boolean {
    return this.#deleted.has(index);
  }

  /** True for a device that was just made, and of which no event has told yet that it is up. */
  isFresh(index: number): boolean {
    return this.#fresh.has(index);
  }

  /** Devices that our routes to other hosts leave by. */
  get underlay(): ReadonlySet<number> {
    return this.#underlay;
  }

  /** Link-local addresses that endpoints' devices had. */
  get linkLocals(): readonly LinkAddress[] {
    return [...this.#linkLocals.values()];
  }

  /** Devices of attached endpoints that are not there. */
  get missingDevices(): readonly string[] {
    return [...this.#endpoints.keys()].filter((device) => !this.#indices.has(device));
  }

  /** Sysctls of the host, with those of the devices that lead to other hosts. */
  get hostSysctls(): ReadonlyMap<string, string> {
    if (this.#host === undefined) return new Map();
    const { sysctls, gateway } = this.#host;
    const families = new Set(gateway.addresses.map(({ family }) => family));
    const forwarding = this.#underlayNames.flatMap((device) =>
      [...families].map((family) => forwardingSysctl(family, device)),
    );
    return new Map([...sysctls, ...forwarding]);
  }

  /**
   * Even a loose reverse path filter drops every source of others on a device without an address, as endpoints' devices are. Rules
   * say what a function may send.
   */
  #filtering(endpoint: DesiredEndpoint): DesiredEndpoint {
    const [name, usual] = reversePathFilter(endpoint.device);
    const value = this.#functions.has(endpoint.device) ? "0" : usual;
    return { ...endpoint, sysctls: new Map([...endpoint.sysctls, [name, value]]) };
  }

  #setIndex(device: string, index: number): void {
    if (this.#indices.get(device) !== index) this.#forgetIndex(device);
    this.#indices.set(device, index);
    this.#names.set(index, device);
  }

  #forgetIndex(device: string): void {
    const index = this.#indices.get(device);
    if (index === undefined) return;
    this.#indices.delete(device);
    this.#names.delete(index);
    this.#linkLocals.delete(index);
    this.#fresh.delete(index);
  }

  #rememberDeleted(index: number): void {
    this.#deleted.add(index);
    for (const oldest of this.#deleted) {
      if (this.#deleted.size <= REMEMBERED_DEVICES) break;
      this.#deleted.delete(oldest);
    }
  }
}
