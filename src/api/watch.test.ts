import { mkdtempSync, rmSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createApp } from "./app.ts";
import { type Listener, listenOnSocket } from "./listen.ts";
import { createSeed, createTestApp, type TestApp } from "./test-app.case.ts";

let directory: string;
let api: TestApp;
let listener: Listener | undefined;
const requests: ClientRequest[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-watch-"));
  api = await createTestApp();
  await createSeed(api);
});

afterEach(async () => {
  for (const open of requests.splice(0)) open.destroy();
  await listener?.close(0);
  listener = undefined;
  await api[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** One event as it came. */
interface Received {
  readonly id?: string;
  readonly event?: string;
  // Tests look at data of every shape.
  readonly data?: any;
}

/** Opens a watch and collects what comes; `times` are heartbeat and stall in milliseconds. */
async function open(
  query: string,
  headers: Record<string, string> = {},
  times = { heartbeat: 15_000, stall: 30_000 },
): Promise<{ response: IncomingMessage; events: Received[]; text: () => string }> {
  if (listener === undefined) {
    const { control } = api;
    const log = { debug() {}, info() {}, warn() {}, error() {}, isLevelEnabled: () => false };
    const app = await createApp({ control, log, version: "0", watch: times, slowRequest: 1000 });
    const opened = await listenOnSocket(app, join(directory, "s"), {
      requestTimeout: 1000,
      maxConnections: 5000,
    });
    listener = {
      ...opened,
      async close(grace) {
        app.endWatches();
        await opened.close(grace);
        await app.fastify.close();
      },
    };
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      { socketPath: join(directory, "s"), path: `/v1/watch?${query}`, headers },
      resolve,
    );
    outgoing.on("error", reject);
    outgoing.end();
    requests.push(outgoing);
  });
  const events: Received[] = [];
  let all = "";
  let rest = "";
  response.setEncoding("utf8");
  response.on("error", () => undefined);
  response.on("data", (chunk: string) => {
    all += chunk;
    rest += chunk;
    const blocks = rest.split("\n\n");
    rest = blocks.pop() as string;
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/, 2)));
      events.push({ ...fields, ...(fields.data !== undefined && { data: JSON.parse(fields.data) }) });
    }
  });
  return { response, events, text: () => all };
}

const changes = (events: readonly Received[]): [string, string, string][] =>
  events.flatMap(({ data }) =>
    (data?.changes ?? []).map(
      ({ kind, type, object }: { kind: string; type: string; object: { name: string } }) => [
        kind,
        type,
        object.name,
      ],
    ),
  );

describe("a watch", () => {
  test("starts with its revision and tells of every change after it", async () => {
    const { response, events } = await open("");
    expect(response.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    });
    const start = await api.control.revision();
    await vi.waitFor(() => expect(events).toEqual([{ id: String(start) }]));
    const tenant = await api.request("POST", "/v1/tenants", { name: "t3" });
    await api.request("DELETE", "/v1/tenants/t3");
    await vi.waitFor(() => expect(changes(events).at(-1)).toEqual(["tenants", "delete", "t3"]));
    expect(events[1]).toEqual({
      id: String(tenant.body.revision),
      event: "change",
      data: {
        revision: tenant.body.revision,
        changes: [{ kind: "tenants", type: "put", object: tenant.body }],
      },
    });
  });

  test("tells of the past after a revision, in order", async () => {
    const { events } = await open("after=0");
    await vi.waitFor(() => expect(changes(events)).toHaveLength(7));
    expect(changes(events).map(([kind, , name]) => `${kind} ${name}`)).toEqual([
      "networks seed",
      "hosts h1",
      "hosts h2",
      "tenants t1",
      "tenants t2",
      "segments web",
      "segments web",
    ]);
    expect(events.map(({ id }) => Number(id))).toEqual(
      events.map(({ id }) => Number(id)).sort((a, b) => a - b),
    );
  });

  test("goes on after Last-Event-ID, which wins over the query", async () => {
    const first = await open("after=0&kinds=tenants");
    await vi.waitFor(() => expect(changes(first.events)).toHaveLength(2));
    const last = first.events.at(-2)?.id as string;
    const second = await open("after=0&kinds=tenants", { "last-event-id": last });
    await vi.waitFor(() => expect(changes(second.events)).toEqual([["tenants", "put", "t2"]]));
  });

  test("of a host tells of that host's endpoints only, and of all else", async () => {
    const { events } = await open("host=h1");
    for (const [name, host] of [
      ["a", "h2"],
      ["b", "h1"],
    ]) {
      await api.request("POST", "/v1/endpoints", { name, host, tenant: "t1", segment: "web" });
    }
    await api.request("PATCH", "/v1/tenants/t1", { isolation: "none" });
    await vi.waitFor(() => expect(changes(events)).toHaveLength(2));
    expect(changes(events)).toEqual([
      ["endpoints", "put", "b"],
      ["tenants", "put", "t1"],
    ]);
  });

  test("of some kinds tells of no others", async () => {
    const { events } = await open("kinds=hosts,segments");
    await api.request("POST", "/v1/tenants", { name: "t3" });
    await api.request("POST", "/v1/tenants/t3/segments", { name: "s" });
    await vi.waitFor(() => expect(changes(events)).toEqual([["segments", "put", "s"]]));
  });

  test("is kept alive by comments", async () => {
    const { text } = await open("", {}, { heartbeat: 10, stall: 30_000 });
    await vi.waitFor(() => expect(text()).toMatch(/\n\n:\n\n:\n\n/), 5000);
  });

  test("ends when romanad ends", async () => {
    const { response } = await open("");
    const ended = new Promise((resolve) => response.once("end", resolve));
    await listener?.close(10_000);
    await ended;
  });

  test("that its client leaves is forgotten", async () => {
    const { response } = await open("");
    const count = async (): Promise<string | undefined> => {
      const metrics = await metricsOf();
      return /^romana_watchers (\d+)$/m.exec(metrics)?.[1];
    };
    expect(await count()).toBe("1");
    response.destroy();
    await vi.waitFor(async () => expect(await count()).toBe("0"));
    expect(await metricsOf()).toContain('romana_watches_ended_total{reason="client"} 1');
  });
});

