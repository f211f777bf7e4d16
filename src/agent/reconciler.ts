import { isDeepStrictEqual } from "node:util";
import type { EndpointDevice, FirewallInput, PolicyRules, SteeredMarks } from "../firewall/index.ts";
import { RomanaError } from "../model/index.ts";
import {
  type KernelChange,
  type KernelRoute,
  type Link,
  MAIN_TABLE,
  ROMANA_PROTOCOL,
} from "../system/kernel.ts";
import type { Fight } from "./damper.ts";
import { type DesiredEndpoint, type DesiredHost, proxiedAddresses } from "./desired.ts";
import { Inventory } from "./inventory.ts";
import { diffNetwork, type Repair, type RouteFinding } from "./network-diff.ts";
import { type Cause, type Outcome, Run, type RunOptions } from "./reconcile-run.ts";
import { kernelRoute, ownSlot, slotOf } from "./route-slot.ts";
import type { DeviceChange, RulesKeeper } from "./rules-keeper.ts";

/** What a {@link Reconciler} works with. */
export interface ReconcilerOptions extends RunOptions {
  readonly rules: RulesKeeper;
  /** How packets are told that are steered through functions, as of now; undefined: none are. */
  readonly steered?: () => SteeredMarks | undefined;
}

/**
 * Makes the kernel equal to the desired state, and knows what that is. One failure never stops the rest. An
 * endpoint is wired without a look at anything else, so that its cost does not grow with their number.
 */
export class Reconciler {
  readonly inventory = new Inventory();
  readonly #options: ReconcilerOptions;
  /** Devices that are being deleted right now, and why others could not be. */
  readonly #dismantling = new Set<string>();
  readonly #stuck = new Map<string, string>();
  /** Own devices without an endpoint are deleted only once it is known which endpoints there are. */
  #prunesDevices = false;
  #isEnforcing = false;
  /** What the rules were last made with. */
  #steered: SteeredMarks | undefined;
  /** What the kernel was last made as a whole, with nothing left over, and the routes as they were then. */
  #made: { readonly host: DesiredHost; readonly routes: readonly RouteFinding[] } | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** True when the rules in the kernel are the desired ones, as last seen. */
  get isEnforcing(): boolean {
    return this.#isEnforcing;
  }

  /** The things that somebody keeps changing. */
  get fights(): readonly Fight[] {
    return this.#options.damper.fights(this.#options.now());
  }

  /** Sets what follows from the view; the kernel is made so by the next {@link reconcile}. */
  setHost(host: DesiredHost): void {
    this.inventory.setHost(host);
  }

  /** The rules of policies become these; everything else of the desired state stays as it is. */
  replacePolicyRules(rules: PolicyRules | undefined): void {
    const { host } = this.inventory;
    if (host === undefined || host.firewall.policyRules === rules) return;
    const { policyRules: _, ...firewall } = host.firewall;
    this.inventory.setHost({ ...host, firewall: { ...firewall, ...(rules && { policyRules: rules }) } });
  }

