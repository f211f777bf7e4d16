import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { main } from "../main.ts";

const STATE = join(import.meta.dirname, "../../../examples/states/shop.yaml");
const DIRECTORY = mkdtempSync(join(tmpdir(), "romana-why-"));
afterAll(() => rmSync(DIRECTORY, { recursive: true }));

/** Runs `romana why … --state` as a process would; words are separated by spaces. */
async function why(line: string, state = STATE): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main({
    words: ["why", ...line.split(" "), "--state", state],
    version: "0",
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

/** Runs `romana why --batch` over the lines. */
async function batch(lines: readonly string[], options = ""): ReturnType<typeof why> {
  const file = join(DIRECTORY, "flows");
  writeFileSync(file, lines.join("\n"));
  return await why(`--batch ${file}${options}`);
}

/** Lines with runs of spaces as one. */
function lines(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +/g, " ").trim());
}

describe("why, to an endpoint that is on another host", () => {
  const state = join(DIRECTORY, "relocated.yaml");
  writeFileSync(
    state,
    readFileSync(STATE, "utf8").replace("name: web-1", "name: web-1\n    locatedOn: host-2"),
  );

  test("it says where", async () => {
    const { stdout } = await why("web-1 10.2.1.18 --port 80", state);
    expect(lines(stdout)).toContainEqual(expect.stringMatching(/^egress host-2 /));
    expect(lines(stdout).at(-1)).toBe(
      "10.1.1.17 is on host host-2, although its bits say host-1: every host has a route for it alone",
    );
    const json = JSON.parse((await why("web-1 10.2.1.18 --port 80 -o json", state)).stdout) as object;
    expect(json).toMatchObject({
      relocated: [{ address: "10.1.1.17", host: "host-1", locatedOn: "host-2" }],
    });
    expect(await why("10.2.1.18 10.2.1.34 --port 80", state)).toEqual(
      await why("10.2.1.18 10.2.1.34 --port 80"),
    );
  });
});

