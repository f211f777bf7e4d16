import { expect, test } from "vitest";
import { frrChanges } from "./frr-changes.ts";

const BEFORE = `hostname a
route-map origin permit 10
 set community 65000:1
exit
ip prefix-list x_in seq 5 permit 10.0.0.0/8
ip prefix-list x_in seq 10 deny any
router bgp 65001
 neighbor 192.0.2.1 remote-as 65101
 neighbor 192.0.2.1 description b
 address-family ipv4 unicast
  network 10.1.0.0/16
  neighbor 192.0.2.1 activate
 exit-address-family
exit
`;

test.each<[string, string, readonly string[]]>([
  ["nothing", BEFORE, []],
  ["a name that replaces another", BEFORE.replace("hostname a", "hostname b"), ["hostname b"]],
  [
    "an entry of a list, in place",
    BEFORE.replace("permit 10.0.0.0/8", "permit 11.0.0.0/8"),
    ["ip prefix-list x_in seq 5 permit 11.0.0.0/8"],
  ],
  [
    "an entry that goes",
    BEFORE.replace("ip prefix-list x_in seq 10 deny any\n", ""),
    ["no ip prefix-list x_in seq 10 deny any"],
  ],
  [
    "lines of inner blocks",
    BEFORE.replace("10.1.0.0/16", "10.2.0.0/16"),
    [
      "router bgp 65001",
      " address-family ipv4 unicast",
      "  no network 10.1.0.0/16",
      "  network 10.2.0.0/16",
      " exit-address-family",
      "exit",
    ],
  ],
  [
    "a neighbour of another system, which is made anew with all its lines",
    BEFORE.replace("remote-as 65101", "remote-as 65102"),
    [
      "router bgp 65001",
      " no neighbor 192.0.2.1",
      " neighbor 192.0.2.1 remote-as 65102",
      " neighbor 192.0.2.1 description b",
      " address-family ipv4 unicast",
      "  neighbor 192.0.2.1 activate",
      " exit-address-family",
      "exit",
    ],
  ],
  [
    "another system of our own: the old goes first",
    "router bgp 65002\n bgp router-id 192.0.2.9\nexit\n",
    [
      "no router bgp 65001",
      "router bgp 65002",
      " bgp router-id 192.0.2.9",
      "exit",
      "no hostname a",
      "no route-map origin permit 10",
      "no ip prefix-list x_in seq 5 permit 10.0.0.0/8",
      "no ip prefix-list x_in seq 10 deny any",
    ],
  ],
])("frrChanges() tells of %s", (_, after, expected) => {
  expect(frrChanges(BEFORE, after)).toEqual(expected);
});
