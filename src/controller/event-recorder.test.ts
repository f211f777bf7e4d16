import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { ApiServer } from "./api-server.ts";
import { EventRecorder, type Subject } from "./event-recorder.ts";

const EVENTS = "/api/v1/events";
const POD: Subject = {
  kind: "Pod",
  apiVersion: "v1",
  meta: { name: "p", namespace: "shop", uid: "u1", resourceVersion: "7" },
};
const NODE: Subject = {
  kind: "Node",
  apiVersion: "v1",
  meta: { name: "n", uid: "u2", resourceVersion: "8" },
};

let server: FakeApiServer;
let api: ApiServer;
let now: number;
let warnings: string[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  api = new ApiServer(server.config);
  now = Date.UTC(2030, 0, 1);
  warnings = [];
});

afterEach(async () => {
  await api.close();
  await server.close();
});

function create(): EventRecorder {
  const warn = (_: object, message: string): void => {
    warnings.push(message);
  };
  return new EventRecorder({
    api,
    identity: "me",
    now: () => now,
    log: { debug() {}, info() {}, warn, error() {} },
  });
}

describe("EventRecorder", () => {
  test("an event is in the namespace of its object, or in default", async () => {
    const events = create();
    events.warn(POD, "Refused", "too much");
    events.warn(NODE, "NoHost", "x".repeat(2000));
    await events.settled();
    const [pod, node] = server.list(EVENTS);
    expect(pod).toMatchObject({
      metadata: { namespace: "shop", name: expect.stringMatching(/^p\.[0-9a-f]{16}$/) },
      involvedObject: { kind: "Pod", apiVersion: "v1", name: "p", namespace: "shop", uid: "u1" },
      type: "Warning",
      reason: "Refused",
      message: "too much",
      source: { component: "romana-kubernetes", host: "me" },
      firstTimestamp: "2030-01-01T00:00:00Z",
      lastTimestamp: "2030-01-01T00:00:00Z",
      count: 1,
    });
    expect(node).toMatchObject({
      metadata: { namespace: "default" },
      involvedObject: { name: "n", uid: "u2" },
    });
    expect(node?.["involvedObject"]).not.toHaveProperty("namespace");
    expect(node?.["message"]).toHaveLength(1024);
    expect(warnings).toHaveLength(2);
  });

  test("the same is told once in ten minutes, and counted; another life does not count anew", async () => {
    const events = create();
    const tell = async (recorder: EventRecorder): Promise<unknown> => {
      recorder.warn(POD, "Refused", "too much");
      await recorder.settled();
      const [event, ...more] = server.list(EVENTS);
      expect(more).toEqual([]);
      return [event?.["count"], event?.["lastTimestamp"]];
    };
    expect(await tell(events)).toEqual([1, "2030-01-01T00:00:00Z"]);
    now += 599_999;
    expect(await tell(events)).toEqual([1, "2030-01-01T00:00:00Z"]);
    now += 1;
    expect(await tell(events)).toEqual([2, "2030-01-01T00:10:00Z"]);
    now += 60_000;
    expect(await tell(create())).toEqual([2, "2030-01-01T00:11:00Z"]);
  });

  test("an API server that is away loses events and nothing else", async () => {
    const events = create();
    server.isAway = true;
    events.warn(POD, "Refused", "too much");
    await events.settled();
    server.isAway = false;
    events.warn(NODE, "NoHost", "no label");
    await events.settled();
    expect(server.list(EVENTS).map((event) => event["reason"])).toEqual(["NoHost"]);
  });
});
