import type { InjectOptions } from "fastify";
import { type Control, createControl } from "../control/index.ts";
import { createMemoryStore, type Store } from "../store/index.ts";
import { type App, createApp } from "./app.ts";
import type { Log } from "./log.ts";

/** A line that was logged. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** An answer to an injected request. */
export interface Injected {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  // Tests look at bodies of every shape.
  readonly body: any;
}

/** The API in front of a real control with a store in memory. */
export interface TestApp extends AsyncDisposable {
  readonly app: App;
  readonly control: Control;
  readonly store: Store;
  readonly lines: LogLine[];
  /** Sends a request; a body that is not text is sent as JSON. */
  request(
    method: NonNullable<InjectOptions["method"]>,
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Injected>;
}

/** The seed's network with both families, hosts h1 and h2, tenants t1 and t2, segments of t1. */
export const SEED_NETWORK = {
  name: "seed",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 },
    ipv6: { prefix: "fd00::/48", hostBits: 24, tenantBits: 20, segmentBits: 16, endpointBits: 20 },
  },
};

/** How a {@link TestApp} differs from the usual one. */
export interface TestAppOptions {
  /** Puts something between the API and control. */
  readonly wrap?: (control: Control) => Control;
  /** What control takes for the time, in milliseconds since 1970 UTC. */
  readonly now?: () => number;
}

/** Starts a {@link TestApp}. */
export async function createTestApp({
  wrap = (control) => control,
  now = () => Date.now(),
}: TestAppOptions = {}): Promise<TestApp> {
  const store = createMemoryStore();
  const inner = await createControl({ store, clock: { now, after: () => () => undefined } });
  const control = wrap(inner);
  const lines: LogLine[] = [];
  const app = await createApp({
    control,
    log: recordingLog(lines),
    version: "0.0.0",
    watch: { heartbeat: 15_000, stall: 30_000 },
    slowRequest: 60_000,
  });
  return {
    app,
    control,
    store,
    lines,
    async request(method, url, body, headers = {}) {
      const response = await app.fastify.inject({
        method,
        url,
        headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
        ...(body !== undefined && { payload: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const isJson = String(response.headers["content-type"]).includes("json");
      return {
        status: response.statusCode,
        headers: response.headers as Record<string, string | undefined>,
        body: isJson ? JSON.parse(response.body) : response.body,
      };
    },
    async [Symbol.asyncDispose]() {
      app.endWatches();
      await app.fastify.close();
      await inner.close();
      await store.close();
    },
  };
}

/** Creates the seed's network, two hosts, two tenants and a segment through the API. */
export async function createSeed(api: TestApp): Promise<void> {
  const steps: [string, unknown][] = [
    ["/v1/networks", SEED_NETWORK],
    ["/v1/hosts", { name: "h1", underlay: { ipv4: "192.0.2.1", ipv6: "2001:db8::1" } }],
    ["/v1/hosts", { name: "h2", underlay: { ipv4: "192.0.2.2", ipv6: "2001:db8::2" } }],
    ["/v1/tenants", { name: "t1" }],
    ["/v1/tenants", { name: "t2", quota: 1 }],
    ["/v1/tenants/t1/segments", { name: "web" }],
    ["/v1/tenants/t2/segments", { name: "web" }],
  ];
  for (const [url, body] of steps) {
    const { status, body: answer } = await api.request("POST", url, body);
    if (status !== 201) throw new Error(`${url}: ${status} ${JSON.stringify(answer)}`);
  }
}

function recordingLog(lines: LogLine[]): Log {
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: fields as Record<string, unknown> });
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    isLevelEnabled: () => true,
  };
}
