import { createHash } from "node:crypto";
import type { AddressPair } from "../model/index.ts";
import { invalidInput } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";

/** Starts the name of every device that the agent makes for an endpoint. */
const PREFIX = "rom";

/** Hexadecimal digits behind the prefix: an IPv4 address, or so much of a hash that the name has 15 characters. */
const IPV4_DIGITS = 8;
const HASH_DIGITS = 12;

const OWN_NAME = new RegExp(`^${PREFIX}([0-9a-f]{${IPV4_DIGITS}}|[0-9a-f]{${HASH_DIGITS}})$`);

/**
 * The name of the host's device of an endpoint in a network namespace: `rom` and the IPv4 address in
 * hexadecimal, so that `ip link` can be read; an endpoint with only an IPv6 address gets 12 digits of a hash.
 */
export function deviceName({ ipv4, ipv6 }: AddressPair): string {
  if (ipv4 !== undefined) return PREFIX + ipv4.value.toString(16).padStart(IPV4_DIGITS, "0");
  if (ipv6 === undefined) throw invalidInput("name device", [{ path: "addresses", reason: "there is none" }]);
  const hash = createHash("sha256").update(formatAddress(ipv6)).digest("hex");
  return PREFIX + hash.slice(0, HASH_DIGITS);
}

/**
 * The MAC address of an endpoint in a network namespace that asks for none: locally administered, and the digits of its device's
 * name. It is known before the device is there, and the same when the device is made anew.
 */
export function macOf(addresses: AddressPair): string {
  const digits = deviceName(addresses).slice(PREFIX.length, PREFIX.length + IPV4_DIGITS);
  return ["02", "00", ...(digits.match(/../g) ?? [])].join(":");
}

/** True when only the agent gives such a name to a device. */
export function isOwnDeviceName(name: string): boolean {
  return OWN_NAME.test(name);
}
