import type { AddressPair, Backend } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import type { HostState } from "./hearing.ts";

/** Most backends of one segment: all of them are one value in the store and one event for every agent. */
export const MAX_BACKENDS = 10_000;

/** What is known of the health of endpoints. */
export interface Health {
  stateOf(host: string): HostState;
  /** True when the host says that the endpoint passes its checks. */
  isHealthy(host: string, endpoint: string): boolean;
}

/**
 * Which members of a segment flows may go to, in the order of their addresses. Without checks a member is healthy while its
 * host is heard of; of a host of which nothing can be said yet, those stay that were backends before.
 */
export function chooseBackends(
  members: Iterable<Backend>,
  hasChecks: boolean,
  before: readonly Backend[],
  health: Health,
): readonly Backend[] {
  const stored = new Set(before.map(({ addresses }) => heartbeatName(addresses)));
  const chosen: Backend[] = [];
  for (const member of members) {
    const { host, addresses } = member;
    const name = heartbeatName(addresses);
    const state = health.stateOf(host);
    if (state === "silent") continue;
    const isWanted = state === "heard" ? !hasChecks || health.isHealthy(host, name) : stored.has(name);
    if (isWanted) chosen.push(member);
  }
  return chosen.sort(byAddress).slice(0, MAX_BACKENDS);
}

/** What heartbeats call an endpoint: its IPv4 address, or without one its IPv6 address. */
export function heartbeatName({ ipv4, ipv6 }: AddressPair): string {
  const address = ipv4 ?? ipv6;
  return address === undefined ? "" : formatAddress(address);
}

function byAddress({ addresses: a }: Backend, { addresses: b }: Backend): number {
  const [one, other] = [a.ipv4 ?? a.ipv6, b.ipv4 ?? b.ipv6];
  if (one === undefined || other === undefined || one.value === other.value) return 0;
  if (one.family !== other.family) return one.family - other.family;
  return one.value < other.value ? -1 : 1;
}
