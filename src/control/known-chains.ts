import type { Chain, Service } from "../model/index.ts";
import { type ChainWorld, chainsOverlap } from "../policy/index.ts";
import type { Compare, Write } from "../store/index.ts";
import { decodeChainRecord } from "./chain-record.ts";
import type { Context } from "./context.ts";
import { CHAIN_GUARD, PREFIX } from "./keys.ts";
import { conflict, damaged } from "./refusals.ts";
import { put, unchanged } from "./settle.ts";
import { entriesBelow } from "./stored.ts";

/** All chains at one moment, with what a transaction compares and writes so that there are no others by then. */
export interface KnownChains {
  readonly chains: readonly Chain[];
  readonly compares: readonly Compare[];
  readonly writes: readonly Write[];
}

/** Reads all chains. @throws RomanaError `internal` when one cannot be read: nobody knows what it takes. */
export async function knownChains({ store }: Pick<Context, "store">): Promise<KnownChains> {
  const guard = await store.get(CHAIN_GUARD);
  const chains: Chain[] = [];
  for await (const { key, value } of entriesBelow(store, PREFIX.chain)) {
    try {
      chains.push(decodeChainRecord(value));
    } catch {
      throw damaged("chain", key.slice(PREFIX.chain.length));
    }
  }
  return {
    chains,
    compares: [unchanged(CHAIN_GUARD, guard?.modRevision ?? 0)],
    writes: [put(CHAIN_GUARD, "{}")],
  };
}

/**
 * Refuses what would let two chains take the same traffic. `services` are those that are different from what is stored.
 * @throws RomanaError `conflict` that names the other chains.
 */
export function refuseOverlap(
  context: Pick<Context, "catalog">,
  subject: { readonly verb: string; readonly noun: string; readonly name: string },
  chain: Chain,
  others: readonly Chain[],
  services: readonly Service[],
): void {
  const world = chainWorld(context, services);
  const names = others
    .filter((other) => other.name !== chain.name && chainsOverlap(world, chain, other))
    .map(({ name }) => `"${name}"`);
  if (names.length === 0) return;
  const taken = names.length === 1 ? `chain ${names[0]} takes` : `chains ${names.join(", ")} take`;
  const own = subject.noun === "chain" ? "" : ` of chain "${chain.name}"`;
  throw conflict(subject.verb, subject.noun, subject.name, `${taken} some of the same traffic${own}`);
}

/** What the ends of chains are made of, as the catalog knows it. */
function chainWorld({ catalog }: Pick<Context, "catalog">, services: readonly Service[]): ChainWorld {
  const changed = new Set(services.map(({ name }) => name));
  const stored = Array.from(catalog.services.values(), ({ record }) => record);
  return {
    networks: catalog.visibleNetworks(),
    hosts: [],
    tenants: Array.from(catalog.tenants.values(), ({ record }) => record.tenant),
    segments: [...catalog.segments.values()].flatMap((ofTenant) =>
      Array.from(ofTenant.values(), ({ record }) => record.segment),
    ),
    services: [...services, ...stored.filter(({ name }) => !changed.has(name))],
  };
}
