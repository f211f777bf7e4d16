import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { probeAll, SILENCE, serveName } from "./probe.ts";

async function serve(name: string): Promise<number> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const server = await serveName(name, 0, stop.signal);
  return (server.address() as AddressInfo).port;
}

test("probeAll() hears who answers, in both families", async () => {
  const [web, db] = [await serve("web"), await serve("db")];
  expect(await probeAll([`127.0.0.1:${web}`, `[::1]:${db}`])).toEqual([
    { target: `127.0.0.1:${web}`, answer: "web" },
    { target: `[::1]:${db}`, answer: "db" },
  ]);
});

test("probeAll() tells a refusal from one who says nothing", async () => {
  const mute = createServer(() => {});
  onTestFinished(() => void mute.close());
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as AddressInfo;
  const stop = new AbortController();
  const gone = await serveName("gone", 0, stop.signal);
  const target = `127.0.0.1:${(gone.address() as AddressInfo).port}`;
  stop.abort();
  await new Promise((resolve) => gone.once("close", resolve));
  expect(await probeAll([target, `127.0.0.1:${port}`], 200)).toEqual([
    { target, error: "ECONNREFUSED" },
    { target: `127.0.0.1:${port}`, error: SILENCE },
  ]);
});

test.each(["", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:70000", "::1:80", "[::1]", "a b:80"])(
  "probeAll() refuses %j",
  (target) => {
    expect(() => probeAll([target])).toThrow("is not HOST:PORT");
  },
);
