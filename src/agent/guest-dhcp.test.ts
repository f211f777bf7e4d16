import { describe, expect, test } from "vitest";
import { AgentScene } from "../../test/support/agent-scene.ts";

const TAP = "tap0a1b2c3d-4e";
const MAC = "fa:16:3e:00:00:01";

async function scene(enabled = true): Promise<AgentScene> {
  const made = new AgentScene({ config: { dhcp: { enabled, dns: ["192.0.2.53"] } } });
  made.kernel.addLink({ name: TAP, kind: "tun" });
  await made.start();
  return made;
}

async function plug(it: AgentScene, device = TAP, number = 1, mac = MAC): Promise<void> {
  await it.attach(number, { attach: { kind: "tap", device, mac } });
  await it.timers.advance(100);
}

/** Addresses of a device. */
function addresses(it: AgentScene, name: string): number {
  const index = it.kernel.links().find((link) => link.name === name)?.index;
  return it.kernel.addresses().filter(({ link }) => link === index).length;
}

describe("DHCP for guests", () => {
  test("begins with the first tap, follows others without a restart, and ends with the last", async () => {
    const it = await scene();
    it.kernel.addLink({ name: "tapother", kind: "tun" });
    it.dnsmasq.calls.length = 0;
    await plug(it);
    expect(it.dnsmasq.calls).toEqual(["start"]);
    expect(it.dnsmasq.files?.hosts).toMatch(new RegExp(`^${MAC},tag:${TAP},10\\.`));
    expect(addresses(it, TAP)).toBeGreaterThan(0);
    await plug(it, "tapother", 2, "fa:16:3e:00:00:02");
    expect(it.dnsmasq.calls).toEqual(["start", "reload"]);
    expect(it.dnsmasq.files?.hosts.split("\n")).toHaveLength(3);
    await it.agent.detach("web-1");
    await it.timers.advance(100);
    expect(it.dnsmasq.calls).toEqual(["start", "reload", "reload"]);
    await it.agent.detach("web-2");
    await it.timers.advance(100);
    expect(it.dnsmasq.calls).toEqual(["start", "reload", "reload", "stop"]);
  });

  test("starts anew for another guest at the same address", async () => {
    const it = await scene();
    await plug(it);
    it.kernel.addLink({ name: "tapother", kind: "tun" });
    await it.agent.detach("web-1");
    await plug(it, "tapother", 2, "fa:16:3e:00:00:02");
    const { calls } = it.dnsmasq;
    expect(calls.at(-1)).toBe("start");
    expect(it.dnsmasq.files?.hosts).toContain("tag:tapother");
    expect(it.dnsmasq.files?.hosts).not.toContain(MAC);
  });

  test("tells when dnsmasq ends, and starts it again", async () => {
    const it = await scene();
    await plug(it);
    it.dnsmasq.calls.length = 0;
    it.dnsmasq.die("it broke");
    expect(it.agent.status().problems).toContain("DHCP does not work: dnsmasq: it broke");
    expect(it.dnsmasq.calls).toEqual([]);
    await it.timers.advance(1_500);
    expect(it.dnsmasq.calls).toEqual(["start"]);
    expect(it.agent.status().problems).toEqual([]);
  });

  test("is not for network namespaces, nor where it is off", async () => {
    const on = await scene();
    await on.attach();
    await on.timers.advance(100);
    expect(on.dnsmasq.calls).not.toContain("start");
    const off = await scene(false);
    await plug(off);
    expect(off.dnsmasq.calls).toEqual([]);
    expect(addresses(off, TAP)).toBe(0);
  });

  test("leaves dnsmasq alone when the agent ends", async () => {
    const it = await scene();
    await plug(it);
    it.dnsmasq.calls.length = 0;
    await it.stop();
    expect(it.dnsmasq.calls).toEqual([]);
  });
});
