import { describe, expect, test } from "vitest";
import { main, screenOf } from "./main.ts";

const ESCAPE = "\u001b[";

async function run(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const status = await main({
    words,
    version: "1.2.3",
    env: {},
    stdout: {
      write: (text) => {
        out += text;
      },
    },
    stderr: {
      write: (text) => {
        err += text;
      },
    },
    signal: new AbortController().signal,
  });
  return { status, out, err };
}

describe("main()", () => {
  test("prints results on stdout and leaves 0", async () => {
    expect(await run("version", "-o", "json")).toEqual({
      status: 0,
      out: `{\n  "romana": "1.2.3",\n  "node": "${process.versions.node}"\n}\n`,
      err: "",
    });
  });
  test("prints help on stdout and leaves 0", async () => {
    const { status, out, err } = await run("help", "host");
    expect([status, err]).toEqual([0, ""]);
    expect(out).toMatch(/^Usage: romana host \[options\] \[command\]\n/);
  });
  test("prints a refusal as one line on stderr and leaves the code of its family", async () => {
    expect(await run("host")).toMatchObject({ status: 0 });
    expect(await run("hots")).toEqual({
      status: 2,
      out: "",
      err: `romana: Cannot run "romana hots": unknown command 'hots' (Did you mean host?); see "romana --help"\n`,
    });
  });
});

describe("plan", () => {
  test("speaks of the seed's plan when none is named", async () => {
    const identity = ["--host", "1", "--tenant", "1", "--segment", "1", "--endpoint", "11"];
    expect(await run("plan", "encode", ...identity)).toEqual({ status: 0, out: "10.1.1.27\n", err: "" });
    const { out } = await run("plan", "decode", "10.1.1.27", "-o", "json");
    expect(JSON.parse(out)).toMatchObject({ host: 1, tenant: 1, segment: "1", endpoint: 11 });
  });
  test("proposes layouts of 10.0.0.0/8 when no prefix is named", async () => {
    const wanted = ["--hosts", "255", "--tenants", "255", "--segments", "15", "--endpoints", "13"];
    const { status, out } = await run("plan", "propose", ...wanted, "-o", "json");
    const named = await run("plan", "propose", "--prefix", "10.0.0.0/8", ...wanted, "-o", "json");
    expect([status, out]).toEqual([0, named.out]);
    const choice = await run("plan", "propose", ...wanted, "--choose", "balanced", "-o", "json");
    expect(JSON.parse(choice.out)).toMatchObject({
      plans: { ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 } },
    });
  });
});

describe("screenOf()", () => {
  const write = () => {};
  test.each<[string, boolean, Record<string, string>, boolean]>([
    ["a terminal", true, {}, true],
    ["a file", false, {}, false],
    ["a terminal with NO_COLOR", true, { NO_COLOR: "1" }, false],
    ["a terminal with an empty NO_COLOR", true, { NO_COLOR: "" }, true],
    ["a dumb terminal", true, { TERM: "dumb" }, false],
  ])("%s: colours", (_, isTTY, env, coloured) => {
    expect(screenOf({ isTTY, write }, env, "table").paint("good", "x").startsWith(ESCAPE)).toBe(coloured);
  });
  test.each<[Record<string, string>, boolean]>([
    [{ LANG: "C.UTF-8" }, true],
    [{ LANG: "de_DE.utf8" }, true],
    [{ LANG: "C.UTF-8", LC_ALL: "C" }, false],
    [{ LANG: "C", LC_CTYPE: "C.UTF-8" }, true],
    [{}, false],
  ])("%j: unicode %s", (env, unicode) => {
    expect(screenOf({ write }, env, "table").unicode).toBe(unicode);
  });
  test.each<[number | undefined, Record<string, string>, number]>([
    [72, { COLUMNS: "33" }, 72],
    [undefined, { COLUMNS: "33" }, 33],
    [undefined, { COLUMNS: "no" }, 100],
    [undefined, {}, 100],
  ])("a terminal of %s columns and %j: %d", (columns, env, width) => {
    expect(screenOf({ ...(columns !== undefined && { columns }), write }, env, "table").columns).toBe(width);
  });
});
