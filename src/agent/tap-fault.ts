import type { Tap } from "../model/index.ts";
import type { Link } from "../system/kernel.ts";
import { isOwnDeviceName } from "./device-name.ts";

/** Kind of links that are taps. */
export const TAP_KIND = "tun";

/** First byte that hypervisors give a tap in place of the guest's, so that the host's end has an address of its own. */
const HOST_END = "fe";

/**
 * Why a device cannot be the tap of an endpoint; undefined when it can. A tap has its own MAC address; one that is made as
 * libvirt makes it, out of the guest's, tells which guest it is for. It is compared where vendor or base are the same.
 */
export function tapFault({ name, kind, mac }: Link, tap: Tap): string | undefined {
  if (isOwnDeviceName(name)) return `device "${name}" has a name that only the agent gives`;
  if (kind !== TAP_KIND) return `device "${name}" is no tap but ${kind ?? "hardware"}`;
  if (mac === undefined || isOfGuest(mac.split(":"), tap.mac.split(":"))) return undefined;
  return `tap "${name}" has MAC address ${mac}, which is not that of the guest with ${tap.mac}`;
}

function isOfGuest([first, ...rest]: readonly string[], [guestFirst, ...guest]: readonly string[]): boolean {
  const isMade = first === HOST_END || first === guestFirst;
  const isSameBase = rest[0] === guest[0] && rest[1] === guest[1];
  return !isMade || !isSameBase || rest.join() === guest.join();
}
