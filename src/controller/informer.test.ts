import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { until } from "../../test/support/until.ts";
import { sleep } from "../client/index.ts";
import { invalidInput } from "../model/index.ts";
import { ApiServer } from "./api-server.ts";
import { Informer } from "./informer.ts";

const PATH = "/api/v1/things";
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

let server: FakeApiServer;
let api: ApiServer;
let stop: AbortController;
let running: Promise<void> | undefined;
let changes: string[];
let reasons: string[];
let now: number;

beforeEach(async () => {
  server = await FakeApiServer.start();
  api = new ApiServer(server.config);
  stop = new AbortController();
  changes = [];
  reasons = [];
  now = 1_000_000;
});

afterEach(async () => {
  stop.abort();
  await running;
  await api.close();
  await server.close();
});

interface Thing {
  readonly color: string;
}

function start(silence = 10_000): Informer<Thing> {
  const informer = new Informer<Thing>({
    api,
    log: SILENT,
    now: () => now,
    sleep,
    random: () => 0.5,
    times: {
      backoff: { first: 1, longest: 20 },
      absentRecheck: 1,
      absentGrace: 30_000,
      silence,
    },
    resource: {
      kind: "Thing",
      apiVersion: "v1",
      path: PATH,
      decode(object) {
        const { color } = object as { color?: string };
        if (color === undefined) throw invalidInput("read Thing", [{ path: "color", reason: "is missing" }]);
        return { color };
      },
    },
    onChange: (key, after, before) => {
      const say = (cached: typeof after): string =>
        cached === undefined ? "-" : `${cached.value?.color ?? "?"}${cached.fault === undefined ? "" : "!"}`;
      changes.push(`${key} ${say(before)} ${say(after)}`);
    },
    onSynced: () => changes.push("synced"),
    onRestart: (reason) => reasons.push(reason),
  });
  running = informer.run(stop.signal);
  return informer;
}

function put(name: string, color?: string, more: object = {}): void {
  server.put(PATH, { metadata: { name, namespace: "ns", ...more }, ...(color !== undefined && { color }) });
}

const become = (expected: readonly string[]): Promise<void> =>
  until("changes are told", () => {
    expect(changes).toEqual(expected);
  });
const watching = (): Promise<void> =>
  until("it watches", () => {
    expect(server.watchers).toBe(1);
  });

describe("what happens is told, once", () => {
  test("lists, then follows", async () => {
    put("a", "red");
    const informer = start();
    await become(["ns/a - red", "synced"]);
    expect(informer.isSynced && informer.isComplete && informer.isServed).toBe(true);
    await watching();
    put("b", "blue");
    put("a", "green");
    server.remove(PATH, "b", "ns");
    await become(["ns/a - red", "synced", "ns/b - blue", "ns/a red green", "ns/b blue -"]);
  });

  test("a change that does not matter is not told", async () => {
    put("a", "red");
    start();
    await watching();
    put("a", "red", { annotations: { seen: "yes" } });
    put("b", "blue");
    await become(["ns/a - red", "synced", "ns/b - blue"]);
  });

  test("listings are read in pages", async () => {
    for (let index = 0; index < 1201; index++) put(`t${index}`, "red");
    const informer = start();
    await watching();
    expect(informer.objects.size).toBe(1201);
    expect(server.requests.filter((line) => line.includes("limit="))).toEqual([
      `GET ${PATH}?limit=500`,
      `GET ${PATH}?limit=500&continue=500`,
      `GET ${PATH}?limit=500&continue=1000`,
    ]);
  });

  test("an object that cannot be read keeps what it said, but not what its predecessor said", async () => {
    put("a", "red", { uid: "1" });
    start();
    await watching();
    put("a", undefined, { uid: "1" });
    put("a", undefined, { uid: "2" });
    put("a", "blue", { uid: "2" });
    await become(["ns/a - red", "synced", "ns/a red red!", "ns/a red! ?!", "ns/a ?! blue"]);
  });
});

describe("bad days", () => {
  test.each(["end", "break"] as const)("a watch that is over (%s) goes on where it was", async (how) => {
    put("a", "red");
    start();
    await watching();
    server.disconnect(how);
    put("b", "blue");
    await become(["ns/a - red", "synced", "ns/b - blue"]);
    expect(server.requests.filter((line) => line.includes("limit="))).toHaveLength(1);
  });

  test("bookmarks move the place on, from which a watch goes on", async () => {
    start();
    await watching();
    server.put("/api/v1/others", { metadata: { name: "x" } });
    server.bookmark();
    server.compact();
    server.disconnect();
    await until("it watches again", () => {
      expect(server.requests.filter((line) => line.includes("watch=true"))).toHaveLength(2);
    });
    expect(reasons).toEqual([]);
    expect(server.requests.at(-1)).toContain("resourceVersion=1001");
  });

  test("when the history is gone all is listed anew, and what was deleted meanwhile is missed", async () => {
    put("a", "red");
    put("b", "blue");
    put("c", "green");
    const informer = start();
    await watching();
    server.isAway = true;
    server.disconnect("break");
    server.remove(PATH, "a", "ns");
    put("b", "white");
    put("d", "black");
    server.compact();
    server.isAway = false;
    await until("it has listed again", () => {
      expect([...informer.objects.keys()].sort()).toEqual(["ns/b", "ns/c", "ns/d"]);
    });
    expect(changes.slice(4)).toEqual(["ns/b blue white", "ns/d - black", "ns/a red -"]);
    expect(reasons.filter((reason) => reason === "compacted")).toHaveLength(1);
  });

  test("a server that refuses to go on from anywhere is listed anew after some tries", async () => {
    put("a", "red");
    start();
    await watching();
    let refusals = 0;
    server.before = (_, path) => (path === PATH && refusals++ < 6 ? 500 : undefined);
    server.disconnect();
    server.remove(PATH, "a", "ns");
    await become(["ns/a - red", "synced", "ns/a red -"]);
    expect(server.requests.filter((line) => line.includes("limit=")).length).toBeGreaterThan(1);
  });

  test("a line that is no JSON ends the watch, and nothing is lost", async () => {
    start();
    await watching();
    server.write('{"type":"ADDED","object":{\n');
    await until("it has noticed", () => {
      expect(reasons).toEqual(["unavailable"]);
    });
    put("a", "red");
    await become(["synced", "ns/a - red"]);
  });

  test("a watch without a sign of life is made anew", async () => {
    start(50);
    await watching();
    await until("it has given up", () => {
      expect(reasons).toContain("timeout");
    });
  });

  test("a kind that is not served is asked for until it is; one that goes away is believed after a while", async () => {
    server.absent.add(PATH);
    const informer = start();
    await become(["synced"]);
    expect([informer.isServed, informer.isComplete]).toEqual([false, false]);
    server.absent.delete(PATH);
    put("a", "red");
    await become(["synced", "ns/a - red"]);
    expect([informer.isServed, informer.isComplete]).toEqual([true, true]);
    await watching();
    server.absent.add(PATH);
    server.disconnect();
    await until("it is noticed", () => {
      expect(informer.isServed).toBe(false);
    });
    expect(informer.objects.size).toBe(1);
    now += 30_000;
    await become(["synced", "ns/a - red", "ns/a red -"]);
  });
});
