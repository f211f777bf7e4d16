import { createPlan, formatSegmentCode, parseSegmentCode } from "../addressing/index.ts";
import type {
  AddressPair,
  AddressPlan,
  Endpoint,
  Group,
  Host,
  Isolation,
  Labels,
  NamedPort,
  Network,
  Segment,
  SegmentCode,
  Tap,
  Tenant,
  Workload,
} from "../model/index.ts";
import { formatAddress, formatPrefix, type Prefix, parseAddress, parsePrefix } from "../net/index.ts";

/**
 * The mark of a delete that has begun: from its revision on, nobody makes new children of the object (ADR 0011).
 * `cascade` says whether children go, too; `used`, whether the object had addresses in use, so that its ID must rest.
 */
export interface Deleting {
  readonly cascade: boolean;
  readonly used: boolean;
}

/** The service prefixes of a network; none: {}. */
export type Services = NonNullable<Network["services"]>;

/** A network as it is stored. */
export interface NetworkRecord {
  readonly network: Network;
  /** Announced: new IDs must fit it already, but nobody sees or uses it yet. */
  readonly adding?: boolean;
  /** Groups that it is about to have: new hosts must fit them, too. */
  readonly nextGroups?: readonly Group[];
  /** Service prefixes that it is about to have: new services must have addresses of them, too. */
  readonly nextServices?: Services;
  readonly deleting?: Deleting;
}

/** A host as it is stored. */
export interface HostRecord {
  readonly host: Host;
  readonly deleting?: Deleting;
}

/** A tenant as it is stored. */
export interface TenantRecord {
  readonly tenant: Tenant;
  /** Its endpoints are being counted for a new quota; nobody may add or remove any meanwhile. */
  readonly counting?: boolean;
  readonly deleting?: Deleting;
}

/** A segment as it is stored. */
export interface SegmentRecord {
  readonly segment: Segment;
  /** Codes that are about to be removed: nobody allocates in them. */
  readonly removing?: readonly SegmentCode[];
  readonly deleting?: Deleting;
}

/**
 * What an endpoint's value holds besides what its key says. The addresses follow from the IDs; they are written down
 * all the same, so that an endpoint can be read (and its release told) when its tenant or host is gone.
 */
export interface EndpointRecord {
  readonly segment: string;
  readonly addresses: AddressPair;
  readonly name?: string;
  readonly requestToken?: string;
  readonly externalId?: string;
  readonly actsAs?: string;
  readonly locatedOn?: string;
  readonly instance?: string;
  readonly tap?: Tap;
  /** ID of the workload that it was allocated for, which is its external ID then. */
  readonly workload?: string;
  readonly createdAt: number;
}

/** A network as JSON data: the way it looks outside, too. */
export function networkJson(network: Network): object {
  const { ipv4, ipv6 } = network.plans;
  return {
    name: network.name,
    plans: { ...(ipv4 && { ipv4: planJson(ipv4) }), ...(ipv6 && { ipv6: planJson(ipv6) }) },
    groups: network.groups.map(groupJson),
    services: network.services && prefixPairJson(network.services),
  };
}

/** A host as JSON data: the way it looks outside, too. */
export function hostJson({ name, id, group, underlay, externalId, labels }: Host): object {
  return { name, id, group, underlay: pairJson(underlay), externalId, ...labelsJson(labels) };
}

/** A tenant as JSON data: the way it looks outside, too. */
export function tenantJson({ labels, ...tenant }: Tenant): object {
  return { ...tenant, ...labelsJson(labels) };
}

/** A segment as JSON data: the way it looks outside, too. */
export function segmentJson({ tenant, name, codes, externalId, labels, ports }: Segment): object {
  return { tenant, name, codes: codes.map(formatSegmentCode), externalId, ...labelsJson(labels), ports };
}

