import { describe, expect, test } from "vitest";

import { formatPrefix, parseAddress } from "../net/index.ts";
import { MAIN_TABLE } from "./kernel.ts";
import { deleteRoute, type KernelScene, KIND, replaceRoute, routeText } from "./kernel-scene.case.ts";

/** Laws of routes. */
export function routeCases(scene: KernelScene): void {
  describe("routes", () => {
    test("of all kinds read back as they were written", () => {
      const device = scene.addUnderlay();
      const changes = [
        replaceRoute("10.1.0.0/16", { type: "blackhole" }),
        replaceRoute("10.2.0.0/16", { gateway: parseAddress("10.9.0.2"), device }),
        replaceRoute("10.3.0.0/16", { gateway: parseAddress("10.9.0.3"), source: parseAddress("10.9.0.1") }),
        replaceRoute("10.4.0.1/32", { device, metric: 7 }),
        replaceRoute("fd00:1::/48", { type: "blackhole" }),
        replaceRoute("fd00:2::/48", { gateway: parseAddress("fd00:9::2"), device }),
        replaceRoute("fd00:3::/48", {
          gateway: parseAddress("fd00:9::3"),
          source: parseAddress("fd00:9::1"),
        }),
        replaceRoute("fd00:4::1/128", { device, metric: 7 }),
      ];
      expect(scene.failuresOf(...changes)).toEqual([]);
      const expected = [
        "10.1.0.0/16 blackhole metric 0",
        `10.2.0.0/16 via 10.9.0.2 dev ${device} metric 0`,
        `10.3.0.0/16 via 10.9.0.3 dev ${device} src 10.9.0.1 metric 0`,
        `10.4.0.1/32 dev ${device} metric 7`,
        "fd00:1::/48 blackhole metric 1024",
        `fd00:2::/48 via fd00:9::2 dev ${device} metric 1024`,
        `fd00:3::/48 via fd00:9::3 dev ${device} src fd00:9::1 metric 1024`,
        `fd00:4::1/128 dev ${device} metric 7`,
      ];
      expect(scene.routeTexts().toSorted()).toEqual(expected);
      expect(scene.failuresOf(...changes)).toEqual([]);
      expect(scene.routeTexts().toSorted()).toEqual(expected);
    });
    test.each([
      ["10.2.0.0/16", "10.9.0.2", "10.9.0.3", 0],
      ["fd00:2::/48", "fd00:9::2", "fd00:9::3", 1024],
    ])("%s is replaced in its slot, also when it was foreign", (destination, first, second, metric) => {
      const device = scene.addUnderlay();
      expect(
        scene.failuresOf(
          replaceRoute(destination, { gateway: parseAddress(first), protocol: 4 }),
          replaceRoute(destination, { gateway: parseAddress(second) }),
        ),
      ).toEqual([]);
      const all = scene.kernel
        .routes(MAIN_TABLE)
        .filter((found) => formatPrefix(found.destination) === destination);
      expect(all.map(routeText)).toEqual([`${destination} via ${second} dev ${device} metric ${metric}`]);
    });
    test.each(["10.2.0.0/16", "fd00:2::/48"])(
      "%s: a way out takes the place of a blackhole and back",
      (text) => {
        const device = scene.addUnderlay();
        expect(
          scene.failuresOf(replaceRoute(text, { type: "blackhole" }), replaceRoute(text, { device })),
        ).toEqual([]);
        expect(scene.routeTexts()).toEqual([expect.stringContaining(`${text} dev ${device}`)]);
        expect(scene.failuresOf(replaceRoute(text, { type: "blackhole" }))).toEqual([]);
        expect(scene.routeTexts()).toEqual([expect.stringContaining(`${text} blackhole`)]);
      },
    );
    test.each(["10.2.0.0/16", "fd00:2::/48"])("%s: other tables and metrics are other slots", (text) => {
      const changes = [
        replaceRoute(text, { type: "blackhole", metric: 5 }),
        replaceRoute(text, { type: "blackhole", metric: 6 }),
        replaceRoute(text, { type: "blackhole", metric: 5, table: 1000 }),
      ];
      expect(scene.failuresOf(...changes)).toEqual([]);
      expect(scene.routeTexts()).toEqual([`${text} blackhole metric 5`, `${text} blackhole metric 6`]);
      expect(scene.routeTexts(1000)).toEqual([`${text} blackhole metric 5`]);
      expect(scene.failuresOf(deleteRoute(text, { type: "blackhole", metric: 5 }))).toEqual([]);
      expect(scene.routeTexts()).toEqual([`${text} blackhole metric 6`]);
      expect(scene.routeTexts(1000)).toEqual([`${text} blackhole metric 5`]);
    });
    test.each(["10.4.0.1/32", "fd00:4::1/128"])("%s to a device is deleted", (text) => {
      const device = scene.addUnderlay();
      expect(scene.failuresOf(replaceRoute(text, { device }), deleteRoute(text, { device }))).toEqual([]);
      expect(scene.routeTexts()).toEqual([]);
    });
    test("are not there in a table that nobody uses", () => {
      expect(scene.kernel.routes(4711)).toEqual([]);
    });
    test.each(["10.2.0.0/16", "fd00:2::/48"])("%s: deleting spares a route that is not ours", (text) => {
      const foreign = { type: "blackhole", protocol: 4 } as const;
      scene.failuresOf(replaceRoute(text, foreign));
      expect(scene.failuresOf(deleteRoute(text, { type: "blackhole" }))).toEqual([]);
      const left = scene.kernel
        .routes(MAIN_TABLE)
        .filter((found) => formatPrefix(found.destination) === text);
      expect(left.map(({ protocol }) => protocol)).toEqual([4]);
      expect(scene.failuresOf(deleteRoute(text, foreign), deleteRoute(text, foreign))).toEqual([]);
    });
    test("deleting what is gone succeeds, with its link too", () => {
      expect(
        scene.failuresOf(
          deleteRoute("10.2.0.0/16", { type: "blackhole" }),
          deleteRoute("fd00:2::/48", { type: "blackhole" }),
          deleteRoute("10.2.0.0/16", { device: 4711 }),
          deleteRoute("fd00:2::/48", { device: 4711 }),
          deleteRoute("10.2.0.0/16", { gateway: parseAddress("10.9.0.2"), table: 4711 }),
        ),
      ).toEqual([]);
    });
    test("that lead nowhere are refused one by one, and the others are made", () => {
      scene.failuresOf({ type: "add-link", name: "down0", kind: KIND });
      scene.addUnderlay();
      expect(
        scene.failuresOf(
          replaceRoute("10.2.0.0/16", { gateway: parseAddress("192.0.2.1") }),
          replaceRoute("10.3.0.0/16", { type: "blackhole" }),
          replaceRoute("10.4.0.0/16", { device: 4711 }),
          replaceRoute("10.5.0.0/16", { device: scene.indexOf("down0") }),
          replaceRoute("10.6.0.0/16", {
            gateway: parseAddress("10.9.0.2"),
            source: parseAddress("192.0.2.1"),
          }),
          replaceRoute("fd00:2::/48", { gateway: parseAddress("2001:db8::1") }),
          replaceRoute("fd00:3::/48", { gateway: parseAddress("fe80::1") }),
          replaceRoute("fd00:4::/48", { device: 4711 }),
          replaceRoute("fd00:5::/48", { device: scene.indexOf("down0") }),
          replaceRoute("fd00:6::/48", { type: "blackhole" }),
        ),
      ).toEqual([
        "0 ENETUNREACH",
        "2 ENODEV",
        "3 ENETDOWN",
        "4 EINVAL",
        "5 EHOSTUNREACH",
        "6 EINVAL",
        "7 ENODEV",
        "8 ENETDOWN",
      ]);
      expect(scene.routeTexts()).toEqual([
        "10.3.0.0/16 blackhole metric 0",
        "fd00:6::/48 blackhole metric 1024",
      ]);
    });
  });
}
