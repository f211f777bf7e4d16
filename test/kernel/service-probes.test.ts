import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Probe, Prober } from "../../src/agent/health-prober.ts";
import { createProber } from "../../src/agent/probe.ts";
import { addressBits, formatAddress, parseAddress } from "../../src/net/index.ts";
import { EchoAsker } from "../../src/system/echo.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { apply, LOOPBACK } from "../support/firewall-topology.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

leaveHostNamespace();

/** The gateway, an endpoint, and an address that nothing answers at. */
const PARTIES = {
  4: ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map(parseAddress),
  6: ["2001:db8::1", "2001:db8::2", "2001:db8:1::1"].map(parseAddress),
};
/** As patient as a busy machine needs where an answer is expected. */
const PATIENT = 30_000;

let echo: EchoAsker;
let probe: Prober;
const servers: (Server | HttpServer)[] = [];
const ports: Record<string, number> = {};
/** Addresses that connections and requests came from. */
const sources = new Set<string>();
/** What servers complained about. */
const resets: string[] = [];

function listen(name: string, server: Server | HttpServer): Promise<void> {
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "::", () => {
      ports[name] = (server.address() as { port: number }).port;
      resolve();
    });
  });
}

beforeAll(async () => {
  const kernel = createLinuxKernel();
  const addresses = [...PARTIES[4].slice(0, 2), ...PARTIES[6].slice(0, 2)];
  apply(kernel, [
    { type: "set-link-up", link: LOOPBACK },
    ...addresses.map((address) => ({
      type: "add-address" as const,
      address: { link: LOOPBACK, address, prefixLength: addressBits(address.family) },
    })),
  ]);
  kernel.close();
  await listen(
    "tcp",
    createServer((socket) => {
      sources.add((socket.remoteAddress ?? "").replace("::ffff:", ""));
      socket.on("error", ({ message }) => resets.push(message));
    }),
  );
  await listen(
    "mute",
    createServer((socket) => socket.on("error", () => {})),
  );
  await listen(
    "http",
    createHttpServer(({ url = "", headers }, response) => {
      sources.add(headers["user-agent"] ?? "");
      response.writeHead(Number(url.slice(1))).end();
    }),
  );
  echo = new EchoAsker(4711);
  probe = createProber(echo);
});
afterAll(() => {
  echo.close();
  for (const server of servers) server.close();
});

describe.each([4, 6] as const)("a probe over IPv%i", (family) => {
  const [gateway, endpoint, nobody] = PARTIES[family] as [
    Probe["address"],
    Probe["address"],
    Probe["address"],
  ];
  const ask = (change: Partial<Probe> & Pick<Probe, "protocol">): Promise<boolean> =>
    probe({ address: endpoint, source: gateway, timeout: PATIENT, ...change });

  test("of TCP wants somebody who accepts, and comes from the gateway's address", async () => {
    sources.clear();
    expect(await ask({ protocol: "tcp", port: ports.tcp as number })).toBe(true);
    expect([...sources]).toEqual([formatAddress(gateway)]);
    expect(await ask({ protocol: "tcp", port: 1 })).toBe(false);
    expect(resets).toEqual([]);
    expect(await ask({ protocol: "tcp", address: nobody, timeout: 100, port: 1 })).toBe(false);
    expect(await ask({ protocol: "tcp" })).toBe(false);
  });

  test.each([
    ["/200", true],
    ["/204", true],
    ["/302", true],
    ["/404", false],
    ["/503", false],
  ])("of HTTP at %s: %s", async (path, expected) => {
    expect(await ask({ protocol: "http", port: ports.http as number, path })).toBe(expected);
    expect([...sources]).toContain("romana-agent");
  });

  test("of HTTP ends when nobody says anything, or nobody is there", async () => {
    expect(await ask({ protocol: "http", port: ports.mute as number, timeout: 100 })).toBe(false);
    expect(await ask({ protocol: "http", port: 1 })).toBe(false);
    expect(await ask({ protocol: "http" })).toBe(false);
  });

  test("of ICMP wants an echo", async () => {
    const many = Array.from({ length: 20 }, () => ask({ protocol: "icmp" }));
    expect(new Set(await Promise.all(many))).toEqual(new Set([true]));
    expect(await ask({ protocol: "icmp", address: nobody, timeout: 100 })).toBe(false);
    expect(await ask({ protocol: "icmp", source: nobody })).toBe(false);
  });
});
