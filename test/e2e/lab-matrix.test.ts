import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAddress } from "../../src/net/index.ts";
import { namespacePath } from "../../src/system/namespace.ts";
import { openSocket } from "../../src/system/sockets.ts";
import { romana, serverOf } from "../support/lab.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples/topologies");
const SEED = `t${process.pid}s`;
const RACKS = `t${process.pid}r`;
const TENANTS = `t${process.pid}i`;

/** The rows of the matrix without names: one character for each cell. */
function rows(stdout: string): string[] {
  const lines = stdout.split("\n").filter((line) => /^ *[0-9]+ .*-/.test(line));
  return lines.map((line) => line.trim().split(/ +/).slice(3).join(""));
}

describe("the seed's example", () => {
  test("looks as in docs/lab.md", async () => {
    const up = await romana("lab", "up", "-f", join(EXAMPLES, "seed.yaml"), "--name", SEED);
    expect(up.stdout).toMatch(/web-11 +host-1 +tenant-1 +web +10\.1\.1\.27 +fd00:1234:5678:1:1:1:0:b/);
    const { stdout, status } = await romana("lab", "ping", SEED);
    const page = readFileSync(join(import.meta.dirname, "../../docs/lab.md"), "utf8");
    const transcript = /^\$ romana lab ping\n([^`]*)^```/m.exec(page)?.[1];
    expect(stdout.split("\n\n")[0]).toBe(transcript?.trimEnd());
    expect(status).toBe(0);
  });
});

describe("policies in the seed's example", () => {
  const PORT = 5432;
  const TCP = ".:t4,t6";
  const ISOLATED = [
    "-..XXXXX.",
    ".-.XXXXX.",
    "..-XXXXX.",
    "XXX-.XXX.",
    "XXX.-XXX.",
    "XXXXX-...",
    "XXXXX.-..",
    "XXXXX..-.",
  ];
  const WITH_INGRESS = [
    ...ISOLATED.slice(0, 3).map((row) => row.replace("XXXXX", `${TCP}${TCP}XXX`)),
    ...ISOLATED.slice(3),
  ];
  const WEB_TO_DB = join(EXAMPLES, "../policies/web-to-db.yaml");
  const SERVER = ["--server", serverOf(SEED)];
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "romana-policies-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** The matrix as soon as hosts do what is expected of them. */
  async function settledRows(port: number): Promise<string[]> {
    let stdout = "";
    const ping = async (): Promise<number | null> => {
      const run = await romana("lab", "ping", SEED, "--port", String(port));
      stdout = run.stdout;
      return run.status;
    };
    await expect.poll(ping, { timeout: 20_000 }).toBe(0);
    return rows(stdout);
  }

  test("without any, isolation is all", async () => {
    expect(await settledRows(PORT)).toEqual(ISOLATED);
  });

  test("one of ingress opens cells, for its port and no other", async () => {
    const { status } = await romana("policy", "add", WEB_TO_DB, ...SERVER);
    expect(status).toBe(0);
    expect(await settledRows(PORT)).toEqual(WITH_INGRESS);
    expect(await settledRows(PORT + 1)).toEqual(ISOLATED);
  });

  test("one of egress closes cells, the gateway's too", async () => {
    const file = join(directory, "policy.json");
    const policy = {
      name: "app-to-cache",
      direction: "egress",
      applied_to: [{ tenant: "tenant-2", segment: "app" }],
      egress: [{ peers: [{ tenant: "tenant-2", segment: "cache" }], rules: [{ protocol: "any" }] }],
    };
    writeFileSync(file, JSON.stringify(policy));
    const { status } = await romana("policy", "add", file, ...SERVER);
    expect(status).toBe(0);
    expect(await settledRows(PORT)).toEqual([
      ...WITH_INGRESS.slice(0, 5),
      "XXXXX-X.X",
      "XXXXXX-.X",
      "XXXXX..-.",
    ]);
  });

  test("an endpoint that acts as another segment is taken for it", async () => {
    await romana("endpoint", "update", "cache-21", "--acts-as", "app", ...SERVER);
    expect(await settledRows(PORT)).toEqual([
      ...WITH_INGRESS.slice(0, 5),
      "XXXXX-XXX",
      "XXXXXX-XX",
      "XXXXXXX-X",
    ]);
    await romana("endpoint", "update", "cache-21", "--acts-as", "none", ...SERVER);
  });

  test("removed, they leave nothing behind", async () => {
    await romana("policy", "remove", "web-to-db", "app-to-cache", ...SERVER);
    expect(await settledRows(PORT)).toEqual(ISOLATED);
  });

  test("a port that is taken is told of, with the endpoint", async () => {
    const server = openSocket("tcp", 4, namespacePath(`romana-${SEED}.endpoint.db-11`));
    try {
      server.bind({ address: parseAddress("0.0.0.0"), port: 80 });
      server.listen();
      const { status, stderr } = await romana("lab", "ping", SEED);
      expect([status, stderr.trim()]).toEqual([
        4,
        'romana: Cannot answer probes: another program listens on port 80 in "db-11"; probe another port',
      ]);
    } finally {
      server.close();
    }
  });
});

afterAll(async () => {
  for (const lab of [SEED, RACKS, TENANTS]) await romana("lab", "down", lab);
});

describe("racks behind routers", () => {
  test("every endpoint reaches its segment in every rack", async () => {
    const up = await romana("lab", "up", "-f", join(EXAMPLES, "racks.yaml"), "--name", RACKS);
    expect(up.stderr).not.toContain("romana: ");
    const { stdout, status } = await romana("lab", "ping", RACKS);
    expect(rows(stdout)).toEqual(["-...X.", ".-..X.", "..-.X.", "...-X.", "XXXX-."]);
    expect(status).toBe(0);
  });
  test("a host has routes for racks and zones, not for their hosts", async () => {
    const { stdout } = await romana("route", "list", "--host", "a1-1", "--server", serverOf(RACKS));
    const routes = stdout
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(/ {2,}/).slice(1, 4).join(" "));
    expect(routes.filter((route) => route.startsWith("10."))).toEqual([
      "10.1.0.0/16 blackhole -",
      "10.2.0.0/16 unicast 172.20.0.2",
      "10.16.0.0/12 unicast 172.20.0.254",
      "10.64.0.0/10 unicast 172.20.0.254",
    ]);
  });
});

describe("isolation", () => {
  const SERVER = ["--server", serverOf(TENANTS)];

  beforeAll(async () => {
    const up = await romana("lab", "up", "-f", join(EXAMPLES, "isolation.yaml"), "--name", TENANTS);
    expect(up.stderr).not.toContain("romana: ");
  });

  test("every kind of isolation and every width of code is kept", async () => {
    const { stdout, status } = await romana("lab", "ping", TENANTS);
    expect(rows(stdout)).toEqual([
      "-.XXXXXX...",
      ".-XXXXXX...",
      "XX-.XXXX...",
      "XX.-XXXX...",
      "XXXX-.XX...",
      "XXXX.-XX...",
      "XXXXXX-....",
      "XXXXXX.-...",
      "XXXXXXXX-..",
      "XXXXXXXX.-.",
    ]);
    expect(status).toBe(0);
  });

  test("a change of isolation changes what is expected and what happens", async () => {
    await romana("tenant", "update", "strict", "--isolation", "tenant", ...SERVER);
    await expect.poll(async () => (await romana("lab", "ping", TENANTS)).status, { timeout: 20_000 }).toBe(0);
    const { stdout } = await romana("lab", "ping", TENANTS);
    expect(rows(stdout)[0]).toBe("-.....XX...");
    await romana("tenant", "update", "strict", "--isolation", "segment", ...SERVER);
    await expect.poll(async () => (await romana("lab", "ping", TENANTS)).status, { timeout: 20_000 }).toBe(0);
  });

  test("the matrix notices a firewall that is gone, and its return", async () => {
    const { stdout: text } = await romana("lab", "status", TENANTS, "-o", "json");
    const agent = JSON.parse(text).processes.find(({ name }: { name: string }) => name === "agent of host-1");
    process.kill(agent.pid, "SIGSTOP");
    try {
      await romana(
        "lab",
        "exec",
        "--lab",
        TENANTS,
        "host-1",
        "--",
        "nft",
        "delete",
        "table",
        "inet",
        "romana",
      );
      const { stdout, status } = await romana("lab", "ping", TENANTS);
      expect(status).toBe(1);
      // What host-1 no longer drops: all that comes to its endpoints 1, 3, 5 and 7.
      expect(stdout).toMatch(/^ *1 +strict-web-1 +host-1 +- +\. +OPEN +X +OPEN +X +OPEN +X /m);
      expect(stdout).toContain("was answered, should not arrive (isolation)");
    } finally {
      process.kill(agent.pid, "SIGCONT");
    }
    await expect.poll(async () => (await romana("lab", "ping", TENANTS)).status, { timeout: 20_000 }).toBe(0);
  });

  test("the matrix notices a route that is gone", async () => {
    const { stdout: text } = await romana("lab", "status", TENANTS, "-o", "json");
    const agent = JSON.parse(text).processes.find(({ name }: { name: string }) => name === "agent of host-2");
    process.kill(agent.pid, "SIGSTOP");
    try {
      await romana("lab", "exec", "--lab", TENANTS, "host-2", "--", "ip", "route", "del", "10.1.0.0/16");
      const { stdout, status } = await romana("lab", "ping", TENANTS);
      expect(status).toBe(1);
      expect(stdout).toMatch(/^ *2 +strict-web-2 +host-2 +LOST:/m);
    } finally {
      process.kill(agent.pid, "SIGCONT");
    }
    await expect.poll(async () => (await romana("lab", "ping", TENANTS)).status, { timeout: 20_000 }).toBe(0);
  });

  test("an endpoint that is not attached is named", async () => {
    await romana("endpoint", "delete", "open-web-2", ...SERVER);
    const { stdout, status } = await romana("lab", "ping", TENANTS);
    expect(status).toBe(1);
    expect(stdout).toContain("open-web-2 is not attached: it has no address");
  });
});
