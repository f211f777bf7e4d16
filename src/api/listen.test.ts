import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BODY_LIMIT } from "./app.ts";
import { type Listener, listenOnSocket, listenOnTcp } from "./listen.ts";
import { createTestApp, type TestApp } from "./test-app.case.ts";

const OPTIONS = { requestTimeout: 400, maxConnections: 100 };

let directory: string;
let api: TestApp;
const listeners: Listener[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-listen-"));
  api = await createTestApp();
});

afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close(0)));
  await api[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

async function listen(path: string, options = OPTIONS): Promise<Listener> {
  const listener = await listenOnSocket(api.app, path, options);
  listeners.push(listener);
  return listener;
}

/** Sends text on a new connection and reads until the other side ends it, or until `enough` has come. */
function exchange(target: string | number, text: string, enough?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = typeof target === "string" ? connect(target) : connect(target, "127.0.0.1");
    let answer = "";
    socket.on("data", (data) => {
      answer += String(data);
      if (enough?.test(answer)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    socket.write(text);
  });
}

const HEALTH = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

describe("listenOnSocket()", () => {
  test("makes a socket with mode 0600 in a directory with mode 0700, and takes it away", async () => {
    const path = join(directory, "run/romana/s");
    const listener = await listen(path);
    expect(listener.url).toBe(`unix://${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "run/romana")).mode & 0o777).toBe(0o700);
    expect(await exchange(path, HEALTH)).toContain('{"status":"ok"}');
    await listener.close(1000);
    expect(existsSync(path)).toBe(false);
  });

  test("replaces a socket that a dead process left behind", async () => {
    const path = join(directory, "s");
    await leaveStaleSocket(path);
    expect(statSync(path).isSocket()).toBe(true);
    await listen(path);
    expect(await exchange(path, HEALTH)).toContain("200 OK");
  });

  test("refuses a socket on which somebody answers", async () => {
    const path = join(directory, "s");
    await listen(path);
    await expect(listen(path)).rejects.toMatchObject({
      code: "conflict",
      message: `Cannot listen on ${path}: another process answers on that socket`,
    });
    expect(await exchange(path, HEALTH)).toContain("200 OK");
  });

  test("refuses a path that is a file, and leaves the file", async () => {
    const path = join(directory, "s");
    writeFileSync(path, "precious");
    await expect(listen(path)).rejects.toMatchObject({
      code: "conflict",
      message: `Cannot listen on ${path}: there is a file of that name that is not a socket`,
    });
    expect(existsSync(path)).toBe(true);
  });

  test("refuses a directory that cannot be made", async () => {
    writeFileSync(join(directory, "file"), "");
    await expect(listen(join(directory, "file/s"))).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("listenOnTcp()", () => {
  test("takes a free port, and says so when the port is taken", async () => {
    const listener = await listenOnTcp(api.app, { host: "127.0.0.1", port: 0 }, OPTIONS);
    listeners.push(listener);
    const port = Number(new URL(listener.url).port);
    expect(await exchange(port, HEALTH)).toContain("200 OK");
    await expect(listenOnTcp(api.app, { host: "127.0.0.1", port }, OPTIONS)).rejects.toMatchObject({
      code: "conflict",
      message: `Cannot listen on 127.0.0.1:${port}: the port is taken by another process`,
    });
  });
});

describe("what is not HTTP, or too much of it, or too slow, gets a problem and an end", () => {
  const cases: [string, string, number, string][] = [
    ["garbage", "\x16\x03\x01\x02\x00", 400, "Cannot read request: it is not HTTP/1.1"],
    [
      "a head without end",
      "GET / HTTP/1.1\r\nhost: x\r\n",
      408,
      "Cannot read request: it did not arrive in time",
    ],
    [
      "a body that never comes",
      "POST /v1/tenants HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{",
      408,
      "Cannot read request: it did not arrive in time",
    ],
    [
      "a head of 20 KB",
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
      431,
      "Cannot read request: its head is larger than 16 KiB",
    ],
  ];
  test.each(cases)("%s", async (_, text, status, detail) => {
    const path = join(directory, "s");
    await listen(path);
    const answer = await exchange(path, text);
    const [head, body] = answer.split("\r\n\r\n") as [string, string];
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(JSON.parse(body)).toMatchObject({ status, detail, code: "invalid-input" });
  });

  test("a large body is refused by its length, before it is sent", async () => {
    const path = join(directory, "s");
    await listen(path);
    const head = [
      "POST /v1/tenants HTTP/1.1",
      "host: x",
      "content-type: application/json",
      `content-length: ${BODY_LIMIT + 1}`,
      "expect: 100-continue",
    ];
    const answer = await exchange(path, `${head.join("\r\n")}\r\n\r\n`);
    expect(answer).toContain("HTTP/1.1 413 ");
    expect(answer).not.toContain("100 Continue");
  });
});

describe("close()", () => {
  test("waits for a request under way and ends idle connections", async () => {
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await using slow = await createTestApp({
      wrap: (control) => ({
        ...control,
        async revision() {
          started.resolve();
          await finish.promise;
          return 7;
        },
      }),
    });
    const path = join(directory, "s");
    const listener = await listenOnSocket(slow.app, path, { ...OPTIONS, requestTimeout: 60_000 });
    const keepAlive = HEALTH.replace("connection: close\r\n", "");
    const idle = exchange(path, keepAlive);
    const underWay = exchange(path, keepAlive.replace("/healthz", "/readyz"));
    await started.promise;
    const closed = listener.close(60_000);
    expect(await idle).toContain("200 OK");
    finish.resolve();
    expect(await underWay).toContain('{"status":"ok","revision":7}');
    await closed;
  });

  test("ends a request that takes longer than the grace", async () => {
    const started = Promise.withResolvers<void>();
    await using stuck = await createTestApp({
      wrap: (control) => ({
        ...control,
        revision() {
          started.resolve();
          return new Promise<never>(() => undefined);
        },
      }),
    });
    const path = join(directory, "s");
    const listener = await listenOnSocket(stuck.app, path, { ...OPTIONS, requestTimeout: 60_000 });
    const underWay = exchange(path, HEALTH.replace("/healthz", "/readyz")).catch(() => "");
    await started.promise;
    await listener.close(10);
    expect(await underWay).toBe("");
  });
});

/** A socket whose listener is gone: it is renamed away before its owner can remove it, and put back. */
async function leaveStaleSocket(path: string): Promise<void> {
  const aside = join(directory, "aside");
  mkdirSync(aside);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const { renameSync } = await import("node:fs");
  renameSync(path, join(aside, "s"));
  await new Promise((resolve) => server.close(resolve));
  renameSync(join(aside, "s"), path);
}
