/**
 * Sysctls of the host's device of an endpoint (veth or tap), by name:
 * - packets must come from where their source is routed to (IPv6 has no such sysctl: the firewall binds sources);
 * - the host answers neighbour solicitations for the gateway's address, without the random wait of up to 0.8 s;
 * - the endpoint cannot configure its host by router advertisements or redirects;
 * - the device's link-local address can be used at once, without a second of duplicate address detection.
 */
export function endpointSysctls(device: string): ReadonlyMap<string, string> {
  const name = device.replaceAll(".", "/");
  return new Map([
    reversePathFilter(device),
    [`net.ipv4.conf.${name}.accept_redirects`, "0"],
    [`net.ipv6.conf.${name}.proxy_ndp`, "1"],
    [`net.ipv6.neigh.${name}.proxy_delay`, "0"],
    [`net.ipv6.conf.${name}.accept_ra`, "0"],
    [`net.ipv6.conf.${name}.autoconf`, "0"],
    [`net.ipv6.conf.${name}.accept_redirects`, "0"],
    [`net.ipv6.conf.${name}.accept_dad`, "0"],
  ]);
}

/**
 * Besides, those of a tap: guests with a wide netmask ask by ARP for whom they take for neighbours, and the host answers, at once,
 * for everybody whom it has another way to: for all but the guest itself.
 */
export function tapSysctls(device: string): ReadonlyMap<string, string> {
  const name = device.replaceAll(".", "/");
  return new Map([
    [`net.ipv4.conf.${name}.proxy_arp`, "1"],
    [`net.ipv4.neigh.${name}.proxy_delay`, "0"],
  ]);
}

/** Name and value of the sysctl that lets only those sources in by an endpoint's device that are routed to it. */
export function reversePathFilter(device: string): readonly [string, string] {
  return [`net.ipv4.conf.${device.replaceAll(".", "/")}.rp_filter`, "1"];
}
