import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RoutingDaemonKind } from "../../src/model/index.ts";
import { formatAddress, formatPrefix } from "../../src/net/index.ts";
import { type AttachmentResource, decodeFabric, type NetworkJson } from "../../src/schema/index.ts";
import { AgentSite, until } from "../support/agent-site.ts";
import { FabricRouters } from "../support/fabric-routers.ts";

const NETWORK: NetworkJson = {
  name: "default",
  plans: {
    ipv4: {
      prefix: "10.0.0.0/8",
      groupLevels: [{ name: "rack", bits: 4 }],
      hostBits: 8,
      tenantBits: 4,
      segmentBits: 2,
      endpointBits: 6,
    },
    ipv6: {
      prefix: "fd00:10::/32",
      groupLevels: [{ name: "rack", bits: 8 }],
      hostBits: 16,
      tenantBits: 24,
      segmentBits: 16,
      endpointBits: 32,
    },
  },
  groups: [
    { name: "rack-1", id: 1 },
    { name: "rack-2", id: 2 },
  ],
};

const HOSTS = [1, 2, 3, 4, 5, 6, 7, 8];
const RACKS = [1, 2].map((number) => ({
  name: `rack-${number}`,
  leaves: [`leaf-${number}a`, `leaf-${number}b`],
  hosts: HOSTS.filter((host) => Math.ceil(host / 4) === number).map((host) => `host-${host}`),
}));

/** The ends of each cable: every leaf with every spine, with the other one of its rack, and with its hosts. */
const CABLES = RACKS.flatMap(({ leaves, hosts }) => [
  leaves,
  ...leaves.flatMap((leaf) => [["spine-1", leaf], ["spine-2", leaf], ...hosts.map((host) => [leaf, host])]),
]) as [string, string][];

const FABRIC = {
  name: "lab",
  hostAsn: 65000,
  spines: [1, 2].map((number) => ({ name: `spine-${number}`, asn: 65100, routerId: `192.0.2.${number}` })),
  racks: RACKS.map(({ name, leaves }, rack) => ({
    group: [name],
    leaves: leaves.map((leaf, number) => ({
      name: leaf,
      asn: 65101 + rack,
      routerId: `192.0.2.${10 * rack + number + 10}`,
    })),
  })),
  links: CABLES.map(([first, second], cable) => ({
    ends: [portOf(first, cable, 0), portOf(second, cable, 1)] as [Port, Port],
  })),
};

