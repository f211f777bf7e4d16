import { parseSegmentCode } from "../addressing/index.ts";
import { type SegmentCode, type SegmentPlace, segmentPlaceText } from "../model/index.ts";
import { type Address, formatAddress } from "../net/index.ts";

/**
 * Every key of the store that control writes, by the start of its name. Names hold no slash, so that a slash ends a
 * name; numbers have fixed width, so that keys sort by them. Values: docs/ipam.md.
 */
export const PREFIX = {
  network: "network/",
  host: "host/",
  hostId: "host-id/",
  hostAddress: "host-address/",
  tenant: "tenant/",
  tenantId: "tenant-id/",
  tenantUsage: "tenant-usage/",
  segment: "segment/",
  segmentCode: "segment-code/",
  segmentGuard: "segment-guard/",
  endpoint: "endpoint/",
  endpointName: "endpoint-name/",
  endpointToken: "endpoint-token/",
  cooling: "cooling/",
  status: "status/",
  statusRoutes: "status-routes/",
  policy: "policy/",
  policyTrial: "policy-trial/",
  exception: "exception/",
  relocation: "relocation/",
  workload: "workload/",
  workloadEndpoints: "workload-endpoints/",
  virtualIp: "virtual-ip/",
  virtualIpAddress: "virtual-ip-address/",
  service: "service/",
  serviceAddress: "service-address/",
  backends: "backends/",
  chain: "chain/",
  fabric: "fabric/",
} as const;

/** Written by every change of the networks: who compares it knows that the networks are those it looked at. */
export const NETWORK_GUARD = "network-guard";

/** Written by every change of chains, and of where services send: who compares it knows all chains. */
export const CHAIN_GUARD = "chain-guard";

/** Written by every change of fabrics: who compares it knows all of them. */
export const FABRIC_GUARD = "fabric-guard";

/** Digits of an ID: enough for 2^32 − 1. */
export const ID_DIGITS = 10;

/** The key of a network. */
export function networkKey(name: string): string {
  return PREFIX.network + name;
}

/** The key of a host. */
export function hostKey(name: string): string {
  return PREFIX.host + name;
}

/** The key that claims a host ID inside a group; its value is the host's name. */
export function hostIdKey(group: readonly string[], id: number): string {
  return `${hostIdPrefix(group)}${padId(id)}`;
}

/** The start of the keys that claim the host IDs inside a group. */
export function hostIdPrefix(group: readonly string[]): string {
  return PREFIX.hostId + group.map((name) => `${name}/`).join("");
}

/** The key that claims an underlay address; its value is the host's name. */
export function hostAddressKey(address: Address): string {
  return PREFIX.hostAddress + formatAddress(address);
}

/** The key of a virtual IP. */
export function virtualIpKey(name: string): string {
  return PREFIX.virtualIp + name;
}

/** The key that claims an address for a virtual IP; its value is the name of that. */
export function virtualIpAddressKey(address: Address): string {
  return PREFIX.virtualIpAddress + formatAddress(address);
}

/** The key of a service. */
export function serviceKey(name: string): string {
  return PREFIX.service + name;
}

/** The key that claims an address for a service; its value is the name of that. */
export function serviceAddressKey(address: Address): string {
  return PREFIX.serviceAddress + formatAddress(address);
}

/** The key of a chain. */
export function chainKey(name: string): string {
  return PREFIX.chain + name;
}

/** The key of a fabric. */
export function fabricKey(name: string): string {
  return PREFIX.fabric + name;
}

/** The key of the healthy endpoints of a segment. */
export function backendsKey(place: SegmentPlace): string {
  return PREFIX.backends + segmentPlaceText(place);
}

/** The key of a tenant. */
export function tenantKey(name: string): string {
  return PREFIX.tenant + name;
}

/** The key that claims a tenant ID; its value is the tenant's name. */
export function tenantIdKey(id: number): string {
  return PREFIX.tenantId + padId(id);
}

/** The key that counts the endpoints of a tenant with a quota. */
export function tenantUsageKey(name: string): string {
  return PREFIX.tenantUsage + name;
}

/** The key of a segment; without a name, the start of the keys of all segments of the tenant. */
export function segmentKey(tenant: string, name = ""): string {
  return `${PREFIX.segment}${tenant}/${name}`;
}

