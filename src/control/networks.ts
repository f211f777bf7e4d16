import { hostPosition } from "../addressing/index.ts";
import {
  hostFaults,
  networkFaults,
  overlapFaults,
  segmentCodeFaults,
  serviceAddressFault,
  tenantIdFaults,
} from "../ipam/index.ts";
import {
  type Fault,
  type Host,
  invalidInput,
  type Network,
  notFound,
  plansOf,
  type Service,
  serviceAddresses,
  virtualIpAddresses,
} from "../model/index.ts";
import { type Address, formatAddress, formatPrefix, type Prefix, prefixContains } from "../net/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "./context.ts";
import type { NetworkPatch, Networks } from "./control.ts";
import { deleteObject } from "./deletion.ts";
import { networkTarget } from "./deletion-targets.ts";
import { NETWORK_GUARD, networkKey, PREFIX } from "./keys.ts";
import type { ChangeOptions, Created, Versioned } from "./listing.ts";
import {
  decodeHostRecord,
  decodeNetworkRecord,
  decodeSegmentRecord,
  decodeTenantRecord,
  encodeNetworkRecord,
  type NetworkRecord,
  networkJson,
} from "./records.ts";
import { conflict, goingAway, inUse, revisionMismatch } from "./refusals.ts";
import { decodeServiceRecord } from "./service-record.ts";
import { commit, inSteps, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { allRecords, findRecord, listObjects, readRecord, type StoredRecord } from "./stored.ts";
import { decodeVirtualIpRecord } from "./virtual-ip-record.ts";

const NOUN = "network";
/** Most faults that are named when IDs do not fit. */
const MAX_FAULTS = 20;

/** The use cases of networks. */
export function createNetworks(context: Context): Networks {
  const { store } = context;
  return {
    create: (network) => createNetwork(context, network),
    async get(name) {
      const { record, revision } = await readVisible(context, name);
      return { object: record.network, revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.network, [PREFIX.network], page, ({ value }) => {
        const record = readable(value);
        return record?.adding === true ? undefined : record?.network;
      }),
    update: (name, patch, options = {}) => updateNetwork(context, name, patch, options),
    delete: (name, options = {}) => deleteObject(context, networkTarget(context, name), options),
  };
}

/**
 * In two steps, so that no ID that does not fit can slip in meanwhile: the network is announced (from then on, new
 * IDs must fit it), all existing IDs are checked, and it is opened or taken back (ADR 0011).
 */
async function createNetwork(context: Context, network: Network): Promise<Created<Network>> {
  const what = `create network "${network.name}"`;
  refuse(what, networkFaults(network));
  const key = networkKey(network.name);
  const announced = await untilSettled(what, async () => {
    const found = await findRecord(context.store, NOUN, network.name, key, decodeNetworkRecord);
    if (found !== undefined && found.record.adding !== true) {
      const { record, revision } = found;
      if (record.deleting !== undefined) throw goingAway("create", NOUN, NOUN, network.name);
      if (!isSame(record.network, network)) {
        const reason = "it is there already, and different";
        throw conflict("create", NOUN, network.name, reason, networkJson(record.network));
      }
      return { object: record.network, revision, created: false };
    }
    const guard = context.catalog.guardRevision;
    const others = context.catalog.respectedNetworks().filter(({ name }) => name !== network.name);
    refuse(what, overlapFaults(network, others));
    const revision = await commit(
      context,
      [unchanged(key, found?.revision ?? 0), unchanged(NETWORK_GUARD, guard)],
      [put(key, encodeNetworkRecord({ network, adding: true })), put(NETWORK_GUARD, "{}")],
    );
    return revision === LOST ? LOST : { object: network, revision, created: true };
  });
  if (!announced.created) return announced;
  const opened = await inSteps(context, key, () => openNetwork(context, what, network, announced.revision));
  return { ...opened, created: true };
}

async function openNetwork(
  context: Context,
  what: string,
  network: Network,
  announced: number,
): Promise<Versioned<Network>> {
  const key = networkKey(network.name);
  const faults = await existingFaults(context, network);
  const done = await commit(
    context,
    [unchanged(key, announced)],
    [faults.length > 0 ? remove(key) : put(key, encodeNetworkRecord({ network }))],
  );
  refuse(what, faults);
  if (done === LOST)
    throw conflict("create", NOUN, network.name, "somebody else creates it at the same time");
  return { object: network, revision: done };
}

/** Which hosts, tenants and segments do not fit the network. */
async function existingFaults({ store }: Context, network: Network): Promise<Fault[]> {
  const faults: Fault[] = [];
  const note = (noun: string, name: string, found: readonly Fault[]): void => {
    for (const { reason } of found) faults.push({ path: "plans", reason: `${noun} "${name}": ${reason}` });
  };
  for (const { record } of await allRecords(store, PREFIX.host, decodeHostRecord)) {
    note("host", record.host.name, hostFaults([network], record.host));
  }
  for (const { record } of await allRecords(store, PREFIX.tenant, decodeTenantRecord)) {
    note("tenant", record.tenant.name, tenantIdFaults([network], record.tenant.id));
  }
  for (const { record } of await allRecords(store, PREFIX.segment, decodeSegmentRecord)) {
    const { tenant, name, codes } = record.segment;
    for (const code of codes) note("segment", `${tenant}/${name}`, segmentCodeFaults([network], code));
  }
  const plans = plansOf(network).map(({ prefix }) => prefix);
  return [
    ...faults,
    ...(await underlayFaults(store, plans, "plans", ["virtual IP"])),
    ...(await underlayFaults(store, servicePrefixes(network), "services", ["virtual IP", "host"])),
  ];
}

function servicePrefixes({ services }: Network): readonly Prefix[] {
  return [services?.ipv4, services?.ipv6].filter((prefix) => prefix !== undefined);
}

/** Virtual IPs or hosts that have an address of the underlay inside the prefixes. */
async function underlayFaults(
  store: Store,
  prefixes: readonly Prefix[],
  path: string,
  nouns: readonly ("virtual IP" | "host")[],
): Promise<Fault[]> {
  if (prefixes.length === 0) return [];
  const owners: { noun: string; name: string; addresses: readonly (Address | undefined)[] }[] = [];
  if (nouns.includes("virtual IP")) {
    for (const { record } of await allRecords(store, PREFIX.virtualIp, decodeVirtualIpRecord))
      owners.push({ noun: "virtual IP", name: record.name, addresses: virtualIpAddresses(record) });
  }
  if (nouns.includes("host")) {
    for (const { record } of await allRecords(store, PREFIX.host, decodeHostRecord)) {
      const { name, underlay } = record.host;
      owners.push({ noun: "host", name, addresses: [underlay.ipv4, underlay.ipv6] });
    }
  }
  return owners.flatMap(({ noun, name, addresses }) =>
    addresses
      .filter((address) => address !== undefined)
      .filter((address) => prefixes.some((prefix) => prefixContains(prefix, address)))
      .map((address) => ({
        path,
        reason: `${noun} "${name}": its address ${formatAddress(address)} is inside`,
      })),
  );
}

/** In two steps like a creation: new hosts and services must fit what is, and what will be. */
async function updateNetwork(
  context: Context,
  name: string,
  patch: NetworkPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Network>> {
  const what = `update network "${name}"`;
  const key = networkKey(name);
  return await untilSettled(what, async () => {
    const { record, revision } = await readVisible(context, name);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("update", NOUN, name, revision);
    }
    if (record.deleting !== undefined) throw goingAway("update", NOUN, NOUN, name);
    const network = patched(record.network, patch);
    const others = context.catalog.respectedNetworks().filter((other) => other.name !== name);
    refuse(what, [...networkFaults(network), ...overlapFaults(network, others)]);
    refuse(
      what,
      await underlayFaults(context.store, newPrefixes(record.network, network), "services", [
        "virtual IP",
        "host",
      ]),
    );
    // A mark that a dead romanad left goes with the next update, even one that changes nothing else.
    const isMarked = record.nextGroups !== undefined || record.nextServices !== undefined;
    if (isSame(network, record.network) && !isMarked) return { object: network, revision };
    const marked = {
      ...record,
      nextGroups: network.groups,
      ...(patch.services !== undefined && { nextServices: network.services ?? {} }),
    };
    const announced = await commit(
      context,
      [unchanged(key, revision), unchanged(NETWORK_GUARD, context.catalog.guardRevision)],
      [put(key, encodeNetworkRecord(marked)), put(NETWORK_GUARD, "{}")],
    );
    if (announced === LOST) return LOST;
    return await inSteps(context, key, () => regroup(context, record.network, network, announced));
  });
}

async function regroup(
  context: Context,
  before: Network,
  network: Network,
  announced: number,
): Promise<Versioned<Network>> {
  const { name } = network;
  const key = networkKey(name);
  const moved = await movedHosts(context, before, network);
  const stray = await strayServices(context, network);
  const isRefused = moved.length > 0 || stray.length > 0;
  const value = encodeNetworkRecord({ network: isRefused ? before : network });
  const done = await commit(context, [unchanged(key, announced)], [put(key, value)]);
  if (moved.length > 0) {
    const users = moved.map((host) => ({ noun: "host", name: host.name }) as const);
    throw inUse("change groups of", NOUN, name, users, users.length);
  }
  if (stray.length > 0) {
    const users = stray.map((service) => ({ noun: "service", name: service.name }) as const);
    throw inUse("change service prefixes of", NOUN, name, users, users.length);
  }
  if (done === LOST) throw conflict("update", NOUN, name, "somebody else changes it at the same time");
  return { object: network, revision: done };
}

/** Hosts that would lose their group, or get another prefix. */
async function movedHosts({ store }: Context, before: Network, after: Network): Promise<Host[]> {
  const hosts = await allRecords(store, PREFIX.host, decodeHostRecord);
  return hosts
    .map(({ record }) => record.host)
    .filter((host) => {
      if (hostFaults([after], host).length > 0) return true;
      if (hostFaults([before], host).length > 0) return false;
      return hostPosition(before, host).groups.join() !== hostPosition(after, host).groups.join();
    });
}

/** Services of the network that would lose their address. */
async function strayServices({ store }: Context, network: Network): Promise<Service[]> {
  const services = await allRecords(store, PREFIX.service, decodeServiceRecord);
  return services
    .map(({ record }) => record)
    .filter(
      (service) =>
        service.network === network.name &&
        serviceAddresses(service).some((address) => serviceAddressFault(network, address) !== undefined),
    );
}

function patched(network: Network, patch: NetworkPatch): Network {
  const { services: before, ...rest } = network;
  const chosen = patch.services === undefined ? before : (patch.services ?? {});
  const isEmpty = chosen?.ipv4 === undefined && chosen?.ipv6 === undefined;
  return {
    ...rest,
    groups: patch.groups ?? network.groups,
    ...(chosen !== undefined && !isEmpty && { services: chosen }),
  };
}

/** Service prefixes that were not there before. */
function newPrefixes(before: Network, after: Network): readonly Prefix[] {
  const known = servicePrefixes(before).map(formatPrefix);
  return servicePrefixes(after).filter((prefix) => !known.includes(formatPrefix(prefix)));
}

async function readVisible({ store }: Context, name: string): Promise<StoredRecord<NetworkRecord>> {
  const found = await readRecord(store, NOUN, name, networkKey(name), decodeNetworkRecord);
  if (found.record.adding === true) throw notFound(NOUN, name);
  return found;
}

function readable(value: string): NetworkRecord | undefined {
  try {
    return decodeNetworkRecord(value);
  } catch {
    return undefined;
  }
}

function isSame(a: Network, b: Network): boolean {
  return JSON.stringify(networkJson(a)) === JSON.stringify(networkJson(b));
}

function refuse(what: string, faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const more = faults.length - MAX_FAULTS;
  const rest = more > 0 ? [{ path: "", reason: `and ${more} more` }] : [];
  throw invalidInput(what, [...faults.slice(0, MAX_FAULTS), ...rest]);
}
