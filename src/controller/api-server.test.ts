import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { ApiServer } from "./api-server.ts";
import { readJsonLines } from "./json-lines.ts";
import { loadKubeConfig } from "./kube-config.ts";

let server: FakeApiServer;
let api: ApiServer;

beforeEach(async () => {
  server = await FakeApiServer.start();
  api = new ApiServer(server.config);
});

afterEach(async () => {
  await api.close();
  await server.close();
});

const codeOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );

describe("call()", () => {
  test.each([
    [400, "invalid-input"],
    [401, "unauthenticated"],
    [403, "forbidden"],
    [404, "not-found"],
    [409, "conflict"],
    [410, "compacted"],
    [418, "internal"],
    [422, "invalid-input"],
    [429, "unavailable"],
    [500, "unavailable"],
    [503, "unavailable"],
    [504, "unavailable"],
  ])("status %i is the error %s", async (status, code) => {
    server.before = () => status;
    const call = api.call({ method: "GET", path: "/api/v1/things" });
    await expect(call).rejects.toThrow(`Cannot GET /api/v1/things: refused with ${status}`);
    expect(await codeOf(api.call({ method: "GET", path: "/api/v1/things" }))).toBe(code);
  });

  test("a connection that breaks is unavailable, a caller that gives up aborted, silence a timeout", async () => {
    server.isAway = true;
    expect(await codeOf(api.call({ method: "GET", path: "/api/v1/things" }))).toBe("unavailable");
    server.isAway = false;
    const signal = AbortSignal.abort();
    expect(await codeOf(api.call({ method: "GET", path: "/api/v1/things", signal }))).toBe("aborted");
  });

  test("sends who we are, the query and the body", async () => {
    const body = { metadata: { name: "a" } };
    await api.call({ method: "POST", path: "/api/v1/namespaces/ns/things", query: { dryRun: "a b" }, body });
    expect(server.requests).toEqual(["POST /api/v1/namespaces/ns/things?dryRun=a+b"]);
    expect(server.get("/api/v1/things", "a", "ns")).toMatchObject({ metadata: { namespace: "ns" } });
  });

  test("after a 401 credentials are read again", async () => {
    const { config } = server;
    let reads = 0;
    const apply = config.applySecurityAuthentication.bind(config);
    config.applySecurityAuthentication = async (context) => {
      reads += 1;
      await apply(context);
    };
    const other = new ApiServer(config);
    server.put("/api/v1/things", { metadata: { name: "a" } });
    const read = (): Promise<unknown> => codeOf(other.call({ method: "GET", path: "/api/v1/things/a" }));
    expect([await read(), await read(), reads]).toEqual(["done", "done", 1]);
    server.before = () => 401;
    expect([await read(), reads]).toEqual(["unauthenticated", 1]);
    server.before = undefined;
    expect([await read(), reads]).toEqual(["done", 2]);
    await other.close();
  });

  test("tokens are read anew after a minute", async () => {
    const { config } = server;
    let reads = 0;
    let now = 0;
    const apply = config.applySecurityAuthentication.bind(config);
    config.applySecurityAuthentication = async (context) => {
      reads += 1;
      await apply(context);
    };
    const other = new ApiServer(config, () => now);
    for (const time of [0, 60_000, 60_001, 120_000]) {
      now = time;
      await codeOf(other.call({ method: "GET", path: "/api/v1/things" }));
    }
    expect(reads).toBe(2);
    await other.close();
  });
});

describe("readJsonLines()", () => {
  const read = async (...chunks: string[]): Promise<unknown[]> => {
    const all: unknown[] = [];
    const bytes = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk, "latin1");
    })();
    for await (const value of readJsonLines(bytes)) all.push(value);
    return all;
  };
  test.each<[string[], unknown[]]>([
    [[], []],
    [['{"a":1}\n{"b":2}\n'], [{ a: 1 }, { b: 2 }]],
    [
      ['{"a"', ":1", '}\n{"b":2', "}\n"],
      [{ a: 1 }, { b: 2 }],
    ],
    [["\n\n1\n\n"], [1]],
    [['"\xc3', '\xa9"\n'], ["é"]],
    [["1\n2"], [1]],
  ])("%j", async (chunks, values) => {
    expect(await read(...chunks)).toEqual(values);
  });
  test("what is no JSON is an error", async () => {
    await expect(read("1\nx\n")).rejects.toThrow(SyntaxError);
  });
});

describe("loadKubeConfig()", () => {
  const directory = mkdtempSync(join(tmpdir(), "romana-kubeconfig-"));
  const file = join(directory, "config");
  afterEach(() => {
    rmSync(file, { force: true });
  });
  test("reads a file", async () => {
    writeFileSync(file, server.config.exportConfig());
    const other = new ApiServer(loadKubeConfig(file, {}));
    server.put("/api/v1/things", { metadata: { name: "a" } });
    expect(await codeOf(other.call({ method: "GET", path: "/api/v1/things/a" }))).toBe("done");
    await other.close();
  });
  test.each([
    ["a file that is not there", "/nowhere/at/all", {}, "ENOENT"],
    ["neither file nor pod", undefined, {}, "kubeconfig: this is not a pod of a cluster; name a file"],
  ])("%s", (_, path, env, reason) => {
    expect(() => loadKubeConfig(path, env)).toThrow(reason);
  });
  test("a file without a context", () => {
    writeFileSync(file, "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n");
    expect(() => loadKubeConfig(file, {})).toThrow("has no current context");
  });
  test("in a pod it is the pod's service account", () => {
    const env = { KUBERNETES_SERVICE_HOST: "192.0.2.1", KUBERNETES_SERVICE_PORT: "443" };
    expect(loadKubeConfig(undefined, env).getCurrentUser()?.authProvider?.name).toBe("tokenFile");
  });
});