interface Port {
  readonly device: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

function portOf(device: string, cable: number, end: number): Port {
  return { device, ipv4: `172.31.${cable}.${end}`, ipv6: `fd31:0:0:${cable}::${end}` };
}

describe.each<[RoutingDaemonKind, RoutingDaemonKind]>([
  ["bird", "frr"],
  ["frr", "bird"],
])("hosts with %s, a fabric of %s", (ofHosts, ofFabric) => {
  let site: AgentSite;
  let routers: FabricRouters;
  let attachments: readonly AttachmentResource[];

  beforeAll(async () => {
    site = await AgentSite.create({
      hosts: HOSTS.length,
      network: NETWORK,
      groups: RACKS.flatMap(({ name, hosts }) => hosts.map(() => name)),
    });
    routers = new FabricRouters(site, decodeFabric(FABRIC), ofFabric);
    await routers.start(site.client);
    await site.client.call("putFabric", { params: { name: FABRIC.name }, body: FABRIC });
    await Promise.all(
      HOSTS.map((number) => {
        const directory = `${routers.directory}/host-${number}`;
        return site.startAgent(number, true, { routing: { daemon: ofHosts, directory } });
      }),
    );
    attachments = await Promise.all(HOSTS.map((number) => site.attach(number, `web-${number}`)));
  });
  afterAll(async () => {
    routers.close();
    await site.close();
  });

  function addresses({ endpoint }: AttachmentResource): readonly string[] {
    const { ipv4, ipv6 } = endpoint.addresses;
    return [ipv4, ipv6].flatMap((address) => (address ? [formatAddress(address)] : []));
  }

  async function allReachEachOther(): Promise<void> {
    for (const from of attachments) {
      for (const to of attachments.filter((other) => other !== from).flatMap(addresses)) {
        if (from.attach?.kind !== "netns") throw new Error("it is in no namespace");
        const { netns } = from.attach;
        const ping = (): Promise<string> => site.run(netns, "ping", "-q", "-c", "1", "-W", "1", to);
        await until(`${from.endpoint.name ?? ""} reaches ${to}`, ping, { timeout: 60_000, interval: 100 });
      }
    }
  }

  async function routesOf(device: string): Promise<readonly string[]> {
    const lines = await Promise.all(
      ["-4", "-6"].map((family) =>
        site.run(routers.namespaceOf(device), "ip", family, "route", "show", "table", "all"),
      ),
    );
    return lines.join("\n").split("\n");
  }

  test("every endpoint reaches every other one, and no route is for one of another host", async () => {
    await allReachEachOther();
    for (const device of ["host-1", "host-5", "leaf-1a", "leaf-2b", "spine-1", "spine-2"]) {
      const others = attachments.filter((_, index) => `host-${index + 1}` !== device).flatMap(addresses);
      for (const line of await routesOf(device)) {
        for (const address of others) expect(line).not.toContain(`${address} `);
      }
    }
  });

  test("what is behind the leaf comes from the daemon", async () => {
    const learned = (await routesOf("host-1")).filter((line) => / proto (bird|bgp)/.test(line));
    const destinations = learned.map((line) => line.split(" ")[0] ?? "").filter((text) => text.includes("/"));
    expect([...new Set(destinations)].toSorted()).toEqual([
      "10.16.0.0/12",
      "10.32.0.0/12",
      "fd00:10:100::/40",
      "fd00:10:200::/40",
    ]);
  });

  test("a spine has one prefix per rack and family", async () => {
    for (const spine of ["spine-1", "spine-2"]) {
      const routes = await routers.daemonOf(spine).routes();
      expect([...new Set(routes.map(({ destination }) => formatPrefix(destination)))].toSorted()).toEqual([
        "10.16.0.0/12",
        "10.32.0.0/12",
        "fd00:10:100::/40",
        "fd00:10:200::/40",
      ]);
    }
  });

  test("the agent says who its host has sessions with", async () => {
    await until("both families are up", async () => {
      const { routing } = await site.host(1).agent.call("getAgentStatus", {});
      const peers = routing?.sessions.filter(({ established }) => established).map(({ peer }) => peer);
      const cables = [...CABLES.entries()]
        .filter(([, ends]) => ends.includes("host-1"))
        .map(([cable]) => cable);
      expect(peers?.toSorted()).toEqual(
        cables.flatMap((cable) => [`172.31.${cable}.0`, `fd31:0:0:${cable}::`]).toSorted(),
      );
    });
  });

  test.each([
    ["a cable of a leaf, without its carrier", "setCarrier", ["spine-1", "leaf-1a"], false],
    ["a cable of a leaf, silently", "setSilent", ["spine-1", "leaf-1a"], true],
    ["a cable of a host, without its carrier", "setCarrier", ["leaf-1a", "host-1"], false],
    ["a cable of a host, silently", "setSilent", ["leaf-2b", "host-8"], true],
  ] as const)("what dies is gone round: %s", async (_, way, [first, second], broken) => {
    await routers[way](first, second, broken);
    await allReachEachOther();
    await routers[way](first, second, !broken);
    await allReachEachOther();
  });

  test("a leaf that dies is gone round", async () => {
    const cables = CABLES.filter((ends) => ends.includes("leaf-1b"));
    for (const [first, second] of cables) await routers.setSilent(first, second, true);
    await allReachEachOther();
    for (const [first, second] of cables) await routers.setSilent(first, second, false);
    await allReachEachOther();
  });

  test("a routing daemon that is killed comes back, and an agent that is killed is not missed", async () => {
    await site.stop("host-1", "SIGKILL");
    await allReachEachOther();
    await site.startAgent(1, true, {
      routing: { daemon: ofHosts, directory: `${routers.directory}/host-1` },
    });
    const name = site.host(1).namespace.split("/").at(-1) ?? "";
    const program = ofHosts === "bird" ? "bird" : "bgpd";
    const pids = (await site.run(site.host(1).namespace, "ip", "netns", "pids", name)).trim().split("\n");
    for (const pid of pids) {
      const words = await site.run(site.host(1).namespace, "cat", `/proc/${pid}/comm`).catch(() => "");
      if (words.trim() === program) process.kill(Number(pid), "SIGKILL");
    }
    await allReachEachOther();
    await site.well(1);
  });

  test("without the fabric nothing of the daemon is left", async () => {
    await site.client.call("deleteFabric", { params: { name: FABRIC.name }, query: {} });
    await until("the routes are gone", async () => {
      const left = (await routesOf("host-1")).filter((line) => /proto (bird|bgp)/.test(line));
      expect(left).toEqual([]);
    });
  });
});
