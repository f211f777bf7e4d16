import { decodeAddress, hostPosition } from "../addressing/index.ts";
import {
  type AddressPlan,
  type Exception,
  type Host,
  type Network,
  type Policy,
  plansOf,
  type Segment,
  type Tenant,
} from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { PrefixSet } from "./prefix-set.ts";
import type { PolicyWorld } from "./world.ts";

/** Finds what a world says about an address without walking through all of it. */
export class WorldIndex {
  readonly #world: PolicyWorld;
  readonly #tenantById: ReadonlyMap<number, Tenant>;
  readonly #tenantByName: ReadonlyMap<string, Tenant>;
  readonly #segmentsOf: ReadonlyMap<string, readonly Segment[]>;
  /** Places in the world's list, whose order counts. */
  readonly #exceptions: PrefixSet<number>;
  readonly #hostsByAddress: ReadonlyMap<string, readonly Host[]>;
  readonly #hostsByPosition: ReadonlyMap<string, readonly Host[]>;
  /** Policies by the names of tenants that their targets name; under `undefined`: with targets that name none. */
  readonly #policiesOf: ReadonlyMap<string | undefined, readonly Policy[]>;

  constructor(world: PolicyWorld) {
    this.#world = world;
    this.#tenantById = firstBy(world.tenants, ({ id }) => id);
    this.#tenantByName = firstBy(world.tenants, ({ name }) => name);
    this.#segmentsOf = groupBy(world.segments, ({ tenant }) => [tenant]);
    this.#exceptions = new PrefixSet(
      world.exceptions.flatMap(({ blocks }, place) => blocks.map((block) => [block, place] as const)),
    );
    const hosts = indexHosts(world);
    this.#hostsByAddress = hosts.byAddress;
    this.#hostsByPosition = hosts.byPosition;
    this.#policiesOf = groupBy(world.policies, tenantsOf);
  }

  /**
   * The part of the world that says anything about the address: its tenant with all segments, its exceptions, its
   * hosts. Asking this part about the address gives what the whole world answers; it has no policies.
   */
  partFor(address: Address): PolicyWorld {
    const { networks } = this.#world;
    const exceptions = this.#exceptions
      .holding(address)
      .toSorted((a, b) => a - b)
      .map((place) => this.#world.exceptions[place] as Exception);
    const decoded = this.#decode(address);
    const tenants = [
      decoded && this.#tenantById.get(decoded.tenant),
      ...exceptions.map(({ tenant }) => this.#tenantByName.get(tenant)),
    ].filter((tenant) => tenant !== undefined);
    const hosts = [
      ...(this.#hostsByAddress.get(addressKey(address)) ?? []),
      ...(this.#hostsByPosition.get(decoded?.position ?? "") ?? []),
    ];
    return {
      networks,
      hosts: [...new Set(hosts)],
      tenants: [...new Set(tenants)],
      segments: [...new Set(tenants)].flatMap(({ name }) => this.#segmentsOf.get(name) ?? []),
      exceptions,
      policies: [],
    };
  }

  /** Policies that may have a target of this tenant (undefined: of nobody known), some others among them. */
  policiesFor(tenant: Tenant | undefined): readonly Policy[] {
    const own = tenant === undefined ? [] : (this.#policiesOf.get(tenant.name) ?? []);
    return [...new Set([...own, ...(this.#policiesOf.get(undefined) ?? [])])];
  }

  #decode(address: Address): { readonly tenant: number; readonly position: string } | undefined {
    const found = this.#plans().find(({ plan }) => prefixContains(plan.prefix, address));
    const decoded = found && decodeAddress(found.plan, address);
    return decoded && { tenant: decoded.tenant, position: positionKey(found.network, decoded) };
  }

  #plans(): readonly { readonly network: Network; readonly plan: AddressPlan }[] {
    return this.#world.networks.flatMap((network) => plansOf(network).map((plan) => ({ network, plan })));
  }
}

interface HostIndex {
  readonly networks: readonly Network[];
  readonly byAddress: ReadonlyMap<string, readonly Host[]>;
  readonly byPosition: ReadonlyMap<string, readonly Host[]>;
}

/** By the very list of hosts: worlds that differ in policies share it, and there may be thousands of hosts. */
const HOST_INDICES = new WeakMap<readonly Host[], HostIndex>();

function indexHosts({ hosts, networks }: PolicyWorld): HostIndex {
  const known = HOST_INDICES.get(hosts);
  if (known?.networks === networks) return known;
  const index = {
    networks,
    byAddress: groupBy(hosts, ({ underlay }) =>
      [underlay.ipv4, underlay.ipv6].flatMap((own) => (own === undefined ? [] : [addressKey(own)])),
    ),
    byPosition: groupBy(hosts, (host) =>
      networks.map((network) => positionKey(network, hostPosition(network, host))),
    ),
  };
  HOST_INDICES.set(hosts, index);
  return index;
}

/** Names of the tenants that the targets name; `undefined` stands for a target that names none. */
function tenantsOf({ appliedTo }: Policy): readonly (string | undefined)[] {
  return appliedTo.map((target) =>
    target.kind === "endpoints" && target.tenant?.by === "name" ? target.tenant.name : undefined,
  );
}

function positionKey(
  network: Network,
  { groups, host }: { readonly groups: readonly number[]; readonly host: number },
): string {
  return [network.name, ...groups, host].join("/");
}

function addressKey({ family, value }: Address): string {
  return `${family} ${value}`;
}

function firstBy<T, K>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, T> {
  return new Map(items.toReversed().map((item) => [keyOf(item), item]));
}

function groupBy<T, K>(items: readonly T[], keysOf: (item: T) => readonly K[]): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    for (const key of new Set(keysOf(item))) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [item]);
      else group.push(item);
    }
  }
  return groups;
}
