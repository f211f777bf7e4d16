import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../main.ts";

const STATE = join(import.meta.dirname, "../../../examples/states/steered.yaml");

/** Runs `romana why … --state` as a process would; words are separated by spaces. */
async function why(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main({
    words: ["why", ...line.split(" "), "--state", STATE],
    version: "0",
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

describe("why, to a service", () => {
  test("where it may go, what each of these says, and what it passes", async () => {
    const { code, stdout } = await why("web-1 shop.db --port 5432");
    expect(code).toBe(0);
    expect(stdout).toBe(`allowed: web-1 (10.1.1.17) to service shop.db (172.20.0.1), tcp 5432

Goes to one of 2 endpoints of shop/db:
VERDICT  SOURCE     DESTINATION  TRAFFIC   EGRESS               INGRESS
allowed  10.1.1.17  10.2.1.33    tcp 5432  nothing isolates it  db-from-web rules[0] "queries"
allowed  10.1.1.17  10.1.1.34    tcp 5432  nothing isolates it  db-from-web rules[0] "queries"

Passes chain "inspected": office/firewall (1 healthy), then office/recorder (none healthy: passes without it)
What goes back passes the same endpoints the other way round
`);
  });

  test.each([
    ["web-1 shop.db --port 81", 'Service "shop.db" has no such port: refused'],
    [
      "web-1 172.20.0.1 --port 80",
      'Service "shop.db" has no healthy endpoint, or its segment no port "admin": refused',
    ],
    ["web-1 shop.lost --port 80", 'Service "shop.lost" has no healthy endpoint: refused'],
    ["web-1 shop.db --protocol udp --port 5432", 'Service "shop.db" has no such port: refused'],
  ])("%s: %s", async (line, reason) => {
    const { code, stdout } = await why(line);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe(reason);
    expect(stdout).toMatch(/^denied: /);
    expect(code).toBe(1);
    const json = JSON.parse((await why(`${line} -o json`)).stdout) as object;
    expect(json).toMatchObject({ answers: [], refused: [{ reason, destination: expect.any(String) }] });
  });

  test("denied where one of its endpoints is", async () => {
    const { code, stdout } = await why("10.1.2.17 shop.db --port 5432");
    expect(stdout).toMatch(/^denied: 10.1.2.17 to service shop.db/);
    expect(code).toBe(1);
  });
});

describe("why, through a chain", () => {
  const through = "office/firewall (1 healthy), then office/recorder (none healthy: passes without it)";
  const reverse = "office/recorder (none healthy: passes without it), then office/firewall (1 healthy)";
  test.each([
    [
      "10.1.1.17 db-1 --port 5432",
      "allowed",
      [
        `Passes chain "inspected": ${through}`,
        "What goes back passes the same endpoints the other way round",
      ],
    ],
    [
      "10.2.1.33 web-1 --port 80",
      "denied",
      [
        `Passes chain "inspected", in the reverse order: ${reverse}`,
        "What goes back passes the same endpoints the other way round",
      ],
    ],
    [
      // The firewall has no address of IPv6.
      "fd00:10:0:100:1:1:0:1 db-1 --port 5432",
      "denied",
      [
        'Passes chain "inspected": office/firewall (none healthy: dropped), then office/recorder (none healthy: passes without it)',
        "What goes back passes the same endpoints the other way round",
      ],
    ],
    [
      "10.1.2.17 web-1 --port 80",
      "denied",
      ['Passes chain "audited": office/recorder (none healthy: dropped)', "What goes back goes straight"],
    ],
    [
      "10.1.1.17 10.1.2.17 --port 80",
      "denied",
      ['What goes back passes chain "audited": office/recorder (none healthy: dropped)'],
    ],
    ["fw-1 db-1 --port 5432", "denied", []],
    ["198.51.100.7 web-1 --port 80", "denied", []],
  ])("%s: %s", async (line, verdict, words) => {
    const { stdout, code } = await why(line);
    expect(stdout.slice(0, stdout.indexOf(":"))).toBe(verdict);
    expect(stdout.split("\n").filter((text) => /^(Passes|What goes back)/.test(text))).toEqual(words);
    expect(code).toBe(verdict === "allowed" ? 0 : 1);
  });

  test("as JSON", async () => {
    const { stdout } = await why("10.1.1.17 db-1 --port 5432 -o json");
    const functions = [
      { tenant: "office", segment: "firewall", fail: "closed", healthy: 1 },
      { tenant: "office", segment: "recorder", fail: "open", healthy: 0 },
    ];
    const [answer] = (JSON.parse(stdout) as { answers: object[] }).answers;
    expect(answer).toMatchObject({
      verdict: "allowed",
      chain: { name: "inspected", way: "forward", functions, to: "shop/db" },
      chainBack: { name: "inspected", way: "reverse", functions: functions.toReversed() },
    });
    expect(answer).not.toHaveProperty("service");
  });

  test("as JSON, a chain that drops denies", async () => {
    const { stdout } = await why("10.1.1.17 10.1.2.17 --port 80 -o json");
    expect(JSON.parse(stdout)).toMatchObject({
      answers: [{ verdict: "denied", chainBack: { name: "audited" } }],
    });
  });
});
