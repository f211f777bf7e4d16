import { expect, test } from "vitest";
import { serveHealth } from "./health-server.ts";

test("serves health, readiness and metrics, and nothing else", async () => {
  let isReady = false;
  const server = await serveHealth(
    { host: "127.0.0.1", port: 0 },
    { isReady: () => isReady, metrics: async () => "a 1\n" },
  );
  const get = async (path: string, method = "GET"): Promise<string> => {
    const answer = await fetch(`${server.url}${path}`, { method });
    return `${answer.status} ${await answer.text()}`;
  };
  expect(await get("/healthz")).toBe("200 ok\n");
  expect(await get("/readyz")).toBe("503 the cluster is not known yet\n");
  isReady = true;
  expect(await get("/readyz?verbose")).toBe("200 ok\n");
  expect(await get("/metrics")).toBe("200 a 1\n");
  expect(await get("/")).toMatch(/^404 /);
  expect(await get("/healthz", "POST")).toBe("405 only GET\n");
  const port = Number(new URL(server.url).port);
  const second = serveHealth({ host: "127.0.0.1", port }, { isReady: () => true, metrics: async () => "" });
  await expect(second).rejects.toMatchObject({ code: "conflict" });
  await server.close();
});

test("metrics that cannot be read are an error of the server", async () => {
  const metrics = (): Promise<string> => Promise.reject(new Error("broken"));
  const server = await serveHealth({ host: "::1", port: 0 }, { isReady: () => true, metrics });
  const answer = await fetch(`${server.url}/metrics`);
  expect([answer.status, await answer.text()]).toEqual([500, "Error: broken\n"]);
  await server.close();
});
