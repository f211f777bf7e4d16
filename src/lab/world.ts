import type { Client } from "../client/index.ts";
import { type Chain, type Endpoint, isTemporary, RomanaError, type Service } from "../model/index.ts";
import type { PolicyWorld } from "../policy/index.ts";
import { decodeState, encodeState } from "../schema/index.ts";
import { connectTo } from "./connections.ts";
import type { LabPaths } from "./paths.ts";
import { readJson, writeJson } from "./state.ts";

/** What identities, policies and endpoints there are, as romanad tells it. */
export interface LabWorld extends PolicyWorld {
  readonly endpoints: readonly Endpoint[];
  readonly services: readonly Service[];
  readonly chains: readonly Chain[];
}

/** Items that are asked for at a time. */
const PAGE_LIMIT = 1000;

/** Everything that romanad knows, read anew. */
export async function readWorld(client: Client): Promise<LabWorld> {
  return {
    networks: await all((query) => client.call("listNetworks", { query })),
    hosts: await all((query) => client.call("listHosts", { query })),
    tenants: await all((query) => client.call("listTenants", { query })),
    segments: await all((query) => client.call("listAllSegments", { query })),
    endpoints: await all((query) => client.call("listEndpoints", { query })),
    policies: await all((query) => client.call("listPolicies", { query })),
    exceptions: await all((query) => client.call("listExceptions", { query })),
    services: await all((query) => client.call("listServices", { query })),
    chains: await all((query) => client.call("listChains", { query })),
  };
}

/**
 * What romanad knows now or, when it is away, what it knew when the lab came up: the lab works on without it,
 * and so does the look at the lab.
 */
export async function currentWorld(paths: LabPaths): Promise<LabWorld> {
  const client = connectTo(paths);
  try {
    return await readWorld(client);
  } catch (error) {
    const recorded = readRecord(paths);
    if (!(error instanceof RomanaError) || !isTemporary(error.code) || recorded === undefined) throw error;
    return recorded;
  } finally {
    await client.close();
  }
}

/** Notes what romanad knows; from here on the lab counts as up. */
export function writeRecord(paths: LabPaths, world: LabWorld): void {
  writeJson(paths.record, encodeState({ fabrics: [], ...world }));
}

function readRecord(paths: LabPaths): LabWorld | undefined {
  const record = readJson(paths.record);
  return record === undefined ? undefined : decodeState(record);
}

async function all<T>(
  read: (query: { limit: number; cursor?: string }) => Promise<{ items: readonly T[]; nextCursor?: string }>,
): Promise<readonly T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await read({ limit: PAGE_LIMIT, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) return items;
  }
}
