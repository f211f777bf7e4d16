import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createMetadataProxy } from "./metadata-proxy.ts";
import { forwardedHeaders, type MetadataGuest } from "./request-headers.ts";

const GUEST: MetadataGuest = { instance: "7ddf39b2-0b1f-4e5c-8f76-1c3c8a9d2e11", tenant: "acme-project" };
/** HMAC-SHA256 of the instance's ID under "secret", as `openssl dgst` prints it. */
const SIGNATURE = "874855362e4aecd5d239540b406b462f3535c4e0ee873d380023b503f2d4464b";

describe("forwardedHeaders()", () => {
  const OURS = {
    "x-instance-id": GUEST.instance,
    "x-tenant-id": "acme-project",
    "x-instance-id-signature": SIGNATURE,
    "x-forwarded-for": "10.1.1.27",
  };
  const cases: [string, IncomingHttpHeaders, object][] = [
    ["nothing", {}, {}],
    ["what is harmless", { accept: "*/*" }, { accept: "*/*" }],
    ["claims", { "x-instance-id": "other", "x-tenant-id": "other", "x-forwarded-for": "10.1.1.28" }, {}],
    ["claims in WSGI's spelling", { x_instance_id: "other", "x-instance_id-signature": "00" }, {}],
    [
      "claims to be a load balancer",
      { "x-metadata-provider": "p", forwarded: "for=1.2.3.4", "x-real-ip": "1.2.3.4" },
      {},
    ],
    [
      "what is about the connection",
      { connection: "close, x-mine", "x-mine": "1", upgrade: "h2c", host: "evil" },
      {},
    ],
  ];
  test.each(cases)("%s", (_, headers, kept) => {
    expect(forwardedHeaders(headers, GUEST, "10.1.1.27", "secret")).toEqual({ ...kept, ...OURS });
  });
});

describe("the proxy", () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  /** A proxy in front of somebody who says what he was asked. */
  async function scene(
    guest: MetadataGuest | undefined,
    nova?: number,
  ): Promise<{ port: number; failures: string[] }> {
    const echo = createServer((asked, answer) => {
      let body = "";
      asked.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      asked.on("end", () => {
        const { method, url, headers } = asked;
        answer.writeHead(203, { "x-from": "nova", "content-type": "application/json" });
        answer.end(JSON.stringify({ method, url, body, instance: headers["x-instance-id"] }));
      });
    });
    const novaPort = nova ?? (await listen(echo));
    const failures: string[] = [];
    const proxy = createMetadataProxy({
      url: new URL(`http://127.0.0.1:${novaPort}/base/`),
      secret: "secret",
      guestAt: (address) => (address === "127.0.0.1" ? guest : undefined),
      onFailure: (reason) => failures.push(reason),
    });
    return { port: await listen(proxy), failures };
  }

  interface Answer {
    readonly status: number | undefined;
    readonly from: unknown;
    readonly text: string;
  }

  function ask(port: number, path: string, method = "GET", body = ""): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asking = request(
        { host: "127.0.0.1", port, path, method, headers: { "x-instance-id": "forged" } },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          answer.on("end", () => {
            resolve({ status: answer.statusCode, from: answer.headers["x-from"], text });
          });
        },
      );
      asking.on("error", reject);
      asking.end(body);
    });
  }

  test.each([
    ["GET", "/openstack/latest/meta_data.json?a=b", ""],
    ["POST", "/openstack/latest/password", "encrypted"],
  ])("%s %s is answered by Nova, who hears who asks", async (method, path, body) => {
    const { port } = await scene(GUEST);
    const { status, from, text } = await ask(port, path, method, body);
    expect({ status, from }).toEqual({ status: 203, from: "nova" });
    expect(JSON.parse(text)).toEqual({ method, url: `/base${path}`, body, instance: GUEST.instance });
  });

  test.each([
    ["somebody who is no guest", undefined, "GET", "/latest", "", 404],
    ["another method", GUEST, "DELETE", "/latest", "", 405],
    ["an address of somebody else", GUEST, "GET", "http://192.0.2.1/latest", "", 400],
    ["a body that is too long", GUEST, "POST", "/latest", "x".repeat(65 * 1024), 413],
  ])("refuses %s", async (_, guest, method, path, body, status) => {
    const { port, failures } = await scene(guest);
    expect(await ask(port, path, method, body)).toMatchObject({ status, from: undefined, text: "" });
    expect(failures).toEqual([]);
  });

  test("says that Nova is away", async () => {
    const gone = createServer();
    const nova = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
    servers.pop();
    const { port, failures } = await scene(GUEST, nova);
    expect(await ask(port, "/latest")).toMatchObject({ status: 502 });
    expect(failures).toHaveLength(1);
  });
});
