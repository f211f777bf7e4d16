import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAddress, formatAddress } from "../../src/net/index.ts";
import type { AttachmentResource } from "../../src/schema/index.ts";
import { type NetworkSocket, openSocket } from "../../src/system/sockets.ts";
import { AgentSite, until } from "../support/agent-site.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.create();
  await site.startAgents();
});
afterAll(async () => {
  await site.close();
});

const PORT = 9;
/** A lost question for a neighbour is asked again after a second: what comes before has not been lost. */
const NEIGHBOUR_RETRY = 900;

function disposable(socket: NetworkSocket): Disposable & { readonly socket: NetworkSocket } {
  return { socket, [Symbol.dispose]: () => socket.close() };
}

function addresses({ endpoint }: AttachmentResource): string[] {
  const { ipv4, ipv6 } = endpoint.addresses;
  return [ipv4, ipv6].flatMap((address) => (address ? [formatAddress(address)] : []));
}

function namespaceOf({ attach }: AttachmentResource): string {
  if (attach?.kind !== "netns") throw new Error("it is in no namespace");
  return attach.netns;
}

/** Packets lost of a quick ping. */
async function lost(from: AttachmentResource, to: string): Promise<string> {
  const argv = ["ping", "-q", "-c", "3", "-i", "0.05", "-W", "1", to];
  const text = await site.run(namespaceOf(from), ...argv).catch((error: Error) => error.message);
  return /([0-9.]+)% packet loss/.exec(text)?.[1] ?? text;
}

describe("an endpoint", () => {
  test("is reachable as soon as attach returns, from its host, its neighbours and other hosts, in both families", async () => {
    const [one, two, far] = await Promise.all([
      site.attach(1, "one", { endpointId: 11 }),
      site.attach(1, "two"),
      site.attach(2, "far"),
    ]);
    expect(addresses(one)).toEqual(["10.1.20.11", "fd00:10:0:100:1:1:0:b"]);
    expect(one.device).toBe("rom0a01140b");
    for (const target of [...addresses(two), ...addresses(far), "10.1.0.1", "fd00:10:0:100::1"]) {
      expect([target, await lost(one, target)]).toEqual([target, "0"]);
    }
    for (const target of addresses(one)) {
      expect([target, await lost(far, target)]).toEqual([target, "0"]);
      await site.run(site.host(1).namespace, "ping", "-q", "-c", "1", "-W", "1", target);
    }
  });

  test("gets the very first packet after its attach, also when many are attached at once", async () => {
    const host = site.host(1).namespace;
    const attachAndSend = async (name: string): Promise<void> => {
      const attached = await site.attach(1, name);
      for (const address of Object.values(attached.endpoint.addresses)) {
        using sender = disposable(openSocket("udp", address.family, host));
        using receiver = disposable(openSocket("udp", address.family, namespaceOf(attached)));
        receiver.socket.bind({ address: createAddress(address.family, 0n), port: PORT });
        expect(sender.socket.send(Buffer.from("first"), { address, port: PORT })).toBeUndefined();
        await until(
          `the first packet to ${name}`,
          () => {
            if (receiver.socket.receive().type !== "data") throw new Error("it has not come");
          },
          NEIGHBOUR_RETRY,
        );
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => attachAndSend(`first-${index}`)));
  });

  test("of another tenant is not", async () => {
    await site.client.call("createTenant", { body: { name: "beta", id: 2 } });
    await site.client.call("createSegment", {
      params: { tenant: "beta" },
      body: { name: "web", codes: ["1"] },
    });
    const own = await site.attach(1, "own");
    const other = await site.attach(2, "other", { tenant: "beta" });
    for (const target of addresses(other)) expect(await lost(own, target)).toMatch(/^100$|status 1/);
  });

  test("goes without a trace", async () => {
    const before = [await site.networkText(1), await site.tableText(1)];
    const endpoint = await site.attach(1, "gone");
    expect(await site.networkText(1)).not.toBe(before[0]);
    const { agent } = site.host(1);
    const ref = "gone";
    expect(await agent.call("deleteAttachment", { params: { ref } })).toEqual({
      detached: true,
      released: true,
    });
    expect(await agent.call("deleteAttachment", { params: { ref } })).toEqual({
      detached: false,
      released: false,
    });
    expect([await site.networkText(1), await site.tableText(1)]).toEqual(before);
    expect(await site.run(namespaceOf(endpoint), "ip", "-br", "link")).not.toContain("eth0");
    await expect(site.client.call("getEndpoint", { params: { ref } })).rejects.toMatchObject({
      code: "not-found",
    });
  });

  test("costs the same number of rules, however many there are", async () => {
    const rules = async (): Promise<number> => (await site.tableText(1)).split("\n").length;
    const before = await rules();
    const netns = site.addNamespace("many");
    const { agent } = site.host(1);
    const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    await Promise.all(
      names.map((name, index) =>
        agent.call("createAttachment", {
          body: {
            name,
            tenant: "acme",
            segment: "web",
            attach: { kind: "netns", netns, interface: `eth${index}` },
          },
        }),
      ),
    );
    // Sets are printed one element a line.
    const elements = 3 * 30;
    expect((await rules()) - before).toBeLessThanOrEqual(elements);
    await Promise.all(names.map((ref) => agent.call("deleteAttachment", { params: { ref } })));
    expect(await rules()).toBe(before);
  });
});

