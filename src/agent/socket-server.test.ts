import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentScene, NAMESPACE } from "../../test/support/agent-scene.ts";
import { Caller, parseServer } from "../client/index.ts";
import { AGENT_CONTRACT } from "../schema/index.ts";
import { type SocketServer, serveAgent } from "./socket-server.ts";

const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

let directory = "";
let path = "";
let scene: AgentScene;
let server: SocketServer;
let caller: Caller<typeof AGENT_CONTRACT>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-agent-"));
  path = join(directory, "run/agent.sock");
  scene = await new AgentScene().start();
  server = await serveAgent(scene.agent, path, LOG);
  caller = new Caller(AGENT_CONTRACT, { server: parseServer(path), retries: 0 });
});
afterEach(async () => {
  await caller.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

const BODY = {
  name: "web.1:a",
  tenant: "acme",
  segment: "web",
  attach: { kind: "netns", netns: NAMESPACE, interface: "eth0" },
} as const;

/** What the socket answers to raw text. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(answer));
  });
}

function request(method: string, target: string, body = ""): Promise<string> {
  const head = [
    `${method} ${target} HTTP/1.1`,
    "host: agent",
    "connection: close",
    `content-length: ${body.length}`,
  ];
  return raw(`${head.join("\r\n")}\r\n\r\n${body}`);
}

describe("the local socket", () => {
  test("is for its owner only", () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "run")).mode & 0o777).toBe(0o700);
  });

  test("ends with the answers to what was asked before, not with the connections", async () => {
    let asked = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const attach = scene.agent.attach.bind(scene.agent);
    scene.agent.attach = (json) => {
      asked();
      return new Promise((resolve) => setImmediate(() => resolve(attach(json))));
    };
    const answer = caller.callWithStatus("createAttachment", { body: BODY });
    await isAsked;
    const start = performance.now();
    await server.close();
    expect((await answer).status).toBe(201);
    // The client keeps connections for seconds.
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test("attaches, shows, lists and detaches", async () => {
    const first = await caller.callWithStatus("createAttachment", { body: BODY });
    expect(first).toMatchObject({ status: 201, result: { state: "attached", interface: "eth0" } });
    expect((await caller.callWithStatus("createAttachment", { body: BODY })).status).toBe(200);
    const ref = BODY.name;
    expect(await caller.call("getAttachment", { params: { ref } })).toEqual(first.result);
    expect((await caller.call("listAttachments", {})).items).toEqual([first.result]);
    expect((await caller.call("getDesired", {})).routes).toContain("10.1.1.17/32 dev rom0a010111");
    expect(await caller.call("getAgentStatus", {})).toMatchObject({
      host: "host-1",
      state: "ok",
      attachments: 1,
    });
    expect(await caller.call("deleteAttachment", { params: { ref } })).toEqual({
      detached: true,
      released: true,
    });
    await expect(caller.call("getAttachment", { params: { ref } })).rejects.toMatchObject({
      code: "not-found",
      message: `Cannot find attachment "${ref}"`,
    });
  });

  test("shows metrics as text", async () => {
    const answer = await request("GET", "/metrics");
    expect(answer).toContain("HTTP/1.1 200 OK");
    expect(answer).toContain("content-type: text/plain; version=0.0.4");
    expect(answer).toContain('romana_agent_repairs_total{kind="route"} 0\n');
    expect(answer).toContain("romana_agent_connected 1\n");
  });

  test.each([
    ["an unknown path", "GET", "/v2/attachments", "", 404],
    ["a method that is not there", "PUT", "/v1/attachments", "", 404],
    ["a ref that cannot be read", "GET", "/v1/attachments/%zz", "", 404],
    ["no JSON", "POST", "/v1/attachments", "{", 400],
    [
      "a body that is too large",
      "POST",
      "/v1/attachments",
      JSON.stringify({ name: "x".repeat(70_000) }),
      413,
    ],
    ["unknown fields", "POST", "/v1/attachments", JSON.stringify({ ...BODY, interfce: "eth0" }), 422],
    [
      "an unknown namespace",
      "POST",
      "/v1/attachments",
      JSON.stringify({ ...BODY, attach: { ...BODY.attach, netns: "/x" } }),
      404,
    ],
  ])("answers %s with a problem", async (_, method, target, body, status) => {
    const answer = await request(method, target, body);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(answer).toContain("content-type: application/problem+json");
    expect(scene.agent.attachments()).toEqual([]);
  });

  test("answers what is away with 503 and when to come back", async () => {
    scene.romanad.leave();
    await scene.timers.advance(100);
    const answer = request("POST", "/v1/attachments", JSON.stringify(BODY));
    await expect.poll(() => scene.agent.isBusy).toBe(true);
    await scene.timers.advance(3_000);
    expect(await answer).toContain("HTTP/1.1 503 ");
    expect(await answer).toContain("retry-after: 1");
  });

  test("a caller that goes away half-way leaves an attachment or nothing", async () => {
    const text = JSON.stringify(BODY);
    const socket = connect(path, () => {
      socket.write(
        `POST /v1/attachments HTTP/1.1\r\nhost: a\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
        () => {
          socket.destroy();
        },
      );
    });
    await expect.poll(() => scene.agent.attachments().length).toBe(1);
    expect(await scene.agent.detach(BODY.name)).toEqual({ detached: true, released: true });
  });

  test("an error inside is told without its cause", async () => {
    scene.agent.status = () => {
      throw new Error("secret");
    };
    const answer = await request("GET", "/v1/status");
    expect(answer).toContain("HTTP/1.1 500 ");
    expect(answer).not.toContain("secret");
  });
});

describe("serveAgent()", () => {
  test("refuses a socket on which somebody answers", async () => {
    await expect(serveAgent(scene.agent, path, LOG)).rejects.toMatchObject({ code: "conflict" });
  });

  test("refuses a file that is no socket, and leaves it", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "mine");
    await expect(serveAgent(scene.agent, file, LOG)).rejects.toThrow("there is a file of that name");
    expect(statSync(file).size).toBe(4);
  });

  test("says why it cannot listen", async () => {
    await expect(serveAgent(scene.agent, "/proc/agent.sock", LOG)).rejects.toThrow(
      "Cannot listen on /proc/agent.sock: ",
    );
  });
});
