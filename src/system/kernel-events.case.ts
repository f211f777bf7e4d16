import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { formatPrefix, parseAddress } from "../net/index.ts";
import { type KernelEvent, type KernelRoute, MAIN_TABLE } from "./kernel.ts";
import { createRoute, deleteRoute, type KernelScene, KIND, replaceRoute } from "./kernel-scene.case.ts";

/** Laws of events. */
export function eventCases(scene: KernelScene): void {
  describe("events", () => {
    let abort: AbortController;
    let seen: KernelEvent[];
    let ended: Promise<void>;

    beforeEach(() => {
      abort = new AbortController();
      seen = [];
      const events = scene.kernel.events(abort.signal);
      ended = (async () => {
        for await (const event of events) seen.push(event);
      })();
    });
    afterEach(() => abort.abort());

    test("tell links, addresses and routes as they are read", async () => {
      const link = scene.addUnderlay();
      scene.failuresOf(
        replaceRoute("10.2.0.0/16", { gateway: parseAddress("10.9.0.2") }),
        deleteRoute("10.2.0.0/16", { gateway: parseAddress("10.9.0.2") }),
        replaceRoute("fd00:2::/48", { gateway: parseAddress("fd00:9::2") }),
      );
      const written = (destination: string): KernelEvent => ({
        type: "route",
        action: "new",
        route: scene.kernel
          .routes(MAIN_TABLE)
          .find((found) => formatPrefix(found.destination) === destination) as KernelRoute,
      });
      const deleted = createRoute("10.2.0.0/16", { gateway: parseAddress("10.9.0.2"), device: link });
      const up = scene.kernel.links().find(({ index }) => index === link);
      await expect
        .poll(() => seen)
        .toEqual(
          expect.arrayContaining([
            { type: "link", action: "new", link: expect.objectContaining({ index: link, up: false }) },
            { type: "link", action: "new", link: up },
            {
              type: "address",
              action: "new",
              address: { link, address: parseAddress("10.9.0.1"), prefixLength: 24 },
            },
            { type: "route", action: "new", route: deleted },
            { type: "route", action: "delete", route: deleted },
            written("fd00:2::/48"),
          ]),
        );
      scene.failuresOf({ type: "delete-link", name: "up0" });
      const gone = { type: "link", action: "delete", link: expect.objectContaining({ index: link }) };
      await expect.poll(() => seen).toContainEqual(gone);
    });
    test("tell changed tables and who changed them", async () => {
      scene.kernel.runNft("add table inet romana\nadd set inet romana s { type ipv4_addr; }\n");
      const own = { type: "table", table: "romana", ownProcess: true };
      await expect.poll(() => tables(seen)).toEqual([own]);
      scene.kernel.changeSets([{ table: "romana", set: "s", add: [Buffer.from([10, 1, 1, 1])], remove: [] }]);
      await expect.poll(() => tables(seen)).toEqual([own, own]);
      scene.fixture.foreignNft("add table inet other\ndelete table inet romana\n");
      await expect.poll(() => tables(seen)).toHaveLength(4);
      expect(tables(seen).slice(2)).toEqual(
        expect.arrayContaining([
          { type: "table", table: "other", ownProcess: false },
          { type: "table", table: "romana", ownProcess: false },
        ]),
      );
    });
    test("tell sysctls by family and link", async () => {
      const link = scene.addUnderlay();
      scene.kernel.setSysctl("net.ipv4.conf.up0.rp_filter", "2");
      scene.kernel.setSysctl("net.ipv6.conf.up0.proxy_ndp", "1");
      scene.kernel.setSysctl("net.ipv4.ip_forward", "1");
      await expect
        .poll(() => seen)
        .toEqual(
          expect.arrayContaining([
            { type: "netconf", family: 4, link },
            { type: "netconf", family: 6, link },
            { type: "netconf", family: 4, link: "all" },
          ]),
        );
    });
    test("start when events() returns, for everybody who asked", async () => {
      const late = new AbortController();
      const events = scene.kernel.events(late.signal);
      scene.failuresOf({ type: "add-link", name: "a0", kind: KIND });
      const first = await events[Symbol.asyncIterator]().next();
      expect(first.value).toMatchObject({ type: expect.stringMatching(/^(link|netconf)$/) });
      await expect.poll(() => seen.filter(({ type }) => type === "link")).not.toEqual([]);
      late.abort();
    });
    test("end at once when aborted", async () => {
      abort.abort();
      await ended;
      scene.failuresOf({ type: "add-link", name: "a0", kind: KIND });
      expect(seen).toEqual([]);
    });
    test("do not begin when aborted before", async () => {
      const found: KernelEvent[] = [];
      for await (const event of scene.kernel.events(AbortSignal.abort())) found.push(event);
      expect(found).toEqual([]);
    });
    test("end when the kernel is closed", async () => {
      scene.kernel.close();
      await ended;
    });
  });
}

function tables(events: readonly KernelEvent[]): readonly KernelEvent[] {
  return events.filter(({ type }) => type === "table");
}