describe("why", () => {
  test("who decides, where, and what was considered", async () => {
    const { code, stdout } = await why("10.1.1.17 db-1 --port 5432");
    expect(code).toBe(0);
    expect(stdout).toBe(`allowed: 10.1.1.17 to db-1 (10.2.1.33), tcp 5432

DIRECTION  ENFORCED AT  VERDICT  BECAUSE
egress     host-1       allowed  nothing isolates it
ingress    host-2       allowed  db-from-web rules[0] "queries"

Considered for egress:
POLICY   TIER   RULE      VERDICT  OUTCOME
no-mail  admin  rules[0]  drop     is about other traffic

Considered for ingress:
POLICY       TIER      RULE                VERDICT  OUTCOME
db-from-web  standard  rules[0] "queries"  accept   matches
`);
  });

  test.each([
    // By name and in both families, by segment, by host, by address.
    [
      "web-1 db-1 --port 5432",
      0,
      [
        "allowed: web-1 (10.1.1.17) to db-1 (10.2.1.33), tcp 5432",
        "allowed: web-1 (fd00:10:0:100:1:1:0:1) to db-1 (fd00:10:0:200:1:2:0:1), tcp 5432",
      ],
    ],
    ["shop/web 10.2.1.33 --port 5432", 0, ["allowed: shop/web (10.1.1.17) to 10.2.1.33, tcp 5432"]],
    [
      "office/desk 10.2.1.33 --port 5432",
      1,
      ["denied: office/desk (of which there is none yet) (10.1.2.17) to 10.2.1.33, tcp 5432"],
    ],
    [
      "web-1 host-1 --protocol icmp",
      1,
      ["denied: web-1 (10.1.1.17) to host host-1 (192.0.2.1), icmp type 8 code 0"],
    ],
    ["10.1.1.17 10.1.0.1 --protocol icmp", 0, ["allowed: 10.1.1.17 to 10.1.0.1, icmp type 8 code 0"]],
    [
      "fd00:10:0:100:1:1:0:1 fd00:10:0:100::1 --protocol icmp",
      0,
      ["allowed: fd00:10:0:100:1:1:0:1 to fd00:10:0:100::1, icmpv6 type 128 code 0"],
    ],
    ["198.51.100.7 10.1.1.17 --protocol 47", 1, ["denied: 198.51.100.7 to 10.1.1.17, protocol 47"]],
    // An endpoint that acts as another segment is that.
    ["web-2 10.2.1.33 --port 5432", 1, ["denied: web-2 (10.2.1.18) to 10.2.1.33, tcp 5432"]],
    ["shop/quarantine 10.1.1.17 --port 80", 1, ["denied: shop/quarantine (10.2.1.18) to 10.1.1.17, tcp 80"]],
    ["10.1.1.17 198.51.100.7 --port 25", 1, ["denied: 10.1.1.17 to 198.51.100.7, tcp 25"]],
    ["10.1.1.17 198.51.100.7 --protocol udp --port 25", 0, ["allowed: 10.1.1.17 to 198.51.100.7, udp 25"]],
  ])("%s: exit code %d", async (line, code, firstLines) => {
    const answer = await why(line);
    expect(answer.stderr).toBe("");
    expect(lines(answer.stdout).filter((text) => /^(allowed|denied):/.test(text))).toEqual(firstLines);
    expect(answer.code).toBe(code);
  });

  test.each([
    ["web-1 db-1 --port 5432", 'ingress host-2 allowed db-from-web rules[0] "queries"'],
    ["web-1 db-1 --port 5433", "ingress host-2 denied isolated by db-from-web; no rule accepts it"],
    ["db-1 web-1 --port 80", "ingress host-1 denied isolated by its tenant; no rule accepts it"],
    ["10.1.1.17 10.2.1.20 --port 80", "ingress host-2 allowed both are of the same segment"],
    ["web-1 198.51.100.7 --port 80", "ingress - - nobody enforces anything there"],
    [
      "198.51.100.7 10.1.9.17 --port 80",
      "ingress host-1 denied nobody knows whose address it is; no rule accepts it",
    ],
    ["host-1 10.1.1.17 --port 80", "ingress host-1 allowed comes from its own host"],
    ["10.1.1.17 10.1.0.1 --port 80", "ingress host-1 denied the host offers no such thing to its endpoints"],
    ["198.51.100.7 host-1 --port 22", "ingress host-1 allowed no policy takes this from a machine"],
    ["db-1 web-1 --port 80", "Not about this destination: 1 more (-o wide lists them)"],
    ["db-1 web-1 --port 80 -o wide", "db-from-web standard - - is not about it"],
  ])("%s says: %s", async (line, expected) => {
    expect(lines((await why(line)).stdout)).toContain(expected);
  });

  test("as JSON", async () => {
    const { stdout } = await why("10.1.1.17 db-1 --port 5432 -o json");
    expect(JSON.parse(stdout)).toMatchObject({
      from: "10.1.1.17",
      to: "db-1",
      answers: [
        {
          verdict: "allowed",
          flow: { source: "10.1.1.17", destination: "10.2.1.33", protocol: "tcp", port: 5432 },
          egress: { host: "host-1", decidedBy: { kind: "open" } },
          ingress: {
            host: "host-2",
            verdict: "allowed",
            decidedBy: { kind: "rule", policy: "db-from-web", rule: 0, ruleName: "queries" },
            considered: [{ outcome: "matched", policy: "db-from-web" }],
          },
        },
      ],
    });
  });

  test.each([
    ["web-1", 2, "TO: is missing: FROM TO, or --batch FILE"],
    ["web-1 nobody --port 80", 3, 'Cannot find endpoint "nobody"'],
    ["web-1 shop/nothing --port 80", 3, 'Cannot find segment "shop/nothing"'],
    ["web-1 db-1", 2, "port: is missing beside protocol tcp"],
    [
      "web-1 db-1 --protocol tpc --port 1",
      2,
      '"tpc" is neither one of tcp, udp, sctp, icmp, icmpv6 nor a number',
    ],
    ["web-1 db-1 --protocol 47 --port 1", 2, "port: protocol 47 has no ports"],
    ["web-1 db-1 --port 65536", 2, '"65536" is not a number up to 65535'],
    ["web-1 db-1 --port 80 --icmp-type 8", 2, "icmp-type: protocol tcp is not ICMP"],
    ["web-1 db-1 --protocol icmp --icmp-code 1", 2, "icmp-type: is missing beside icmp-code"],
    ["10.1.1.17 fd00:10::1 --port 80", 2, "have no addresses of the same family"],
    ["web-1 db-1 --batch nowhere.csv", 2, 'Cannot read file "nowhere.csv"'],
  ])("%s is refused", async (line, code, message) => {
    const answer = await why(line);
    expect(answer.stderr).toContain(message);
    expect({ code: answer.code, stdout: answer.stdout }).toEqual({ code, stdout: "" });
  });
});