describe("what is in the way", () => {
  test("an interface of that name: a conflict, and the endpoint that has it keeps it", async () => {
    const first = await site.attach(1, "first");
    const before = [await site.networkText(1), await site.tableText(1)];
    const attach = { kind: "netns", netns: namespaceOf(first), interface: "eth0" } as const;
    const body = { name: "second", tenant: "acme", segment: "web", attach };
    await expect(site.host(1).agent.call("createAttachment", { body })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining('Cannot create interface "eth0"'),
    });
    expect([await site.networkText(1), await site.tableText(1)]).toEqual(before);
    const ref = "second";
    await expect(site.client.call("getEndpoint", { params: { ref } })).rejects.toMatchObject({
      code: "not-found",
    });
    expect(await lost(first, "10.1.0.1")).toBe("0");
  });

  test("a namespace that goes while endpoints are attached to it: clean errors, and no trace of those", async () => {
    const before = [await site.networkText(1), await site.tableText(1)];
    const netns = site.addNamespace("fleeting");
    const { agent } = site.host(1);
    const attaching = Array.from({ length: 20 }, (_, index) => {
      const attach = { kind: "netns", netns, interface: `eth${index}` } as const;
      const body = { name: `fleeting-${index}`, tenant: "acme", segment: "web", attach };
      return agent.call("createAttachment", { body }).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
    });
    await Promise.race(attaching);
    site.deleteNamespace(netns);
    const codes = await Promise.all(attaching);
    expect(codes).toContain("not-found");
    for (const [index, code] of codes.entries()) {
      const ref = `fleeting-${index}`;
      if (code === undefined) await agent.call("deleteAttachment", { params: { ref } });
      await expect(site.client.call("getEndpoint", { params: { ref } })).rejects.toMatchObject({
        code: "not-found",
      });
    }
    await until("the kernel is as before", async () => {
      expect([await site.networkText(1), await site.tableText(1)]).toEqual(before);
    });
    await site.well(1);
  });

  test("a namespace that goes later: the endpoint is kept, and told of", async () => {
    const endpoint = await site.attach(2, "orphan");
    site.deleteNamespace(namespaceOf(endpoint));
    const { agent } = site.host(2);
    await until("the agent has noticed", async () => {
      const { state } = await agent.call("getAttachment", { params: { ref: "orphan" } });
      expect(state).toBe("device-missing");
    });
    expect((await agent.call("getAgentStatus", {})).problems).toEqual([
      `The device is gone of orphan (${endpoint.device})`,
    ]);
    await site.client.call("getEndpoint", { params: { ref: "orphan" } });
    const ref = "orphan";
    expect(await agent.call("deleteAttachment", { params: { ref } })).toEqual({
      detached: true,
      released: true,
    });
    await site.well(2);
  });
});

describe("a tap", () => {
  test("is brought up, routed and left to its owner", async () => {
    const { namespace, agent } = site.host(2);
    await site.run(namespace, "ip", "tuntap", "add", "dev", "tap0", "mode", "tap");
    const attach = { kind: "tap", device: "tap0", mac: "02:00:00:00:00:07" } as const;
    const body = { name: "vm", tenant: "acme", segment: "web", attach };
    const attachment = await agent.call("createAttachment", { body });
    expect(attachment).toMatchObject({ state: "attached", device: "tap0", mac: "02:00:00:00:00:07" });
    const [ipv4 = "", ipv6 = ""] = addresses(attachment);
    const routes = await site.networkText(2);
    expect(routes).toContain(`${ipv4} dev tap0 proto 114 scope link src 10.2.0.1`);
    expect(routes).toContain(`${ipv6} dev tap0 proto 114 src fd00:10:0:200::1`);
    expect(await site.tableText(2)).toContain(`"tap0" . ${ipv4}`);
    await agent.call("deleteAttachment", { params: { ref: "vm" } });
    expect(await site.networkText(2)).not.toContain("tap0");
    expect(await site.tableText(2)).not.toContain("tap0");
    expect(await site.run(namespace, "ip", "-br", "link", "show", "dev", "tap0")).toContain("tap0");
  });
});
