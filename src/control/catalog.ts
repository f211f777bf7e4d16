import { CodeSpace, IdPool } from "../ipam/index.ts";
import type {
  Chain,
  Exception,
  Fabric,
  KnownPolicy,
  Network,
  Relocation,
  SegmentBackends,
  SegmentCode,
  Service,
  VirtualIp,
} from "../model/index.ts";
import { decodeBackendsRecord } from "./backends-record.ts";
import { decodeChainRecord } from "./chain-record.ts";
import { decodeFabricRecord } from "./fabric-record.ts";
import {
  hostIdPrefix,
  NETWORK_GUARD,
  PREFIX,
  readCode,
  readId,
  segmentCodePrefix,
  segmentKey,
} from "./keys.ts";
import { knownPolicy } from "./known-policy.ts";
import { decodeExceptionRecord } from "./policy-record.ts";
import {
  decodeHostRecord,
  decodeNetworkRecord,
  decodeRest,
  decodeSegmentRecord,
  decodeTenantRecord,
  type HostRecord,
  type NetworkRecord,
  type SegmentRecord,
  type TenantRecord,
} from "./records.ts";
import { decodeRelocationRecord } from "./relocation-record.ts";
import { decodeServiceRecord } from "./service-record.ts";
import type { StoredRecord } from "./stored.ts";
import { decodeVirtualIpRecord } from "./virtual-ip-record.ts";

/**
 * The start of every key that the catalog mirrors. Guards come first: what they guard is then read later, and never
 * older than they are.
 */
export const CATALOG_PREFIXES = [
  NETWORK_GUARD,
  PREFIX.segmentGuard,
  PREFIX.network,
  PREFIX.host,
  PREFIX.hostId,
  PREFIX.tenant,
  PREFIX.tenantId,
  PREFIX.segment,
  PREFIX.segmentCode,
  PREFIX.policy,
  PREFIX.policyTrial,
  PREFIX.exception,
  PREFIX.relocation,
  PREFIX.virtualIp,
  PREFIX.backends,
  PREFIX.service,
  PREFIX.chain,
  PREFIX.fabric,
] as const;

/** What a guard guards: it must be read anew, and before the guard is believed, when the guard has changed. */
export function guardedBy(key: string): readonly string[] {
  if (key === NETWORK_GUARD) return [PREFIX.network];
  if (!key.startsWith(PREFIX.segmentGuard)) return [];
  const tenant = key.slice(PREFIX.segmentGuard.length);
  return [segmentKey(tenant), segmentCodePrefix(tenant)];
}

/** Takes in one value (undefined: deleted) of the rest of a key behind its prefix. */
type Reader = (rest: string, value: string | undefined, revision: number) => void;

/**
 * Networks, hosts, tenants, segments, the claims of their IDs, policies, exceptions, relocations, virtual IPs, services, chains,
 * their backends and fabrics, mirrored in memory: few and needed all the time.
 * Old news is no harm, because every transaction compares the revisions of what it was built on.
 */
