import type { Endpoint } from "../model/index.ts";
import { isSameAddress } from "../net/index.ts";
import { isSameCode } from "./codes.ts";
import type { Context } from "./context.ts";
import type { AllocationRequest } from "./control.ts";
import { endpointOf } from "./directory.ts";
import { PREFIX, tenantIdKey } from "./keys.ts";
import type { Created, Versioned } from "./listing.ts";
import type { OwnedRequest } from "./owned-request.ts";
import { endpointJson } from "./records.ts";
import { conflict } from "./refusals.ts";

/**
 * The endpoint that the token or the name of a request already stands for; undefined when neither is known.
 * @throws RomanaError `conflict` when it is not what the request asks for.
 */
export async function findExisting(
  context: Context,
  request: AllocationRequest,
): Promise<Created<Endpoint> | undefined> {
  const { name, requestToken } = request;
  const byToken =
    requestToken === undefined ? undefined : await behind(context, PREFIX.endpointToken + requestToken);
  const found =
    byToken ?? (name === undefined ? undefined : await behind(context, PREFIX.endpointName + name));
  if (found === undefined) return undefined;
  if (isAsked(context, found.object, request)) return { ...found, created: false };
  const what = byToken === undefined ? `name "${name}"` : `request token "${requestToken}"`;
  const reason = `the ${what} stands for another endpoint`;
  throw conflict("allocate", "endpoint", name ?? requestToken ?? "", reason, endpointJson(found.object));
}

/** The endpoint that an index key points to. */
export async function behind({ store }: Context, indexKey: string): Promise<Versioned<Endpoint> | undefined> {
  const spot = (await store.get(indexKey))?.value;
  if (spot === undefined) return undefined;
  const entry = await store.get(PREFIX.endpoint + spot);
  const object = entry && endpointOf(spot, entry.value);
  return entry && object && { object, revision: entry.modRevision };
}

/** True when the endpoint is what the request asks for. */
function isAsked({ catalog }: Context, endpoint: Endpoint, request: AllocationRequest): boolean {
  const { network, host, code, endpointId, address } = request;
  const addresses = [endpoint.addresses.ipv4, endpoint.addresses.ipv6].filter((own) => own !== undefined);
  // One that is somewhere else is asked for where it is.
  const present = endpoint.locatedOn ?? endpoint.host;
  const hostId = catalog.hosts.get(present)?.record.host.id;
  return (
    (network === undefined || network === endpoint.network) &&
    (typeof host === "string" ? host === present : host === hostId) &&
    isOwnedAs(catalog, endpoint, request) &&
    (code === undefined || isSameCode(code, endpoint.code)) &&
    (endpointId === undefined || endpointId === endpoint.endpointId) &&
    (address === undefined || addresses.some((own) => isSameAddress(own, address))) &&
    request.requestToken === endpoint.requestToken
  );
}

/** A workload may say something else by now than when the endpoint was born; the endpoint is its endpoint all the same. */
function isOwnedAs(
  catalog: Context["catalog"],
  endpoint: Endpoint,
  { workload, tenant, segment, name, externalId }: AllocationRequest,
): boolean {
  if (workload !== undefined) {
    return endpoint.externalId === workload && (name === undefined || name === endpoint.name);
  }
  if (tenant === undefined || segment === undefined) return false;
  return (
    (typeof tenant === "string" ? tenant : catalog.ownerOf(tenantIdKey(tenant))) === endpoint.tenant &&
    isInSegment(endpoint, segment) &&
    name === endpoint.name &&
    externalId === endpoint.externalId
  );
}

function isInSegment(endpoint: Endpoint, segment: OwnedRequest["segment"]): boolean {
  if (typeof segment === "string") return segment === endpoint.segment;
  return isSameCode(typeof segment === "number" ? { code: segment, extraBits: 0 } : segment, endpoint.code);
}
