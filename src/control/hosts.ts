import { hostFaults, hostRange, underlayFaults } from "../ipam/index.ts";
import { type AddressPair, type Host, type HostDetails, invalidInput } from "../model/index.ts";
import { type Address, formatAddress } from "../net/index.ts";
import { chooseGroup } from "../routing/index.ts";
import type { Compare } from "../store/index.ts";
import type { Context } from "./context.ts";
import type { HostPatch, HostSpec, Hosts } from "./control.ts";
import { deleteObject } from "./deletion.ts";
import { hostTarget } from "./deletion-targets.ts";
import { hostDetails } from "./directory.ts";
import { hostAddressKey, hostIdKey, hostKey, NETWORK_GUARD, PREFIX, virtualIpAddressKey } from "./keys.ts";
import { isSameLabels, labelsOf } from "./labels.ts";
import type { ChangeOptions, Created, Versioned } from "./listing.ts";
import { decodeHostRecord, encodeHostRecord, hostJson, pairJson } from "./records.ts";
import { conflict, exhausted, goingAway, revisionMismatch } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord } from "./stored.ts";

const NOUN = "host";

/** The use cases of hosts. */
export function createHosts(context: Context): Hosts {
  const { store, catalog } = context;
  const details = (host: Host): HostDetails => hostDetails(catalog.visibleNetworks(), host);
  return {
    async create(spec) {
      const { object, ...rest } = await context.inTurn(PREFIX.hostId, () => createHost(context, spec));
      return { object: details(object), ...rest };
    },
    async get(name) {
      const { record, revision } = await readRecord(store, NOUN, name, hostKey(name), decodeHostRecord);
      return { object: details(record.host), revision };
    },
    list(page = {}) {
      const networks = catalog.visibleNetworks();
      return listObjects(store, PREFIX.host, [PREFIX.host], page, ({ value }) => {
        const host = readable(value);
        return host && hostDetails(networks, host);
      });
    },
    async update(name, patch, options = {}) {
      const { object, revision } = await updateHost(context, name, patch, options);
      return { object: details(object), revision };
    },
    delete: (name, options = {}) => deleteObject(context, hostTarget(context, name), options),
  };
}

async function createHost(context: Context, spec: HostSpec): Promise<Created<Host>> {
  const { store, catalog } = context;
  const { name, underlay = {}, externalId, labels } = spec;
  const what = `create host "${name}"`;
  const key = hostKey(name);
  return await untilSettled(what, async () => {
    const found = await findRecord(store, NOUN, name, key, decodeHostRecord);
    if (found !== undefined) {
      const { host, deleting } = found.record;
      if (deleting !== undefined) throw goingAway("create", NOUN, NOUN, name);
      if (isAsked(host, spec)) return { object: host, revision: found.revision, created: false };
      throw conflict("create", NOUN, name, "it is there already, and different", hostJson(host));
    }
    const guard = catalog.guardRevision;
    const networks = catalog.respectedNetworks();
    const group = groupOf(context, spec);
    const host: Host = {
      name,
      id: spec.id ?? chooseId(context, group, what),
      group,
      underlay,
      ...(externalId !== undefined && { externalId }),
      ...labelsOf(labels),
    };
    const faults = hostFaults(networks, host);
    if (faults.length > 0) throw invalidInput(what, faults);
    const idKey = hostIdKey(group, host.id);
    const addresses = addressesOf(underlay);
    const revision = await commit(
      context,
      [
        unchanged(key, 0),
        unchanged(NETWORK_GUARD, guard),
        unchanged(idKey, claimRevision(context, idKey)),
        ...addresses.flatMap(unclaimed),
      ],
      [
        put(key, encodeHostRecord({ host })),
        put(idKey, name),
        ...addresses.map((address) => put(hostAddressKey(address), name)),
      ],
    );
    if (revision !== LOST) return { object: host, revision, created: true };
    await refuseTaken(context, "create", name, addresses);
    if (spec.id !== undefined) await refuseTakenId(context, host);
    return LOST;
  });
}

/** The group that is given or, when it is left to us, chosen. @throws RomanaError as `chooseGroup` does. */
function groupOf({ catalog }: Context, { place, group = [] }: HostSpec): readonly string[] {
  if (place === undefined) return group;
  const hosts = Array.from(catalog.hosts.values(), ({ record }) => record.host);
  return chooseGroup(catalog.respectedNetworks(), hosts, group);
}

