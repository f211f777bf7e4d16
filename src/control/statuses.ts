import { type HostStatus, notFound, type RouteStatus } from "../model/index.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import type { Context } from "./context.ts";
import type { Statuses } from "./control.ts";
import { sumCounters } from "./counters.ts";
import { hostKey, PREFIX } from "./keys.ts";
import type { Versioned } from "./listing.ts";
import { damaged } from "./refusals.ts";
import { commit, LOST, put, unchanged, untilSettled } from "./settle.ts";

/** The last report of each host's agent. */
export function createStatuses(context: Context): Statuses {
  const { store } = context;
  return {
    put: (host, status) => putStatus(context, host, status),
    async get(host) {
      const entry = await store.get(PREFIX.status + host);
      if (entry === undefined) {
        throw (await store.get(hostKey(host))) === undefined
          ? notFound("host", host)
          : notFound("status of host", host);
      }
      const object = decodeStatus(entry.value);
      if (object === undefined) throw damaged("status of host", host);
      return { object, revision: entry.modRevision };
    },
    counters: (policy) => sumCounters(store, policy),
  };
}

/** The host's key is compared, so that a report cannot outlive its host. */
async function putStatus(context: Context, host: string, status: HostStatus): Promise<Versioned<HostStatus>> {
  return await untilSettled(`store status of host "${host}"`, async () => {
    const entry = await context.store.get(hostKey(host));
    if (entry === undefined) throw notFound("host", host);
    const revision = await commit(
      context,
      [unchanged(entry.key, entry.modRevision)],
      [put(PREFIX.status + host, encodeStatus(status))],
    );
    return revision === LOST ? LOST : { object: status, revision };
  });
}

function encodeStatus(status: HostStatus): string {
  return JSON.stringify({
    ...status,
    routes: status.routes.map(({ destination, gateway, ...rest }) => ({
      destination: formatPrefix(destination),
      ...(gateway && { gateway: formatAddress(gateway) }),
      ...rest,
    })),
  });
}

/** Reads a stored status; undefined when it is damaged. */
export function decodeStatus(text: string): HostStatus | undefined {
  try {
    const { routes, ...status } = JSON.parse(text) as Omit<HostStatus, "routes"> & {
      routes: (Omit<RouteStatus, "destination" | "gateway"> & { destination: string; gateway?: string })[];
    };
    return {
      ...status,
      routes: routes.map(({ destination, gateway, ...rest }) => ({
        destination: parsePrefix(destination),
        ...(gateway !== undefined && { gateway: parseAddress(gateway) }),
        ...rest,
      })),
    };
  } catch {
    return undefined;
  }
}
