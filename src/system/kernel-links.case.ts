import { describe, expect, test } from "vitest";

import { formatPrefix, parseAddress } from "../net/index.ts";
import { type KernelChange, MAIN_TABLE } from "./kernel.ts";
import { type KernelScene, KIND, replaceRoute, routeText } from "./kernel-scene.case.ts";

/** Laws of links, addresses and proxied neighbours. */
export function linkCases(scene: KernelScene): void {
  describe("links", () => {
    test("a new kernel has the loopback device", () => {
      expect(scene.kernel.links().map(({ index, name, mtu }) => ({ index, name, mtu }))).toEqual([
        { index: 1, name: "lo", mtu: 65_536 },
      ]);
    });
    test("add-link makes a link that is down, with its MAC address", () => {
      const change: KernelChange = { type: "add-link", name: "a0", kind: KIND, mac: "02:00:00:00:00:07" };
      expect(scene.failuresOf(change, change)).toEqual([]);
      expect(scene.kernel.links().filter(({ name }) => name === "a0")).toEqual([
        {
          index: scene.indexOf("a0"),
          name: "a0",
          kind: KIND,
          up: false,
          mac: "02:00:00:00:00:07",
          mtu: 1500,
        },
      ]);
    });
    test("add-link of what is there sets its MAC address", () => {
      const changes: KernelChange[] = ["02:00:00:00:00:07", "02:00:00:00:00:08"].map((mac) => ({
        type: "add-link",
        name: "a0",
        kind: KIND,
        mac,
      }));
      expect(scene.failuresOf(...changes)).toEqual([]);
      expect(scene.kernel.links().find(({ name }) => name === "a0")?.mac).toBe("02:00:00:00:00:08");
    });
    test("add-link refuses a name that another kind of link has", async () => {
      await scene.kernel.createVeth(scene.vethSpec());
      expect(scene.failuresOf({ type: "add-link", name: "rom0a01011b", kind: KIND })).toEqual(["0 EEXIST"]);
    });
    test("set-link-up brings a link up, and refuses one that is gone", () => {
      scene.failuresOf({ type: "add-link", name: "a0", kind: KIND });
      expect(
        scene.failuresOf(
          { type: "set-link-up", link: scene.indexOf("a0") },
          { type: "set-link-up", link: 4711 },
        ),
      ).toEqual(["1 ENODEV"]);
      expect(scene.kernel.links().find(({ name }) => name === "a0")?.up).toBe(true);
    });
    test("delete-link takes addresses and routes along, and is content when there is none", () => {
      const device = scene.addUnderlay();
      scene.failuresOf(replaceRoute("10.2.0.0/16", { gateway: parseAddress("10.9.0.2") }));
      expect(scene.routeTexts()).toEqual([`10.2.0.0/16 via 10.9.0.2 dev ${device} metric 0`]);
      expect(
        scene.failuresOf({ type: "delete-link", name: "up0" }, { type: "delete-link", name: "up0" }),
      ).toEqual([]);
      expect(scene.linkNames()).toEqual(["lo"]);
      expect(scene.kernel.addresses()).toEqual([]);
      expect(scene.routeTexts()).toEqual([]);
    });
    test("deleteLink() deletes in order, and is content when there is none", async () => {
      for (const name of ["a0", "a1", "a2"]) scene.failuresOf({ type: "add-link", name, kind: KIND });
      await Promise.all(["a0", "nothere", "a2", "a2"].map((name) => scene.kernel.deleteLink(name)));
      expect(scene.linkNames()).toEqual(["lo", "a1"]);
    });
    test("deleteLink() says what the kernel refuses, and goes on after it", async () => {
      scene.failuresOf({ type: "add-link", name: "a0", kind: KIND });
      const refused = scene.kernel.deleteLink("lo");
      const deleted = scene.kernel.deleteLink("a0");
      await expect(refused).rejects.toMatchObject({
        failure: { code: "kernel-refused", errno: "EOPNOTSUPP" },
      });
      await deleted;
      expect(scene.linkNames()).toEqual(["lo"]);
    });
    test("supportsLinkKind() leaves no link behind", () => {
      expect(scene.kernel.supportsLinkKind(KIND)).toBe(true);
      expect(scene.linkNames()).toEqual(["lo"]);
    });
  });

  describe("addresses", () => {
    test("are added once and deleted once", () => {
      const link = scene.addUnderlay();
      const address = { link, address: parseAddress("10.1.0.1"), prefixLength: 32 };
      expect(scene.failuresOf({ type: "add-address", address }, { type: "add-address", address })).toEqual(
        [],
      );
      expect(scene.addressTexts(link)).toEqual(
        expect.arrayContaining(["10.1.0.1/32", "10.9.0.1/24", "fd00:9::1/64"]),
      );
      expect(
        scene.failuresOf({ type: "delete-address", address }, { type: "delete-address", address }),
      ).toEqual([]);
      expect(scene.addressTexts(link).toSorted()).toEqual(["10.9.0.1/24", "fd00:9::1/64"]);
    });
    test("are refused on a link that is gone, and deleting them there is fine", () => {
      const address = { link: 4711, address: parseAddress("fd00::1"), prefixLength: 128 };
      expect(scene.failuresOf({ type: "add-address", address }, { type: "delete-address", address })).toEqual(
        ["0 ENODEV"],
      );
    });
    test("of IPv6 are refused with another prefix length", () => {
      const address = { link: scene.addUnderlay(), address: parseAddress("fd00:9::1"), prefixLength: 128 };
      expect(scene.failuresOf({ type: "add-address", address })).toEqual(["0 EEXIST"]);
    });
    test.each([
      ["192.0.2.10", 32],
      ["fd00:9::10", 128],
    ])("%s is leased, renewed and deleted, and known by it", (text, prefixLength) => {
      const link = scene.addUnderlay();
      const address = { link, address: parseAddress(text), prefixLength };
      const lease: KernelChange = { type: "lease-address", address, seconds: 1000 };
      expect(scene.failuresOf(lease, lease)).toEqual([]);
      const leased = scene.kernel.addresses().filter(({ isLeased }) => isLeased);
      expect(leased).toEqual([{ ...address, isLeased: true }]);
      const drop: KernelChange = { type: "delete-address", address };
      expect(scene.failuresOf(drop, drop)).toEqual([]);
      expect(scene.addressTexts(link).toSorted()).toEqual(["10.9.0.1/24", "fd00:9::1/64"]);
    });
    test("are not leased on a link that is gone", () => {
      const address = { link: 4711, address: parseAddress("192.0.2.10"), prefixLength: 32 };
      expect(scene.failuresOf({ type: "lease-address", address, seconds: 5 })).toEqual(["0 ENODEV"]);
    });
    test("bring the route to their prefix", () => {
      const link = scene.addUnderlay();
      const connected = scene.kernel
        .routes(MAIN_TABLE)
        .filter(({ destination }) => !formatPrefix(destination).startsWith("fe80"));
      expect(connected.map(routeText)).toEqual([
        `10.9.0.0/24 dev ${link} src 10.9.0.1 metric 0`,
        `fd00:9::/64 dev ${link} metric 256`,
      ]);
      expect(connected.map(({ protocol }) => protocol)).toEqual([2, 2]);
    });
  });

  describe("proxied neighbours", () => {
    test.each(["10.1.0.1", "fd00:1::1"])("%s is added once and deleted once", (text) => {
      const neighbour = { link: scene.addUnderlay(), address: parseAddress(text) };
      const add: KernelChange = { type: "add-proxy-neighbour", neighbour };
      expect(scene.failuresOf(add, add)).toEqual([]);
      expect(scene.kernel.proxyNeighbours()).toEqual([neighbour]);
      const drop: KernelChange = { type: "delete-proxy-neighbour", neighbour };
      expect(scene.failuresOf(drop, drop)).toEqual([]);
      expect(scene.kernel.proxyNeighbours()).toEqual([]);
    });
    test("are refused on a link that is gone, and deleting them there is fine", () => {
      const neighbour = { link: 4711, address: parseAddress("fd00:1::1") };
      expect(
        scene.failuresOf(
          { type: "add-proxy-neighbour", neighbour },
          { type: "delete-proxy-neighbour", neighbour },
        ),
      ).toEqual(["0 ENODEV"]);
    });
  });
}
