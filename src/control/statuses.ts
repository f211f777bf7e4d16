import { type HostReport, type HostStatus, notFound, RomanaError, type RouteStatus } from "../model/index.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import type { Store } from "../store/index.ts";
import type { Context } from "./context.ts";
import type { Statuses } from "./control.ts";
import { sumCounters } from "./counters.ts";
import { hostKey, PREFIX } from "./keys.ts";
import type { Versioned } from "./listing.ts";
import { damaged } from "./refusals.ts";
import { commit, LOST, put, unchanged, untilSettled } from "./settle.ts";

/** The last report of each host's agent. Routes have a key of their own: they are large and change seldom. */
export function createStatuses(context: Context): Statuses {
  const { store } = context;
  return {
    put: (host, report) => putReport(context, host, report),
    async get(host) {
      const entry = await store.get(PREFIX.status + host);
      if (entry === undefined) {
        throw (await store.get(hostKey(host))) === undefined
          ? notFound("host", host)
          : notFound("status of host", host);
      }
      const object = await readStatus(store, host);
      if (object === undefined) throw damaged("status of host", host);
      return { object, revision: entry.modRevision };
    },
    counters: (policy) => sumCounters(store, policy),
  };
}

/** The last report of a host with its routes; undefined when there is none, or it is damaged. */
export async function readStatus(store: Store, host: string): Promise<HostStatus | undefined> {
  const status = await store.get(PREFIX.status + host);
  const routes = await store.get(PREFIX.statusRoutes + host);
  return status && routes && decodeStatus(status.value, routes.value);
}

/** The host's key is compared, so that a report cannot outlive its host. */
async function putReport(
  context: Context,
  host: string,
  { routes, ...report }: HostReport,
): Promise<Versioned<HostReport>> {
  return await untilSettled(`store status of host "${host}"`, async () => {
    const entry = await context.store.get(hostKey(host));
    if (entry === undefined) throw notFound("host", host);
    const routesKey = PREFIX.statusRoutes + host;
    if (routes === undefined && (await context.store.get(routesKey)) === undefined) {
      const reason = "it has no routes, and none have been reported before";
      throw new RomanaError(`Cannot store status of host "${host}": ${reason}`, { code: "aborted" });
    }
    const revision = await commit(
      context,
      [unchanged(entry.key, entry.modRevision)],
      [
        put(PREFIX.status + host, JSON.stringify(report)),
        ...(routes === undefined ? [] : [put(routesKey, JSON.stringify(routes.map(encodeRoute)))]),
      ],
    );
    return revision === LOST ? LOST : { object: report, revision };
  });
}

interface StoredRoute extends Omit<RouteStatus, "destination" | "gateway"> {
  readonly destination: string;
  readonly gateway?: string;
}

function encodeRoute({ destination, gateway, ...rest }: RouteStatus): StoredRoute {
  return {
    destination: formatPrefix(destination),
    ...(gateway && { gateway: formatAddress(gateway) }),
    ...rest,
  };
}

function decodeStatus(text: string, routesText: string): HostStatus | undefined {
  try {
    const status = JSON.parse(text) as Omit<HostStatus, "routes">;
    return { ...status, routes: (JSON.parse(routesText) as readonly StoredRoute[]).map(decodeRoute) };
  } catch {
    return undefined;
  }
}

function decodeRoute({ destination, gateway, ...rest }: StoredRoute): RouteStatus {
  return {
    destination: parsePrefix(destination),
    ...(gateway !== undefined && { gateway: parseAddress(gateway) }),
    ...rest,
  };
}
