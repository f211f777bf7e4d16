import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Failure, hasCode, RomanaError } from "../model/index.ts";
import { CONTRACT } from "./contract.ts";
import { decodeWith } from "./decode.ts";
import { closestWord } from "./did-you-mean.ts";
import { renderKeyTable } from "./key-table.ts";
import { decodeProblem, encodeProblem } from "./problem.ts";
import { deleteQuerySchema, encodeCursor, pageQuerySchema } from "./query.ts";
import type { RouteContract } from "./route-contract.ts";
import { decodeHostStatus, encodeHostStatus } from "./status.ts";
import { watchKindsSchema } from "./watch.ts";

function reasonOf(schema: z.ZodType, value: unknown): string | undefined {
  try {
    decodeWith(schema, "read", value);
  } catch (error) {
    if (hasCode(error, "invalid-input")) return error.message;
    throw error;
  }
  return undefined;
}

describe("queries", () => {
  test("numbers and booleans come as text or as themselves", () => {
    expect(decodeWith(pageQuerySchema, "read", { limit: "10" })).toEqual({ limit: 10 });
    expect(decodeWith(pageQuerySchema, "read", { limit: 10 })).toEqual({ limit: 10 });
    expect(decodeWith(deleteQuerySchema, "read", { cascade: "true", dryRun: false })).toEqual({
      cascade: true,
      dryRun: false,
    });
  });

  const bad: [z.ZodType, unknown, string][] = [
    [pageQuerySchema, { limit: "" }, 'Cannot read: limit: "" is not an integer in 1..1000'],
    [pageQuerySchema, { limit: "0" }, 'Cannot read: limit: "0" is not an integer in 1..1000'],
    [pageQuerySchema, { limit: "0x10" }, 'Cannot read: limit: "0x10" is not an integer in 1..1000'],
    [pageQuerySchema, { limit: "1e2" }, 'Cannot read: limit: "1e2" is not an integer in 1..1000'],
    [pageQuerySchema, { limit: 1.5 }, "Cannot read: limit: 1.5 is not an integer in 1..1000"],
    [pageQuerySchema, { limit: ["1", "2"] }, "Cannot read: limit: expected one integer"],
    [pageQuerySchema, { Limit: "1" }, 'Cannot read: Limit: unknown field, did you mean "limit"?'],
    [pageQuerySchema, { cursor: "" }, 'Cannot read: cursor: "" is not a cursor of a page before'],
    [pageQuerySchema, { cursor: "a b" }, 'Cannot read: cursor: "a b" is not a cursor of a page before'],
    [deleteQuerySchema, { cascade: "yes" }, 'Cannot read: cascade: "yes" is neither true nor false'],
    [deleteQuerySchema, { cascade: "" }, 'Cannot read: cascade: "" is neither true nor false'],
    [
      watchKindsSchema,
      "hosts,tenant,",
      'Cannot read: "tenant" is not one of networks, hosts, tenants, segments, policies, exceptions, relocations, virtualIps, services, chains, fabrics, backends, endpoints, did you mean "tenants"?; ' +
        '"" is not one of networks, hosts, tenants, segments, policies, exceptions, relocations, virtualIps, services, chains, fabrics, backends, endpoints',
    ],
    [
      watchKindsSchema,
      "constructor",
      'Cannot read: "constructor" is not one of networks, hosts, tenants, segments, policies, exceptions, relocations, virtualIps, services, chains, fabrics, backends, endpoints',
    ],
  ];
  test.each(bad.map(([schema, value, message]) => [JSON.stringify(value), schema, value, message] as const))(
    "refuses %s",
    (_, schema, value, message) => {
      expect(reasonOf(schema, value)).toBe(message);
    },
  );
});

describe("cursors", () => {
  test.each(["h1", "__proto__", "shop/web", "ü", "\u0000"])("%j is read as it was", (position) => {
    expect(decodeWith(pageQuerySchema, "read", { cursor: encodeCursor(position) })).toEqual({
      cursor: position,
    });
  });
});