/** Labels as JSON data in the order of their keys; nothing when there are none. */
export function labelsJson(labels: Labels | undefined): { labels?: Record<string, string> } {
  if (labels === undefined || labels.size === 0) return {};
  return { labels: Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** At most one address per family, as JSON data. */
export function pairJson({ ipv4, ipv6 }: AddressPair): object {
  return { ...(ipv4 && { ipv4: formatAddress(ipv4) }), ...(ipv6 && { ipv6: formatAddress(ipv6) }) };
}

/** At most one prefix per family, as JSON data. */
export function prefixPairJson({ ipv4, ipv6 }: Services): object {
  return { ...(ipv4 && { ipv4: formatPrefix(ipv4) }), ...(ipv6 && { ipv6: formatPrefix(ipv6) }) };
}

/** The value of a network's key. */
export function encodeNetworkRecord(record: NetworkRecord): string {
  const { network, adding, nextGroups, nextServices, deleting } = record;
  return JSON.stringify({
    ...networkJson(network),
    adding: adding || undefined,
    nextGroups: nextGroups?.map(groupJson),
    nextServices: nextServices && prefixPairJson(nextServices),
    deleting,
  });
}

/** Reads what {@link encodeNetworkRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeNetworkRecord(text: string): NetworkRecord {
  const { name, plans, groups, services, adding, nextGroups, nextServices, deleting } = JSON.parse(text) as {
    name: string;
    plans: { ipv4?: PlanJson; ipv6?: PlanJson };
    groups: GroupJson[];
    services?: PairJson;
    adding?: boolean;
    nextGroups?: GroupJson[];
    nextServices?: PairJson;
    deleting?: Deleting;
  };
  const { ipv4, ipv6 } = plans;
  return {
    network: {
      name: textOf(name),
      plans: { ...(ipv4 && { ipv4: readPlan(ipv4) }), ...(ipv6 && { ipv6: readPlan(ipv6) }) },
      groups: groups.map(readGroup),
      ...(services && { services: readPrefixPair(services) }),
    },
    ...(adding === true && { adding }),
    ...(nextGroups && { nextGroups: nextGroups.map(readGroup) }),
    ...(nextServices && { nextServices: readPrefixPair(nextServices) }),
    ...(deleting && { deleting }),
  };
}

/** The value of a host's key. */
export function encodeHostRecord({ host, deleting }: HostRecord): string {
  return JSON.stringify({ ...hostJson(host), deleting });
}

/** Reads what {@link encodeHostRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeHostRecord(text: string): HostRecord {
  const { name, id, group, underlay, externalId, labels, deleting } = JSON.parse(text) as {
    name: string;
    id: number;
    group: string[];
    underlay: PairJson;
    externalId?: string;
    labels?: Record<string, string>;
    deleting?: Deleting;
  };
  const host = {
    name: textOf(name),
    id: numberOf(id),
    group: group.map(textOf),
    underlay: readPair(underlay),
    ...(externalId !== undefined && { externalId }),
    ...readLabels(labels),
  };
  return { host, ...(deleting && { deleting }) };
}

/** The value of a tenant's key. */
export function encodeTenantRecord({ tenant, counting, deleting }: TenantRecord): string {
  return JSON.stringify({ ...tenantJson(tenant), counting: counting || undefined, deleting });
}

/** Reads what {@link encodeTenantRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeTenantRecord(text: string): TenantRecord {
  const { name, id, isolation, quota, externalId, labels, counting, deleting } = JSON.parse(text) as Omit<
    Tenant,
    "labels"
  > &
    Omit<TenantRecord, "tenant"> & { labels?: Record<string, string> };
  const tenant = {
    name: textOf(name),
    id: numberOf(id),
    isolation: isolationOf(isolation),
    ...(quota !== undefined && { quota: numberOf(quota) }),
    ...(externalId !== undefined && { externalId }),
    ...readLabels(labels),
  };
  return { tenant, ...(counting === true && { counting }), ...(deleting && { deleting }) };
}

/** The value of a segment's key. */
export function encodeSegmentRecord({ segment, removing, deleting }: SegmentRecord): string {
  return JSON.stringify({ ...segmentJson(segment), removing: removing?.map(formatSegmentCode), deleting });
}

/** Reads what {@link encodeSegmentRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeSegmentRecord(text: string): SegmentRecord {
  const { tenant, name, codes, externalId, labels, ports, removing, deleting } = JSON.parse(text) as {
    tenant: string;
    name: string;
    codes: string[];
    externalId?: string;
    labels?: Record<string, string>;
    ports?: NamedPort[];
    removing?: string[];
    deleting?: Deleting;
  };
  const segment = {
    tenant: textOf(tenant),
    name: textOf(name),
    codes: codes.map(parseSegmentCode),
    ...(externalId !== undefined && { externalId }),
    ...readLabels(labels),
    ...(ports !== undefined && { ports }),
  };
  return {
    segment,
    ...(removing && { removing: removing.map(parseSegmentCode) }),
    ...(deleting && { deleting }),
  };
}

/**
 * The value of an endpoint's key. The order of the fields is part of the format: the check reads it as text first. Put
 * together by hand, because it is made for every allocation; segment names and addresses need no escapes.
 */
export function encodeEndpointRecord(record: EndpointRecord): string {
  const { segment, addresses, name, requestToken, externalId, actsAs, locatedOn, workload, createdAt } =
    record;
  let text = `{"segment":"${segment}"`;
  if (addresses.ipv4 !== undefined) text += `,"ipv4":"${formatAddress(addresses.ipv4)}"`;
  if (addresses.ipv6 !== undefined) text += `,"ipv6":"${formatAddress(addresses.ipv6)}"`;
  if (name !== undefined) text += `,"name":${JSON.stringify(name)}`;
  if (requestToken !== undefined) text += `,"requestToken":${JSON.stringify(requestToken)}`;
  if (externalId !== undefined) text += `,"externalId":${JSON.stringify(externalId)}`;
  if (actsAs !== undefined) text += `,"actsAs":"${actsAs}"`;
  if (locatedOn !== undefined) text += `,"locatedOn":"${locatedOn}"`;
  if (workload !== undefined) text += `,"workload":"${workload}"`;
  if (record.instance !== undefined) text += `,"instance":${JSON.stringify(record.instance)}`;
  if (record.tap !== undefined) text += `,"tap":${JSON.stringify(record.tap)}`;
  return `${text},"createdAt":${createdAt}}`;
}

/** Reads what {@link encodeEndpointRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeEndpointRecord(text: string): EndpointRecord {
  const {
    segment,
    ipv4,
    ipv6,
    name,
    requestToken,
    externalId,
    actsAs,
    locatedOn,
    workload,
    instance,
    tap,
    createdAt,
  } = JSON.parse(text) as PairJson & EndpointRecord;
  return {
    segment: textOf(segment),
    addresses: readPair({ ipv4, ipv6 }),
    ...(name !== undefined && { name: textOf(name) }),
    ...(requestToken !== undefined && { requestToken: textOf(requestToken) }),
    ...(externalId !== undefined && { externalId: textOf(externalId) }),
    ...(actsAs !== undefined && { actsAs: textOf(actsAs) }),
    ...(locatedOn !== undefined && { locatedOn: textOf(locatedOn) }),
    ...(workload !== undefined && { workload: textOf(workload) }),
    ...(instance !== undefined && { instance: textOf(instance) }),
    ...(tap !== undefined && { tap: { device: textOf(tap.device), mac: textOf(tap.mac) } }),
    createdAt: numberOf(createdAt),
  };
}

/** An endpoint as JSON data: the way it looks outside, too. */
export function endpointJson({ code, addresses, ...rest }: Endpoint): object {
  return { ...rest, code: formatSegmentCode(code), addresses: pairJson(addresses) };
}

/** The value of a workload's key. */
export function encodeWorkloadRecord({ id, tenant, segment, actsAs, name }: Workload): string {
  return JSON.stringify({ id, tenant, segment, actsAs, name });
}

/** Reads what {@link encodeWorkloadRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeWorkloadRecord(text: string): Workload {
  const { id, tenant, segment, actsAs, name } = JSON.parse(text) as Workload;
  return {
    id: textOf(id),
    tenant: textOf(tenant),
    segment: textOf(segment),
    ...(actsAs !== undefined && { actsAs: textOf(actsAs) }),
    ...(name !== undefined && { name: textOf(name) }),
  };
}

/** The value of a claim of an ID whose owner is gone: nobody else gets it before `until`. */
export function encodeRest(until: number): string {
  return JSON.stringify({ until });
}

/** When a rest ends; undefined when the value is a name: the claim has an owner. */
export function decodeRest(text: string): number | undefined {
  if (!text.startsWith("{")) return undefined;
  return numberOf((JSON.parse(text) as { until: number }).until);
}

type PairJson = { ipv4?: string | undefined; ipv6?: string | undefined };
type PlanJson = Omit<AddressPlan, "prefix" | "family"> & { prefix: string };
type GroupJson = { name: string; id: number; router: PairJson; groups: GroupJson[] };

function planJson(plan: AddressPlan): PlanJson {
  const { numbering, groupLevels, hostBits, tenantBits, segmentBits, endpointBits } = plan;
  const { strideBits, reservedEndpoints } = plan;
  const widths = { hostBits, tenantBits, segmentBits, endpointBits, strideBits };
  return { prefix: formatPrefix(plan.prefix), numbering, groupLevels, ...widths, reservedEndpoints };
}

function readPlan({ prefix, ...plan }: PlanJson): AddressPlan {
  return createPlan({ prefix: parsePrefix(prefix), ...plan });
}

/** A group tree as JSON data. */
function groupJson({ name, id, router, groups }: Group): object {
  return { name, id, router: pairJson(router), groups: groups.map(groupJson) };
}

function readGroup({ name, id, router, groups }: GroupJson): Group {
  return { name: textOf(name), id: numberOf(id), router: readPair(router), groups: groups.map(readGroup) };
}

/** Reads what {@link pairJson} writes. @throws SyntaxError. */
export function readPair({ ipv4, ipv6 }: PairJson): AddressPair {
  return {
    ...(ipv4 !== undefined && { ipv4: parseAddress(ipv4) }),
    ...(ipv6 !== undefined && { ipv6: parseAddress(ipv6) }),
  };
}

function readPrefixPair({ ipv4, ipv6 }: PairJson): { ipv4?: Prefix; ipv6?: Prefix } {
  return {
    ...(ipv4 !== undefined && { ipv4: parsePrefix(ipv4) }),
    ...(ipv6 !== undefined && { ipv6: parsePrefix(ipv6) }),
  };
}

function readLabels(labels: Record<string, string> | undefined): { labels?: Labels } {
  return labels === undefined ? {} : { labels: new Map(Object.entries(labels)) };
}

function textOf(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new SyntaxError("text is missing");
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw new SyntaxError("a number is missing");
  return value;
}

function isolationOf(value: unknown): Isolation {
  if (value === "segment" || value === "tenant" || value === "none") return value;
  throw new SyntaxError("isolation is missing");
}
