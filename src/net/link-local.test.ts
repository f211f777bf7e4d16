import { expect, test } from "vitest";
import { formatAddress } from "./address.ts";
import { linkLocalAddress } from "./link-local.ts";

test.each([
  // RFC 4291 appendix A: the universal/local bit is inverted, ff:fe stands in the middle.
  ["34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde"],
  ["02:00:0a:01:01:1b", "fe80::aff:fe01:11b"],
  ["00:00:00:00:00:01", "fe80::200:ff:fe00:1"],
  ["ff:ff:ff:ff:ff:ff", "fe80::fdff:ffff:feff:ffff"],
])("MAC address %s has the link-local address %s", (mac, address) => {
  expect(formatAddress(linkLocalAddress(mac))).toBe(address);
});
