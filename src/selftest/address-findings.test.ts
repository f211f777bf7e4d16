import { expect, test } from "vitest";
import { codes, host, network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import { parseAddress } from "../net/index.ts";
import { type AddressBook, type AddressedPod, addressFindings } from "./address-findings.ts";

const BOOK: AddressBook = {
  networks: [network("default", SEED_IPV4, SEED_IPV6)],
  hosts: [host(1), host(2)],
  tenants: [
    { name: "shop", id: 1, externalId: "uid-shop" },
    { name: "other", id: 2, externalId: "uid-other" },
  ],
  segments: [
    { tenant: "shop", name: "server-a", codes: codes("1"), labels: new Map([["role", "server"]]) },
    { tenant: "shop", name: "client-b", codes: codes("2", "3"), labels: new Map([["role", "client"]]) },
    { tenant: "other", name: "server-a", codes: codes("1"), labels: new Map([["role", "server"]]) },
  ],
  exceptions: new Set(),
};

const POD: AddressedPod = {
  name: "pod-1",
  node: "host-1",
  namespaceUid: "uid-shop",
  label: ["role", "server"],
  addresses: [],
};

const CASES: [string, string[], Partial<AddressedPod>, Partial<AddressBook>, string[]][] = [
  ["node, namespace and class", ["10.1.1.18", "fd00:10:0:100:1:1:0:2"], {}, {}, []],
  ["a second code", ["10.1.1.50"], { label: ["role", "client"] }, {}, []],
  ["no address", [], {}, {}, ["pod pod-1 has no address"]],
  ["another node", ["10.2.1.18"], {}, {}, ["10.2.1.18 of pod pod-1 says node host-2, not host-1"]],
  ["an unknown node", ["10.9.1.18"], {}, {}, ["10.9.1.18 of pod pod-1 says node 9, not host-1"]],
  ["another namespace", ["10.1.2.18"], {}, {}, ["10.1.2.18 of pod pod-1 says tenant 2, not shop"]],
  [
    "a code of nobody",
    ["10.1.1.82"],
    {},
    {},
    ["10.1.1.82 of pod pod-1 says segment code 5, which no segment of shop has"],
  ],
  [
    "another class",
    ["10.1.1.34"],
    {},
    {},
    ["10.1.1.34 of pod pod-1 says segment client-b, which is not for pods with role=server"],
  ],
  ["another class, acting as its own", ["10.1.1.34"], {}, { exceptions: new Set(["pod-1"]) }, []],
  [
    "an address of other networks",
    ["192.168.0.1"],
    {},
    {},
    ["192.168.0.1 of pod pod-1 is in no network of romanad"],
  ],
  [
    "an unknown namespace",
    ["10.1.1.18"],
    { namespaceUid: "uid-new" },
    {},
    ["10.1.1.18 of pod pod-1 cannot be read: romanad has no tenant for its namespace"],
  ],
];

test.each(CASES)("addressFindings(): %s", (_, addresses, pod, book, reasons) => {
  const pods = [{ ...POD, ...pod, addresses: addresses.map(parseAddress) }];
  expect(addressFindings(pods, { ...BOOK, ...book }).map(({ reason }) => reason)).toEqual(reasons);
});
