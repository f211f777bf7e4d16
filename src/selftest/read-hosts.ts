import type { Client } from "../client/index.ts";
import { type HostStatus, hasCode } from "../model/index.ts";

/** A host of romanad and what its agent has reported last; undefined when that never did. */
export interface ReportedHost {
  readonly name: string;
  readonly id: number;
  readonly externalId?: string | undefined;
  readonly report?: HostStatus | undefined;
}

/** Objects that are read at a time. */
const PAGE = 1_000;

/** Reads the hosts of these names, as far as romanad knows them. */
export async function readHosts(
  client: Client,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ReportedHost>> {
  const hosts = await readAll((query) => client.call("listHosts", { query }));
  const wanted = hosts.filter(({ name }) => names.has(name));
  const known = wanted.map(async ({ name, id, externalId }): Promise<[string, ReportedHost]> => {
    const report = await client.call("getHostStatus", { params: { host: name } }).catch((error: unknown) => {
      if (hasCode(error, "not-found")) return undefined;
      throw error;
    });
    return [name, { name, id, externalId, report }];
  });
  return new Map(await Promise.all(known));
}

/** Reads a list to its end, page by page. */
export async function readAll<T>(
  read: (query: { limit: number; cursor?: string }) => Promise<{
    readonly items: readonly T[];
    readonly nextCursor?: string | undefined;
  }>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: PAGE, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}
