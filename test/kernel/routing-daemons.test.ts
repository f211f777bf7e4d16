import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRoutingDaemon, type RoutingDaemon } from "../../src/daemons/index.ts";
import { FABRIC, HOSTS, NETWORK } from "../../src/fabric/example-fabric.case.ts";
import {
  configurationOf,
  createFabricRouting,
  joinBlocks,
  renderBird,
  renderFrr,
} from "../../src/fabric/index.ts";
import type { RoutingDaemonKind } from "../../src/model/index.ts";
import { formatAddress, formatPrefix } from "../../src/net/index.ts";
import { type CommandRunner, runCommand } from "../../src/system/command.ts";
import { until } from "../support/until.ts";

const RENDER = { bird: renderBird, frr: renderFrr } as const;
const HOST_ADDRESS = "172.16.1.11";
const LEAF_ADDRESS = "172.16.1.1";

function textOf(kind: RoutingDaemonKind, device: string, hostCommunity = "65000:100"): string {
  const fabric = { ...FABRIC, communities: { ...FABRIC.communities, host: [hostCommunity] } };
  const routing = createFabricRouting(fabric, [NETWORK], HOSTS);
  return joinBlocks(RENDER[kind](configurationOf(routing, device)));
}

function ip(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("ip", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** A host and its leaf, each in a namespace; the leaf runs the other daemon. */
describe.each<[RoutingDaemonKind, RoutingDaemonKind]>([
  ["bird", "frr"],
  ["frr", "bird"],
])("%s on a host, with %s on its leaf", (kind, peerKind) => {
  const directory = mkdtempSync(join(tmpdir(), "romana-daemons-"));
  chmodSync(directory, 0o755);
  const names = { host: `rd-${process.pid}-h`, leaf: `rd-${process.pid}-l` };
  let daemon: RoutingDaemon;
  let leaf: RoutingDaemon;
  const daemonOf = (own: RoutingDaemonKind, name: string): RoutingDaemon =>
    createRoutingDaemon(own, { directory: join(directory, name), namespace: `/run/netns/${name}` });

  const established = (on: RoutingDaemon, peer: string): Promise<void> =>
    until(
      `the session with ${peer}`,
      async () => {
        const sessions = await on.sessions();
        const found = sessions.find((session) => formatAddress(session.peer) === peer);
        if (found?.isEstablished !== true) throw new Error(JSON.stringify(sessions.length));
      },
      { timeout: 60_000, interval: 100 },
    );
  const learned = (on: RoutingDaemon, expected: string): Promise<void> =>
    until(
      `the route ${expected}`,
      async () => {
        const texts = (await on.routes()).map(
          ({ destination, gateways }) =>
            `${formatPrefix(destination)} ${gateways.map(formatAddress).join("+")}`,
        );
        if (!texts.includes(expected)) throw new Error(texts.join());
      },
      { timeout: 60_000, interval: 100 },
    );
  const kernelRoute = (): string => ip("-n", names.host, "route", "show", "10.16.0.0/12").trim();
  /** The connection of the session: another one has other ports. */
  const connection = (): string => {
    const { stdout } = spawnSync("ss", ["-N", names.host, "-tnH", "state", "established"], {
      encoding: "utf8",
    });
    return stdout.trim().replaceAll(/^\d+ +\d+ +/gm, "");
  };

  beforeAll(async () => {
    for (const name of Object.values(names)) {
      ip("netns", "add", name);
      ip("-n", name, "link", "set", "lo", "up");
    }
    ip("-n", names.host, "link", "add", "up0", "type", "veth", "peer", "name", "down0", "netns", names.leaf);
    for (const [name, device, address] of [
      [names.host, "up0", HOST_ADDRESS],
      [names.leaf, "down0", LEAF_ADDRESS],
    ] as const) {
      ip("-n", name, "address", "add", `${address}/24`, "dev", device);
      ip("-n", name, "link", "set", device, "up");
    }
    daemon = daemonOf(kind, names.host);
    leaf = daemonOf(peerKind, names.leaf);
    await leaf.apply(textOf(peerKind, "leaf-1a"));
  });

  afterAll(async () => {
    await daemon.stop();
    await leaf.stop();
    for (const name of Object.values(names)) ip("netns", "delete", name);
    rmSync(directory, { recursive: true });
  });

  test("it starts, and both tell each other their prefixes", async () => {
    expect(daemon.isRunning()).toBe(false);
    expect(await daemon.apply(textOf(kind, "host-1"))).toBe("started");
    expect(daemon.isRunning()).toBe(true);
    await established(daemon, LEAF_ADDRESS);
    await established(leaf, HOST_ADDRESS);
    await learned(daemon, `10.16.0.0/12 ${LEAF_ADDRESS}`);
    await learned(leaf, `10.17.0.0/16 ${HOST_ADDRESS}`);
    await until("the route is in the kernel", () => {
      expect(kernelRoute()).toContain(`via ${LEAF_ADDRESS} dev up0`);
    });
  });

  test("the same configuration changes nothing", async () => {
    expect(await daemon.apply(textOf(kind, "host-1"))).toBe("unchanged");
  });

  test("another life knows the running daemon by its files", () => {
    expect(daemonOf(kind, names.host).isRunning()).toBe(true);
    expect(daemonOf(peerKind, names.host).isRunning()).toBe(false);
  });

  test("another configuration is taken, and the session goes on", async () => {
    const before = connection();
    expect(before).toContain(HOST_ADDRESS);
    expect(await daemon.apply(textOf(kind, "host-1", "65000:777"))).toBe("reloaded");
    const told = (): string =>
      peerKind === "frr"
        ? spawnSync(
            "vtysh",
            ["--vty_socket", join(directory, names.leaf), "-c", "show bgp ipv4 10.17.0.0/16"],
            { encoding: "utf8" },
          ).stdout
        : spawnSync(
            "birdc",
            ["-s", join(directory, names.leaf, "bird.ctl"), "show", "route", "all", "10.17.0.0/16"],
            { encoding: "utf8" },
          ).stdout.replace("65000,777", "65000:777");
    await until(
      "the leaf hears the new community",
      () => {
        expect(told()).toContain("65000:777");
      },
      { interval: 100 },
    );
    expect(connection()).toBe(before);
  });

  test("a configuration that it does not understand is refused, and the old one stays in force", async () => {
    const before = connection();
    const refused = daemon.apply(`${textOf(kind, "host-1")}\nnonsense of somebody\n`);
    await expect(refused).rejects.toMatchObject({ code: "invalid-input" });
    expect(connection()).toBe(before);
    expect(await daemon.apply(textOf(kind, "host-1", "65000:777"))).toBe("unchanged");
  });

  test("killed, it is started again with the same configuration", async () => {
    const file = join(directory, names.host, kind === "bird" ? "bird.pid" : "bgpd.pid");
    process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
    await until("it is gone", () => {
      expect(daemon.isRunning()).toBe(false);
    });
    expect(await daemon.apply(textOf(kind, "host-1", "65000:777"))).toBe("started");
    await established(daemon, LEAF_ADDRESS);
    await learned(leaf, `10.17.0.0/16 ${HOST_ADDRESS}`);
    await until("the route is in the kernel", () => {
      expect(kernelRoute()).toContain(`via ${LEAF_ADDRESS}`);
    });
  });

  test("stopped, it takes its routes with it", async () => {
    await daemon.stop();
    expect(daemon.isRunning()).toBe(false);
    await until("the kernel has no route of it", () => {
      expect(kernelRoute()).toBe("");
    });
  });
});

test("a daemon that is not installed is said to be so", async () => {
  const directory = mkdtempSync(join(tmpdir(), "romana-daemons-"));
  const run: CommandRunner = ({ argv: [program, ...words] }) =>
    runCommand({ argv: [`absent-${program}`, ...words] });
  const absent = createRoutingDaemon("bird", { directory, run });
  try {
    await expect(absent.apply("")).rejects.toMatchObject({ code: "unsupported" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
