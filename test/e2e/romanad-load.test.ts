import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { createPlace, type Romanad, until } from "./romanad-process.case.ts";

const CONNECTIONS = 10_000;
/** Connections that are opened at the same time; the kernel queues 4096. */
const AT_ONCE = 1000;
const MEBIBYTE = 1024 * 1024;

const HEALTH = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/** Open files that this process needs, and romanad after it: a connection takes one on each side. */
const DESCRIPTORS = CONNECTIONS + 1000;

beforeAll(() => {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
  if (limit < DESCRIPTORS)
    execFileSync("prlimit", [`--pid=${process.pid}`, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
});

/** A connection that sends a request and waits for the answer, again and again. */
class Connection {
  readonly socket: Socket;
  #answer: ((text: string) => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (data) => this.#answer?.(data.toString()));
    socket.on("close", () => this.#answer?.(""));
  }

  /** While more wait than the system lets wait, it says EAGAIN: romanad gets too little of a busy machine. */
  static async open(path: string): Promise<Connection> {
    for (;;) {
      try {
        return await Connection.#openOnce(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        await wait(20);
      }
    }
  }

  static #openOnce(path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(new Connection(socket)));
      socket.on("error", reject);
    });
  }

  /** Sends text and gives the next data that comes; empty when the connection was closed. */
  ask(text: string): Promise<string> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.socket.write(text);
    });
  }
}

async function openAll(romanad: Romanad, count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let opened = 0; opened < count; opened += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - opened) }, () =>
      Connection.open(romanad.socket),
    );
    connections.push(...(await Promise.all(batch)));
  }
  return connections;
}

describe(`${CONNECTIONS} parallel connections`, () => {
  test("are all answered, twice, and a change still goes through", async () => {
    await using place = createPlace();
    const romanad = await place.start();
    const connections = await openAll(romanad, CONNECTIONS);
    try {
      for (let round = 0; round < 2; round++) {
        const answers = await Promise.all(connections.map((connection) => connection.ask(HEALTH)));
        expect(answers.filter((answer) => answer.startsWith("HTTP/1.1 200 OK"))).toHaveLength(CONNECTIONS);
      }
      expect(await place.client.call("createTenant", { body: { name: "t1" } })).toMatchObject({ id: 1 });
      expect(romanad.peakMemory()).toBeLessThan(600 * MEBIBYTE);
    } finally {
      for (const { socket } of connections) socket.destroy();
    }
    await until(async () => (await place.client.call("getReadiness", {})).status === "ok");
    expect(await romanad.kill("SIGTERM")).toEqual({ status: 0, signal: null });
  });

  test("more than maxConnections are closed at once, the others stay", async () => {
    await using place = createPlace();
    const romanad = await place.start({ maxConnections: 20 });
    const connections = await openAll(romanad, 30);
    const answers = await Promise.all(connections.map((connection) => connection.ask(HEALTH)));
    expect(answers.filter((answer) => answer.startsWith("HTTP/1.1 200 OK"))).toHaveLength(20);
    for (const { socket } of connections) socket.destroy();
  });
});

describe("bodies of 100 MB", () => {
  const piece = Buffer.alloc(MEBIBYTE, "x");
  const head = "POST /v1/tenants HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
  const chunk = Buffer.concat([Buffer.from(`${MEBIBYTE.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);

  async function send(path: string, start: string, part: Buffer): Promise<string> {
    const { socket } = await Connection.open(path);
    let answer = "";
    socket.on("data", (data) => {
      answer += data.toString();
    });
    socket.write(start);
    for (let sent = 0; sent < 100; sent++) {
      if (!socket.write(part)) await until(() => socket.writableLength < part.length);
    }
    socket.destroy();
    return answer;
  }

  test.each([
    ["with their length", `${head}content-length: ${100 * MEBIBYTE}\r\n\r\n`, piece],
    ["in chunks", `${head}transfer-encoding: chunked\r\n\r\n`, chunk],
  ])("%s are refused with 413 and not kept", async (_, start, part) => {
    await using place = createPlace();
    const romanad = await place.start({ store: "memory" });
    const before = romanad.peakMemory();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(romanad.socket, start, part)));
    for (const answer of answers) {
      expect(answer).toContain("HTTP/1.1 413 ");
      expect(answer).toContain("Cannot read request: the body is larger than 1048576 bytes");
    }
    // What is thrown away is garbage for a while; 800 MB of it are not.
    expect(romanad.peakMemory() - before).toBeLessThan(200 * MEBIBYTE);
    expect(await place.client.call("getHealth", {})).toEqual({ status: "ok" });
  });
});
