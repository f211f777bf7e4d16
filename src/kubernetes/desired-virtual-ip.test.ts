import { describe, expect, test } from "vitest";
import { formatAddress, parseAddress } from "../net/index.ts";
import { desiredVirtualIp, type LoadBalancedService } from "./desired-virtual-ip.ts";

const range = (first: string, last: string) => ({ first: parseAddress(first), last: parseAddress(last) });
const POOLS = [
  range("192.0.2.10", "192.0.2.12"),
  range("192.0.2.20", "192.0.2.20"),
  range("2001:db8::10", "2001:db8::1f"),
];
const SERVICE: LoadBalancedService = {
  namespace: "shop",
  name: "web",
  uid: "u",
  families: [4],
  requested: [],
};

/** The addresses and the problems, as text. */
function outcome(
  change: Partial<LoadBalancedService>,
  taken: readonly string[] = [],
  current?: string,
): [string, ...string[]] {
  const { virtualIp, problems } = desiredVirtualIp(
    { ...SERVICE, ...change },
    {
      pools: POOLS,
      isTaken: (address) => taken.includes(formatAddress(address)),
      ...(current !== undefined && { current: { ipv4: parseAddress(current) } }),
    },
  );
  const { ipv4, ipv6 } = virtualIp?.addresses ?? {};
  const addresses = [ipv4, ipv6].flatMap((address) => (address ? [formatAddress(address)] : []));
  return [addresses.join(" "), ...problems];
}

const ask = (...texts: string[]) => ({ requested: texts.map(parseAddress) });

describe("desiredVirtualIp()", () => {
  test.each([
    ["takes the lowest free address", {}, ["192.0.2.10"], undefined, ["192.0.2.11"]],
    ["goes on to the next pool", {}, ["192.0.2.10", "192.0.2.11", "192.0.2.12"], undefined, ["192.0.2.20"]],
    [
      "says that none is left",
      {},
      ["192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.20"],
      undefined,
      ["", "no address of IPv4 is free in virtualIpPools"],
    ],
    ["keeps what it has", {}, [], "192.0.2.12", ["192.0.2.12"]],
    ["gives up what is in no pool any more", {}, [], "192.0.2.99", ["192.0.2.10"]],
    ["gives up what was taken meanwhile", {}, ["192.0.2.12"], "192.0.2.12", ["192.0.2.10"]],
    ["has one of each family", { families: [6, 4] as const }, [], undefined, ["192.0.2.10 2001:db8::10"]],
    ["takes what is asked for, whatever it has", ask("192.0.2.11"), [], "192.0.2.12", ["192.0.2.11"]],
    [
      "refuses what is in no pool",
      ask("192.0.2.1"),
      [],
      "192.0.2.12",
      ["", "192.0.2.1, which it asks for, is in no pool of virtualIpPools"],
    ],
    [
      "refuses what is taken",
      ask("192.0.2.11"),
      ["192.0.2.11"],
      undefined,
      ["", "192.0.2.11, which it asks for, is taken"],
    ],
    [
      "refuses a family that the service has not",
      ask("192.0.2.11", "2001:db8::11"),
      [],
      undefined,
      ["192.0.2.11", "it has no IPv6, which 2001:db8::11 is of"],
    ],
    [
      "refuses a second address of a family",
      ask("192.0.2.11", "192.0.2.12"),
      [],
      undefined,
      ["192.0.2.11", "it asks for more than one address of IPv4"],
    ],
  ] as const)("%s", (_, change, taken, current, expected) => {
    expect(outcome(change, taken, current)).toEqual(expected);
  });

  test("lets nodes hold it: all that want traffic from outside, or those with endpoints", () => {
    const hosts = (change: Partial<LoadBalancedService>) =>
      desiredVirtualIp({ ...SERVICE, ...change }, { pools: POOLS, isTaken: () => false }).virtualIp?.hosts;
    expect(hosts({})).toEqual({
      by: "labels",
      requirements: [
        { key: "kubernetes.io/hostname", operator: "Exists", values: [] },
        {
          key: "node.kubernetes.io/exclude-from-external-load-balancers",
          operator: "DoesNotExist",
          values: [],
        },
      ],
    });
    expect(hosts({ localNodes: ["n2", "n1"] })).toEqual({ by: "names", names: ["n1", "n2"] });
    expect(hosts({ localNodes: [] })).toEqual({ by: "names", names: [] });
  });
});
