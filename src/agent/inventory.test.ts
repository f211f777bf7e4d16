import { describe, expect, test } from "vitest";
import { endpoint, underlayHost } from "../../test/support/agent-view.ts";
import { exampleWorld, network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { KernelEvent, KernelRoute, Link } from "../system/kernel.ts";
import { desiredEndpoint, desiredHost } from "./desired.ts";
import { suspect } from "./drift.ts";
import { Inventory } from "./inventory.ts";

const DEVICE = "rom0a01011b";
const ENDPOINT = desiredEndpoint(network("default", SEED_IPV4, SEED_IPV6), endpoint(11), {
  name: DEVICE,
  isOwn: true,
});

function link(name: string, index: number, change: Partial<Link> = {}): Link {
  return { name, index, kind: "veth", up: true, mtu: 1500, ...change };
}

const GATEWAY = link("romana-gw", 2, { kind: "dummy" });

const ROUTE: KernelRoute = {
  destination: parsePrefix("10.2.0.0/16"),
  type: "unicast",
  gateway: parseAddress("192.168.0.2"),
  device: 1,
  table: 254,
  metric: 0,
  protocol: 114,
};

/** Host 1 of the example with an endpoint on device 7, which an event has told is up. */
function inventory(): Inventory {
  const known = { ...exampleWorld(), hosts: [underlayHost(1), underlayHost(2)] };
  const inventory = new Inventory();
  inventory.setHost(
    desiredHost(underlayHost(1), known, {
      gatewayInterface: "romana-gw",
      gatewayKind: "dummy",
      table: "romana",
      gatewayServices: [],
      packetLog: { drops: false, group: 64, perSecond: 10 },
      safetyNet: { services: [], destinations: [] },
    }),
  );
  inventory.seeRoutes([ROUTE], true);
  inventory.add(ENDPOINT, link(DEVICE, 7));
  inventory.see([link("eth0", 1), GATEWAY, link(DEVICE, 7)], []);
  inventory.noteUp(7);
  return inventory;
}

const linkEvent = (found: Link, action: "new" | "delete" = "new"): KernelEvent => ({
  type: "link",
  action,
  link: found,
});

const routeEvent = (change: Partial<KernelRoute>, action: "new" | "delete" = "new"): KernelEvent => ({
  type: "route",
  action,
  route: { ...ROUTE, ...change },
});

const addressEvent = (index: number, text: string, action: "new" | "delete" = "new"): KernelEvent => ({
  type: "address",
  action,
  address: { link: index, address: parseAddress(text), prefixLength: text.includes(":") ? 64 : 32 },
});

describe("suspect()", () => {
  test.each<[string, KernelEvent, string | undefined]>([
    ["the gateway as it is", linkEvent(GATEWAY), undefined],
    ["the gateway set down", linkEvent({ ...GATEWAY, up: false }), "drift"],
    ["the gateway deleted", linkEvent(GATEWAY, "delete"), "drift"],
    ["another gateway", linkEvent({ ...GATEWAY, index: 9 }), "drift"],
    ["an endpoint's device as it is", linkEvent(link(DEVICE, 7)), undefined],
    ["an endpoint's device set down", linkEvent(link(DEVICE, 7, { up: false })), "drift"],
    ["an endpoint's device renamed", linkEvent(link("other", 7)), "drift"],
    ["an endpoint's device made anew", linkEvent(link(DEVICE, 8)), "drift"],
    ["a device with a name of ours", linkEvent(link("rom0a01011c", 9)), "drift"],
    ["a foreign device that comes up", linkEvent(link("eth1", 9)), "retry"],
    ["a foreign device set down", linkEvent(link("eth1", 9, { up: false })), undefined],
    ["the underlay set down", linkEvent(link("eth0", 1, { up: false })), "drift"],
    ["the underlay deleted", linkEvent(link("eth0", 1), "delete"), "drift"],
    ["a foreign device deleted", linkEvent(link("eth1", 9), "delete"), undefined],
    ["a route as it is", routeEvent({}), undefined],
    ["a route over another device", routeEvent({ gateway: parseAddress("192.168.0.3") }), "drift"],
    ["a route of somebody else in a place of ours", routeEvent({ protocol: 4 }), "drift"],
    ["a route of ours deleted", routeEvent({}, "delete"), "drift"],
    [
      "a route of our protocol that nobody wants",
      routeEvent({ destination: parsePrefix("10.9.0.0/16") }),
      "drift",
    ],
    ["such a route deleted", routeEvent({ destination: parsePrefix("10.9.0.0/16") }, "delete"), undefined],
    [
      "a foreign route elsewhere",
      routeEvent({ destination: parsePrefix("10.9.0.0/16"), protocol: 4 }),
      undefined,
    ],
    ["a foreign route with another metric", routeEvent({ metric: 50, protocol: 4 }), undefined],
    ["a route in another table", routeEvent({ table: 100 }), undefined],
    ["the gateway's address", addressEvent(2, "10.1.0.1"), undefined],
    ["the gateway's address deleted", addressEvent(2, "10.1.0.1", "delete"), "drift"],
    ["another address of the gateway", addressEvent(2, "10.1.0.9"), "drift"],
    ["another address of the gateway deleted", addressEvent(2, "10.1.0.9", "delete"), undefined],
    ["a link-local address of the gateway deleted", addressEvent(2, "fe80::1", "delete"), undefined],
    ["a link-local address of an endpoint's device", addressEvent(7, "fe80::1"), undefined],
    ["a link-local address of an endpoint's device deleted", addressEvent(7, "fe80::1", "delete"), "drift"],
    ["an address of the underlay", addressEvent(1, "192.168.0.1"), "retry"],
    ["an address of the underlay deleted", addressEvent(1, "192.168.0.1", "delete"), "drift"],
    ["a foreign address", addressEvent(9, "192.0.2.1"), "retry"],
    ["a foreign address deleted", addressEvent(9, "192.0.2.1", "delete"), undefined],
    ["sysctls of all", { type: "netconf", family: 4, link: "all" }, "sysctls"],
    ["sysctls of devices to come", { type: "netconf", family: 4, link: "default" }, undefined],
    ["sysctls of the underlay", { type: "netconf", family: 4, link: 1 }, "sysctls"],
    ["sysctls of an endpoint's device", { type: "netconf", family: 6, link: 7 }, "sysctls"],
    ["sysctls of a foreign device", { type: "netconf", family: 6, link: 9 }, undefined],
    ["the table, by others", { type: "table", table: "romana", ownProcess: false }, "drift"],
    ["the table, by the agent", { type: "table", table: "romana", ownProcess: true }, undefined],
    ["another table", { type: "table", table: "theirs", ownProcess: false }, undefined],
    ["lost events", { type: "overrun" }, "everything"],
  ])("%s", (_, event, kind) => {
    expect(suspect(event, inventory())?.kind).toBe(kind);
  });

  test("nothing is suspicious while nothing is known", () => {
    expect(suspect(linkEvent(GATEWAY, "delete"), new Inventory())).toBeUndefined();
  });

  describe("what is told late about own changes", () => {
    test("a device that was just made is told of as it was before it was up", () => {
      const known = inventory();
      known.add(ENDPOINT, link(DEVICE, 8));
      expect(suspect(linkEvent(link(DEVICE, 8, { up: false })), known)).toBeUndefined();
      expect(suspect({ type: "netconf", family: 6, link: 8 }, known)).toBeUndefined();
      known.noteUp(8);
      expect(suspect(linkEvent(link(DEVICE, 8, { up: false })), known)?.kind).toBe("drift");
    });

    test("a device that is being made is no drift; once its endpoint is added, setting it down is", () => {
      const known = inventory();
      const other = { ...ENDPOINT, device: "rom0a01011c" };
      const event = linkEvent(link(other.device, 8, { up: false }));
      expect(suspect(event, known)?.kind).toBe("drift");
      known.beginMaking(other.device);
      expect(suspect(event, known)).toBeUndefined();
      known.add(other, link(other.device, 8));
      known.noteUp(8);
      expect(suspect(event, known)?.kind).toBe("drift");
    });

    test("a device that was deleted is told of as it was", () => {
      const known = inventory();
      const [route] = ENDPOINT.routes;
      known.remove(ENDPOINT);
      expect(suspect(linkEvent(link(DEVICE, 7, { up: false })), known)).toBeUndefined();
      expect(suspect(linkEvent(link(DEVICE, 7), "delete"), known)).toBeUndefined();
      expect(
        suspect(routeEvent({ destination: route?.destination ?? ROUTE.destination, device: 7 }), known),
      ).toBeUndefined();
    });

    test("a device that is not the agent's may come back with its index", () => {
      const known = inventory();
      const tap = { ...ENDPOINT, device: "tap0", isOwnDevice: false };
      known.add(tap, link("tap0", 8, { kind: "tun" }));
      known.remove(tap);
      expect(known.hasDeleted(8)).toBe(false);
    });
  });
});

describe("Inventory", () => {
  test("tells which devices are new", () => {
    const known = inventory();
    const links = [link("eth0", 1), GATEWAY, link(DEVICE, 7)];
    expect(known.see(links, [])).toEqual([]);
    expect(known.see([link("eth0", 1), GATEWAY, link(DEVICE, 8)], []).map(({ device }) => device)).toEqual([
      DEVICE,
    ]);
    expect([known.nameOf(7), known.nameOf(8), known.indexOf(DEVICE)]).toEqual([undefined, DEVICE, 8]);
    known.see([link("eth0", 1), GATEWAY], []);
    expect(known.missingDevices).toEqual([DEVICE]);
    expect(known.nameOf(8)).toBeUndefined();
  });

  test("forgets the old index of a device that is added again", () => {
    const known = inventory();
    known.add(ENDPOINT, link(DEVICE, 8));
    expect([known.nameOf(7), known.nameOf(8)]).toEqual([undefined, DEVICE]);
  });

  test("keeps devices of the underlay while routes are missing", () => {
    const known = inventory();
    expect(known.seeRoutes([], false)).toBe(false);
    expect([...known.underlay]).toEqual([1]);
    expect(known.seeRoutes([{ ...ROUTE, device: 3 }], false)).toBe(true);
    expect([...known.underlay]).toEqual([1, 3]);
    expect(known.seeRoutes([{ ...ROUTE, device: 3 }], true)).toBe(true);
    expect([...known.underlay]).toEqual([3]);
    expect(known.seeRoutes([{ ...ROUTE, protocol: 4 }], true)).toBe(true);
    expect([...known.underlay]).toEqual([]);
  });
});