describe("problems carry an error over the wire", () => {
  const failures: Failure[] = [
    { code: "invalid-input", faults: [{ path: "name", reason: "is missing" }] },
    { code: "conflict", noun: "host", name: "h", existing: { name: "h", status: 3 } },
    { code: "pool-exhausted", pool: "p", capacity: 15, used: 14, coolingDown: 1 },
    { code: "compacted", oldest: 7 },
    { code: "command-failed", argv: ["nft", "-f", "-"], status: 1, stderr: "no" },
  ];
  test.each(failures.map((failure) => [failure.code, failure] as const))("%s", (_, failure) => {
    const problem = encodeProblem(new RomanaError("Cannot do it: because", failure), 499);
    expect(problem).toMatchObject({
      type: `urn:romana:error:${failure.code}`,
      status: 499,
      code: failure.code,
    });
    const error = decodeProblem(JSON.parse(JSON.stringify(problem)));
    expect(error?.message).toBe("Cannot do it: because");
    expect(error?.failure).toEqual(failure);
  });

  test.each([[null], ["x"], [{}], [{ code: "no-such-code", type: "", title: "", status: 1, detail: "" }]])(
    "%j is none",
    (value) => {
      expect(decodeProblem(value)).toBeUndefined();
    },
  );
});

describe("reports of agents", () => {
  const status = {
    observedRevision: 4,
    state: "degraded",
    problems: ["route 10.2.0.0/16 is missing"],
    routes: [
      { destination: "10.1.0.0/16", type: "blackhole", state: "present" },
      { destination: "10.2.0.0/16", type: "unicast", gateway: "192.0.2.2", device: "eth0", state: "missing" },
    ],
    attachments: 3,
    version: "0.1.0",
    reportedAt: 1,
  };
  test("are encoded as they were decoded", () => {
    expect(encodeHostStatus(decodeHostStatus(status))).toEqual(status);
  });
});

describe("the contract", () => {
  const routes = Object.entries<RouteContract>(CONTRACT);
  test.each(routes)("%s has a parameter for every place of its path", (_, { path, params }) => {
    const places = [...path.matchAll(/:([a-z]+)/g)].map((match) => match[1]);
    expect(params instanceof z.ZodObject ? Object.keys(params.shape) : []).toEqual(places);
  });

  test("has no two operations of the same method and path", () => {
    const keys = routes.map(([, { method, path }]) => `${method} ${path}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("closestWord()", () => {
  const cases: [string, string | undefined][] = [
    ["hostBit", "hostBits"],
    ["HOSTBITS", "hostBits"],
    ["tenentBits", "tenantBits"],
    ["x", undefined],
    ["completelyDifferent", undefined],
    ["qouta", "quota"],
    ["auqot", undefined],
  ];
  test.each(cases)("%s → %s", (word, expected) => {
    expect(closestWord(word, ["hostBits", "tenantBits", "quota"])).toBe(expected);
  });
});

describe("renderKeyTable()", () => {
  test("has a row for each key", () => {
    const schema = z.strictObject({
      level: z.enum(["a", "b"]).default("a").meta({ description: "A word." }),
      size: z.int().min(1).max(9).default(3).meta({ description: "A number." }),
      list: z.array(z.string()).default([]).meta({ description: "Texts." }),
      path: z.string().nullable().default(null).meta({ description: "A text." }),
      host: z.string().exactOptional().meta({ description: "No default." }),
    });
    expect(renderKeyTable(schema)).toBe(
      [
        "| key | value | default | meaning |",
        "|---|---|---|---|",
        '| `level` | `a`, `b` | `"a"` | A word. |',
        "| `size` | integer 1..9 | `3` | A number. |",
        "| `list` | list of text | `[]` | Texts. |",
        "| `path` | text or null | `null` | A text. |",
        "| `host` | text |  | No default. |",
      ].join("\n"),
    );
  });
});