/** The key that claims a code of a tenant; its value is the segment's name. */
export function segmentCodeKey(tenant: string, code: SegmentCode): string {
  return `${segmentCodePrefix(tenant)}${codeText(code)}`;
}

/** The start of the keys that claim the codes of a tenant. */
export function segmentCodePrefix(tenant: string): string {
  return `${PREFIX.segmentCode}${tenant}/`;
}

/** Written by every change of the codes of a tenant, so that codes of different width cannot slip in side by side. */
export function segmentGuardKey(tenant: string): string {
  return PREFIX.segmentGuard + tenant;
}

/** The key of a policy. */
export function policyKey(id: string): string {
  return PREFIX.policy + id;
}

/** The key of changes of policies that are on trial. */
export function policyTrialKey(id: string): string {
  return PREFIX.policyTrial + id;
}

/** The key of the exception of an endpoint, which is at the spot. */
export function exceptionKey(spot: string): string {
  return PREFIX.exception + spot;
}

/** The key of the relocation of an endpoint, which is at the spot. */
export function relocationKey(spot: string): string {
  return PREFIX.relocation + spot;
}

/** The key of a workload. */
export function workloadKey(id: string): string {
  return PREFIX.workload + id;
}

/** The key that names the endpoints of a workload; it is there as long as there are any, with or without the workload. */
export function workloadEndpointsKey(id: string): string {
  return PREFIX.workloadEndpoints + id;
}

/** Where endpoint IDs are counted: host, network, tenant and code. */
export interface Place {
  readonly host: string;
  readonly network: string;
  readonly tenant: string;
  readonly code: SegmentCode;
}

/** A place and an ID in it. */
export interface Spot extends Place {
  readonly endpointId: number;
}

/** The part of an endpoint's key that names its place: without prefix and ID, without slashes around it. */
export function placeText({ host, network, tenant, code }: Place): string {
  return `${host}/${network}/${tenant}/${codeText(code)}`;
}

/** The part of an endpoint's key behind the prefix; other keys point to the endpoint by it. */
export function spotText(place: string, endpointId: number): string {
  return `${place}/${padId(endpointId)}`;
}

/** Splits the text of a spot into place and ID; undefined when it is none. */
export function splitSpot(text: string): { place: string; endpointId: number } | undefined {
  const end = text.length - ID_DIGITS - 1;
  const endpointId = readId(text, end + 1);
  if (end < 1 || text[end] !== "/" || endpointId === undefined) return undefined;
  return { place: text.slice(0, end), endpointId };
}

/** Reads the text of a spot; undefined when it is none. */
export function readSpot(text: string): Spot | undefined {
  const split = splitSpot(text);
  const place = split && readPlace(split.place);
  return place && split && { ...place, endpointId: split.endpointId };
}

/** Reads the text of a place; undefined when it is none. */
export function readPlace(text: string): Place | undefined {
  const [host, network, tenant, codePart, ...rest] = text.split("/");
  if (!host || !network || !tenant || codePart === undefined || rest.length > 0) return undefined;
  const code = readCode(codePart);
  return code && { host, network, tenant, code };
}

/** The fixed-width text of a code in keys: `0000000005`, `0000000005+2`. */
export function codeText({ code, extraBits }: SegmentCode): string {
  return extraBits === 0 ? padId(code) : `${padId(code)}${extraBits > 0 ? "+" : ""}${extraBits}`;
}

/** Reads what {@link codeText} writes; undefined when it is none. */
export function readCode(text: string): SegmentCode | undefined {
  const code = readId(text.slice(0, ID_DIGITS), 0);
  if (code === undefined) return undefined;
  if (text.length === ID_DIGITS) return { code, extraBits: 0 };
  try {
    return parseSegmentCode(`${code}${text.slice(ID_DIGITS)}`);
  } catch {
    return undefined;
  }
}

/** An ID as keys hold it. */
function padId(id: number): string {
  return id.toString().padStart(ID_DIGITS, "0");
}

/** Reads an ID of fixed width that starts at `start` and ends the text; undefined when it is none. */
export function readId(text: string, start: number): number | undefined {
  if (text.length - start !== ID_DIGITS) return undefined;
  let id = 0;
  for (let index = start; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    id = id * 10 + digit;
  }
  return id < 2 ** 32 ? id : undefined;
}
