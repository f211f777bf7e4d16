import { createTable, deviceChanges, type EndpointDevice, type Table } from "../firewall/index.ts";
import { RomanaError } from "../model/index.ts";
import {
  type KernelChange,
  type KernelRoute,
  type Link,
  type LinkAddress,
  MAIN_TABLE,
  ROMANA_PROTOCOL,
} from "../system/kernel.ts";
import type { Fight } from "./damper.ts";
import {
  type DesiredEndpoint,
  type DesiredHost,
  type DesiredRoute,
  forwardingSysctl,
  proxiedAddresses,
} from "./desired.ts";
import { type ActualNetwork, diffNetwork, isLinkLocal, type Repair } from "./network-diff.ts";
import { type Cause, type Outcome, Run, type RunOptions } from "./reconcile-run.ts";
import { kernelRoute, ownSlot } from "./route-slot.ts";
import type { TableKeeper } from "./table-keeper.ts";

/** So many deleted devices are remembered, until their events have surely come. */
const REMEMBERED_DEVICES = 1_000;

/** What a {@link Reconciler} works with. */
export interface ReconcilerOptions extends RunOptions {
  readonly table: TableKeeper;
}

/**
 * Makes the kernel equal to the desired state, and knows what that is. One failure never stops the rest. An
 * endpoint is wired without a look at anything else, so that its cost does not grow with their number.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #endpoints = new Map<string, DesiredEndpoint>();
  readonly #wanted = new Map<string, DesiredRoute>();
  readonly #indices = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #linkLocals = new Map<number, LinkAddress>();
  /** Devices that were just made: the kernel still has to tell that they were down before they were up. */
  readonly #fresh = new Set<number>();
  readonly #deleted = new Set<number>();
  /** Devices that are being deleted right now, and why others could not be. */
  readonly #dismantling = new Set<string>();
  readonly #stuck = new Map<string, string>();
  #host: DesiredHost | undefined;
  #underlay: ReadonlySet<number> = new Set();
  #underlayNames: readonly string[] = [];
  /** Own devices without an endpoint are deleted only once it is known which endpoints there are. */
  #prunesDevices = false;
  #isEnforcing = false;
  /** The table that was last made, without endpoints; undefined when the kernel has to be looked at. */
  #tableInForce: Table | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  get host(): DesiredHost | undefined {
    return this.#host;
  }

  get endpoints(): readonly DesiredEndpoint[] {
    return [...this.#endpoints.values()];
  }

  /** Sets what follows from the view; the kernel is made so by the next {@link reconcile}. */
  setHost(host: DesiredHost): void {
    for (const { destination } of this.#host?.routes ?? []) this.#wanted.delete(ownSlot(destination));
    for (const route of host.routes) this.#wanted.set(ownSlot(route.destination), route);
    this.#host = host;
  }

  /** Adds an endpoint that may be wired already, as after a restart. */
  adopt(endpoint: DesiredEndpoint): void {
    this.#tableInForce = undefined;
    this.#register(endpoint);
  }

  #register(endpoint: DesiredEndpoint): void {
    this.#endpoints.set(endpoint.device, endpoint);
    for (const route of endpoint.routes) this.#wanted.set(ownSlot(route.destination), route);
  }

  /** From now on own devices that belong to no endpoint are left over and deleted. */
  pruneDevices(): void {
    this.#prunesDevices = true;
  }

  /** Devices of attached endpoints that are not there, as last seen. */
  get missingDevices(): readonly string[] {
    return [...this.#endpoints.keys()].filter((device) => !this.#indices.has(device));
  }

  /** The endpoint of a device by name. */
  endpointOf(device: string): DesiredEndpoint | undefined {
    return this.#endpoints.get(device);
  }

  /** True when the table in the kernel is the desired one, as last seen. */
  get isEnforcing(): boolean {
    return this.#isEnforcing;
  }

  /** The route that shall stand in a slot of ours. */
  routeIn(slot: string): DesiredRoute | undefined {
    return this.#wanted.get(slot);
  }

  /** Index of an endpoint's device or of the gateway, as last seen. */
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

  /** An event has told that a device is up: from now on one that it is down means what it says. */
  noteUp(index: number): void {
    this.#fresh.delete(index);
  }

  /** Remembers the link-local address of an endpoint's device, in case somebody takes it away. */
  noteAddress(address: LinkAddress): void {
    const device = this.#names.get(address.link);
    if (device === undefined || !this.#endpoints.has(device) || !isLinkLocal(address)) return;
    this.#linkLocals.set(address.link, address);
  }

  /** Devices that our routes to other hosts leave by, as last seen. */
  get underlay(): ReadonlySet<number> {
    return this.#underlay;
  }

  /** Sysctls of the host, with those of the devices that lead to other hosts. */
  get hostSysctls(): ReadonlyMap<string, string> {
    const { sysctls, gateway } = this.#host ?? { sysctls: new Map<string, string>(), gateway: undefined };
    const families = new Set(gateway?.addresses.map(({ family }) => family));
    const forwarding = [...this.#underlayNames].flatMap((device) =>
      [...families].map((family) => forwardingSysctl(family, device)),
    );
    return new Map([...sysctls, ...forwarding]);
  }

  /** The things that somebody keeps changing. */
  get fights(): readonly Fight[] {
    return this.#options.damper.fights(this.#options.now());
  }

  /** Compares everything with what should be and mends what differs. Does nothing while nothing is known. */
  reconcile(cause: Cause): Outcome {
    const host = this.#host;
    const run = new Run(this.#options, cause);
    if (host === undefined) return run.outcome([]);
    const links = this.#ensureGateway(run, host);
    const before = new Map(this.#indices);
    const actual = this.#read(host, links);
    const diff = diffNetwork(host, this.endpoints, actual, this.#prunesDevices);
    run.apply(diff.repairs.filter(comesFirst));
    this.#findUnderlay(actual.routes, false);
    this.#underlayNames = actual.links.flatMap(({ index, name }) =>
      this.#underlay.has(index) ? [name] : [],
    );
    this.#setSysctls(run, this.hostSysctls);
    // What follows from a new device or a new way to others is no drift.
    const own = new Run(this.#options, "desired");
    for (const { device, sysctls } of this.endpoints) {
      const index = this.#indices.get(device);
      if (index !== undefined && index !== before.get(device)) this.#setSysctls(own, sysctls);
    }
    // Without any table endpoints would be reachable by everybody: then no way to them is made.
    if (this.#keepTable(run, host, cause) || this.#isTableThere()) {
      run.apply(diff.repairs.filter((repair) => !comesFirst(repair)));
    }
    for (const device of diff.staleDevices) {
      if (!this.#dismantling.has(device) && run.may("link", `device ${device}`)) void this.dismantle(device);
    }
    const found = run.outcome(diff.routes);
    const isComplete = found.failures.length === 0 && found.again === undefined;
    const routes = this.#options.kernel.routes(MAIN_TABLE, ROMANA_PROTOCOL);
    // The rules name the devices of the underlay, which are only known once the routes are there.
    if (this.#findUnderlay(routes, isComplete)) this.#keepTable(own, host);
    return { ...found, failures: [...found.failures, ...own.outcome([]).failures, ...this.#stuck.values()] };
  }

  /** Sets those of the sysctls that differ. */
  reconcileSysctls(cause: Cause, values: ReadonlyMap<string, string>): Outcome {
    const run = new Run(this.#options, cause);
    this.#setSysctls(run, values);
    return run.outcome([]);
  }

  /**
   * Binds and routes an endpoint whose device is there: first what it may send, then the way to it.
   * @throws RomanaError when the kernel refuses; nothing is left behind then.
   */
  wire(endpoint: DesiredEndpoint, link: Link): void {
    const { kernel } = this.#options;
    this.#register(endpoint);
    this.#setIndex(endpoint.device, link.index);
    if (endpoint.isOwnDevice) this.#fresh.add(link.index);
    try {
      this.#bind(endpoint, link.index);
      const failed = kernel.apply([
        ...proxiedAddresses(endpoint).map(
          (address): KernelChange => ({
            type: "add-proxy-neighbour",
            neighbour: { link: link.index, address },
          }),
        ),
        ...endpoint.routes.map(
          (route): KernelChange => ({ type: "replace-route", route: kernelRoute(route, link.index) }),
        ),
      ])[0];
      if (failed !== undefined) {
        const operation = `${failed.change.type} for endpoint "${endpoint.key}"`;
        throw new RomanaError(`Cannot ${operation}: ${failed.errno}`, {
          code: "kernel-refused",
          operation,
          errno: failed.errno,
        });
      }
    } catch (error) {
      this.unwire(endpoint.device);
      throw error;
    }
  }

  /** Takes the way to an endpoint away, then its binding; its device stays. Never fails. */
  unwire(device: string): readonly string[] {
    const endpoint = this.#endpoints.get(device);
    if (endpoint === undefined) return [];
    const index = this.#indices.get(device);
    this.#endpoints.delete(device);
    this.#forgetIndex(device);
    for (const { destination } of endpoint.routes) this.#wanted.delete(ownSlot(destination));
    const run = new Run(this.#options, "desired");
    const item = `device ${device}`;
    const changes: KernelChange[] = endpoint.routes.map((route) => ({
      type: "delete-route",
      route: kernelRoute(route, index),
    }));
    if (index !== undefined && !endpoint.isOwnDevice) {
      for (const address of proxiedAddresses(endpoint)) {
        changes.push({ type: "delete-proxy-neighbour", neighbour: { link: index, address } });
      }
    }
    run.apply(changes.map((change): Repair => ({ kind: "route", item, change })));
    run.attempt(item, () => this.#changeDevices({ add: [], remove: [bound(endpoint, index)] }));
    if (endpoint.isOwnDevice && index !== undefined) this.#rememberDeleted(index);
    return run.outcome([]).failures;
  }

  /** Deletes a device of ours. It takes a while, in which others can work. Never fails. */
  async dismantle(device: string): Promise<void> {
    this.#dismantling.add(device);
    try {
      await this.#options.kernel.deleteLink(device);
      this.#stuck.delete(device);
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      this.#stuck.set(device, error.message);
    } finally {
      this.#dismantling.delete(device);
    }
  }

  #setSysctls(run: Run, values: ReadonlyMap<string, string>): void {
    const { kernel } = this.#options;
    for (const [name, value] of values) {
      const actual = kernel.sysctl(name);
      // A sysctl that is not there belongs to a device that is gone, or to a family that the kernel does not have.
      if (actual === undefined || actual === value || !run.may("sysctl", `sysctl ${name}`)) continue;
      run.attempt(`sysctl ${name}`, () => kernel.setSysctl(name, value));
    }
  }

  /** True when the table is as it should be. */
  #keepTable(run: Run, { firewall }: DesiredHost, cause: Cause = "drift"): boolean {
    const { table } = this.#options;
    const item = `table ${firewall.table}`;
    const input = { ...firewall, underlayDevices: [...this.#underlay] };
    const before = cause === "desired" ? this.#tableInForce : undefined;
    this.#tableInForce = undefined;
    let isLeft = false;
    const isDone = run.attempt(item, () => {
      const after = createTable({ ...input, devices: [] });
      // Endpoints come and go by elements of their own: they are the same in both.
      if (before === undefined || !table.advance(before, after)) {
        const devices = this.endpoints.map((endpoint) => bound(endpoint, this.#indices.get(endpoint.device)));
        table.keep(
          createTable({ ...input, devices }),
          (device) => this.#indices.get(device),
          () => {
            isLeft = !run.may("table", item);
            return !isLeft;
          },
        );
      }
      if (!isLeft) this.#tableInForce = after;
    });
    this.#isEnforcing = isDone && !isLeft;
    return this.#isEnforcing;
  }

  /** A table that somebody took away is put back, so that the endpoint never goes unbound. */
  #bind(endpoint: DesiredEndpoint, index: number): void {
    try {
      this.#changeDevices({ add: [bound(endpoint, index)], remove: [] });
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      const run = new Run(this.#options, "desired");
      if (this.#host === undefined || !this.#keepTable(run, this.#host)) throw error;
    }
  }

  #changeDevices(change: Parameters<typeof deviceChanges>[1]): void {
    const scope = this.#host?.firewall;
    if (scope !== undefined) this.#options.kernel.changeSets(deviceChanges(scope, change));
  }

  #isTableThere(): boolean {
    const table = this.#host?.firewall.table;
    return table !== undefined && this.#options.kernel.listTable(table) !== undefined;
  }

  /** Makes the gateway's device if it is missing, and returns the links; without one of its name that is not ours. */
  #ensureGateway(run: Run, { gateway: { name, kind } }: DesiredHost): readonly Link[] {
    const { kernel } = this.#options;
    const item = `device ${name}`;
    const links = kernel.links();
    const link = links.find((candidate) => candidate.name === name);
    if (link === undefined) {
      run.apply([{ kind: "link", item, change: { type: "add-link", name, kind } }]);
      return kernel.links();
    }
    if (link.kind === "dummy" || link.kind === "bridge") return links;
    run.fail(
      item,
      `Cannot use device "${name}" as gateway: it is there already and of kind ${link.kind ?? "hardware"}`,
    );
    return links.filter((candidate) => candidate !== link);
  }

  #read({ gateway }: DesiredHost, links: readonly Link[]): ActualNetwork {
    const { kernel } = this.#options;
    this.#indices.clear();
    this.#names.clear();
    for (const { name, index } of links) {
      if (name === gateway.name || this.#endpoints.has(name)) this.#setIndex(name, index);
    }
    const addresses = kernel.addresses();
    for (const address of addresses) this.noteAddress(address);
    for (const index of this.#linkLocals.keys()) if (!this.#names.has(index)) this.#linkLocals.delete(index);
    return {
      links,
      addresses,
      linkLocals: [...this.#linkLocals.values()],
      routes: kernel.routes(MAIN_TABLE),
      neighbours: kernel.proxyNeighbours(),
    };
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

  /** True when the devices of the underlay are others than before; some are forgotten only when all are known. */
  #findUnderlay(routes: readonly KernelRoute[], isComplete: boolean): boolean {
    const found = routes.flatMap(({ gateway, device, protocol }) =>
      protocol === ROMANA_PROTOCOL && gateway !== undefined && device !== undefined ? [device] : [],
    );
    const underlay = new Set([...found, ...(isComplete ? [] : this.#underlay)].toSorted((a, b) => a - b));
    const isSame =
      underlay.size === this.#underlay.size && [...underlay].every((device) => this.#underlay.has(device));
    this.#underlay = underlay;
    return !isSame;
  }
}

/** The gateway before anything else. */
function comesFirst({ kind, change }: Repair): boolean {
  return change.type === "set-link-up" || (kind === "address" && change.type !== "delete-address");
}

function bound({ device, owns }: DesiredEndpoint, index: number | undefined): EndpointDevice {
  return { name: device, index, owns };
}
