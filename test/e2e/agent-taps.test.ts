import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Endpoint } from "../../src/model/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import { AgentSite, until } from "../support/agent-site.ts";
import { Guest } from "../support/guest.ts";

let site: AgentSite;
const guests: Guest[] = [];
beforeAll(async () => {
  site = await AgentSite.create();
  await site.startAgents();
});
afterAll(async () => {
  await Promise.all(guests.map((guest) => guest.shutDown()));
  await site.close();
});

/** A port as Neutron has it, and the namespace of its guest. */
interface Port {
  readonly host: number;
  readonly tap: string;
  readonly mac: string;
  readonly namespace: string;
  readonly endpoint: Endpoint;
}

let ports = 0;

async function createPort(host: number, name: string): Promise<Port> {
  const number = ++ports;
  const tap = `tap${number}`;
  const mac = `fa:16:3e:00:00:0${number}`;
  const body = { host: `host-${host}`, tenant: "acme", segment: "web", name, tap: { device: tap, mac } };
  const endpoint = await site.client.call("createEndpoint", { body });
  return { host, tap, mac, namespace: site.addNamespace(name), endpoint };
}

async function boot({ host, tap, mac, namespace }: Port): Promise<Guest> {
  const guest = await Guest.boot({ host: site.host(host).namespace, tap, mac, namespace });
  guests.push(guest);
  return guest;
}

function text({ endpoint }: Port, family: "ipv4" | "ipv6"): string {
  const address = endpoint.addresses[family];
  if (address === undefined) throw new Error("it has none");
  return formatAddress(address);
}

/** What DHCP gives a guest: full-length addresses with a gateway, or IPv4 with the mask of the whole plan. */
async function configure(port: Port, mask: 32 | 8 = 32): Promise<void> {
  const run = (...argv: string[]): Promise<string> => site.run(port.namespace, "ip", ...argv);
  await run("addr", "add", `${text(port, "ipv4")}/${mask}`, "dev", "eth0");
  const gateway = `10.${port.host}.0.1`;
  if (mask === 32) await run("route", "add", gateway, "dev", "eth0");
  await run("route", "add", "default", "via", gateway);
  await run("-6", "addr", "add", `${text(port, "ipv6")}/128`, "dev", "eth0", "nodad");
  const gateway6 = `fd00:10:0:${port.host}00::1`;
  await run("-6", "route", "add", gateway6, "dev", "eth0");
  await run("-6", "route", "add", "default", "via", gateway6, "dev", "eth0");
}

async function wired({ host, tap }: Port, isWired = true): Promise<void> {
  await until(`${tap} is ${isWired ? "" : "not "}wired`, async () => {
    const { items } = await site.host(host).agent.call("listAttachments", {});
    if (items.some(({ device, state }) => device === tap && state === "attached") !== isWired) {
      throw new Error(JSON.stringify(items.map(({ device, state }) => [device, state])));
    }
  });
}

async function reaches(from: Port, target: string): Promise<void> {
  await until(`${from.tap} reaches ${target}`, () =>
    site.run(from.namespace, "ping", "-q", "-c", "1", "-W", "1", target),
  );
}

async function reachesNot(from: Port, target: string): Promise<void> {
  const ping = ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", target];
  await expect(site.run(from.namespace, ...ping)).rejects.toThrow();
}

describe("guests behind taps", () => {
  test("reach each other on both hosts, in both families, with narrow and wide masks", async () => {
    const [one, two, far] = [
      await createPort(1, "one"),
      await createPort(1, "two"),
      await createPort(2, "far"),
    ] as const;
    for (const port of [one, two, far]) await boot(port);
    for (const port of [one, two, far]) await wired(port);
    await configure(one);
    await configure(two, 8);
    await configure(far, 8);
    for (const from of [one, two, far]) {
      for (const to of [one, two, far]) {
        if (to === from) continue;
        await reaches(from, text(to, "ipv4"));
        await reaches(from, text(to, "ipv6"));
      }
    }
    const owners = await site.run(two.namespace, "ip", "-4", "neigh", "show", "dev", "eth0");
    expect(owners).toContain(`${text(far, "ipv4")} lladdr fe:16:3e:00:00:02`);
    await site.well(1);
  });

  test("that claim another address are not heard, nor is one that another guest has got", async () => {
    const [one, thief] = [await createPort(1, "honest"), await createPort(1, "thief")] as const;
    for (const port of [one, thief]) await boot(port);
    for (const port of [one, thief]) await wired(port);
    await configure(one);
    await configure(thief);
    await reaches(thief, text(one, "ipv4"));
    await site.run(thief.namespace, "ip", "addr", "flush", "dev", "eth0", "scope", "global");
    const other = "10.1.20.200";
    await site.run(thief.namespace, "ip", "addr", "add", `${other}/8`, "dev", "eth0");
    await reachesNot(thief, text(one, "ipv4"));
  });

  test("come late, go early and come back, over restarts of the agent and absences of romanad", async () => {
    const [one, two] = [await createPort(2, "steady"), await createPort(2, "restless")] as const;
    await boot(one);
    await wired(one);
    await configure(one);
    const first = await boot(two);
    await wired(two);
    await configure(two);
    await reaches(one, text(two, "ipv4"));
    await first.shutDown();
    await wired(two, false);
    expect(await site.networkText(2)).not.toContain(two.tap);
    expect(await site.tableText(2)).not.toContain(two.tap);
    await site.well(2);
    await site.stop("romanad", "SIGKILL");
    await site.stop("host-2");
    await boot(two);
    await configure(two);
    await reachesNot(two, text(one, "ipv4"));
    await site.startAgent(2, false);
    await wired(two);
    await reaches(one, text(two, "ipv4"));
    await reaches(two, text(one, "ipv6"));
    await site.startRomanad();
    await site.well(2);
    await site.client.call("deleteEndpoint", { params: { ref: "restless" } });
    await wired(two, false);
    await reachesNot(two, text(one, "ipv4"));
    expect(await site.tableText(2)).not.toContain(two.tap);
  });

  test("follow a port to another host by the name of the tap", async () => {
    const old = await createPort(1, "mover");
    const before = await boot(old);
    await wired(old);
    await before.shutDown();
    await site.client.call("deleteEndpoint", { params: { ref: "mover" } });
    const body = {
      host: "host-2",
      tenant: "acme",
      segment: "web",
      name: "mover",
      tap: { device: old.tap, mac: old.mac },
    };
    const endpoint = await site.client.call("createEndpoint", { body });
    const now = { ...old, host: 2, endpoint };
    await boot(now);
    await wired(now);
    await wired(old, false);
    await configure(now);
    await reaches(now, "10.1.0.1");
  });

  test("of another port are refused, with a problem that says so", async () => {
    const port = await createPort(1, "robbed");
    await boot({ ...port, mac: "fa:16:3e:00:00:66" });
    const reason = `Cannot wire endpoint "robbed": tap "${port.tap}" has MAC address fe:16:3e:00:00:66`;
    await until("the agent says so", async () => {
      const { problems } = await site.host(1).agent.call("getAgentStatus", {});
      if (!problems.some((problem) => problem.startsWith(reason))) throw new Error(problems.join());
    });
    await wired(port, false);
    await site.client.call("deleteEndpoint", { params: { ref: "robbed" } });
    await site.well(1);
  });
});
