import { lowestFreeServiceAddress, serviceAddressFault, serviceAddressRange } from "../ipam/index.ts";
import {
  type AddressPair,
  type Fault,
  invalidInput,
  type Network,
  type Service,
  serviceAddresses,
} from "../model/index.ts";
import {
  type Address,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  prefixContains,
} from "../net/index.ts";
import type { Compare, Write } from "../store/index.ts";
import { type Context, restUntil } from "./context.ts";
import { PREFIX, serviceAddressKey, serviceKey } from "./keys.ts";
import type { NetworkRecord } from "./records.ts";
import { conflict, exhausted } from "./refusals.ts";
import { freed, isRest, isRestOver } from "./rest.ts";
import { put, remove, unchanged } from "./settle.ts";
import { entriesBelow } from "./stored.ts";

/** A network as it is, and as it is about to be: a new service must fit both. */
export function respectedSpaces({ network, nextServices }: NetworkRecord): readonly Network[] {
  return nextServices === undefined ? [network] : [network, { ...network, services: nextServices }];
}

/**
 * The addresses that a new service gets: those that are given, if the network has them, or the lowest free ones.
 * @throws RomanaError `invalid-input`, `pool-exhausted`.
 */
export async function chooseAddresses(
  context: Context,
  what: string,
  spaces: readonly Network[],
  given: AddressPair | undefined,
): Promise<AddressPair> {
  const refuse = (faults: readonly Fault[]): void => {
    if (faults.length > 0) throw invalidInput(what, faults);
  };
  if (given !== undefined) {
    const own = serviceAddresses({ addresses: given });
    if (own.length === 0) refuse([{ path: "addresses", reason: "one of ipv4 and ipv6 is wanted" }]);
    refuse(own.flatMap((address) => spaces.flatMap((network) => faultsOf(network, address))));
    return given;
  }
  const [network] = spaces as readonly [Network];
  const { ipv4, ipv6 } = network.services ?? {};
  if (ipv4 === undefined && ipv6 === undefined) {
    refuse([{ path: "network", reason: `network "${network.name}" has no service prefixes` }]);
  }
  const chosen: { ipv4?: Address; ipv6?: Address } = {};
  for (const prefix of [ipv4, ipv6]) {
    if (prefix === undefined) continue;
    const { taken, resting } = await takenAddresses(context, prefix);
    const address = lowestFreeServiceAddress(prefix, taken);
    if (address === undefined) {
      const { first, last } = serviceAddressRange(prefix);
      const text = formatPrefix(prefix);
      const capacity = Number(last - first + 1n);
      throw exhausted(what, `no address of ${text} is free`, "give the network a larger service prefix", {
        pool: text,
        capacity,
        used: capacity - resting,
        coolingDown: resting,
      });
    }
    refuse(spaces.flatMap((space) => faultsOf(space, address)));
    chosen[`ipv${prefix.family}`] = address;
  }
  return chosen;
}

function faultsOf(network: Network, address: Address): Fault[] {
  const reason = serviceAddressFault(network, address);
  return reason === undefined ? [] : [{ path: `addresses.ipv${address.family}`, reason }];
}

/** Addresses of a prefix that services have, or that rest after one that is gone. */
async function takenAddresses(
  { store, now }: Context,
  prefix: Prefix,
): Promise<{ readonly taken: ReadonlySet<bigint>; readonly resting: number }> {
  const taken = new Set<bigint>();
  let resting = 0;
  for await (const { key, value } of entriesBelow(store, PREFIX.serviceAddress)) {
    const address = parseAddress(key.slice(PREFIX.serviceAddress.length));
    if (!prefixContains(prefix, address) || isRestOver(value, now())) continue;
    taken.add(address.value);
    if (isRest(value)) resting++;
  }
  return { taken, resting };
}

/**
 * What the claims of a new service's addresses compare and write. An address that rests is free for whoever names it.
 * @throws RomanaError `conflict` when another service has one.
 */
export async function claimsOf(
  { store }: Context,
  service: Service,
): Promise<{ readonly compares: readonly Compare[]; readonly writes: readonly Write[] }> {
  const compares: Compare[] = [];
  const writes: Write[] = [];
  for (const address of serviceAddresses(service)) {
    const key = serviceAddressKey(address);
    const claim = await store.get(key);
    if (claim !== undefined && !isRest(claim.value)) {
      const reason = `service "${claim.value}" has ${formatAddress(address)}`;
      throw conflict("create", "service", service.name, reason);
    }
    compares.push(unchanged(key, claim?.modRevision ?? 0));
    writes.push(put(key, service.name));
  }
  return { compares, writes };
}

/** What deletes a service: its addresses rest, so that nobody who still knows them meets another service. */
export function releaseWrites(context: Context, service: Service): readonly Write[] {
  const until = restUntil(context);
  return [
    remove(serviceKey(service.name)),
    ...serviceAddresses(service).map((address) => freed(serviceAddressKey(address), until)),
  ];
}