describe("a watch is refused", () => {
  const cases: [string, string, Record<string, string>, number, unknown][] = [
    [
      "of unknown kinds",
      "kinds=pods",
      {},
      422,
      'Cannot watch changes: kinds: "pods" is not one of networks, hosts, tenants, segments, policies, exceptions, relocations, virtualIps, services, chains, fabrics, backends, endpoints',
    ],
    [
      "after no revision",
      "",
      { "last-event-id": "x" },
      422,
      'Cannot watch changes: Last-Event-ID: "x" is not a revision',
    ],
    [
      "after a revision of another store",
      "after=999999",
      {},
      410,
      expect.stringMatching(
        /^Cannot watch changes: the store is at revision \d+, before 999999: it is not the same store any more$/,
      ),
    ],
  ];
  test.each(cases)("%s", async (_, query, headers, status, detail) => {
    const answer = await api.request("GET", `/v1/watch?${query}`, undefined, headers);
    expect(answer).toMatchObject({ status, body: { status, detail } });
  });
});

describe("a watcher that does not read", () => {
  test("is cut off, and costs no memory beyond what its socket holds", async () => {
    const { response } = await open("after=0", {}, { heartbeat: 15_000, stall: 300 });
    response.pause();
    const text = "x".repeat(255);
    for (let index = 0; index < 4000; index++) {
      await api.control.tenants.update("t1", { externalId: `${index}${text}`.slice(0, 255) });
    }
    const closed = new Promise((resolve) => response.once("close", resolve));
    await vi.waitFor(async () => expect(await metricsOf()).toContain('reason="stalled"} 1'), 10_000);
    response.resume();
    await closed;
    expect(await metricsOf()).toContain("romana_watchers 0");
  });
});

describe("a watcher that does not read and then leaves", () => {
  test("is not read for meanwhile, and its source is let go", async () => {
    let pulled = 0;
    let isReleased = false;
    async function* flood() {
      try {
        for (;;) {
          await api.control.revision();
          const object = { name: "t", id: 1, isolation: "none", externalId: "x".repeat(10_000) } as const;
          yield { revision: ++pulled, changes: [{ kind: "tenants", type: "put", object } as const] };
        }
      } finally {
        isReleased = true;
      }
    }
    await api[Symbol.asyncDispose]();
    api = await createTestApp({ wrap: (control) => ({ ...control, watch: flood }) });
    const { response } = await open("");
    response.pause();
    let before = -1;
    await vi.waitFor(() => {
      const isStill = pulled > 0 && pulled === before;
      before = pulled;
      expect(isStill).toBe(true);
    }, 5000);
    expect(pulled).toBeLessThan(500);
    expect(isReleased).toBe(false);
    response.destroy();
    await vi.waitFor(() => expect(isReleased).toBe(true), 5000);
  });
});

describe("many watchers", () => {
  test("of the same things get the same bytes", async () => {
    const first = await open("kinds=tenants");
    const others = await Promise.all(Array.from({ length: 200 }, () => open("kinds=tenants")));
    const watchers = [first, ...others];
    await api.request("POST", "/v1/tenants", { name: "t3" });
    await vi.waitFor(() => {
      for (const { events } of watchers) expect(changes(events)).toEqual([["tenants", "put", "t3"]]);
    }, 5000);
    expect(new Set(watchers.map(({ text }) => text())).size).toBe(1);
  });
});

/** Metrics of the app that listens. */
function metricsOf(): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: join(directory, "s"), path: "/metrics" }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
