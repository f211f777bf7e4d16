import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/index.ts";
import type { AttachmentResource } from "../../src/schema/index.ts";
import { AgentSite, until } from "../support/agent-site.ts";
import { romana } from "../support/lab.ts";

let site: AgentSite;
let near: AttachmentResource;
let beside: AttachmentResource;
let far: AttachmentResource;
let stranger: AttachmentResource;
let netns: string;

beforeAll(async () => {
  site = await AgentSite.create({ hosts: 3 });
  netns = site.addNamespace("vm");
  await site.startAgents();
  await site.client.call("createTenant", { body: { name: "beta", id: 2 } });
  await site.client.call("createSegment", {
    params: { tenant: "beta" },
    body: { name: "web", codes: ["1"] },
  });
  [near, beside, far, stranger] = await Promise.all([
    site.attach(1, "near"),
    site.attach(2, "beside"),
    site.attach(3, "far"),
    site.attach(2, "stranger", { tenant: "beta" }),
  ]);
});
afterAll(async () => {
  await site.close();
});

function addresses({ endpoint }: AttachmentResource): string[] {
  const { ipv4, ipv6 } = endpoint.addresses;
  return [ipv4, ipv6].flatMap((address) => (address ? [formatAddress(address)] : []));
}

function namespaceOf({ attach }: AttachmentResource): string {
  if (attach?.kind !== "netns") throw new Error("it is in no namespace");
  return attach.netns;
}

async function ping(from: AttachmentResource, to: string, ...options: string[]): Promise<void> {
  await site.run(namespaceOf(from), "ping", "-q", "-c", "1", "-W", "1", ...options, to);
}

/** Everybody of the segment reaches the endpoint and is reached by it, and nobody of another tenant does. */
async function isReachable(vm: AttachmentResource): Promise<void> {
  for (const other of [near, beside, far]) {
    for (const to of addresses(vm)) await until(`ping ${to}`, () => ping(other, to));
    for (const to of addresses(other)) await until(`ping ${to}`, () => ping(vm, to));
  }
  for (const gateway of ["10.1.0.1", "fd00:10:0:100::1"]) await until("its gateway", () => ping(vm, gateway));
  for (const to of addresses(vm)) await expect(ping(stranger, to)).rejects.toThrow();
  for (const to of addresses(stranger)) await expect(ping(vm, to)).rejects.toThrow();
}

async function attached(number: number): Promise<string[]> {
  const { items } = await site.host(number).agent.call("listAttachments", {});
  return items.map(({ endpoint }) => endpoint.name ?? "");
}

/** Wires the VM, which is the same namespace on every host. */
function plug(number: number): Promise<AttachmentResource> {
  const attach = { kind: "netns", netns, interface: "eth0" } as const;
  const body = { name: "vm", tenant: "acme", segment: "web", endpointId: 77, attach };
  return site.host(number).agent.call("createAttachment", { body });
}

async function relocate(locatedOn: string | null): Promise<void> {
  await site.client.call("updateEndpoint", { params: { ref: "vm" }, body: { locatedOn } });
}

describe("an endpoint on another host than its address says", () => {
  test("keeps its address, is reached by all, and comes back", async () => {
    const before = [await site.networkText(1), await site.networkText(2), await site.tableText(2)];
    const vm = await plug(1);
    expect(addresses(vm)).toEqual(["10.1.20.77", "fd00:10:0:100:1:1:0:4d"]);
    await isReachable(vm);

    await relocate("host-2");
    await until("host 1 has let it go", async () => expect(await attached(1)).toEqual(["near"]));
    await expect(plug(1)).rejects.toMatchObject({ code: "conflict" });
    const moved = await plug(2);
    expect(addresses(moved)).toEqual(addresses(vm));
    await isReachable(moved);
    for (const number of [1, 2, 3]) await site.well(number);

    const route = await site.run(site.host(3).namespace, "ip", "-4", "route", "show", "10.1.20.77");
    expect(route).toContain("10.1.20.77 via 192.168.0.2 ");
    expect(await site.run(site.host(1).namespace, "ip", "-4", "route", "show", "10.1.20.77")).toContain(
      "10.1.20.77 via 192.168.0.2 ",
    );
    const list = await romana("endpoint", "list", "--relocated", "-o", "wide", "--server", site.server);
    expect(list.stdout.split("\n").slice(1).join("\n")).toMatch(/^vm .*10\.1\.20\.77 .*host-1 +host-2 /);
    const routes = await romana("route", "list", "--host", "host-3", "--server", site.server);
    expect(routes.stdout).toMatch(/10\.1\.20\.77\/32 +unicast +192\.168\.0\.2 .*relocation/);

    await relocate(null);
    await until("host 2 has let it go", async () => expect(await attached(2)).not.toContain("vm"));
    await isReachable(await plug(1));
    await site.client.call("deleteEndpoint", { params: { ref: "vm" }, query: {} });
    await until("nothing is left", async () =>
      expect([await site.networkText(1), await site.networkText(2), await site.tableText(2)]).toEqual(before),
    );
  });

  test("is released where it is, and its agent may be restarted meanwhile", async () => {
    await plug(1);
    await relocate("host-2");
    await until("host 1 has let it go", async () => expect(await attached(1)).toEqual(["near"]));
    const moved = await plug(2);
    await site.stop("host-2", "SIGKILL");
    await site.startAgent(2);
    await isReachable(moved);
    // What another device sends with its address is dropped: it is bound where it is.
    const [address = ""] = addresses(moved);
    await site.run(namespaceOf(beside), "ip", "address", "add", `${address}/32`, "dev", "lo");
    await expect(ping(beside, addresses(far)[0] ?? "", "-I", address)).rejects.toThrow();
    await site.run(namespaceOf(beside), "ip", "address", "del", `${address}/32`, "dev", "lo");
    await site.client.call("deleteEndpoint", { params: { ref: "vm" }, query: {} });
    await until("host 2 has let it go", async () => expect(await attached(2)).not.toContain("vm"));
    await until("no host has a route", async () => {
      for (const { namespace } of site.hosts)
        expect(await site.run(namespace, "ip", "-4", "route", "show", address)).toBe("");
    });
  });
});
