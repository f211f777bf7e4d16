import { invalidInput, type Network, notFound, type Service, type ServiceDetails } from "../model/index.ts";
import type { Context } from "./context.ts";
import { networkKey, PREFIX, segmentKey, serviceKey, tenantKey } from "./keys.ts";
import { chainsLedBy, leadChains } from "./led-chains.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion, Versioned } from "./listing.ts";
import { livingSegment, livingTenant } from "./living.ts";
import { NO_SHARE } from "./quota.ts";
import { decodeNetworkRecord, type NetworkRecord } from "./records.ts";
import { conflict, goingAway, inUse, revisionMismatch } from "./refusals.ts";
import { chooseAddresses, claimsOf, releaseWrites, respectedSpaces } from "./service-addresses.ts";
import type { ServicePatch, ServiceSpec, Services } from "./service-control.ts";
import { decodeServiceRecord, encodeServiceRecord, serviceJson } from "./service-record.ts";
import { commit, LOST, put, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord, type StoredRecord } from "./stored.ts";

const NOUN = "service";

/** How many endpoints a service has. */
export type CountEndpoints = (service: Service) => Pick<ServiceDetails, "members" | "healthy">;

/** The use cases of services. */
export function createServices(context: Context, countEndpoints: CountEndpoints): Services {
  const { store } = context;
  const details = (service: Service): ServiceDetails => ({ ...service, ...countEndpoints(service) });
  return {
    async create(spec) {
      const { object, ...rest } = await createService(context, spec);
      return { object: details(object), ...rest };
    },
    async get(name) {
      const { record, revision } = await readService(context, name);
      return { object: details(record), revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.service, [PREFIX.service], page, ({ value }) => {
        const service = readable(value);
        return service && details(service);
      }),
    async update(name, patch, options = {}) {
      const { object, revision } = await updateService(context, name, patch, options);
      return { object: details(object), revision };
    },
    delete: (name, options = {}) => deleteService(context, name, options),
  };
}

async function createService(context: Context, spec: ServiceSpec): Promise<Created<Service>> {
  const { name, tenant, segment } = spec;
  const what = `create ${NOUN} "${name}"`;
  const key = serviceKey(name);
  return await untilSettled(what, async () => {
    const found = await findRecord(context.store, NOUN, name, key, decodeServiceRecord);
    if (found !== undefined) {
      const { record, revision } = found;
      if (isAsked(record, spec)) return { object: record, revision, created: false };
      throw conflict("create", NOUN, name, "it is there already, and different", serviceJson(record));
    }
    const network = await livingNetwork(context, what, spec.network);
    const owner = await livingTenant(context, `create ${NOUN} of`, tenant);
    const behind = await livingSegment(context, `create ${NOUN} of`, tenant, segment);
    const spaces = respectedSpaces(network.record);
    const addresses = await chooseAddresses(context, what, spaces, spec.addresses);
    const service: Service = { ...plain(spec), network: network.record.network.name, addresses };
    const claims = await claimsOf(context, service);
    const revision = await commit(
      context,
      [
        unchanged(key, 0),
        unchanged(networkKey(service.network), network.revision),
        unchanged(tenantKey(tenant), owner.revision),
        unchanged(segmentKey(tenant, segment), behind.revision),
        ...claims.compares,
      ],
      [put(key, encodeServiceRecord(service)), ...claims.writes],
    );
    return revision === LOST ? LOST : { object: service, revision, created: true };
  });
}

async function updateService(
  context: Context,
  name: string,
  patch: ServicePatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Service>> {
  return await untilSettled(`update ${NOUN} "${name}"`, async () => {
    const { record, revision } = await readService(context, name);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("update", NOUN, name, revision);
    }
    const object = patched(record, patch);
    if (encodeServiceRecord(object) === encodeServiceRecord(record)) return { object: record, revision };
    const { tenant, segment } = object;
    const compares = [unchanged(serviceKey(name), revision)];
    if (segment !== record.segment) {
      const behind = await livingSegment(context, `update ${NOUN} of`, tenant, segment);
      compares.push(unchanged(segmentKey(tenant, segment), behind.revision));
    }
    const led = segment === record.segment ? NO_SHARE : await leadChains(context, object);
    const done = await commit(
      context,
      [...compares, ...led.compares],
      [put(serviceKey(name), encodeServiceRecord(object)), ...led.writes],
    );
    return done === LOST ? LOST : { object, revision: done };
  });
}

async function deleteService(
  context: Context,
  name: string,
  { expectedRevision, cascade = false, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  return await untilSettled(`delete ${NOUN} "${name}"`, async () => {
    const { record, revision } = await readService(context, name);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("delete", NOUN, name, revision);
    }
    const led = await chainsLedBy(context, name);
    const users = led.names.map((chain) => ({ noun: "chain", name: chain }) as const);
    if (users.length > 0 && !cascade) throw inUse("delete", NOUN, name, users, users.length);
    const deleted = [...users, { noun: NOUN, name } as const];
    const deletion: Deletion = { dryRun, deleted, count: deleted.length };
    if (dryRun) return deletion;
    const done = await commit(
      context,
      [unchanged(serviceKey(name), revision), ...led.compares],
      [...led.writes, ...releaseWrites(context, record)],
    );
    return done === LOST ? LOST : deletion;
  });
}

async function readService({ store }: Context, name: string): Promise<StoredRecord<Service>> {
  return await readRecord(store, NOUN, name, serviceKey(name), decodeServiceRecord);
}

/** The network that is named, or the only one. */
async function livingNetwork(
  { catalog, store }: Context,
  what: string,
  given: string | undefined,
): Promise<StoredRecord<NetworkRecord>> {
  const name = given ?? onlyNetwork(what, catalog.visibleNetworks());
  const found = await readRecord(store, "network", name, networkKey(name), decodeNetworkRecord);
  if (found.record.adding === true) throw notFound("network", name);
  if (found.record.deleting !== undefined)
    throw goingAway("create", `${NOUN} of network "${name}"`, "network", name);
  return found;
}

function onlyNetwork(what: string, networks: readonly Network[]): string {
  const [only, ...others] = networks;
  if (only !== undefined && others.length === 0) return only.name;
  const reason = only === undefined ? "there is no network" : "is missing: there are several networks";
  throw invalidInput(what, [{ path: "network", reason }]);
}

/** The service as it is stored, but for what was left out. */
function plain(spec: ServiceSpec): Omit<Service, "network" | "addresses"> {
  const { name, tenant, segment, ports, affinity, prefer, health, dnsName, externalId } = spec;
  return {
    name,
    tenant,
    segment,
    ports,
    ...(affinity !== undefined && { affinity }),
    ...(prefer !== undefined && { prefer }),
    ...(health !== undefined && { health }),
    ...(dnsName !== undefined && { dnsName }),
    ...(externalId !== undefined && { externalId }),
  };
}

function isAsked(there: Service, spec: ServiceSpec): boolean {
  const { network = there.network, addresses = there.addresses } = spec;
  return encodeServiceRecord({ ...plain(spec), network, addresses }) === encodeServiceRecord(there);
}

/** Undefined in a patch leaves a field as it is, null takes it away. */
function patched(service: Service, patch: ServicePatch): Service {
  const chosen = <T>(before: T | undefined, after: T | null | undefined): T | undefined =>
    after === undefined ? before : (after ?? undefined);
  const { network, addresses } = service;
  const affinity = chosen(service.affinity, patch.affinity);
  const prefer = chosen(service.prefer, patch.prefer);
  const health = chosen(service.health, patch.health);
  const dnsName = chosen(service.dnsName, patch.dnsName);
  const externalId = chosen(service.externalId, patch.externalId);
  return {
    name: service.name,
    network,
    tenant: service.tenant,
    segment: patch.segment ?? service.segment,
    addresses,
    ports: patch.ports ?? service.ports,
    ...(affinity !== undefined && { affinity }),
    ...(prefer !== undefined && { prefer }),
    ...(health !== undefined && { health }),
    ...(dnsName !== undefined && { dnsName }),
    ...(externalId !== undefined && { externalId }),
  };
}

function readable(value: string): Service | undefined {
  try {
    return decodeServiceRecord(value);
  } catch {
    return undefined;
  }
}
