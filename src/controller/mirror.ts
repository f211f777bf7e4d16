import { isDeepStrictEqual } from "node:util";
import type { ChosenSegment } from "../kubernetes/index.ts";
import {
  type Chain,
  type Host,
  hasCode,
  type Network,
  type Segment,
  type SegmentBackends,
  type ServiceDetails,
  type Tenant,
  type VirtualIp,
  type Workload,
} from "../model/index.ts";
import type { PolicyDetails } from "../schema/index.ts";
import type { Revised, Romanad } from "./romanad.ts";

/**
 * What romanad has, as far as the controller knows: what it listed, and what it has written itself since. It may be
 * wrong about what others change; the next {@link load} tells.
 */
export class Mirror {
  networks: Map<string, Network> = new Map();
  hosts: Map<string, Revised<Host>> = new Map();
  tenants: Map<string, Tenant> = new Map();
  policies: Map<string, PolicyDetails> = new Map();
  virtualIps: Map<string, VirtualIp> = new Map();
  services: Map<string, ServiceDetails> = new Map();
  chains: Map<string, Chain> = new Map();
  /** How many endpoints of a network's segment are healthy. */
  #healthy: ReadonlyMap<string, number> = new Map();
  #segments: Map<string, Map<string, Segment>> = new Map();
  #workloads: Map<string, Workload> = new Map();
  /** How many workloads need a segment, by {@link segmentKey}. */
  #uses: Map<string, number> = new Map();
  /** How many workloads are of a segment for others: they are born in it, or act as it. */
  #roles: Map<string, number> = new Map();
  /** How many workloads are about to need a segment. */
  readonly #held = new Map<string, number>();
  readonly #going = new Set<string>();
  readonly #onSegments: (tenant: string) => void;
  #isLoading = false;

  /** @param onSegments told when a tenant has another segment, or the first pod is of one, or the last one no longer; not while everything is read */
  constructor(onSegments: (tenant: string) => void = () => {}) {
    this.#onSegments = onSegments;
  }

  /** Reads everything. @throws RomanaError as the client. */
  async load(romanad: Romanad): Promise<void> {
    const [networks, hosts, tenants, segments, policies, workloads, virtualIps, services, chains] =
      await Promise.all([
        romanad.networks(),
        romanad.hosts(),
        romanad.tenants(),
        romanad.segments(),
        romanad.policies(),
        romanad.workloads(),
        romanad.virtualIps(),
        romanad.services(),
        romanad.chains(),
      ]);
    this.#isLoading = true;
    this.networks = new Map(networks.map((network) => [network.name, network]));
    this.hosts = new Map(hosts.map((host) => [host.name, host]));
    this.tenants = new Map(tenants.map((tenant) => [tenant.name, tenant]));
    this.policies = new Map(policies.map((policy) => [policy.id, policy]));
    this.virtualIps = new Map(virtualIps.map((virtualIp) => [virtualIp.name, virtualIp]));
    this.services = new Map(services.map((service) => [service.name, service]));
    this.chains = new Map(chains.map((chain) => [chain.name, chain]));
    this.#segments = new Map();
    for (const segment of segments) this.putSegment(segment);
    this.#workloads = new Map();
    this.#uses = new Map();
    this.#roles = new Map();
    for (const workload of workloads) this.putWorkload(workload);
    this.#isLoading = false;
  }

  /** How many endpoints of a segment are healthy; 0 for one that no service and no chain uses. */
  healthyOf(network: string, tenant: string, segment: string): number {
    return this.#healthy.get(`${network}/${segmentKey(tenant, segment)}`) ?? 0;
  }

