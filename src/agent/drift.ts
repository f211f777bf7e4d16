import { addressBits, isSameAddress } from "../net/index.ts";
import { type KernelEvent, MAIN_TABLE, ROMANA_PROTOCOL } from "../system/kernel.ts";
import { isOwnDeviceName } from "./device-name.ts";
import type { Inventory } from "./inventory.ts";
import { isLinkLocal } from "./network-diff.ts";
import { isAsDesired, slotOf } from "./route-slot.ts";

/**
 * What an event may mean: `everything`: events were lost; `drift`: links, addresses, routes or the table differ from
 * what they should be; `retry`: what the kernel refused before may work now; `sysctls` of a device, or of the host.
 */
export type Suspicion =
  | { readonly kind: "everything" | "drift" | "retry" }
  | { readonly kind: "sysctls"; readonly device?: string };

/** What events are compared with. */
export type Known = Pick<
  Inventory,
  | "host"
  | "endpointOf"
  | "indexOf"
  | "nameOf"
  | "hasDeleted"
  | "isFresh"
  | "isMaking"
  | "routeIn"
  | "underlay"
>;

/**
 * Whether an event needs a closer look. Events of the agent's own changes, which are most, agree with the desired
 * state and need none.
 */
export function suspect(event: KernelEvent, known: Known): Suspicion | undefined {
  if (known.host === undefined) return undefined;
  switch (event.type) {
    case "overrun":
      return { kind: "everything" };
    case "link":
      return suspectLink(event, known);
    case "address":
      return suspectAddress(event, known);
    case "route":
      return suspectRoute(event, known);
    case "rule":
      // Only steering has rules, and looks for itself.
      return undefined;
    case "netconf":
      return suspectNetconf(event, known);
    case "table":
      return event.table === known.host.firewall.table && !event.ownProcess ? DRIFT : undefined;
    default:
      return event satisfies never;
  }
}

type Event<T extends KernelEvent["type"]> = Extract<KernelEvent, { type: T }>;

const DRIFT: Suspicion = { kind: "drift" };
const RETRY: Suspicion = { kind: "retry" };

function suspectLink({ action, link }: Event<"link">, known: Known): Suspicion | undefined {
  const { index, name, up } = link;
  const expected = known.nameOf(index);
  if (action === "delete") return expected !== undefined || known.underlay.has(index) ? DRIFT : undefined;
  if (known.hasDeleted(index) || known.isMaking(name)) return undefined;
  if (expected !== undefined) return expected === name && (up || known.isFresh(index)) ? undefined : DRIFT;
  const isOurs =
    name === known.host?.gateway.name || known.endpointOf(name) !== undefined || isOwnDeviceName(name);
  if (isOurs) return DRIFT;
  if (up) return RETRY;
  return known.underlay.has(index) ? DRIFT : undefined;
}

function suspectAddress({ action, address }: Event<"address">, known: Known): Suspicion | undefined {
  const { gateway } = known.host as NonNullable<Known["host"]>;
  // A virtual IP, which the kernel tells of with each renewal.
  if (address.isLeased === true) return undefined;
  if (known.underlay.has(address.link)) return action === "delete" ? DRIFT : RETRY;
  const device = known.nameOf(address.link);
  if (device === undefined) return action === "new" ? RETRY : undefined;
  if (device !== gateway.name) return action === "delete" && isLinkLocal(address) ? DRIFT : undefined;
  if (isLinkLocal(address)) return undefined;
  const isDesired =
    address.prefixLength === addressBits(address.address.family) &&
    gateway.addresses.some((own) => isSameAddress(own, address.address));
  return isDesired === (action === "new") ? undefined : DRIFT;
}

function suspectRoute({ action, route }: Event<"route">, known: Known): Suspicion | undefined {
  const slot = slotOf(route);
  const desired = slot === undefined ? undefined : known.routeIn(slot);
  if (desired === undefined) {
    const isStale = action === "new" && route.protocol === ROMANA_PROTOCOL && route.table === MAIN_TABLE;
    const isEcho = route.device !== undefined && known.hasDeleted(route.device);
    return isStale && !isEcho ? DRIFT : undefined;
  }
  if (action === "delete") return DRIFT;
  const device = desired.device === undefined ? undefined : known.indexOf(desired.device);
  return isAsDesired(desired, device, route) ? undefined : DRIFT;
}

function suspectNetconf({ link }: Event<"netconf">, known: Known): Suspicion | undefined {
  if (link === "default") return undefined;
  if (link === "all" || known.underlay.has(link)) return { kind: "sysctls" };
  const device = known.nameOf(link);
  // Sysctls are set while a device is made, before it is up.
  const isEndpoint = device !== undefined && !known.isFresh(link) && known.endpointOf(device) !== undefined;
  return isEndpoint ? { kind: "sysctls", device } : undefined;
}
