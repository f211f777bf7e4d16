import { describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { formatAddress, parsePrefix } from "../net/index.ts";
import { ROMANA_PROTOCOL, type VethSpec } from "./kernel.ts";
import { type KernelScene, KIND, rejected, routeText, thrown } from "./kernel-scene.case.ts";

/** Laws of veth pairs and sysctls. */
export function vethCases(scene: KernelScene): void {
  describe("veth pairs", () => {
    test("are made with the host's end up and its sysctls set", async () => {
      const veth = await scene.kernel.createVeth({
        ...scene.vethSpec({ mac: "02:00:0a:01:01:1b" }),
        mtu: 1400,
      });
      const { name, kind, up, mtu } = veth.host;
      expect({ name, kind, up, mtu }).toEqual({ name: "rom0a01011b", kind: "veth", up: true, mtu: 1400 });
      expect(veth.peer).toEqual({ name: "eth0", mac: "02:00:0a:01:01:1b" });
      expect(scene.kernel.links().find((link) => link.name === name)?.index).toBe(veth.host.index);
      const conf = (text: string): string | undefined => scene.kernel.sysctl(text);
      expect(conf("net.ipv4.conf.rom0a01011b.rp_filter")).toBe("1");
      expect(conf("net.ipv6.conf.rom0a01011b.proxy_ndp")).toBe("1");
      expect(conf("net.ipv6.neigh.rom0a01011b.proxy_delay")).toBe("0");
      expect(conf("net.ipv6.conf.rom0a01011b.accept_ra")).toBe("0");
    });
    test("run what they are told to with the host's end up and nothing yet behind it", async () => {
      const seen: unknown[] = [];
      const veth = await scene.kernel.createVeth(scene.vethSpec(), {
        wire: (host) => seen.push(host, scene.isUp(host.name)),
        unwire: () => seen.push("undone"),
      });
      expect(seen).toEqual([veth.host, true]);
    });
    test.each<[string, Partial<VethSpec["peer"]>]>([
      ["that throws", {}],
      ["a later step fails", { addresses: [parsePrefix("10.1.1.27/32"), parsePrefix("10.1.1.27/32")] }],
    ])("leave nothing behind when %s, and let it be undone before", async (what, peer) => {
      const seen: unknown[] = [];
      const made = scene.kernel.createVeth(scene.vethSpec(peer), {
        wire: () => {
          if (what === "that throws") throw new Error("no rules");
        },
        unwire: () => seen.push(scene.isUp("rom0a01011b")),
      });
      expect(await rejected(made)).toBeInstanceOf(Error);
      expect(seen).toEqual([true]);
      expect(scene.linkNames()).toEqual(["lo"]);
      await scene.kernel.createVeth(scene.vethSpec());
    });
    test("many at once are all made", async () => {
      const names = Array.from({ length: 12 }, (_, index) => `rom${index}`);
      const made = await Promise.all(
        names.map((name) => scene.kernel.createVeth({ ...scene.vethSpec({ name: `x${name}` }), name })),
      );
      expect(made.map(({ host, peer }) => `${host.name} ${peer.name}`)).toEqual(
        names.map((name) => `${name} x${name}`),
      );
      expect(scene.linkNames().toSorted()).toEqual(["lo", ...names].toSorted());
    });
    test("get a MAC address when none is given", async () => {
      const { peer } = await scene.kernel.createVeth(scene.vethSpec());
      expect(peer.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    });
    test.each<[string, string, Partial<VethSpec["peer"]>]>([
      ["the host's name", "rom0a01011b", { name: "eth1" }],
      ["the peer's name", "eth0", {}],
    ])("are refused when %s is taken", async (what, taken, peer) => {
      await scene.kernel.createVeth(scene.vethSpec());
      const name = what.startsWith("the host") ? "rom0a01011b" : "romother";
      const error = await rejected(scene.kernel.createVeth({ ...scene.vethSpec(peer), name }));
      expect(error).toMatchObject({ failure: { code: "conflict", noun: "interface", name: taken } });
      expect(scene.linkNames()).toEqual(["lo", "rom0a01011b"]);
    });
    test("are refused when the namespace is gone", async () => {
      scene.fixture.deletePeerNamespace();
      const error = await rejected(scene.kernel.createVeth(scene.vethSpec()));
      expect(error).toMatchObject({
        message: `Cannot find network namespace "${scene.fixture.peerNamespace}"`,
        failure: { code: "not-found" },
      });
      expect(scene.linkNames()).toEqual(["lo"]);
    });
    test("leave nothing behind when the last step fails", async () => {
      const twice = [parsePrefix("10.1.1.27/32"), parsePrefix("10.1.1.27/32")];
      const error = await rejected(scene.kernel.createVeth(scene.vethSpec({ addresses: twice })));
      expect(error).toMatchObject({ failure: { code: "kernel-refused", errno: "EEXIST" } });
      expect(scene.linkNames()).toEqual(["lo"]);
      await scene.kernel.createVeth(scene.vethSpec());
    });
    test("are seen from outside as they are inside", async () => {
      const { peer } = await scene.kernel.createVeth({
        ...scene.vethSpec({ mac: "02:00:0a:01:01:1b" }),
        mtu: 1400,
      });
      const seen = scene.kernel.peerInterface(scene.fixture.peerNamespace, "eth0");
      const { index, ...link } = seen?.link ?? { index: 0 };
      expect(link).toEqual({ name: "eth0", kind: "veth", up: true, mac: peer.mac, mtu: 1400 });
      const texts = seen?.addresses
        .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`)
        .filter((text) => !text.startsWith("fe80"));
      expect(texts?.toSorted()).toEqual(["10.1.1.27/32", "fd00:1::27/128"]);
      const routes = seen?.routes.filter(({ protocol }) => protocol === ROMANA_PROTOCOL);
      expect(routes?.map((route) => routeText(route).replace(/ metric .*/, "")).toSorted()).toEqual([
        `0.0.0.0/0 via 10.1.0.1 dev ${index}`,
        `10.1.0.1/32 dev ${index}`,
        `::/0 via fd00:1::1 dev ${index}`,
        `fd00:1::1/128 dev ${index}`,
      ]);
    });
    test("have no other interfaces to be seen, and none in a namespace that is gone", async () => {
      await scene.kernel.createVeth(scene.vethSpec());
      expect(scene.kernel.peerInterface(scene.fixture.peerNamespace, "eth1")).toBeUndefined();
      scene.fixture.deletePeerNamespace();
      const look = (): unknown => scene.kernel.peerInterface(scene.fixture.peerNamespace, "eth0");
      expect(hasCode(thrown(look), "not-found")).toBe(true);
    });
    test("go with their namespace", async () => {
      await scene.kernel.createVeth(scene.vethSpec());
      scene.fixture.deletePeerNamespace();
      // Linux dismantles namespaces in the background.
      await expect.poll(() => scene.linkNames(), { timeout: 5_000 }).toEqual(["lo"]);
    });
    test("go when the host's end is deleted, and can be made again", async () => {
      await scene.kernel.createVeth(scene.vethSpec());
      expect(scene.failuresOf({ type: "delete-link", name: "rom0a01011b" })).toEqual([]);
      await scene.kernel.createVeth(scene.vethSpec());
    });
  });

  describe("sysctls", () => {
    test("are read, set and read back", () => {
      expect(scene.kernel.sysctl("net.ipv4.ip_forward")).toBe("0");
      scene.kernel.setSysctl("net.ipv4.ip_forward", "1");
      scene.kernel.setSysctl("net.ipv6.conf.all.forwarding", "1");
      expect(scene.kernel.sysctl("net.ipv4.ip_forward")).toBe("1");
      expect(scene.kernel.sysctl("net.ipv4.conf.all.forwarding")).toBe("1");
      expect(scene.kernel.sysctl("net.ipv6.conf.lo.forwarding")).toBe("1");
    });
    test.each([
      "net.ipv4.conf.nothere.rp_filter",
      "net.ipv4.nothing",
      "net..x",
      "net.ipv4.//.ipv4.ip_forward",
      "__proto__",
    ])("%s is not there", (name) => {
      expect(scene.kernel.sysctl(name)).toBeUndefined();
      expect(
        hasCode(
          thrown(() => scene.kernel.setSysctl(name, "1")),
          "not-found",
        ),
      ).toBe(true);
    });
    test("of a link with a dot in its name are reached with a slash", () => {
      scene.failuresOf({ type: "add-link", name: "a.7", kind: KIND });
      scene.kernel.setSysctl("net.ipv4.conf.a/7.rp_filter", "1");
      expect(scene.kernel.sysctl("net.ipv4.conf.a/7.rp_filter")).toBe("1");
    });
  });
}
