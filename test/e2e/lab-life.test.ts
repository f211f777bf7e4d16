import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LABS_DIRECTORY } from "../../src/lab/paths.ts";
import { runCommand } from "../../src/system/command.ts";
import { leftovers, PROGRAM, romana, serverOf, smallLab, startRomana } from "../support/lab.ts";

const FIRST = `t${process.pid}a`;
const SECOND = `t${process.pid}b`;

let directory: string;
let file: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "romana-lab-"));
  file = join(directory, "lab.yaml");
  writeFileSync(file, JSON.stringify(smallLab(FIRST)));
});

afterAll(async () => {
  for (const lab of [FIRST, SECOND]) await romana("lab", "down", lab);
  rmSync(directory, { recursive: true });
});

describe("a lab from up to down", () => {
  test("lab up says what it does, and what has become of it", async () => {
    const up = await romana("lab", "up", "-f", file);
    expect(
      up.stderr
        .trim()
        .split("\n")
        .map((line) => line.replace(/^lab \S+: /, "")),
    ).toEqual([
      "[1/7] making the underlay",
      "[2/7] starting romanad",
      "[3/7] creating 1 network and 1 tenant",
      "[4/7] starting 2 hosts",
      "[5/7] waiting for the hosts",
      "[6/7] attaching 3 endpoints",
      "[7/7] waiting until all hosts are well",
    ]);
    expect(up.stdout).toContain(`lab ${FIRST} is up; romana --server ${serverOf(FIRST)}`);
    expect(up.stdout).toMatch(/web-1 +h1 +shop +web +10\.1\.1\.27 +fd00:10:0:1:1:1:0:b/);
    expect(up.status).toBe(0);
  });

  test("its files are for root only", () => {
    expect(statSync(join(LABS_DIRECTORY, FIRST)).mode & 0o777).toBe(0o700);
  });

  test("lab status shows romanad, the agents, hosts that are well, and addresses", async () => {
    const { stdout, status } = await romana("lab", "status", FIRST, "-o", "json");
    const report = JSON.parse(stdout);
    expect(status).toBe(0);
    expect(report.state).toBe("up");
    expect(report.processes.map(({ name }: { name: string }) => name).sort()).toEqual([
      "agent of h1",
      "agent of h2",
      "romanad",
    ]);
    expect(
      report.hosts.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`),
    ).toEqual(["h1 ok", "h2 ok"]);
    expect(report.endpoints.map(({ ipv4 }: { ipv4: string }) => ipv4)).toEqual([
      "10.1.1.27",
      "10.2.1.17",
      "10.2.1.33",
    ]);
  });

  test("the same lab does not come up twice", async () => {
    const again = await romana("lab", "up", "-f", file);
    expect(again.status).toBe(4);
    expect(again.stderr).toContain(`"${FIRST}": it is there already; "romana lab down ${FIRST}" removes it`);
  });

  test("lab ping finds everything as expected", async () => {
    const { stdout, status } = await romana("lab", "ping", FIRST);
    expect(stdout.split("\n").slice(0, 6)).toEqual([
      "#  FROM   ON  1  2  3  GATEWAY",
      "   h1         .  -  -  -",
      "   h2         -  .  .  -",
      "1  web-1  h1  -  .  X  .",
      "2  web-2  h2  .  -  X  .",
      "3  db-2   h2  X  X  -  .",
    ]);
    expect(status).toBe(0);
  });

  test("a second lab from the same file runs beside it, with the same addresses", async () => {
    const up = await romana("lab", "up", "-f", file, "--name", SECOND);
    expect(up.status).toBe(0);
    const list = await romana("lab", "list");
    expect(list.stdout).toMatch(new RegExp(`${FIRST} +up +2 +3\n(.*\n)*${SECOND} +up +2 +3`));
    const pings = await Promise.all([romana("lab", "ping", FIRST), romana("lab", "ping", SECOND)]);
    expect(pings.map(({ status }) => status)).toEqual([0, 0]);
  });

  test("lab exec runs commands in endpoints, hosts and the underlay, with their exit codes", async () => {
    const inside = (...words: string[]) => romana("lab", "exec", "--lab", FIRST, ...words);
    expect((await inside("web-1", "--", "ip", "-o", "-4", "addr", "show", "eth0")).stdout).toContain(
      "10.1.1.27/32",
    );
    expect((await inside("web-1", "--", "ping", "-c", "1", "-W", "3", "10.2.1.17")).status).toBe(0);
    expect((await inside("h1", "sh", "-c", "exit 42")).status).toBe(42);
    expect((await inside("underlay", "--", "sh", "-c", "kill -TERM $$")).status).toBe(143);
    expect((await inside("web-9", "true")).status).toBe(3);
    expect(await inside("web-1", "no-such-command")).toMatchObject({
      status: 70,
      stderr: expect.stringContaining('Cannot run "no-such-command" in "web-1"'),
    });
  });

  test("lab ping without a name does not guess between two", async () => {
    const { status, stderr } = await romana("lab", "ping");
    expect(status).toBe(2);
    expect(stderr).toContain("several labs are up");
  });

  test("a host whose agent has died is not called well", async () => {
    await killProgram(SECOND, "agent of h2");
    const { stdout } = await romana("lab", "status", SECOND, "-o", "json");
    expect(JSON.parse(stdout).hosts).toMatchObject([
      { name: "h1", state: "ok", problems: [] },
      { name: "h2", state: "unknown", problems: ["Its agent does not run"] },
    ]);
  });

  test("lab ping works while romanad is away", async () => {
    await killProgram(SECOND, "romanad");
    expect((await romana("lab", "ping", SECOND)).status).toBe(0);
    const status = await romana("lab", "status", SECOND, "-o", "json");
    expect(JSON.parse(status.stdout).hosts[0].state).toBe("unknown");
  });

  test("lab down leaves nothing, and takes nothing from the other lab", async () => {
    // What people run in a lab goes with it, too.
    const visitor = startRomana(
      "lab",
      "exec",
      "--lab",
      SECOND,
      "web-1",
      "--",
      "sh",
      "-c",
      "echo here >&2; exec sleep 600",
    );
    await expect.poll(() => visitor.progress(), { timeout: 30_000 }).toContain("here");
    const down = await romana("lab", "down", SECOND);
    expect(down.status).toBe(0);
    expect((await visitor.done).status).toBe(137);
    expect(await leftovers(SECOND)).toEqual([]);
    expect((await romana("lab", "ping", FIRST)).status).toBe(0);
    expect((await romana("lab", "down", FIRST)).status).toBe(0);
    expect(await leftovers(FIRST)).toEqual([]);
  });

  test("a name leads nowhere but to a lab", async () => {
    expect(await romana("lab", "down", "../lab")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Cannot use lab "../lab": no lab can have this name'),
    });
  });

  test("of two that bring up the same lab at once, one does", async () => {
    const both = [romana("lab", "up", "-f", file), romana("lab", "up", "-f", file)];
    const runs = await Promise.all(both);
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set([0, 4]));
    expect((await romana("lab", "down", FIRST)).status).toBe(0);
    expect(await leftovers(FIRST)).toEqual([]);
  });

  test("a machine that never had a named namespace is as before", async () => {
    const script = [
      "umount -R /run/netns 2>/dev/null; mount -t tmpfs tmpfs /run",
      `"$0" "$1" lab up -f "$2" >/dev/null 2>&1`,
      "ls /run/netns | wc -l",
      `"$0" "$1" lab down 2>/dev/null`,
      "ls -A /run; grep netns /proc/self/mountinfo || echo no mounts",
    ].join("\n");
    const argv = ["unshare", "--mount", "sh", "-c", script, process.execPath, PROGRAM, file];
    expect(await runCommand({ argv, timeout: 60_000 })).toBe(
      `6\nlab ${FIRST} removed: 3 processes, 6 namespaces\nno mounts\n`,
    );
  });

  test("lab down of what is not there is no error", async () => {
    expect(await romana("lab", "down", FIRST)).toMatchObject({
      status: 0,
      stdout: `lab ${FIRST} is not there\n`,
    });
  });
});

async function killProgram(lab: string, program: string): Promise<void> {
  const { stdout } = await romana("lab", "status", lab, "-o", "json");
  const { pid } = JSON.parse(stdout).processes.find(({ name }: { name: string }) => name === program);
  process.kill(pid, "SIGKILL");
}
