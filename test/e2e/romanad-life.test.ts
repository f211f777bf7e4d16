import { existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createClient, parseServer, type WatchState } from "../../src/client/index.ts";
import type { WatchEvent } from "../../src/schema/index.ts";
import { createPlace, until } from "./romanad-process.case.ts";

describe("the end", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s: exit 0 within seconds, watches ended, socket gone",
    async (signal) => {
      await using place = createPlace();
      const romanad = await place.start();
      const states: WatchState[] = [];
      const abort = new AbortController();
      const watching = (async () => {
        const options = { signal: abort.signal, onState: (state: WatchState) => states.push(state) };
        for await (const _ of place.client.watch({}, options)) continue;
      })();
      await until(() => states.length === 1);
      const start = performance.now();
      expect(await romanad.kill(signal)).toEqual({ status: 0, signal: null });
      expect(performance.now() - start).toBeLessThan(3_000);
      await until(() => states.length > 1);
      expect(states[1]?.connected).toBe(false);
      expect(existsSync(place.socket)).toBe(false);
      expect(romanad.output()).toContain('"msg":"stopped"');
      abort.abort();
      await watching;
    },
  );
});

describe("a watch", () => {
  test("goes on over SIGKILL and restart: nothing lost, nothing twice", async () => {
    await using place = createPlace();
    let romanad = await place.start();
    const abort = new AbortController();
    const seen: WatchEvent[] = [];
    const watching = (async () => {
      for await (const event of place.client.watch(
        { kinds: "tenants", after: 0 },
        { signal: abort.signal },
      )) {
        seen.push(event);
      }
    })();
    const names: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 5; index++) {
        const name = `t${round}-${index}`;
        await place.client.call("createTenant", { body: { name } });
        names.push(name);
      }
      // In the last but one round the watcher is away when the change happens.
      if (round > 0) await until(() => seen.length === names.length);
      await romanad.kill("SIGKILL");
      romanad = await place.start();
    }
    await until(() => seen.length === names.length);
    expect(seen.map(({ changes }) => changes[0]?.kind === "tenants" && changes[0].object.name)).toEqual(
      names,
    );
    abort.abort();
    await watching;
  });
});

describe("the start", () => {
  test("makes a socket for this user only", async () => {
    await using place = createPlace();
    await place.start();
    expect(statSync(place.socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(place.directory, "run")).mode & 0o777).toBe(0o700);
    expect(statSync(place.data).mode & 0o777).toBe(0o700);
  });

  test("replaces the socket of a romanad that was killed", async () => {
    await using place = createPlace();
    const first = await place.start();
    await first.kill("SIGKILL");
    expect(existsSync(place.socket)).toBe(true);
    await place.start();
    expect(await place.client.call("getHealth", {})).toEqual({ status: "ok" });
  });

  test("is refused while another romanad answers on the socket", async () => {
    await using place = createPlace();
    await place.start({ store: "memory" });
    const { status, output } = await place.fail({ store: "memory" });
    expect(output).toBe(
      `romanad: Cannot listen on ${place.socket}: another process answers on that socket\n`,
    );
    expect(status).toBe(4);
    expect(await place.client.call("getHealth", {})).toEqual({ status: "ok" });
  });

  test("is refused when the port is taken", async () => {
    await using place = createPlace();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { status, output } = await place.fail({ store: "memory", listen: `127.0.0.1:${port}` });
    server.close();
    expect(output).toBe(
      `romanad: Cannot listen on 127.0.0.1:${port}: the port is taken by another process\n`,
    );
    expect(status).toBe(4);
    expect(existsSync(place.socket)).toBe(false);
  });

  test("listens on TCP when asked", async () => {
    await using place = createPlace();
    const romanad = await place.start({ store: "memory", socket: null, listen: "127.0.0.1:0" });
    const url = /"urls":\["([^"]+)"\]/.exec(romanad.output())?.[1] as string;
    const client = createClient({ server: parseServer(url) });
    expect(await client.call("getReadiness", {})).toEqual({ status: "ok", revision: 0 });
    await client.close();
  });

  const bad: [string, string | object, string[], string][] = [
    [
      "unknown and wrong keys",
      { sokcet: "/x", logLevel: "verbose" },
      [],
      'logLevel: "verbose" is not one of debug, info, warn, error, silent; sokcet: unknown field, did you mean "socket"?',
    ],
    [
      "what is not YAML",
      "socket: [",
      [],
      "line 1: Flow sequence in block collection must be sufficiently indented",
    ],
    ["a list", "- socket", [], "expected keys and values"],
    [
      "nowhere to listen",
      { socket: null },
      [],
      "listen: there is neither a socket nor an address to listen on",
    ],
    ["a bad flag", {}, ["--listen", "9600"], 'listen: "9600" is not HOST:PORT'],
    ["an unknown flag", {}, ["--lisen", "x"], "error: unknown option '--lisen'"],
  ];
  test.each(bad)("is refused with 2 for %s", async (_, config, flags, reason) => {
    await using place = createPlace();
    const { status, output } = await place.fail(config, flags);
    expect(output).toContain(reason);
    expect(status).toBe(2);
  });

  test("is refused with 2 for a file that is not there", async () => {
    await using place = createPlace();
    const { status, output } = await place.fail({}, ["--config", "/nowhere/romanad.yaml"]);
    expect(output).toBe(
      "romanad: Cannot read configuration \"/nowhere/romanad.yaml\": ENOENT: no such file or directory, open '/nowhere/romanad.yaml'\n",
    );
    expect(status).toBe(2);
  });
});
