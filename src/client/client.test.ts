import { describe, expect, test } from "vitest";
import { hasCode, RomanaError } from "../model/index.ts";
import { encodeProblem } from "../schema/index.ts";
import { backoffDelay } from "./backoff.ts";
import { createClient } from "./client.ts";
import { events, json, type ScriptedServer, scriptedServer } from "./scripted-server.case.ts";
import { parseServer } from "./server.ts";
import type { WatchState } from "./watch.ts";

const HOST = { name: "h1", id: 1, group: [], underlay: {}, prefixes: {}, revision: 7 };
const TENANT = { name: "t1", id: 1, isolation: "segment", revision: 9 };

const UNAVAILABLE = new RomanaError("Cannot write: disk full", { code: "unavailable" });
const COMPACTED = new RomanaError("Cannot watch: gone", { code: "compacted", oldest: 40 });

/** A client that does not really wait between tries, and what it waited. */
function quickClient({ server }: Pick<ScriptedServer, "server">, timeout = 5_000) {
  const waits: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => {
    waits.push(milliseconds);
  };
  return { client: createClient({ server, timeout, sleep, random: () => 1 }), waits };
}

async function failureOf(promise: Promise<unknown>): Promise<RomanaError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RomanaError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("parseServer()", () => {
  const good: [string, object][] = [
    [
      "unix:///run/romana/romanad.sock",
      { origin: "http://localhost", socketPath: "/run/romana/romanad.sock" },
    ],
    ["/tmp/s", { origin: "http://localhost", socketPath: "/tmp/s" }],
    ["http://127.0.0.1:9600", { origin: "http://127.0.0.1:9600" }],
    ["http://[::1]:9600/", { origin: "http://[::1]:9600" }],
  ];
  test.each(good)("%s", (text, server) => {
    expect(parseServer(text)).toEqual({ text, ...server });
  });
  const bad = [
    "",
    "/",
    "unix://",
    "unix://relative",
    "localhost:9600",
    "https://x",
    "http://x/path",
    "http://u:p@x",
  ];
  test.each(bad)("refuses %j", (text) => {
    expect(() => parseServer(text)).toThrow(
      `Cannot use server "${text}": it reads neither unix:///PATH nor http://HOST:PORT`,
    );
  });
});

describe("backoffDelay()", () => {
  const backoff = { first: 100, longest: 1000 };
  test.each([
    [0, 0, 50],
    [0, 1, 100],
    [1, 1, 200],
    [3, 0.5, 600],
    [4, 1, 1000],
    [400, 1, 1000],
  ])("retry %i by chance %f waits %i ms", (attempt, chance, delay) => {
    expect(backoffDelay(backoff, attempt, chance)).toBe(delay);
  });
});