export class Catalog {
  readonly networks = new Map<string, StoredRecord<NetworkRecord>>();
  readonly hosts = new Map<string, StoredRecord<HostRecord>>();
  readonly tenants = new Map<string, StoredRecord<TenantRecord>>();
  /** By tenant, then by name. */
  readonly segments = new Map<string, Map<string, StoredRecord<SegmentRecord>>>();
  /** One that cannot be read any more is as it was, at the revision that it had then. */
  readonly policies = new Map<string, StoredRecord<KnownPolicy>>();
  /** IDs of those that cannot be read. */
  readonly damagedPolicies = new Set<string>();
  /** By the spot of the endpoint. One that cannot be read any more is as it was. */
  readonly exceptions = new Map<string, StoredRecord<Exception>>();
  /** Spots of exceptions that cannot be read, and of which nobody here knows what they said before. */
  readonly lostExceptions = new Set<string>();
  /** By the spot of the endpoint. */
  readonly relocations = new Map<string, StoredRecord<Relocation>>();
  /** Those included that are going away. */
  readonly virtualIps = new Map<string, StoredRecord<VirtualIp>>();
  /** One that cannot be read any more is as it was: its flows do not go straight because of that. */
  readonly chains = new Map<string, StoredRecord<Chain>>();
  readonly services = new Map<string, StoredRecord<Service>>();
  /** One that cannot be read any more is as it was: routers go on. */
  readonly fabrics = new Map<string, StoredRecord<Fabric>>();
  /** By network, tenant and segment. */
  readonly backends = new Map<string, StoredRecord<SegmentBackends>>();
  tenantIds = new IdPool();
  /** Revision of the key that every change of the networks writes. */
  guardRevision = 0;
  #visible: readonly Network[] | undefined;
  readonly #revisions = new Map<string, number>();
  /** By the start of the keys of the group. */
  readonly #hostIds = new Map<string, IdPool>();
  /** By tenant. */
  readonly #codes = new Map<string, CodeSpace>();
  /** Names by the key that claims their ID. */
  readonly #owners = new Map<string, string>();
  readonly #readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
    [PREFIX.network, recordReader(this.networks, decodeNetworkRecord)],
    [PREFIX.host, recordReader(this.hosts, decodeHostRecord)],
    [PREFIX.tenant, recordReader(this.tenants, decodeTenantRecord)],
    [PREFIX.segment, (rest, value, revision) => this.#readSegment(rest, value, revision)],
    [PREFIX.hostId, (rest, value) => this.#readHostId(rest, value)],
    [PREFIX.tenantId, (rest, value) => this.#readTenantId(rest, value)],
    [PREFIX.segmentGuard, () => undefined],
    [PREFIX.segmentCode, (rest, value) => this.#readSegmentCode(rest, value)],
    [PREFIX.policy, (id, value, revision) => this.#readPolicy(id, value, revision)],
    [PREFIX.exception, (spot, value, revision) => this.#readException(spot, value, revision)],
    [PREFIX.relocation, recordReader(this.relocations, decodeRelocationRecord)],
    [PREFIX.virtualIp, recordReader(this.virtualIps, decodeVirtualIpRecord)],
    [PREFIX.service, recordReader(this.services, decodeServiceRecord)],
    [PREFIX.chain, keepingReader(this.chains, decodeChainRecord)],
    [PREFIX.fabric, keepingReader(this.fabrics, decodeFabricRecord)],
    [PREFIX.backends, recordReader(this.backends, decodeBackendsRecord)],
  ]);

  /** Takes in a key's value (undefined: deleted). News that is older than what is known is left out. */
  apply(key: string, value: string | undefined, revision: number): void {
    if (key === NETWORK_GUARD) {
      this.guardRevision = Math.max(this.guardRevision, revision);
      return;
    }
    const prefix = key.slice(0, key.indexOf("/") + 1);
    const reader = this.#readers.get(prefix);
    if (reader === undefined || revision < (this.#revisions.get(key) ?? 0)) return;
    if (value === undefined) this.#revisions.delete(key);
    else this.#revisions.set(key, revision);
    if (prefix === PREFIX.network) this.#visible = undefined;
    reader(key.slice(prefix.length), value, revision);
  }

  /** Forgets everything. */
  clear(): void {
    const maps = [this.networks, this.hosts, this.tenants, this.segments, this.policies];
    for (const map of [
      ...maps,
      this.exceptions,
      this.relocations,
      this.virtualIps,
      this.services,
      this.chains,
      this.fabrics,
      this.backends,
      this.#revisions,
      this.#hostIds,
      this.#codes,
      this.#owners,
    ])
      map.clear();
    this.damagedPolicies.clear();
    this.lostExceptions.clear();
    this.tenantIds = new IdPool();
    this.#visible = undefined;
  }

  /** Revision of a mirrored key; 0 when it is not there. */
  revisionOf(key: string): number {
    return this.#revisions.get(key) ?? 0;
  }

  /** The networks that are in use, by name; the same array as long as none changes. */
  visibleNetworks(): readonly Network[] {
    this.#visible ??= [...this.networks.values()]
      .filter(({ record }) => record.adding !== true)
      .map(({ record }) => record.network)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#visible;
  }

  /** Everything that new IDs must fit: all networks, those about to be added, and as those changed will be. */
  respectedNetworks(): Network[] {
    return [...this.networks.values()].flatMap(({ record: { network, nextGroups, nextServices } }) =>
      nextGroups === undefined && nextServices === undefined
        ? [network]
        : [
            network,
            {
              ...network,
              ...(nextGroups && { groups: nextGroups }),
              ...(nextServices && { services: nextServices }),
            },
          ],
    );
  }

  /** The host IDs inside a group. */
  hostIds(group: readonly string[]): IdPool {
    return getOrMake(this.#hostIds, hostIdPrefix(group), () => new IdPool());
  }

  /** The codes of a tenant. */
  codes(tenant: string): CodeSpace {
    return getOrMake(this.#codes, tenant, () => new CodeSpace());
  }

  /** The name that holds the claim of an ID or a code; undefined when nobody does. */
  ownerOf(claimKey: string): string | undefined {
    return this.#owners.get(claimKey);
  }

  /** All codes of a tenant's segments. */
  codesOf(tenant: string): SegmentCode[] {
    return [...(this.segments.get(tenant)?.values() ?? [])].flatMap(({ record }) => record.segment.codes);
  }

  #readSegment(rest: string, value: string | undefined, revision: number): void {
    const [tenant, name] = rest.split("/") as [string, string];
    const ofTenant = getOrMake(this.segments, tenant, () => new Map<string, StoredRecord<SegmentRecord>>());
    recordReader(ofTenant, decodeSegmentRecord)(name, value, revision);
    if (ofTenant.size === 0) this.segments.delete(tenant);
  }

  #readPolicy(id: string, value: string | undefined, revision: number): void {
    const before = this.policies.get(id);
    const record = value === undefined ? undefined : knownPolicy(id, value, before?.record);
    if (record === undefined) this.policies.delete(id);
    else if (record.damage === "earlier-version" && before !== undefined) {
      this.policies.set(id, { record, revision: before.revision });
    } else this.policies.set(id, { record, revision });
    if (record?.damage === undefined) this.damagedPolicies.delete(id);
    else this.damagedPolicies.add(id);
  }

  #readException(spot: string, value: string | undefined, revision: number): void {
    const record = value === undefined ? undefined : attempt(() => decodeExceptionRecord(value));
    this.lostExceptions.delete(spot);
    if (record !== undefined) this.exceptions.set(spot, { record, revision });
    else if (value === undefined) this.exceptions.delete(spot);
    else if (!this.exceptions.has(spot)) this.lostExceptions.add(spot);
  }

  #readHostId(rest: string, value: string | undefined): void {
    const slash = rest.lastIndexOf("/") + 1;
    const id = readId(rest, slash);
    if (id === undefined) return;
    const pool = getOrMake(this.#hostIds, PREFIX.hostId + rest.slice(0, slash), () => new IdPool());
    this.#claim(pool, id, PREFIX.hostId + rest, value);
  }

  #readTenantId(rest: string, value: string | undefined): void {
    const id = readId(rest, 0);
    if (id !== undefined) this.#claim(this.tenantIds, id, PREFIX.tenantId + rest, value);
  }

  #readSegmentCode(rest: string, value: string | undefined): void {
    const slash = rest.indexOf("/");
    const code = readCode(rest.slice(slash + 1));
    if (code !== undefined)
      this.#claim(this.codes(rest.slice(0, slash)), code, PREFIX.segmentCode + rest, value);
  }

  /** Takes in a claim: owned by the name in its value, resting, or gone. */
  #claim<I>(
    pool: { take(id: I): void; drop(id: I): void; rest(id: I, until: number): void; endRest(id: I): void },
    id: I,
    key: string,
    value: string | undefined,
  ): void {
    const until = value === undefined ? undefined : attempt(() => decodeRest(value));
    if (value === undefined || until !== undefined) {
      this.#owners.delete(key);
      pool.drop(id);
      if (until === undefined) pool.endRest(id);
      else pool.rest(id, until);
      return;
    }
    this.#owners.set(key, value);
    pool.take(id);
    pool.endRest(id);
  }
}

/** Keeps decoded records by the rest of their key. A damaged value is as good as none: only a check can tell more. */
function recordReader<T>(map: Map<string, StoredRecord<T>>, decode: (text: string) => T): Reader {
  return (name, value, revision) => {
    const record = value === undefined ? undefined : attempt(() => decode(value));
    if (record === undefined) map.delete(name);
    else map.set(name, { record, revision });
  };
}

/** Keeps what was known of a value that cannot be read any more. */
function keepingReader<T>(map: Map<string, StoredRecord<T>>, decode: (text: string) => T): Reader {
  return (name, value, revision) => {
    const record = value === undefined ? undefined : attempt(() => decode(value));
    if (record !== undefined) map.set(name, { record, revision });
    else if (value === undefined) map.delete(name);
  };
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
