import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LABS_DIRECTORY } from "../../src/lab/paths.ts";
import { runCommand } from "../../src/system/command.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { romana, serverOf, smallLab } from "../support/lab.ts";

const LAB = `t${process.pid}g`;
const NAMESPACE = `cli${process.pid}`;
const SOCKET = ["--socket", `${LABS_DIRECTORY}/${LAB}/hosts/h1/agent.sock`];

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-cli-"));
  const file = join(directory, "lab.json");
  writeFileSync(file, JSON.stringify(smallLab(LAB)));
  createNamespace(NAMESPACE);
  const up = await romana("lab", "up", "-f", file);
  expect(up.stderr).not.toContain("romana: ");
});

afterAll(async () => {
  await romana("lab", "down", LAB);
  deleteNamespace(NAMESPACE);
  rmSync(directory, { recursive: true });
});

describe("romana agent", () => {
  test("status says that all is well", async () => {
    const { status, stdout } = await romana("agent", "status", ...SOCKET);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^host +h1\nstate +ok\nromanad +unix:.*, connected\n/);
    expect(stdout).toMatch(/^attachments +1\nroutes +4 routes, 0 not in place$/m);
  });
  test("attach wires an endpoint to a namespace, once", async () => {
    const words = ["agent", "attach", "web-9", "--tenant", "shop", "--segment", "web", "--id", "9"];
    const target = ["--netns", namespacePath(NAMESPACE), "--interface", "net0"];
    const first = await romana(...words, ...target, ...SOCKET);
    expect(first.stdout).toMatch(/^created +web-9 +10\.1\.1\.25 .*attached$/m);
    const again = await romana(...words, ...target, ...SOCKET);
    expect(again.stdout).toMatch(/^unchanged +web-9 /m);
    const ping = ["ping", "-c", "1", "-W", "3", "10.2.1.17"];
    await runCommand({ argv: ping, namespace: namespacePath(NAMESPACE) });
  });
  test("attachments and show tell of it", async () => {
    const list = await romana("agent", "attachments", ...SOCKET, "-o", "json");
    expect(
      JSON.parse(list.stdout)
        .map(({ device }: { device: string }) => device)
        .sort(),
    ).toEqual(["rom0a010119", "rom0a01011b"]);
    const show = await romana("agent", "show", "10.1.1.25", ...SOCKET);
    expect(show.stdout).toMatch(/^device +rom0a010119$/m);
  });
  test("desired prints sysctls, links, routes, neighbours and the table", async () => {
    const { stdout } = await romana("agent", "desired", ...SOCKET);
    expect(stdout).toContain("table inet romana {");
    expect(stdout).toContain("10.2.0.0/16");
  });
  test("detach takes it away, and is content when there is nothing", async () => {
    const first = await romana("agent", "detach", "web-9", ...SOCKET);
    expect(first).toMatchObject({ status: 0, stdout: "web-9 detached\n" });
    const again = await romana("agent", "detach", "web-9", ...SOCKET);
    expect(again).toMatchObject({ status: 0, stdout: "web-9 is not attached\n" });
    const gone = await romana("endpoint", "show", "web-9", "--server", serverOf(LAB));
    expect(gone.status).toBe(3);
  });
  test("an endpoint without a target is refused", async () => {
    const { status, stderr } = await romana(
      "agent",
      "attach",
      "x",
      "--tenant",
      "shop",
      "--segment",
      "web",
      ...SOCKET,
    );
    expect(status).toBe(2);
    expect(stderr).toContain("--netns: give either a network namespace or a tap");
  });
});

describe("completion", () => {
  const complete = async (...words: string[]): Promise<string[]> => {
    const { stdout } = await romana("complete", "--", ...words);
    return stdout
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[0] as string);
  };
  const AT_SERVER = ["--server", serverOf(LAB)];

  test.each<[string, string[], string[]]>([
    ["nouns", ["ten"], ["tenant", ":4"]],
    ["verbs", ["host", "sh"], ["show", ":4"]],
    ["options", ["lab", "up", "--n"], ["--name", ":4"]],
    ["words of an option", ["tenant", "create", "x", "--isolation", "t"], ["tenant", ":4"]],
    ["formats", ["host", "list", "-o", "j"], ["json", ":4"]],
    ["hosts", ["host", "show", ...AT_SERVER, "h"], ["h1", "h2", ":4"]],
    ["hosts behind an option", ["endpoint", "list", ...AT_SERVER, "--host", ""], ["h1", "h2", ":4"]],
    ["segments", ["segment", "show", ...AT_SERVER, "shop/w"], ["shop/web", ":4"]],
    ["endpoints", ["endpoint", "rm", ...AT_SERVER, "db"], ["db-2", ":4"]],
    ["labs", ["lab", "ping", LAB.slice(0, -1)], [LAB, ":4"]],
    ["what can be entered", ["lab", "exec", "db"], ["db-2", ":4"]],
    ["files", ["lab", "up", "-f", "examples/topologies/se"], ["examples/topologies/seed.yaml", ":4"]],
    ["nothing when romanad is away", ["host", "show", "--server", "unix:///nowhere.sock", ""], [":4"]],
  ])("offers %s", async (_, words, candidates) => {
    expect(await complete(...words)).toEqual(candidates);
  });
  test.each(["bash", "zsh", "fish"])("%s gets a script that asks romana", async (shell) => {
    const { status, stdout } = await romana("completion", shell);
    expect(status).toBe(0);
    expect(stdout).toContain("romana complete --");
    if (shell === "bash") await runCommand({ argv: ["bash", "-n"], input: stdout });
  });
});
