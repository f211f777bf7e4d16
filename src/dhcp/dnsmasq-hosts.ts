import type { AddressPair } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";

/** A guest behind a tap of this host. */
export interface DhcpGuest {
  /** The host's device. */
  readonly device: string;
  /** What the guest sends from, `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
  readonly addresses: AddressPair;
}

/**
 * The file of hosts that dnsmasq reads again on SIGHUP. Each address is for one MAC address on one device: dnsmasq calls a request
 * by the device that it came by, and a host counts only for requests of that name.
 */
export function renderDnsmasqHosts(guests: readonly DhcpGuest[]): string {
  return guests
    .map(({ device, mac, addresses: { ipv4, ipv6 } }) => {
      const addresses = [
        ...(ipv4 === undefined ? [] : [formatAddress(ipv4)]),
        ...(ipv6 === undefined ? [] : [`[${formatAddress(ipv6)}]`]),
      ];
      return `${[mac, `tag:${device}`, ...addresses].join(",")}\n`;
    })
    .toSorted()
    .join("");
}
