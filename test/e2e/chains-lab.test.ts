import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/agent-site.ts";
import { PROGRAM, type Run, romana, serverOf, smallLab } from "../support/lab.ts";

const LAB = `t${process.pid}k`;
/** Patience with a busy machine, in milliseconds. */
const PATIENCE = 60_000;
const HOSTS = ["h1", "h2", "h3"];
const FUNCTIONS = ["fw-1", "ids-1"];

/** Forwards what it gets and counts it, as a firewall that lets everything pass. */
const SEEN = `add table inet seen
delete table inet seen
table inet seen {
  counter there { }
  counter back { }
  chain forward {
    type filter hook forward priority 0;
    icmp type echo-request counter name there
    icmp type echo-reply counter name back
    icmpv6 type echo-request counter name there
    icmpv6 type echo-reply counter name back
  }
}
`;

let directory: string;
let health: ChildProcess | undefined;

/** Runs a command of `romana` against the lab's romanad. */
const ask = (...words: string[]): Promise<Run> => romana("--server", serverOf(LAB), ...words);

/** Runs a command inside the lab. */
const exec = (where: string, ...argv: string[]): Promise<Run> =>
  romana("lab", "exec", "--lab", LAB, where, "--", ...argv);

async function done(run: Promise<Run>): Promise<string> {
  const { status, stderr, stdout } = await run;
  expect([stderr, status]).toEqual(["", 0]);
  return stdout;
}

/** What the functions have seen since the last look, as `THERE BACK`. */
async function seen(): Promise<string[]> {
  const all: string[] = [];
  for (const name of FUNCTIONS) {
    const text = await done(exec(name, "nft", "list", "counters"));
    const counted = (counter: string): string =>
      new RegExp(`counter ${counter} \\{\\s+packets (\\d+)`).exec(text)?.[1] ?? "none";
    all.push(`${counted("there")} ${counted("back")}`);
    await done(exec(name, "nft", "-f", join(directory, "seen.nft")));
  }
  return all;
}

/** Whether one echo request is answered, to the address of `db-1` in a family. */
async function pings(address: string): Promise<boolean> {
  return (await exec("web-1", "ping", "-c", "1", "-W", "1", address)).status === 0;
}

/** Waits until pings do or do not come back, and functions see them like this. */
async function becomes(address: string, isAnswered: boolean, passed: readonly string[]): Promise<void> {
  await until(
    `pings to ${address} ${isAnswered ? "are" : "are not"} answered, by way of ${passed.join(" and ")}`,
    async () => {
      await seen();
      expect(await pings(address)).toBe(isAnswered);
      expect(await seen()).toEqual(passed);
    },
    PATIENCE,
  );
}

/** What is told to be healthy by answering on port 8080. */
async function serve(): Promise<void> {
  const program = `require("node:net").createServer((socket) => socket.end()).listen(8080, "::", () => console.log("on"));`;
  const argv = [PROGRAM, "lab", "exec", "--lab", LAB, "fw-1", "--", process.execPath, "-e", program];
  health = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  await new Promise((resolve) => health?.stdout?.once("data", resolve));
}

function stopServing(): void {
  if (health?.pid !== undefined) process.kill(-health.pid, "SIGKILL");
  health = undefined;
}

async function addressesOf(name: string): Promise<string[]> {
  const { addresses } = JSON.parse(await done(ask("endpoint", "show", name, "-o", "json"))) as {
    addresses: { ipv4: string; ipv6: string };
  };
  return [addresses.ipv4, addresses.ipv6];
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-lab-"));
  writeFileSync(join(directory, "seen.nft"), SEEN);
  const file = join(directory, "lab.yaml");
  const segments = ["web", "db", "fw", "ids"].map((name, index) => ({ name, id: index + 1 }));
  const endpoint = (name: string, host: string): object => {
    return { name, host, tenant: "shop", segment: name.split("-")[0] };
  };
  const lab = {
    ...smallLab(LAB),
    hosts: HOSTS.map((name, index) => ({ name, id: index + 1 })),
    tenants: [{ name: "shop", id: 1, isolation: "tenant", segments }],
    endpoints: [
      endpoint("web-1", "h1"),
      endpoint("fw-1", "h2"),
      endpoint("ids-1", "h3"),
      endpoint("db-1", "h1"),
    ],
  };
  writeFileSync(file, JSON.stringify(lab));
  await done(romana("lab", "up", "-f", file).then((up) => ({ ...up, stderr: "" })));
  for (const name of FUNCTIONS) {
    const settings = [
      "net.ipv4.ip_forward=1",
      "net.ipv6.conf.all.forwarding=1",
      "net.ipv4.conf.all.send_redirects=0",
    ];
    for (const setting of [...settings, "net.ipv4.conf.eth0.send_redirects=0"]) {
      await done(exec(name, "sysctl", "-q", "-w", setting));
    }
    await done(exec(name, "nft", "-f", join(directory, "seen.nft")));
  }
  await serve();
});

afterAll(async () => {
  stopServing();
  await romana("lab", "down", LAB);
  rmSync(directory, { recursive: true });
});

describe("a chain made on the command line", () => {
  test("leads through its functions, in both directions and both families", async () => {
    const ends = ["--from", "shop/web", "--to", "shop/db"];
    const [ipv4 = "", ipv6 = ""] = await addressesOf("db-1");
    await becomes(ipv4, true, ["0 0", "0 0"]);
    await done(
      ask("chain", "create", "guard", ...ends, "--through", "shop/fw,tcp:8080", "--through", "shop/ids"),
    );
    await becomes(ipv4, true, ["1 1", "1 1"]);
    await becomes(ipv6, true, ["1 1", "1 1"]);
  });

  test("drops when a closed function does not answer any more, and goes on when it does", async () => {
    const [ipv4 = ""] = await addressesOf("db-1");
    stopServing();
    await becomes(ipv4, false, ["0 0", "0 0"]);
    await serve();
    await becomes(ipv4, true, ["1 1", "1 1"]);
  });

  test("leaves nothing on any host when it is deleted", async () => {
    const [ipv4 = ""] = await addressesOf("db-1");
    await done(ask("chain", "delete", "guard"));
    await becomes(ipv4, true, ["0 0", "0 0"]);
    for (const host of HOSTS) {
      await until(
        `${host} has nothing of chains`,
        async () => {
          expect(await done(exec(host, "ip", "rule"))).not.toContain("proto 114");
          expect(await done(exec(host, "ip", "-6", "rule"))).not.toContain("proto 114");
          expect(await done(exec(host, "nft", "list", "tables"))).not.toContain("romana_chains");
          expect(await done(exec(host, "nft", "list", "table", "inet", "romana"))).not.toContain("meta mark");
        },
        PATIENCE,
      );
    }
  });
});
