import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readDocument } from "../documents.ts";
import type { Screen } from "../format.ts";
import { main } from "../main.ts";
import { matrixOf } from "./policy-matrix.ts";

const SCREEN: Screen = { wide: false, columns: 100, unicode: true, paint: (_, text) => text };
const EXAMPLE = readDocument(join(import.meta.dirname, "../../../examples/kubernetes/world.yaml"));

describe("matrixOf()", () => {
  test("the example for programs", () => {
    expect(matrixOf(EXAMPLE, "evaluator").data).toEqual({
      order: ["shop/web", "shop/db", "bank/teller"],
      expected: {
        "TCP/5432": ["#.X.#X.X#", "#...#...#", "#.X.#X.X#"],
        "TCP/http": ["#XX.#X.X#", "#XX.#X.X#", "#XX.#X.X#"],
      },
    });
  });
  test("the example for people", () => {
    const [first] = matrixOf(EXAMPLE).text(SCREEN).split("\n\n");
    expect(first).toBe(
      [
        "TCP/5432",
        "#  FROM         1  2  3",
        "1  shop/web     #  .  X",
        "2  shop/db      .  #  X",
        "3  bank/teller  .  X  #",
      ].join("\n"),
    );
    const wide = matrixOf(EXAMPLE).text({ ...SCREEN, wide: true });
    expect(wide).toContain("3  bank/teller  ...  X.X  ###");
  });
  test("what is not supported is told", () => {
    const policy = {
      metadata: { name: "names" },
      spec: {
        tier: "Admin",
        priority: 1,
        subject: { namespaces: {} },
        egress: [{ action: "Accept", to: [{ domainNames: ["example.com"] }] }],
      },
    };
    const result = matrixOf({ namespaces: {}, pods: [], clusterNetworkPolicies: [policy], probes: [] });
    const message = "egress[0]: peer domainNames is not supported, so this Accept rule matches nothing";
    expect(result.data).toEqual({ order: [], expected: {}, problems: [{ policy: "cnp.names", message }] });
    expect(result.text(SCREEN)).toContain(`cnp.names: ${message}`);
  });
  test.each([
    ["without ports: by convention", {}, "#.X#"],
    ["with ports of its own", { ports: [{ name: "serve-81-tcp", port: 82 }] }, "#XX#"],
    ["with no ports", { ports: [] }, "#XX#"],
  ])("a pod %s", (_, ports, expected) => {
    const pod = (name: string) => ({
      namespace: "n",
      name,
      ip: `10.0.0.${name}`,
      labels: { name },
      ...ports,
    });
    const policy = {
      metadata: { namespace: "n", name: "named" },
      spec: {
        podSelector: {},
        ingress: [
          {
            from: [{ podSelector: { matchLabels: { name: "1" } } }],
            ports: [{ protocol: "TCP", port: "serve-81-tcp" }],
          },
        ],
      },
    };
    const world = {
      namespaces: { n: {} },
      pods: [pod("1"), pod("2")],
      networkPolicies: [policy],
      probes: [{ port: 81 }],
    };
    for (const engine of ["evaluator", "rules"]) {
      expect(matrixOf(world, engine).data).toMatchObject({
        expected: { "TCP/81": [expected, "#..#", expected] },
      });
    }
  });
  test.each<[unknown, string | undefined, string]>([
    [{ namespaces: {}, pods: [], probe: [] }, undefined, 'probe: unknown field, did you mean "probes"?'],
    [
      { namespaces: {}, pods: [{ namespace: "n", name: "p", ip: "10.0.0.1" }] },
      undefined,
      'no namespace "n"',
    ],
    [{ namespaces: {}, pods: [], probes: [{ port: 0 }] }, undefined, "probes.0.port: 0 is less than 1"],
    [
      { namespaces: { n: JSON.parse('{"__proto__":"x"}') }, pods: [] },
      undefined,
      "namespaces.n.__proto__: no field",
    ],
    [EXAMPLE, "oracle", '--engine: there is no engine "oracle"'],
  ])("refuses %#", (document, engine, reason) => {
    expect(() => matrixOf(document, engine)).toThrow(reason);
  });
});

/** Runs `romana policy matrix` over the example state; words are separated by spaces. */
async function matrix(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const state = join(import.meta.dirname, "../../../examples/states/shop.yaml");
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main({
    words: ["policy", "matrix", ...line.split(" "), "--state", state],
    version: "0",
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

describe("segments", () => {
  test.each(["evaluator", "rules"])("for people, by the %s", async (engine) => {
    const { stdout } = await matrix(`--port 5432 --engine ${engine}`);
    expect(stdout).toBe(`TCP/5432
#  FROM             1  2  3  4
1  office/desk      .  X  X  X
2  shop/db          .  .  X  X
3  shop/quarantine  .  X  .  X
4  shop/web         .  .  X  .

. allowed, X denied
`);
  });
  test.each([
    ["--tenant office -o json", ["office/desk"], { "TCP/80": [".", ".", "."] }],
    [
      "--tenant shop --protocol icmp -o json",
      ["shop/db", "shop/quarantine", "shop/web"],
      { ICMP: [".XXX.XXX.", ".........", ".XXX.XXX."] },
    ],
  ])("for programs: %s", async (line, order, expected) => {
    expect(JSON.parse((await matrix(line)).stdout)).toEqual({ order, expected });
  });
  test.each([
    ["--tenant nobody", 3, 'Cannot find tenant "nobody"'],
    ["--protocol tcp --port 99999", 2, '"99999" is not a number up to 65535'],
    ["--protocol icmp --port 80", 2, "protocol icmp has no ports"],
  ])("refuses %s", async (line, code, reason) => {
    expect(await matrix(line)).toMatchObject({ code, stderr: expect.stringContaining(reason) });
  });
});