describe("why --batch", () => {
  const ALLOWED = 'allowed 10.1.1.17 10.2.1.33 tcp 5432 nothing isolates it db-from-web rules[0] "queries"';
  test.each<[string, string[], string]>([
    ["four values", ["10.1.1.17,10.2.1.33,tcp,5432"], ALLOWED],
    ["five values", ["10.1.1.17,10.2.1.33,6,40000,5432"], ALLOWED],
    ["a title line", ["port,protocol,source,destination", "5432,tcp,10.1.1.17,10.2.1.33"], ALLOWED],
    ["JSON", ['{"source":"10.1.1.17","destination":"10.2.1.33","protocol":"tcp","port":5432}'], ALLOWED],
    ["comments and empty lines", ["# flows", "", "10.1.1.17, 10.2.1.33, tcp, 5432", ""], ALLOWED],
    [
      "no port",
      ["10.1.1.17,198.51.100.7,icmp,"],
      "allowed 10.1.1.17 198.51.100.7 icmp type 8 code 0 nothing isolates it -",
    ],
    [
      "ICMP",
      ['{"source":"10.1.1.17","destination":"198.51.100.7","protocol":"icmp","icmp_type":3,"icmp_code":4}'],
      "allowed 10.1.1.17 198.51.100.7 icmp type 3 code 4 nothing isolates it -",
    ],
  ])("%s", async (_, flows, expected) => {
    const { code, stdout, stderr } = await batch(flows);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lines(stdout).slice(1)).toEqual([expected]);
  });

  test("many flows as JSON, in their order", async () => {
    const { stdout } = await batch(
      ["10.1.1.17,10.2.1.33,tcp,5432", "10.1.1.17,10.2.1.33,udp,53"],
      " -o json",
    );
    expect(JSON.parse(stdout)).toMatchObject([
      { source: "10.1.1.17", port: 5432, verdict: "allowed", ingress: { host: "host-2" } },
      { protocol: "udp", verdict: "denied", ingress: { decidedBy: { kind: "isolated" } } },
    ]);
  });

  test.each<[string, string[], string]>([
    [
      "the line and what is wrong",
      ["10.1.1.17,10.2.1.33,tcp,80", "10.1.1,10.2.1.33,tcp,80"],
      'line 2, source: "10.1.1" is not an IP address',
    ],
    [
      "all lines",
      ["a,b,c", "10.1.1.17,10.2.1.33,tcp,x"],
      'line 1: has 3 values, not 4 or 5; line 2, port: "x" is not a number up to 65535',
    ],
    ["families", ["10.1.1.17,::1,tcp,80"], "line 1, destination: is of another family than the source"],
    ["JSON", ["{"], "line 1: is not JSON"],
    ["columns", ['{"sourc":"10.1.1.17"}'], "line 1, sourc: unknown; there are source, destination"],
  ])("is refused: %s", async (_, flows, message) => {
    const { code, stdout, stderr } = await batch(flows);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("and FROM", async () => {
    const { code, stderr } = await batch(["10.1.1.17,10.2.1.33,tcp,80"], " web-1 db-1");
    expect(stderr).toContain("--batch: cannot be used together with FROM and TO");
    expect(code).toBe(2);
  });
});
