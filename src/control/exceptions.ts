import { endpointPrefix, hostPosition } from "../addressing/index.ts";
import { type Exception, notFound, plansOf } from "../model/index.ts";
import type { Context } from "./context.ts";
import { PREFIX, readSpot, type Spot } from "./keys.ts";
import type { Exceptions } from "./policy-control.ts";
import { decodeExceptionRecord } from "./policy-record.ts";
import { decodeEndpointRecord } from "./records.ts";
import { listObjects } from "./stored.ts";

/** The use cases of exceptions; they come and go with `actsAs` of endpoints. */
export function createExceptions({ store, catalog }: Context): Exceptions {
  return {
    list: (page = {}) =>
      listObjects(store, PREFIX.exception, [PREFIX.exception], page, ({ value }) => readable(value)),
    count: () => catalog.exceptions.size,
  };
}

/**
 * The exception of an endpoint that acts as another segment.
 * @throws RomanaError `not-found` when what makes the endpoint's addresses is not there.
 */
export function exceptionOf({ catalog }: Pick<Context, "catalog">, spot: Spot, segment: string): Exception {
  const network = catalog.visibleNetworks().find(({ name }) => name === spot.network);
  const host = catalog.hosts.get(spot.host)?.record.host;
  const tenant = catalog.tenants.get(spot.tenant)?.record.tenant;
  if (network === undefined) throw notFound("network", spot.network);
  if (host === undefined) throw notFound("host", spot.host);
  if (tenant === undefined) throw notFound("tenant", spot.tenant);
  const position = hostPosition(network, host);
  const identity = {
    groups: position.groups,
    host: position.host,
    tenant: tenant.id,
    code: spot.code,
    endpoint: spot.endpointId,
  };
  const blocks = plansOf(network).map((plan) => endpointPrefix(plan, identity));
  return { blocks, tenant: spot.tenant, segment };
}

/**
 * The exception that follows from the value of the endpoint at a spot; undefined when it acts as itself, or is not there.
 * @throws RomanaError `not-found` as {@link exceptionOf}, Error of any kind when the value is damaged.
 */
export function wantedException(
  context: Pick<Context, "catalog">,
  place: string,
  endpoint: string | undefined,
): Exception | undefined {
  const spot = readSpot(place);
  const actsAs = endpoint === undefined ? undefined : decodeEndpointRecord(endpoint).actsAs;
  return spot === undefined || actsAs === undefined ? undefined : exceptionOf(context, spot, actsAs);
}

function readable(value: string): Exception | undefined {
  try {
    return decodeExceptionRecord(value);
  } catch {
    return undefined;
  }
}