  /** Notes how many endpoints of segments are healthy; false when nothing has changed. */
  putBackends(all: readonly SegmentBackends[]): boolean {
    const healthy = new Map(
      all.map(({ network, tenant, segment, backends }) => [
        `${network}/${segmentKey(tenant, segment)}`,
        backends.length,
      ]),
    );
    if (isDeepStrictEqual(healthy, this.#healthy)) return false;
    this.#healthy = healthy;
    return true;
  }

  segmentsOf(tenant: string): ReadonlyMap<string, Segment> {
    return this.#segments.get(tenant) ?? NO_SEGMENTS;
  }

  /** The segments of a tenant, as objects choose among them. */
  choiceOf(tenant: string): ReadonlyMap<string, ChosenSegment> {
    const chosen = new Map<string, ChosenSegment>();
    for (const [name, { labels }] of this.segmentsOf(tenant)) {
      chosen.set(name, { ...(labels && { labels }), isUsed: this.#roles.has(segmentKey(tenant, name)) });
    }
    return chosen;
  }

  /** All segments. */
  *segments(): Iterable<Segment> {
    for (const segments of this.#segments.values()) yield* segments.values();
  }

  putSegment(segment: Segment): void {
    const { tenant, name } = segment;
    const segments = this.#segments.get(tenant) ?? new Map<string, Segment>();
    segments.set(name, segment);
    this.#segments.set(tenant, segments);
    this.#note(tenant);
  }

  removeSegment(tenant: string, name: string): void {
    this.#segments.get(tenant)?.delete(name);
    this.#note(tenant);
  }

  removeTenant(name: string): void {
    this.tenants.delete(name);
    this.#segments.delete(name);
  }

  get workloads(): ReadonlyMap<string, Workload> {
    return this.#workloads;
  }

  putWorkload({ id, tenant, segment, actsAs, name }: Workload): void {
    this.removeWorkload(id);
    const workload: Workload = {
      id,
      tenant,
      segment,
      ...(actsAs !== undefined && { actsAs }),
      ...(name !== undefined && { name }),
    };
    this.#workloads.set(id, workload);
    for (const key of segmentKeysOf(workload)) count(this.#uses, key, 1);
    if (count(this.#roles, segmentKey(tenant, actsAs ?? segment), 1) === 1) this.#note(tenant);
  }

  /** Forgets a workload; the segments that it needed, which perhaps nobody needs now. */
  removeWorkload(id: string): readonly string[] {
    const before = this.#workloads.get(id);
    if (before === undefined) return [];
    this.#workloads.delete(id);
    const keys = segmentKeysOf(before);
    for (const key of keys) count(this.#uses, key, -1);
    const { tenant, segment, actsAs = segment } = before;
    if (count(this.#roles, segmentKey(tenant, actsAs), -1) === 0) this.#note(tenant);
    return keys;
  }

  /** True when a workload needs the segment, or is about to. */
  isUsed(key: string): boolean {
    return this.#uses.has(key) || this.#held.has(key);
  }

  /** Notes that a workload is about to need the segment; false when the segment is going away right now. */
  hold(key: string): boolean {
    if (this.#going.has(key)) return false;
    count(this.#held, key, 1);
    return true;
  }

  /** Takes back a {@link hold}. */
  letGo(key: string): void {
    count(this.#held, key, -1);
  }

  /** Deletes an unused segment by an action, during which nobody can {@link hold} it. It is back when that fails. */
  async removeSegmentBy(segment: Segment, action: () => Promise<void>): Promise<void> {
    const { tenant, name } = segment;
    const key = segmentKey(tenant, name);
    this.#going.add(key);
    this.removeSegment(tenant, name);
    try {
      await action();
    } catch (error) {
      this.putSegment(segment);
      throw error;
    } finally {
      this.#going.delete(key);
    }
  }

  #note(tenant: string): void {
    if (!this.#isLoading) this.#onSegments(tenant);
  }
}

/** Counts something; how many there are then. */
function count(counts: Map<string, number>, key: string, step: 1 | -1): number {
  const total = (counts.get(key) ?? 0) + step;
  if (total > 0) counts.set(key, total);
  else counts.delete(key);
  return total;
}

const NO_SEGMENTS: ReadonlyMap<string, Segment> = new Map();

/** A segment's tenant and name as one text; neither has a "/". */
export function segmentKey(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}

/** The segments that a workload needs. */
export function segmentKeysOf({ tenant, segment, actsAs }: Workload): readonly string[] {
  const keys = [segmentKey(tenant, segment)];
  return actsAs === undefined || actsAs === segment ? keys : [...keys, segmentKey(tenant, actsAs)];
}

/** Does what deletes an object; one that is gone already is what was wanted. */
export async function deleting(action: Promise<void>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!hasCode(error, "not-found")) throw error;
  }
}
