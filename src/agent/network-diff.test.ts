import { describe, expect, test } from "vitest";
import { underlayHost } from "../../test/support/agent-view.ts";
import { exampleWorld } from "../../test/support/example-world.ts";
import { formatAddress, parseAddress, parsePrefix } from "../net/index.ts";
import type { KernelRoute } from "../system/kernel.ts";
import { desiredHost } from "./desired.ts";
import { diffNetwork } from "./network-diff.ts";

const HOST = desiredHost(
  underlayHost(1),
  { ...exampleWorld(), hosts: [underlayHost(1), underlayHost(2)] },
  {
    gatewayInterface: "romana-gw",
    gatewayKind: "dummy",
    table: "romana",
    gatewayServices: [],
    packetLog: { drops: false, group: 64, perSecond: 10 },
    safetyNet: { services: [], destinations: [] },
  },
);

const OWN: KernelRoute = {
  destination: parsePrefix("fd00:10:0:200::/56"),
  type: "unicast",
  gateway: parseAddress("fd99::2"),
  device: 1,
  table: 254,
  metric: 1024,
  protocol: 114,
};
const ONE = { ...OWN, gateway: parseAddress("fd99::51"), protocol: 4 };
const TWO = { ...OWN, gateway: parseAddress("fd99::52"), protocol: 3 };

/** What is done about the routes in the slot of host 2's IPv6 prefix. */
function repairs(...routes: KernelRoute[]): string[] {
  const actual = { links: [], addresses: [], routes, neighbours: [], linkLocals: [] };
  return diffNetwork(HOST, [], actual, false).repairs.flatMap(({ change }) => {
    if (change.type !== "replace-route" && change.type !== "delete-route") return [];
    const { destination, gateway } = change.route;
    if (destination.value !== OWN.destination.value) return [];
    return [`${change.type} ${gateway ? formatAddress(gateway) : ""}`];
  });
}

describe("routes that share a place with ours", () => {
  test.each([
    ["ours alone", [OWN], []],
    ["nobody", [], ["replace-route fd99::2"]],
    ["another instead", [ONE], ["replace-route fd99::2"]],
    ["two others instead", [ONE, TWO], ["replace-route fd99::2", "delete-route fd99::52"]],
    ["ours and another", [OWN, ONE], ["delete-route fd99::51"]],
    ["another and ours", [ONE, OWN], ["delete-route fd99::51"]],
    ["ours between others", [ONE, OWN, TWO], ["delete-route fd99::51", "delete-route fd99::52"]],
    ["another metric beside ours", [OWN, { ...ONE, metric: 5 }], []],
    ["ours with another metric", [OWN, { ...OWN, metric: 5 }], ["delete-route fd99::2"]],
  ])("%s", (_, routes, expected) => {
    expect(repairs(...routes)).toEqual(expected);
  });
});