describe("call()", () => {
  test("sends what the contract says and gives model values", async () => {
    await using scripted = await scriptedServer(json(201, HOST));
    const { client } = quickClient(scripted);
    const body = { name: "h1", underlay: { ipv4: "192.0.2.1" } };
    const { status, result } = await client.callWithStatus("createHost", { body });
    expect(status).toBe(201);
    expect(result).toEqual({ ...HOST, prefixes: new Map() });
    expect(scripted.asked).toMatchObject([
      {
        method: "POST",
        url: "/v1/hosts",
        headers: { "content-type": "application/json", accept: "application/json, application/problem+json" },
        body: JSON.stringify(body),
      },
    ]);
    await client.close();
  });

  test("encodes path, query and If-Match", async () => {
    await using scripted = await scriptedServer(json(200, { dryRun: true, deleted: [], count: 0 }));
    const { client } = quickClient(scripted);
    await client.call(
      "deleteEndpoint",
      { params: { ref: "fd00::1/ü" }, query: { dryRun: true } },
      { ifMatch: 42 },
    );
    expect(scripted.asked[0]).toMatchObject({
      url: "/v1/endpoints/fd00%3A%3A1%2F%C3%BC?dryRun=true",
      headers: { "if-match": '"42"' },
    });
    await client.close();
  });

  test("fails with the code, message and data of the problem", async () => {
    const conflict = new RomanaError('Cannot create host "h1": it is there', {
      code: "conflict",
      noun: "host",
      name: "h1",
      existing: HOST,
    });
    await using scripted = await scriptedServer(json(409, encodeProblem(conflict, 409)));
    const { client } = quickClient(scripted);
    const error = await failureOf(client.call("createHost", { body: { name: "h1" } }));
    expect(error.message).toBe(conflict.message);
    expect(error.failure).toEqual(conflict.failure);
    expect(scripted.asked).toHaveLength(1);
    await client.close();
  });

  test("tries an idempotent call again after temporary errors, a bounded number of times", async () => {
    await using scripted = await scriptedServer(json(503, encodeProblem(UNAVAILABLE, 503)));
    const { client, waits } = quickClient(scripted);
    const error = await failureOf(client.call("getHost", { params: { host: "h1" } }));
    expect(error.message).toBe("Cannot write: disk full");
    expect(waits).toEqual([100, 200, 400, 800]);
    expect(scripted.asked).toHaveLength(5);
    await client.close();
  });

  test("gets through when the trouble is over", async () => {
    const trouble = json(503, encodeProblem(UNAVAILABLE, 503));
    await using scripted = await scriptedServer(trouble, (response) => response.destroy(), json(200, HOST));
    const { client } = quickClient(scripted);
    expect(await client.call("getHost", { params: { host: "h1" } })).toMatchObject({
      name: "h1",
      revision: 7,
    });
    await client.close();
  });

  test.each([
    ["an allocation that says not which endpoint", { host: 1, tenant: 1, segment: 1 }, 1],
    ["an allocation with a token", { host: 1, tenant: 1, segment: 1, requestToken: "t" }, 5],
    ["an allocation with a name", { host: 1, tenant: 1, segment: 1, name: "n" }, 5],
  ])("%s is sent %i times", async (_, body, times) => {
    await using scripted = await scriptedServer(json(503, encodeProblem(UNAVAILABLE, 503)));
    const { client } = quickClient(scripted);
    await failureOf(client.call("createEndpoint", { body }));
    expect(scripted.asked).toHaveLength(times);
    await client.close();
  });

  test("a change of a certain revision is sent once", async () => {
    await using scripted = await scriptedServer(json(503, encodeProblem(UNAVAILABLE, 503)));
    const { client } = quickClient(scripted);
    const input = { params: { tenant: "t1" }, body: { quota: 3 } };
    await failureOf(client.call("updateTenant", input, { ifMatch: 1 }));
    expect(scripted.asked).toHaveLength(1);
    await client.close();
  });

  test("a server that says nothing is a timeout", async () => {
    await using scripted = await scriptedServer(() => undefined);
    const client = createClient({ server: scripted.server, timeout: 50, retries: 0 });
    const error = await failureOf(client.call("getHost", { params: { host: "h1" } }));
    expect(error.code).toBe("timeout");
    expect(error.message).toBe(`Cannot GET /v1/hosts/h1: no answer from ${scripted.server.text} in time`);
    await client.close();
  });

  test("a server that stops in the middle of an answer is a timeout", async () => {
    await using scripted = await scriptedServer((response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" }).write("{");
    });
    const client = createClient({ server: scripted.server, timeout: 50, retries: 0 });
    const error = await failureOf(client.call("getHost", { params: { host: "h1" } }));
    expect(error.code).toBe("timeout");
    await client.close();
  });

  test("a server that is not there is unavailable", async () => {
    const client = createClient({ server: parseServer("unix:///nowhere/s"), retries: 0 });
    const error = await failureOf(client.call("getHost", { params: { host: "h1" } }));
    expect(error.code).toBe("unavailable");
    expect(error.message).toBe(
      "Cannot GET /v1/hosts/h1: unix:///nowhere/s: there is no such socket; is it running?",
    );
    await client.close();
  });

  test("a caller that gives up gets aborted", async () => {
    const controller = new AbortController();
    await using scripted = await scriptedServer(() => controller.abort());
    const { client } = quickClient(scripted);
    const call = client.call("getHost", { params: { host: "h1" } }, { signal: controller.signal });
    expect((await failureOf(call)).code).toBe("aborted");
    await client.close();
  });

  test.each([
    ["text", (response) => response.end("hello"), "the answer is not JSON"],
    ["an error that is not a problem", json(502, { oops: true }), "answered 502"],
    ["an object with wrong fields", json(200, { name: 5 }), "name: expected a string, got 5"],
  ] as [string, Parameters<typeof scriptedServer>[0], string][])(
    "%s is internal",
    async (_, step, reason) => {
      await using scripted = await scriptedServer(step);
      const { client } = quickClient(scripted);
      const error = await failureOf(client.call("getHost", { params: { host: "h1" } }));
      expect(error.code).toBe("internal");
      expect(error.message).toContain(reason);
      await client.close();
    },
  );
});

describe("watch()", () => {
  const put = (revision: number): string =>
    `id: ${revision}\nevent: change\ndata: ${JSON.stringify({
      revision,
      changes: [{ kind: "tenants", type: "put", object: { ...TENANT, revision } }],
    })}\n\n`;

  test("continues behind the last revision over broken connections", async () => {
    await using scripted = await scriptedServer(
      events(`id: 5\n\n:\n\n${put(6)}${put(8)}id: 9`, "break"),
      json(503, encodeProblem(UNAVAILABLE, 503)),
      events(`id: 8\n\n${put(11)}`, "end"),
      events("id: 11\n\n", "stay"),
    );
    const { client } = quickClient(scripted);
    const abort = new AbortController();
    const states: WatchState[] = [];
    const onState = (state: WatchState): void => {
      states.push(state);
      if (states.length === 6) abort.abort();
    };
    const seen: number[] = [];
    for await (const { revision } of client.watch({ kinds: "tenants" }, { signal: abort.signal, onState })) {
      seen.push(revision);
    }
    expect(seen).toEqual([6, 8, 11]);
    expect(scripted.asked.map(({ url }) => url)).toEqual([
      "/v1/watch?kinds=tenants",
      "/v1/watch?kinds=tenants&after=8",
      "/v1/watch?kinds=tenants&after=8",
      "/v1/watch?kinds=tenants&after=11",
    ]);
    expect(states.map(({ connected }) => connected)).toEqual([true, false, false, true, false, true]);
    await client.close();
  });

  test.each([
    ["as a status", json(410, encodeProblem(COMPACTED, 410))],
    [
      "as an event",
      events(`event: problem\ndata: ${JSON.stringify(encodeProblem(COMPACTED, 410))}\n\n`, "stay"),
    ],
  ])("surfaces compacted %s", async (_, step) => {
    await using scripted = await scriptedServer(step);
    const { client } = quickClient(scripted);
    const signal = AbortSignal.timeout(5_000);
    const first = client.watch({ after: 1 }, { signal })[Symbol.asyncIterator]().next();
    const error = await failureOf(first);
    expect(hasCode(error, "compacted") && error.failure.oldest).toBe(40);
    await client.close();
  });
});
