import { DEFAULT_EXTRA_BITS, formatSegmentCode } from "../addressing/index.ts";
import { endpointIdFaults } from "../ipam/index.ts";
import {
  type Fault,
  invalidInput,
  notFound,
  plansOf,
  RomanaError,
  type SegmentCode,
} from "../model/index.ts";
import { type Address, formatAddress, prefixContains } from "../net/index.ts";
import type { Catalog } from "./catalog.ts";
import { isSameCode } from "./codes.ts";
import type { Context } from "./context.ts";
import { locate } from "./directory.ts";
import { hostKey, networkKey, segmentCodeKey, segmentKey, tenantIdKey, tenantKey } from "./keys.ts";
import type { OwnedRequest } from "./owned-request.ts";
import type { HostRecord, NetworkRecord, SegmentRecord, TenantRecord } from "./records.ts";
import { goingAway } from "./refusals.ts";
import type { StoredRecord } from "./stored.ts";

/** The objects that a request names, with the revisions that its transaction compares. */
export interface Parents {
  readonly network: StoredRecord<NetworkRecord>;
  readonly host: StoredRecord<HostRecord>;
  readonly tenant: StoredRecord<TenantRecord>;
  readonly segment: StoredRecord<SegmentRecord>;
}

/** What a request asks for. */
export interface Wanted extends Parents {
  /** Only in this code. */
  readonly code?: SegmentCode;
  /** Exactly this ID in the code. */
  readonly endpointId?: number;
}

const WHAT = "allocate endpoint";
const NO_NETWORK = { code: "not-found", noun: "network", name: "" } as const;

/**
 * Finds what a request names. What the catalog does not know is looked up in the store once: another romanad may just
 * have made it.
 * @throws RomanaError `not-found`, `invalid-input`, `aborted` when one of them is being deleted.
 */
export function findWanted(context: Context, request: OwnedRequest): Wanted | Promise<Wanted> {
  try {
    return readWanted(context.catalog, request);
  } catch (error) {
    return lookUp(context, request, error);
  }
}

async function lookUp(context: Context, request: OwnedRequest, error: unknown): Promise<Wanted> {
  const { network, host, tenant, segment } = request;
  const keys = [
    ...(network === undefined ? [] : [networkKey(network)]),
    ...(typeof host === "string" ? [hostKey(host)] : []),
    ...(typeof tenant === "string" ? [tenantKey(tenant)] : []),
    ...(typeof tenant === "string" && typeof segment === "string" ? [segmentKey(tenant, segment)] : []),
  ].filter((key) => context.catalog.revisionOf(key) === 0);
  if (keys.length === 0) throw error;
  await context.feed.refresh(keys, context.feed.revision);
  return readWanted(context.catalog, request);
}

function readWanted(catalog: Catalog, request: OwnedRequest): Wanted {
  const host = findHost(catalog, request.host);
  const tenant = findTenant(catalog, request.tenant);
  const segment = findSegment(catalog, tenant.record.tenant.name, request.segment);
  const parents = { host, tenant, segment, network: findNetwork(catalog, request) };
  refuseGoing(parents);
  const codes = segment.record.segment.codes;
  if (codes.length === 0) refuseWithoutCodes(nameOf(parents));
  const named = typeof request.segment === "string" ? undefined : codeOf(request.segment);
  const { code = named, endpointId } = request;
  if (request.address !== undefined) {
    return { ...parents, ...byAddress(catalog, parents, request.address, request) };
  }
  if (code !== undefined && !codes.some((own) => isSameCode(own, code))) {
    refuse("code", `segment "${nameOf(parents)}" has no code ${formatSegmentCode(code)}`);
  }
  if (endpointId === undefined) return { ...parents, ...(code && { code }) };
  // An ID alone means the segment's first code.
  const inCode = code ?? (codes[0] as SegmentCode);
  const faults = endpointIdFaults(parents.network.record.network, inCode, endpointId);
  if (faults.length > 0) throw invalidInput(WHAT, faults);
  return { ...parents, code: inCode, endpointId };
}

