import { hostPosition, hostPrefix, segmentKey } from "../addressing/index.ts";
import { type EndpointRange, endpointRange } from "../ipam/index.ts";
import {
  type AddressPlan,
  type Chain,
  type Fabric,
  hasCode,
  type Network,
  type Service,
  type VirtualIp,
} from "../model/index.ts";
import { decodeChainRecord } from "./chain-record.ts";
import { decodeFabricRecord } from "./fabric-record.ts";
import { codeText, PREFIX } from "./keys.ts";
import {
  decodeHostRecord,
  decodeNetworkRecord,
  decodeSegmentRecord,
  decodeTenantRecord,
  type HostRecord,
  type NetworkRecord,
  type SegmentRecord,
  type TenantRecord,
} from "./records.ts";
import { decodeServiceRecord } from "./service-record.ts";
import { decodeVirtualIpRecord } from "./virtual-ip-record.ts";

/** A key's value with the revision that last wrote it. */
export interface Stored {
  readonly value: string;
  readonly revision: number;
}

/** The keys of networks, hosts, tenants, segments and claims, as a check has read them. */
export type NounKeys = ReadonlyMap<string, Stored>;

/** The lowest addresses of something, as integers, per family of the network. */
export interface Bases {
  readonly ipv4: bigint | undefined;
  readonly ipv6: bigint | undefined;
}

/** A code of a tenant in a network: who owns it, and where it lies inside every host's prefix. */
export interface CodePlace extends Bases {
  readonly segment: string;
  readonly network: Network;
  readonly range: EndpointRange;
}

/** The nouns, decoded, with what the check of a million endpoints asks of them worked out once. */
export class World {
  readonly networks: ReadonlyMap<string, NetworkRecord>;
  readonly hosts: ReadonlyMap<string, HostRecord>;
  readonly tenants: ReadonlyMap<string, TenantRecord>;
  /** By `tenant/name`. */
  readonly segments: ReadonlyMap<string, SegmentRecord>;
  readonly virtualIps: ReadonlyMap<string, VirtualIp>;
  readonly services: ReadonlyMap<string, Service>;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly fabrics: ReadonlyMap<string, Fabric>;
  /** Keys of nouns whose value cannot be read. */
  readonly damaged: readonly string[];
  /** Segments by `tenant/code`. */
  readonly #owners = new Map<string, string>();
  readonly #hostBases = new Map<string, Bases | undefined>();
  readonly #codePlaces = new Map<string, CodePlace | undefined>();

  constructor(keys: NounKeys) {
    const damaged: string[] = [];
    const read = <T>(prefix: string, decode: (text: string) => T): Map<string, T> => {
      const records = new Map<string, T>();
      for (const [key, { value }] of keys) {
        if (!key.startsWith(prefix)) continue;
        try {
          records.set(key.slice(prefix.length), decode(value));
        } catch {
          damaged.push(key);
        }
      }
      return records;
    };
    this.networks = read(PREFIX.network, decodeNetworkRecord);
    this.hosts = read(PREFIX.host, decodeHostRecord);
    this.tenants = read(PREFIX.tenant, decodeTenantRecord);
    this.segments = read(PREFIX.segment, decodeSegmentRecord);
    this.virtualIps = read(PREFIX.virtualIp, decodeVirtualIpRecord);
    this.services = read(PREFIX.service, decodeServiceRecord);
    this.chains = read(PREFIX.chain, decodeChainRecord);
    this.fabrics = read(PREFIX.fabric, decodeFabricRecord);
    this.damaged = damaged;
    for (const { segment } of this.segments.values()) {
      for (const code of segment.codes) this.#owners.set(`${segment.tenant}/${codeText(code)}`, segment.name);
    }
  }

  /** The segment that owns a code, given as `tenant/code`. */
  ownerOf(tenantAndCode: string): string | undefined {
    return this.#owners.get(tenantAndCode);
  }

  /** The prefix of a host, given as `host/network`; undefined when it has none. */
  hostBases(hostAndNetwork: string): Bases | undefined {
    return remember(this.#hostBases, hostAndNetwork, () => {
      const [hostName, networkName] = hostAndNetwork.split("/") as [string, string];
      const host = this.hosts.get(hostName)?.host;
      const network = this.networks.get(networkName)?.network;
      if (host === undefined || network === undefined) return undefined;
      return ifItFits(() => {
        const position = hostPosition(network, host);
        return basesOf(network, (plan) => hostPrefix(plan, position).value);
      });
    });
  }

  /** A code, given as `network/tenant/code`; undefined when it belongs to nobody or does not fit. */
  codePlace(
    networkTenantCode: string,
    code: { readonly code: number; readonly extraBits: number },
  ): CodePlace | undefined {
    return remember(this.#codePlaces, networkTenantCode, () => {
      const slash = networkTenantCode.indexOf("/") + 1;
      const network = this.networks.get(networkTenantCode.slice(0, slash - 1))?.network;
      const tenant = this.tenants.get(
        networkTenantCode.slice(slash, networkTenantCode.lastIndexOf("/")),
      )?.tenant;
      const segment = this.ownerOf(networkTenantCode.slice(slash));
      if (network === undefined || tenant === undefined || segment === undefined) return undefined;
      return ifItFits(() => ({
        ...basesOf(network, (plan) => segmentKey(plan, tenant.id, code) - plan.prefix.value),
        segment,
        network,
        range: endpointRange(network, code.extraBits),
      }));
    });
  }
}

function basesOf({ plans: { ipv4, ipv6 } }: Network, baseOf: (plan: AddressPlan) => bigint): Bases {
  return { ipv4: ipv4 && baseOf(ipv4), ipv6: ipv6 && baseOf(ipv6) };
}

/** Undefined when IDs or groups do not fit, which is a finding of its own. */
function ifItFits<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, "invalid-input") || hasCode(error, "not-found")) return undefined;
    throw error;
  }
}

function remember<T>(known: Map<string, T>, key: string, workOut: () => T): T {
  if (known.has(key)) return known.get(key) as T;
  const value = workOut();
  known.set(key, value);
  return value;
}
