import { invalidInput, type Service } from "../model/index.ts";
import { chainFaults } from "./chain-faults.ts";
import { decodeChainRecord } from "./chain-record.ts";
import type { Context } from "./context.ts";
import { CHAIN_GUARD, chainKey, PREFIX } from "./keys.ts";
import { knownChains, refuseOverlap } from "./known-chains.ts";
import type { Share } from "./quota.ts";
import { put, remove, unchanged } from "./settle.ts";
import { allRecords } from "./stored.ts";

/**
 * What the transaction compares and writes that sends a service's flows to another segment: the chains that lead to the
 * service lead there, too. @throws RomanaError `invalid-input` when one would go through itself, `conflict` when it
 *   would take flows of another one.
 */
export async function leadChains(context: Context, service: Service): Promise<Share> {
  const { chains, compares, writes } = await knownChains(context);
  const { name, tenant, segment, network } = service;
  const led = chains.filter(({ to }) => to.kind === "service" && to.service === name);
  const space = context.catalog.networks.get(network)?.record.network;
  const faults = led.flatMap((chain) =>
    space === undefined ? [] : chainFaults(chain, space, { kind: "segment", tenant, segment }),
  );
  if (faults.length > 0) {
    const reasons = faults.map(({ reason }) => ({ path: "segment", reason }));
    throw invalidInput(`update service "${name}"`, reasons);
  }
  for (const chain of led) {
    refuseOverlap(context, { verb: "update", noun: "service", name }, chain, chains, [service]);
  }
  return { compares, writes };
}

/** The chains that lead to a service, and what the transaction compares and writes that deletes them with it. */
export async function chainsLedBy(
  context: Context,
  service: string,
): Promise<Share & { readonly names: readonly string[] }> {
  const guard = await context.store.get(CHAIN_GUARD);
  const chains = await allRecords(context.store, PREFIX.chain, decodeChainRecord);
  const names = chains.flatMap(({ record: { name, to } }) =>
    to.kind === "service" && to.service === service ? [name] : [],
  );
  return {
    names,
    compares: [unchanged(CHAIN_GUARD, guard?.modRevision ?? 0)],
    writes:
      names.length === 0 ? [] : [put(CHAIN_GUARD, "{}"), ...names.map((name) => remove(chainKey(name)))],
  };
}
