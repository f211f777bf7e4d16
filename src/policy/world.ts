import { decodeAddress, type HostPosition, hostPosition } from "../addressing/index.ts";
import {
  type Exception,
  type Host,
  type Network,
  type Policy,
  plansOf,
  type Relocation,
  type Segment,
  type SegmentCode,
  type Tenant,
} from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";

/** What identities mean: the same data on every host, without a single endpoint in it. */
export interface World {
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  readonly tenants: readonly Tenant[];
  readonly segments: readonly Segment[];
  /** Endpoints that are on other hosts than their addresses say; absent: none. */
  readonly relocations?: readonly Relocation[];
}

/** A world with everything that decides about traffic. */
export interface PolicyWorld extends World {
  readonly policies: readonly Policy[];
  readonly exceptions: readonly Exception[];
}

/** A world whose policies and exceptions may not be known; it then has none. */
export type MaybePolicyWorld = World & Partial<PolicyWorld>;

/** The world with the policies and exceptions that it has. */
export function withPolicies(world: MaybePolicyWorld): PolicyWorld {
  return { policies: [], exceptions: [], ...world };
}

/** Whose address it is, by its bits alone. Tenant and segment are undefined when the bits name none. */
export interface Identity {
  readonly network: Network;
  readonly position: HostPosition;
  readonly tenant: Tenant | undefined;
  readonly segment: Segment | undefined;
}

/** Reads an address; undefined when it lies in no network. */
export function identify(world: World, address: Address): Identity | undefined {
  const tenantById = (id: number): Tenant | undefined => world.tenants.find((tenant) => tenant.id === id);
  const segmentsOf = (tenant: Tenant | undefined): readonly Segment[] =>
    world.segments.filter((segment) => segment.tenant === tenant?.name);
  for (const network of world.networks) {
    for (const plan of plansOf(network)) {
      const codesOf = (id: number): SegmentCode[] => segmentsOf(tenantById(id)).flatMap(({ codes }) => codes);
      const decoded = decodeAddress(plan, address, codesOf);
      if (decoded === undefined) continue;
      const tenant = tenantById(decoded.tenant);
      const segment = segmentsOf(tenant).find(({ codes }) =>
        codes.some((code) => isSameCode(code, decoded.code)),
      );
      return { network, position: { groups: decoded.groups, host: decoded.host }, tenant, segment };
    }
  }
  return undefined;
}

/** The relocation of the address; undefined: it is where its bits say. */
export function relocationOf(world: World, address: Address): Relocation | undefined {
  return world.relocations?.find(({ blocks }) => blocks.some((block) => prefixContains(block, address)));
}

/** The host where the address is: by its relocation or its prefix. Undefined when it is outside or no such host is known. */
export function hostOf(world: World, address: Address): Host | undefined {
  const moved = relocationOf(world, address);
  if (moved !== undefined) return world.hosts.find(({ name }) => name === moved.locatedOn);
  const identity = identify(world, address);
  return identity && world.hosts.find((host) => isAt(identity, host));
}

/** True when the address behind the identity belongs to the prefix of the host. */
export function isAt({ network, position }: Identity, host: Host): boolean {
  const own = hostPosition(network, host);
  return (
    own.host === position.host &&
    own.groups.length === position.groups.length &&
    own.groups.every((id, index) => id === position.groups[index])
  );
}

function isSameCode(a: SegmentCode, b: SegmentCode): boolean {
  return a.code === b.code && a.extraBits === b.extraBits;
}
