import {
  codeFaults,
  endpointIds,
  formatSegmentCode,
  hostPosition,
  isAllocatable,
  positionFaults,
  tenantIds,
} from "../addressing/index.ts";
import {
  type AddressPair,
  type AddressPlan,
  type Fault,
  type Host,
  hasCode,
  type Network,
  plansOf,
  type SegmentCode,
} from "../model/index.ts";
import { formatAddress, formatPrefix, prefixContains } from "../net/index.ts";

/** Why a host does not fit a network: its ID, its group that the network does not have, or an address that is not for hosts. */
export function hostFaults(networks: readonly Network[], host: Host): readonly Fault[] {
  const positions = networks.flatMap((network) => {
    try {
      const position = hostPosition(network, host);
      return inNetwork(network, (plan) =>
        positionFaults(plan, position).map(({ path, reason }) => ({
          path: path === "host" ? "id" : "group",
          reason,
        })),
      );
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
      return [{ path: "group", reason: `network "${network.name}" has no group "${error.failure.name}"` }];
    }
  });
  return [...positions, ...underlayFaults(networks, host.underlay)];
}

/** Addresses of a host's underlay that are kept for services: packets to them would be translated or refused. */
export function underlayFaults(networks: readonly Network[], underlay: AddressPair): readonly Fault[] {
  return networks.flatMap(({ name, services }) =>
    (["ipv4", "ipv6"] as const).flatMap((family): Fault[] => {
      const [address, prefix] = [underlay[family], services?.[family]];
      if (address === undefined || prefix === undefined || !prefixContains(prefix, address)) return [];
      const where = `the service prefix ${formatPrefix(prefix)} of network "${name}"`;
      return [{ path: `underlay.${family}`, reason: `${formatAddress(address)} is inside ${where}` }];
    }),
  );
}

/** Why a tenant ID does not fit the networks; empty when it does. */
export function tenantIdFaults(networks: readonly Network[], id: number): readonly Fault[] {
  return networks.flatMap((network) =>
    inNetwork(network, (plan) => {
      const { first, last } = tenantIds(plan);
      if (Number.isInteger(id) && id >= first && id <= last) return [];
      return [{ path: "id", reason: `tenant ID ${id} is not in ${first}..${last}` }];
    }),
  );
}

/** Why a segment code does not fit the networks; empty when it does. */
export function segmentCodeFaults(networks: readonly Network[], code: SegmentCode): readonly Fault[] {
  return networks.flatMap((network) =>
    inNetwork(network, (plan) =>
      codeFaults(plan, code).map(({ reason }) => ({
        path: "codes",
        reason: `${formatSegmentCode(code)}: ${reason}`,
      })),
    ),
  );
}

/** Why an endpoint ID cannot be allocated in a network; empty when it can. */
export function endpointIdFaults(network: Network, code: SegmentCode, id: number): readonly Fault[] {
  return inNetwork(network, (plan) => {
    if (isAllocatable(plan, code.extraBits, id)) return [];
    const { first, last } = endpointIds(plan, code.extraBits);
    const isInside = Number.isInteger(id) && id >= first && id <= last;
    const why = isInside ? "is reserved" : `is not in ${first}..${last} of code ${formatSegmentCode(code)}`;
    return [{ path: "endpointId", reason: `endpoint ID ${id} ${why}` }];
  });
}

/** The faults of all plans of a network, each one once, with the network's name. */
function inNetwork(network: Network, faultsOf: (plan: AddressPlan) => readonly Fault[]): Fault[] {
  const seen = new Map<string, Fault>();
  for (const plan of plansOf(network)) {
    for (const { path, reason } of faultsOf(plan)) {
      seen.set(`${path} ${reason}`, { path, reason: `${reason} in network "${network.name}"` });
    }
  }
  return [...seen.values()];
}