  /**
   * These devices are of functions from now on. Makes the rules and their sysctls right for that, and does nothing when they are.
   * @returns what the kernel refuses
   */
  steer(functionDevices: ReadonlySet<string>): readonly string[] {
    const { host } = this.inventory;
    const run = new Run(this.#options, "desired");
    const changed = this.inventory.setFunctions(functionDevices);
    const isNews = !isDeepStrictEqual(this.#steered, this.#options.steered?.());
    if (isNews && host !== undefined) this.#keepRules(run, host, "desired");
    for (const { sysctls } of changed) this.#setSysctls(run, sysctls);
    return run.outcome([]).failures;
  }

  /** Adds an endpoint that may be wired already, as after a restart. */
  adopt(endpoint: DesiredEndpoint): void {
    this.#options.rules.distrust();
    this.#made = undefined;
    this.inventory.add(endpoint);
  }

  /** From now on own devices that belong to no endpoint are left over and deleted. */
  pruneDevices(): void {
    this.#prunesDevices = true;
    this.#made = undefined;
  }

  /**
   * Compares everything with what should be and mends what differs; when only rules follow from what was news, only rules.
   * Does nothing while nothing is known.
   */
  reconcile(cause: Cause): Outcome {
    const { host } = this.inventory;
    const run = new Run(this.#options, cause);
    if (host === undefined) return run.outcome([]);
    const made = this.#made;
    this.#made = undefined;
    if (cause === "desired" && made !== undefined && differsInRulesOnly(made.host, host)) {
      this.#keepRules(run, host, cause);
      return this.#remember(host, run.outcome(made.routes));
    }
    return this.#remember(host, this.#reconcileAll(run, host, cause));
  }

  /** What is made and has nothing left over need not be looked at when only rules change. */
  #remember(host: DesiredHost, outcome: Outcome): Outcome {
    const { routes, failures, again } = outcome;
    if (failures.length === 0 && again === undefined) this.#made = { host, routes };
    return outcome;
  }

  #reconcileAll(run: Run, host: DesiredHost, cause: Cause): Outcome {
    const { inventory } = this;
    const { kernel } = this.#options;
    const links = this.#ensureGateway(run, host);
    const addresses = kernel.addresses();
    const routes = kernel.routes(MAIN_TABLE);
    inventory.seeRoutes(routes, false);
    const found = inventory.see(links, addresses);
    const actual = {
      links,
      addresses,
      routes,
      neighbours: kernel.proxyNeighbours(),
      linkLocals: inventory.linkLocals,
    };
    const diff = diffNetwork(host, inventory.endpoints, actual, this.#prunesDevices);
    run.apply(diff.repairs.filter(comesFirst));
    this.#setSysctls(run, inventory.hostSysctls);
    // What follows from a new device or a new way to others is no drift.
    const own = new Run(this.#options, "desired");
    for (const { sysctls } of found) this.#setSysctls(own, sysctls);
    // Without any rules endpoints would be reachable by everybody: then no way to them is made.
    if (this.#keepRules(run, host, cause) || this.#areRulesThere(run)) {
      run.apply(diff.repairs.filter((repair) => !comesFirst(repair)));
    }
    for (const device of diff.staleDevices) {
      const isUnderWay = this.#dismantling.has(device) || inventory.isMaking(device);
      if (!isUnderWay && run.may("link", `device ${device}`)) void this.dismantle(device);
    }
    const outcome = run.outcome(diff.routes);
    const isComplete = outcome.failures.length === 0 && outcome.again === undefined;
    // The rules name the devices of the underlay, which are only known once the routes are there.
    const made = kernel.routes(MAIN_TABLE, ROMANA_PROTOCOL);
    const isOther = inventory.seeRoutes(made, isComplete);
    if (isOther) this.#keepRules(own, host);
    const failures = [...outcome.failures, ...own.outcome([]).failures, ...this.#stuck.values()];
    return { ...outcome, routes: withDevices(outcome.routes, made, links), failures };
  }

  /** Sets those of the sysctls that differ. */
  reconcileSysctls(cause: Cause, values: ReadonlyMap<string, string>): Outcome {
    const run = new Run(this.#options, cause);
    this.#setSysctls(run, values);
    return run.outcome([]);
  }

  /**
   * Binds and routes an endpoint whose device is there: first what it may send, then the way to it.
   * @throws RomanaError when the kernel refuses; {@link unwire} takes away what was made until then.
   */
  wire(endpoint: DesiredEndpoint, link: Link): void {
    this.inventory.add(endpoint, link);
    this.#bind(endpoint, link.index);
    const failed = this.#options.kernel.apply([
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
    if (failed === undefined) return;
    const operation = `${failed.change.type} for endpoint "${endpoint.key}"`;
    throw new RomanaError(`Cannot ${operation}: ${failed.errno}`, {
      code: "kernel-refused",
      operation,
      errno: failed.errno,
    });
  }

  /** Takes the way to an endpoint away, then its binding; its device stays. Never fails. */
  unwire(device: string): readonly string[] {
    const endpoint = this.inventory.endpointOf(device);
    if (endpoint === undefined) return [];
    const index = this.inventory.indexOf(device);
    this.inventory.remove(endpoint);
    const run = new Run(this.#options, "desired");
    const item = `device ${device}`;
    const changes: KernelChange[] = endpoint.routes.map((route) => {
      const instead = this.inventory.routeIn(ownSlot(route.destination));
      return instead === undefined
        ? { type: "delete-route", route: kernelRoute(route, index) }
        : { type: "replace-route", route: kernelRoute(instead) };
    });
    if (index !== undefined && !endpoint.isOwnDevice) {
      for (const address of proxiedAddresses(endpoint)) {
        changes.push({ type: "delete-proxy-neighbour", neighbour: { link: index, address } });
      }
    }
    run.apply(changes.map((change): Repair => ({ kind: "route", item, change })));
    run.attempt(item, () => this.#changeDevices({ add: [], remove: [bound(endpoint, index)] }));
    return run.outcome([]).failures;
  }

  /** Runs what makes a device of ours: until it is wired it belongs to no endpoint, and yet is not left over. */
  async make<T>(device: string, action: () => Promise<T>): Promise<T> {
    this.inventory.beginMaking(device);
    try {
      return await action();
    } finally {
      this.inventory.endMaking(device);
    }
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

  /** True when the rules are as they should be. */
  #keepRules(run: Run, host: DesiredHost, cause: Cause = "drift"): boolean {
    const { rules } = this.#options;
    const { item } = rules;
    const desired = this.#desiredRules(host);
    let isLeft = false;
    const isDone = run.attempt(item, () => {
      if (cause === "desired" && rules.advance(desired)) return;
      rules.keep(desired, () => {
        isLeft = !run.may("table", item);
        return !isLeft;
      });
    });
    this.#isEnforcing = isDone && !isLeft;
    return this.#isEnforcing;
  }

  #desiredRules({ firewall }: DesiredHost): FirewallInput {
    const { endpoints, underlay } = this.inventory;
    const devices = endpoints.map((endpoint) => bound(endpoint, this.inventory.indexOf(endpoint.device)));
    const steered = this.#options.steered?.();
    this.#steered = steered;
    return { ...firewall, devices, underlayDevices: [...underlay], ...(steered && { steered }) };
  }

  /** Rules that somebody took away are put back, so that the endpoint never goes unbound. */
  #bind(endpoint: DesiredEndpoint, index: number): void {
    try {
      this.#changeDevices({ add: [bound(endpoint, index)], remove: [] });
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      const run = new Run(this.#options, "desired");
      const { host } = this.inventory;
      if (host === undefined || !this.#keepRules(run, host)) throw error;
    }
  }

  #changeDevices(change: DeviceChange): void {
    const { host } = this.inventory;
    if (host === undefined) return;
    this.#options.rules.changeDevices(host.firewall, change, () => this.#desiredRules(host));
  }

  /** What cannot be looked at counts as not there. */
  #areRulesThere(run: Run): boolean {
    const { rules } = this.#options;
    let isThere = false;
    run.attempt(rules.item, () => {
      isThere = rules.isThere();
    });
    return isThere;
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
}

/** What the kernel has besides rules is the same for both. */
function differsInRulesOnly(before: DesiredHost, after: DesiredHost): boolean {
  const { firewall: _, ...rest } = before;
  const { firewall: __, ...others } = after;
  const keys = Object.keys(rest) as (keyof typeof rest)[];
  return keys.every((key) => rest[key] === others[key]) || isDeepStrictEqual(rest, others);
}

/** The gateway before anything else. */
function comesFirst({ kind, change }: Repair): boolean {
  return change.type === "set-link-up" || (kind === "address" && change.type !== "delete-address");
}

/** The routes with the devices that the kernel has found for gateways. */
function withDevices(
  routes: readonly RouteFinding[],
  made: readonly KernelRoute[],
  links: readonly Link[],
): readonly RouteFinding[] {
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const devices = new Map(
    made.flatMap((route) => {
      const device = route.gateway && route.device && names.get(route.device);
      return device ? [[slotOf(route), device] as const] : [];
    }),
  );
  return routes.map((finding) => {
    const { route, state } = finding;
    const device = devices.get(ownSlot(route.destination));
    return state !== "present" || device === undefined ? finding : { route: { ...route, device }, state };
  });
}

function bound({ device, owns }: DesiredEndpoint, index: number | undefined): EndpointDevice {
  return { name: device, index, owns };
}
