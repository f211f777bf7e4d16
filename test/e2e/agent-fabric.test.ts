import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RoutingDaemonKind } from "../../src/model/index.ts";
import { formatAddress, formatPrefix } from "../../src/net/index.ts";
import type { AttachmentResource } from "../../src/schema/index.ts";
import { type AgentSite, until } from "../support/agent-site.ts";
import type { FabricRouters } from "../support/fabric-routers.ts";
import { CABLES, createFabricSite, FABRIC, type FabricSite } from "../support/fabric-site.ts";

describe.each<[RoutingDaemonKind, RoutingDaemonKind]>([
  ["bird", "frr"],
  ["frr", "bird"],
])("hosts with %s, a fabric of %s", (ofHosts, ofFabric) => {
  let fabric: FabricSite;
  let site: AgentSite;
  let routers: FabricRouters;
  let attachments: readonly AttachmentResource[];

  beforeAll(async () => {
    fabric = await createFabricSite(ofHosts, ofFabric);
    ({ site, routers, attachments } = fabric);
  });
  afterAll(async () => {
    await fabric.close();
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
    await fabric.startAgent(1);
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