/** Code and ID of a wanted address, which must be the endpoint's own and agree with all else that is asked for. */
function byAddress(
  catalog: Catalog,
  parents: Parents,
  address: Address,
  { code, endpointId, network }: OwnedRequest,
): { readonly code: SegmentCode; readonly endpointId: number } {
  const located = locate(catalog, address);
  const text = formatAddress(address);
  if (located === undefined) return refuse("address", `${text} belongs to no host and tenant that are there`);
  const host = parents.host.record.host.name;
  if (network !== undefined && located.network !== network) {
    refuse("address", `${text} is in network "${located.network}", not in "${network}"`);
  }
  if (located.host !== host) refuse("address", `${text} is on host "${located.host}", not on "${host}"`);
  const segment = parents.segment.record.segment;
  if (located.tenant !== segment.tenant) {
    refuse("address", `${text} belongs to tenant "${located.tenant}", not to "${segment.tenant}"`);
  }
  if (!segment.codes.some((own) => isSameCode(own, located.code))) {
    const found = formatSegmentCode(located.code);
    refuse("address", `${text} has segment code ${found}, which segment "${nameOf(parents)}" does not have`);
  }
  if (located.offset !== 0n) {
    refuse(
      "address",
      `${text} is inside the block of endpoint ID ${located.endpointId}, not its own address`,
    );
  }
  if (code !== undefined && !isSameCode(code, located.code)) {
    refuse("code", `${text} has code ${formatSegmentCode(located.code)}`);
  }
  if (endpointId !== undefined && endpointId !== located.endpointId) {
    refuse("endpointId", `${text} has endpoint ID ${located.endpointId}`);
  }
  const faults = endpointIdFaults(parents.network.record.network, located.code, located.endpointId);
  if (faults.length > 0) throw invalidInput(WHAT, faults);
  return { code: located.code, endpointId: located.endpointId };
}

function findNetwork({ networks }: Catalog, { network, address }: OwnedRequest): StoredRecord<NetworkRecord> {
  if (network !== undefined) {
    const named = networks.get(network);
    if (named === undefined || named.record.adding === true) throw notFound("network", network);
    return named;
  }
  const visible = [...networks.values()].filter(({ record }) => record.adding !== true);
  if (address !== undefined) {
    const holding = visible.find(({ record }) =>
      plansOf(record.network).some((plan) => prefixContains(plan.prefix, address)),
    );
    return holding ?? refuse("address", `${formatAddress(address)} is in no network`);
  }
  const [only, ...others] = visible;
  if (only === undefined) throw new RomanaError(`Cannot ${WHAT}: there is no network`, NO_NETWORK);
  if (others.length === 0) return only;
  const names = visible.map(({ record }) => `"${record.network.name}"`).join(", ");
  return refuse("network", `there are several (${names}): say which`);
}

function findHost(catalog: Catalog, host: string | number): StoredRecord<HostRecord> {
  if (typeof host === "string") {
    const known = catalog.hosts.get(host);
    if (known === undefined) throw notFound("host", host);
    return known;
  }
  const withId = [...catalog.hosts.values()].filter(({ record }) => record.host.id === host);
  const [only, ...others] = withId;
  if (only === undefined) throw notFound("host", `ID ${host}`);
  if (others.length === 0) return only;
  const names = withId.map(({ record }) => `"${record.host.name}"`).join(", ");
  return refuse("host", `hosts of several groups have ID ${host} (${names}): use the name`);
}

function findTenant(catalog: Catalog, tenant: string | number): StoredRecord<TenantRecord> {
  const name = typeof tenant === "string" ? tenant : catalog.ownerOf(tenantIdKey(tenant));
  const known = name === undefined ? undefined : catalog.tenants.get(name);
  if (known === undefined) throw notFound("tenant", typeof tenant === "string" ? tenant : `ID ${tenant}`);
  return known;
}

function findSegment(
  catalog: Catalog,
  tenant: string,
  segment: string | number | SegmentCode,
): StoredRecord<SegmentRecord> {
  if (typeof segment === "string") {
    const known = catalog.segments.get(tenant)?.get(segment);
    if (known === undefined) throw notFound("segment", `${tenant}/${segment}`);
    return known;
  }
  const code = codeOf(segment);
  const name = catalog.ownerOf(segmentCodeKey(tenant, code));
  const known = name === undefined ? undefined : catalog.segments.get(tenant)?.get(name);
  if (known === undefined) throw notFound("segment", `${tenant} with code ${formatSegmentCode(code)}`);
  return known;
}

function codeOf(segment: number | SegmentCode): SegmentCode {
  return typeof segment === "number" ? { code: segment, extraBits: DEFAULT_EXTRA_BITS } : segment;
}

function nameOf({ segment: { record } }: Parents): string {
  return `${record.segment.tenant}/${record.segment.name}`;
}

function refuseGoing({ network, host, tenant, segment }: Parents): void {
  const going = (noun: string, name: string): RomanaError => goingAway("allocate", "endpoint", noun, name);
  if (network.record.deleting !== undefined) throw going("network", network.record.network.name);
  if (host.record.deleting !== undefined) throw going("host", host.record.host.name);
  if (tenant.record.deleting !== undefined) throw going("tenant", tenant.record.tenant.name);
  if (segment.record.deleting !== undefined) throw going("segment", segment.record.segment.name);
}

function refuseWithoutCodes(segment: string): never {
  const advice = `name another segment and let the endpoint act as this one, or give it a code with "romana segment update ${segment} --add-code CODE"`;
  refuse("segment", `segment "${segment}" has no codes, so that nobody is born in it: ${advice}`);
}

function refuse(path: string, reason: string): never {
  const fault: Fault = { path, reason };
  throw invalidInput(WHAT, [fault]);
}
