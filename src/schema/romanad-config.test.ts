import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Fault, hasCode } from "../model/index.ts";
import { agentConfigSchema } from "./agent-config.ts";
import { kubernetesConfigSchema } from "./kubernetes-config.ts";
import { decodeRomanadConfig, romanadConfigSchema } from "./romanad-config.ts";
import { readYaml } from "./yaml.ts";

function failureOf(run: () => unknown): { message: string; faults: readonly Fault[] } | undefined {
  try {
    run();
  } catch (error) {
    if (hasCode(error, "invalid-input")) return { message: error.message, faults: error.failure.faults };
    throw error;
  }
  return undefined;
}

describe("decodeRomanadConfig()", () => {
  test("needs nothing", () => {
    expect(decodeRomanadConfig({})).toEqual({
      socket: "/run/romana/romanad.sock",
      listen: null,
      store: "sqlite",
      data: "/var/lib/romana/romanad",
      coolDown: 60,
      maxRelocations: 1000,
      heartbeat: 15,
      watchStall: 30,
      maxConnections: 16_000,
      requestTimeout: 10,
      slowRequest: 1,
      logLevel: "info",
    });
  });

  const addresses: [string, { host: string; port: number } | string][] = [
    ["127.0.0.1:9600", { host: "127.0.0.1", port: 9600 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost:65535", { host: "localhost", port: 65535 }],
    ["localhost:65536", 'listen: "localhost:65536" is not HOST:PORT, such as 127.0.0.1:9600 or [::1]:9600'],
    ["9600", 'listen: "9600" is not HOST:PORT, such as 127.0.0.1:9600 or [::1]:9600'],
    ["::1:9600", 'listen: "::1:9600" is not HOST:PORT, such as 127.0.0.1:9600 or [::1]:9600'],
    ["http://x:1", 'listen: "http://x:1" is not HOST:PORT, such as 127.0.0.1:9600 or [::1]:9600'],
  ];
  test.each(addresses)("listen %s", (listen, expected) => {
    if (typeof expected === "object") expect(decodeRomanadConfig({ listen }).listen).toEqual(expected);
    else {
      const message = `Cannot read romanad configuration: ${expected}`;
      expect(failureOf(() => decodeRomanadConfig({ listen }))?.message).toBe(message);
    }
  });

  test("says all that is wrong, and what was probably meant", () => {
    const document = readYaml(
      "sokcet: /x\nstore: sqlte\ndata: data\nheartbeat: 60\nmaxConnections: 0\n",
      "read",
    );
    expect(failureOf(() => decodeRomanadConfig(document))?.faults).toEqual([
      { path: "store", reason: '"sqlte" is not one of sqlite, memory, did you mean "sqlite"?' },
      { path: "data", reason: '"data" is not an absolute path' },
      { path: "heartbeat", reason: "60 is more than 30" },
      { path: "maxConnections", reason: "0 is less than 1" },
      { path: "sokcet", reason: 'unknown field, did you mean "socket"?' },
    ]);
  });

  test("a socket's path has the length that Linux takes", () => {
    expect(decodeRomanadConfig({ socket: `/${"x".repeat(106)}` }).socket).toHaveLength(107);
    expect(failureOf(() => decodeRomanadConfig({ socket: `/${"x".repeat(107)}` }))?.faults).toEqual([
      { path: "socket", reason: "is longer than the 107 bytes that a socket's path may have" },
    ]);
  });
});

describe("every key of a configuration says what it is and what it is without", () => {
  const keys = [romanadConfigSchema, agentConfigSchema, kubernetesConfigSchema].flatMap((schema) => {
    const { properties = {} } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
    return Object.entries(properties).map(([key, value]) => [key, value as object] as const);
  });
  test.each(keys)("%s", (key, value) => {
    expect(value).toHaveProperty("description");
    // The name of the host is the machine's own, and a pod knows its cluster.
    if (key !== "host" && key !== "kubeconfig") expect(value).toHaveProperty("default");
  });
});

describe("readYaml()", () => {
  const cases: [string, string, unknown][] = [
    ["nothing", "", {}],
    ["comments", "# a\n", {}],
    ["JSON", '{"a":[1,"x",null,true]}', { a: [1, "x", null, true] }],
    ["text that YAML 1.1 would read as booleans and numbers", "a: no\nb: 1_000", { a: "no", b: "1_000" }],
    ["prototype keys", "__proto__: 1\nconstructor: 2", JSON.parse('{"__proto__":1,"constructor":2}')],
  ];
  test.each(cases)("reads %s", (_, text, value) => {
    expect(readYaml(text, "read file")).toEqual(value);
  });

  const bomb = `a: &a [x]\n${Array.from({ length: 9 }, (_, i) => `b${i}: &b${i} [${"*a,".repeat(40)}]`).join("\n")}`;
  const bad: [string, string, string][] = [
    ["the same key twice", "a: 1\nb: 2\na: 3", "Cannot read file: line 3: Map keys must be unique"],
    [
      "an open list",
      "a: [1\nb: 2",
      "Cannot read file: line 2: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    [
      "an unknown alias",
      "a: *x",
      "Cannot read file: Unresolved alias (the anchor must be set before the alias): x",
    ],
    [
      "too many aliases",
      bomb,
      "Cannot read file: Excessive alias count indicates a resource exhaustion attack",
    ],
  ];
  test.each(bad)("refuses %s", (_, text, message) => {
    expect(failureOf(() => readYaml(text, "read file"))?.message).toBe(message);
  });
});
