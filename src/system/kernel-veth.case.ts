import { describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { type VethSpec } from "./kernel.ts";
import { type KernelScene, KIND, thrown } from "./kernel-scene.case.ts";

/** Laws of veth pairs and sysctls. */
export function vethCases(scene: KernelScene): void {
  describe("veth pairs", () => {
    test("are made with the host's end up and its sysctls set", () => {
      const veth = scene.kernel.createVeth({ ...scene.vethSpec({ mac: "02:00:0a:01:01:1b" }), mtu: 1400 });
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
    test("get a MAC address when none is given", () => {
      expect(scene.kernel.createVeth(scene.vethSpec()).peer.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    });
    test.each<[string, string, Partial<VethSpec["peer"]>]>([
      ["the host's name", "rom0a01011b", { name: "eth1" }],
      ["the peer's name", "eth0", {}],
    ])("are refused when %s is taken", (what, taken, peer) => {
      scene.kernel.createVeth(scene.vethSpec());
      const name = what.startsWith("the host") ? "rom0a01011b" : "romother";
      const error = thrown(() => scene.kernel.createVeth({ ...scene.vethSpec(peer), name }));
      expect(error).toMatchObject({ failure: { code: "conflict", noun: "interface", name: taken } });
      expect(scene.linkNames()).toEqual(["lo", "rom0a01011b"]);
    });
    test("are refused when the namespace is gone", () => {
      scene.fixture.deletePeerNamespace();
      const error = thrown(() => scene.kernel.createVeth(scene.vethSpec()));
      expect(error).toMatchObject({
        message: `Cannot find network namespace "${scene.fixture.peerNamespace}"`,
        failure: { code: "not-found" },
      });
      expect(scene.linkNames()).toEqual(["lo"]);
    });
    test("leave nothing behind when the last step fails", () => {
      const twice = [parsePrefix("10.1.1.27/32"), parsePrefix("10.1.1.27/32")];
      const error = thrown(() => scene.kernel.createVeth(scene.vethSpec({ addresses: twice })));
      expect(error).toMatchObject({ failure: { code: "kernel-refused", errno: "EEXIST" } });
      expect(scene.linkNames()).toEqual(["lo"]);
      scene.kernel.createVeth(scene.vethSpec());
    });
    test("go with their namespace", async () => {
      scene.kernel.createVeth(scene.vethSpec());
      scene.fixture.deletePeerNamespace();
      // Linux dismantles namespaces in the background.
      await expect.poll(() => scene.linkNames(), { timeout: 5_000 }).toEqual(["lo"]);
    });
    test("go when the host's end is deleted, and can be made again", () => {
      scene.kernel.createVeth(scene.vethSpec());
      expect(scene.failuresOf({ type: "delete-link", name: "rom0a01011b" })).toEqual([]);
      scene.kernel.createVeth(scene.vethSpec());
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