async function updateHost(
  context: Context,
  name: string,
  patch: HostPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Host>> {
  const key = hostKey(name);
  const what = `update host "${name}"`;
  return await untilSettled(what, async () => {
    const { record, revision } = await readRecord(context.store, NOUN, name, key, decodeHostRecord);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("update", NOUN, name, revision);
    }
    if (record.deleting !== undefined) throw goingAway("update", NOUN, NOUN, name);
    const { externalId: idBefore, labels, ...rest } = record.host;
    const externalId = patch.externalId === undefined ? idBefore : (patch.externalId ?? undefined);
    const host: Host = {
      ...rest,
      underlay: patch.underlay ?? record.host.underlay,
      ...(externalId !== undefined && { externalId }),
      ...labelsOf(patch.labels ?? labels),
    };
    const before = addressesOf(record.host.underlay).map(hostAddressKey);
    const after = addressesOf(host.underlay);
    const added = after.filter((address) => !before.includes(hostAddressKey(address)));
    const gone = before.filter((old) => !after.some((address) => hostAddressKey(address) === old));
    const isSame = externalId === idBefore && isSameLabels(host.labels, labels);
    if (added.length === 0 && gone.length === 0 && isSame) return { object: record.host, revision };
    const guard = context.catalog.guardRevision;
    const faults =
      added.length === 0 ? [] : underlayFaults(context.catalog.respectedNetworks(), host.underlay);
    if (faults.length > 0) throw invalidInput(what, faults);
    const done = await commit(
      context,
      [
        unchanged(key, revision),
        ...(added.length === 0 ? [] : [unchanged(NETWORK_GUARD, guard)]),
        ...added.flatMap(unclaimed),
      ],
      [
        put(key, encodeHostRecord({ host })),
        ...added.map((address) => put(hostAddressKey(address), name)),
        ...gone.map(remove),
      ],
    );
    if (done !== LOST) return { object: host, revision: done };
    await refuseTaken(context, "update", name, added);
    return LOST;
  });
}

function chooseId({ catalog, now }: Context, group: readonly string[], what: string): number {
  const range = hostRange(catalog.respectedNetworks());
  const pool = catalog.hostIds(group);
  const time = now();
  const id = pool.lowestFree(range, time);
  if (id !== undefined) return id;
  const where = group.length === 0 ? "" : ` in group "${group.join("/")}"`;
  throw exhausted(what, `no host ID is left${where}`, "use a plan with more host bits", {
    pool: `host IDs${where}`,
    capacity: Math.max(0, range.last - range.first + 1),
    used: pool.used,
    coolingDown: pool.resting(time),
  });
}

/** Revision of a claim that nobody owns: 0, or that of its rest. A claim with an owner makes the commit fail. */
function claimRevision({ catalog }: Context, claimKey: string): number {
  return catalog.ownerOf(claimKey) === undefined ? catalog.revisionOf(claimKey) : 0;
}

async function refuseTaken(
  { store }: Context,
  verb: string,
  name: string,
  addresses: readonly Address[],
): Promise<void> {
  for (const address of addresses) {
    const virtualIp = await store.get(virtualIpAddressKey(address));
    if (virtualIp !== undefined) {
      throw conflict(verb, NOUN, name, `virtual IP "${virtualIp.value}" has ${formatAddress(address)}`);
    }
    const claim = await store.get(hostAddressKey(address));
    if (claim === undefined || claim.value === name) continue;
    await refuseFor(store, verb, name, claim.value, `underlay address ${formatAddress(address)}`);
  }
}

/** Compares that neither a host nor a virtual IP has the address. */
function unclaimed(address: Address): Compare[] {
  return [unchanged(hostAddressKey(address), 0), unchanged(virtualIpAddressKey(address), 0)];
}

async function refuseTakenId({ store, catalog }: Context, host: Host): Promise<void> {
  const owner = catalog.ownerOf(hostIdKey(host.group, host.id));
  if (owner !== undefined && owner !== host.name)
    await refuseFor(store, "create", host.name, owner, `ID ${host.id}`);
}

async function refuseFor(
  store: Context["store"],
  verb: string,
  name: string,
  owner: string,
  what: string,
): Promise<void> {
  const found = await findRecord(store, NOUN, owner, hostKey(owner), decodeHostRecord);
  throw conflict(verb, NOUN, name, `host "${owner}" has ${what}`, found && hostJson(found.record.host));
}

function addressesOf({ ipv4, ipv6 }: AddressPair): Address[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

/** True when the host is what the specification asks for. */
function isAsked(host: Host, spec: HostSpec): boolean {
  const { id, group = [], place, underlay = {}, externalId, labels } = spec;
  const settled = place === undefined ? host.group : host.group.slice(0, group.length);
  return (
    externalId === host.externalId &&
    (id === undefined || id === host.id) &&
    group.join("/") === settled.join("/") &&
    isSameLabels(labels, host.labels) &&
    JSON.stringify(pairJson(underlay)) === JSON.stringify(pairJson(host.underlay))
  );
}

function readable(value: string): Host | undefined {
  try {
    return decodeHostRecord(value).host;
  } catch {
    return undefined;
  }
}
