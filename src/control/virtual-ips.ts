import {
  type Fault,
  invalidInput,
  notFound,
  plansOf,
  RomanaError,
  type VirtualIp,
  type VirtualIpDetails,
  virtualIpAddresses,
} from "../model/index.ts";
import { formatAddress, formatPrefix, prefixContains } from "../net/index.ts";
import type { Context } from "./context.ts";
import type { VirtualIpPatch, VirtualIpSpec, VirtualIps } from "./control.ts";
import { hostAddressKey, NETWORK_GUARD, PREFIX, virtualIpAddressKey, virtualIpKey } from "./keys.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion, Versioned } from "./listing.ts";
import { conflict, goingAway, revisionMismatch } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, type StoredRecord } from "./stored.ts";
import type { VirtualIpKeeper } from "./virtual-ip-keeper.ts";
import { decodeVirtualIpRecord, encodeVirtualIpRecord, virtualIpJson } from "./virtual-ip-record.ts";

const NOUN = "virtual IP";

/** The use cases of virtual IPs. */
export function createVirtualIps(context: Context, keeper: VirtualIpKeeper): VirtualIps {
  const { store, catalog } = context;
  const details = (virtualIp: VirtualIp): VirtualIpDetails => ({
    ...virtualIp,
    ...keeper.stateOf(virtualIp),
  });
  return {
    async create(spec) {
      const { object, ...rest } = await createVirtualIp(context, spec);
      return { object: details(object), ...rest };
    },
    async get(name) {
      const { record, revision } = await readVirtualIp(context, name);
      return { object: details(record), revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.virtualIp, [PREFIX.virtualIp], page, ({ value }) => {
        const virtualIp = readable(value);
        return virtualIp === undefined || virtualIp.deleting === true ? undefined : details(virtualIp);
      }),
    async update(name, patch, options = {}) {
      const { object, revision } = await updateVirtualIp(context, name, patch, options);
      return { object: details(object), revision };
    },
    delete: (name, options = {}) => deleteVirtualIp(context, name, options),
    summary() {
      const states = { held: 0, moving: 0, vacant: 0 };
      for (const { record } of catalog.virtualIps.values()) {
        if (record.deleting !== true) states[keeper.stateOf(record).state] += 1;
      }
      return { states, moves: keeper.moves };
    },
  };
}

async function createVirtualIp(context: Context, spec: VirtualIpSpec): Promise<Created<VirtualIp>> {
  const { catalog, store } = context;
  const { name, addresses, hosts, externalId } = spec;
  const what = `create ${NOUN} "${name}"`;
  const key = virtualIpKey(name);
  const virtualIp: VirtualIp = {
    name,
    addresses,
    ...(hosts && { hosts }),
    ...(externalId !== undefined && { externalId }),
  };
  return await untilSettled(what, async () => {
    const found = await findRecord(store, NOUN, name, key, decodeVirtualIpRecord);
    if (found !== undefined) {
      const { record, revision } = found;
      if (record.deleting === true) throw goingAway("create", NOUN, NOUN, name);
      if (isAsked(record, virtualIp)) return { object: record, revision, created: false };
      throw conflict("create", NOUN, name, "it is there already, and different", virtualIpJson(record));
    }
    const guard = catalog.guardRevision;
    refuse(what, virtualIpFaults(context, virtualIp));
    const own = virtualIpAddresses(virtualIp);
    const revision = await commit(
      context,
      [
        unchanged(key, 0),
        unchanged(NETWORK_GUARD, guard),
        ...own.map((address) => unchanged(virtualIpAddressKey(address), 0)),
        ...own.map((address) => unchanged(hostAddressKey(address), 0)),
      ],
      [
        put(key, encodeVirtualIpRecord(virtualIp)),
        ...own.map((address) => put(virtualIpAddressKey(address), name)),
      ],
    );
    if (revision !== LOST) return { object: virtualIp, revision, created: true };
    await refuseTaken(context, virtualIp);
    return LOST;
  });
}

/** What is wrong with the addresses of a virtual IP, besides that others may have them. */
export function virtualIpFaults({ catalog }: Pick<Context, "catalog">, virtualIp: VirtualIp): Fault[] {
  const addresses = virtualIpAddresses(virtualIp);
  if (addresses.length === 0) return [{ path: "addresses", reason: "one of ipv4 and ipv6 is wanted" }];
  return addresses.flatMap((address) => {
    const path = `addresses.ipv${address.family}`;
    const text = formatAddress(address);
    if (isUnusable(address))
      return [{ path, reason: `${text} is no address that a host on the underlay can have` }];
    return catalog.respectedNetworks().flatMap((network) =>
      [...plansOf(network).map(({ prefix }) => prefix), network.services?.ipv4, network.services?.ipv6]
        .filter((prefix) => prefix !== undefined)
        .filter((prefix) => prefixContains(prefix, address))
        .map((prefix) => ({
          path,
          reason: `${text} is in ${formatPrefix(prefix)} of network "${network.name}", which allots its addresses itself`,
        })),
    );
  });
}

/** Unspecified, loopback, link-local and multicast ones, and 255.255.255.255. */
function isUnusable({ family, value }: { readonly family: 4 | 6; readonly value: bigint }): boolean {
  if (family === 6) return value < 2n || value >> 118n === 0x3fan || value >> 120n === 0xffn;
  const first = value >> 24n;
  return first === 0n || first === 127n || first >= 224n || value >> 16n === 0xa9fen;
}

async function refuseTaken({ store }: Context, virtualIp: VirtualIp): Promise<void> {
  const { name } = virtualIp;
  for (const address of virtualIpAddresses(virtualIp)) {
    const text = formatAddress(address);
    const host = await store.get(hostAddressKey(address));
    if (host !== undefined) {
      throw conflict("create", NOUN, name, `${text} is the underlay address of host "${host.value}"`);
    }
    const claim = await store.get(virtualIpAddressKey(address));
    if (claim === undefined || claim.value === name) continue;
    const other = await findRecord(
      store,
      NOUN,
      claim.value,
      virtualIpKey(claim.value),
      decodeVirtualIpRecord,
    );
    if (other?.record.deleting === true) {
      const reason = `${text} may still be up on host "${other.record.holder}", which held it for "${claim.value}"; try again`;
      throw new RomanaError(`Cannot create ${NOUN} "${name}": ${reason}`, { code: "aborted" });
    }
    throw conflict(
      "create",
      NOUN,
      name,
      `${NOUN} "${claim.value}" has ${text}`,
      other && virtualIpJson(other.record),
    );
  }
}

async function updateVirtualIp(
  context: Context,
  name: string,
  patch: VirtualIpPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<VirtualIp>> {
  return await untilSettled(`update ${NOUN} "${name}"`, async () => {
    const { record, revision } = await readVirtualIp(context, name);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("update", NOUN, name, revision);
    }
    const { hosts: hostsBefore, externalId: idBefore, ...rest } = record;
    const hosts = patch.hosts === undefined ? hostsBefore : (patch.hosts ?? undefined);
    const externalId = patch.externalId === undefined ? idBefore : (patch.externalId ?? undefined);
    const object: VirtualIp = {
      ...rest,
      ...(hosts && { hosts }),
      ...(externalId !== undefined && { externalId }),
    };
    if (encodeVirtualIpRecord(object) === encodeVirtualIpRecord(record)) return { object: record, revision };
    const key = virtualIpKey(name);
    const done = await commit(context, [unchanged(key, revision)], [put(key, encodeVirtualIpRecord(object))]);
    return done === LOST ? LOST : { object, revision: done };
  });
}

async function deleteVirtualIp(
  context: Context,
  name: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  return await untilSettled(`delete ${NOUN} "${name}"`, async () => {
    const { record, revision } = await readVirtualIp(context, name);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("delete", NOUN, name, revision);
    }
    const deletion: Deletion = { dryRun, deleted: [{ noun: NOUN, name }], count: 1 };
    if (dryRun) return deletion;
    const key = virtualIpKey(name);
    // Who held it may have it for a moment; until then the keeper keeps the address.
    const writes =
      record.holder === undefined
        ? [remove(key), ...virtualIpAddresses(record).map((address) => remove(virtualIpAddressKey(address)))]
        : [put(key, encodeVirtualIpRecord({ ...record, deleting: true }))];
    const done = await commit(context, [unchanged(key, revision)], writes);
    return done === LOST ? LOST : deletion;
  });
}

/** A virtual IP that is there to stay. @throws RomanaError `not-found`. */
async function readVirtualIp({ store }: Context, name: string): Promise<StoredRecord<VirtualIp>> {
  const found = await findRecord(store, NOUN, name, virtualIpKey(name), decodeVirtualIpRecord);
  if (found === undefined || found.record.deleting === true) throw notFound(NOUN, name);
  return found;
}

function isAsked(there: VirtualIp, asked: VirtualIp): boolean {
  const { holder: _, since: __, ...spec } = there;
  return encodeVirtualIpRecord(spec) === encodeVirtualIpRecord(asked);
}

function readable(value: string): VirtualIp | undefined {
  try {
    return decodeVirtualIpRecord(value);
  } catch {
    return undefined;
  }
}

function refuse(what: string, faults: readonly Fault[]): void {
  if (faults.length > 0) throw invalidInput(what, faults);
}
