import { expect, test } from "vitest";
import type { WatchChange, WatchEvent } from "../control/index.ts";
import { encodeEvent } from "./event.ts";

const put: WatchChange = { kind: "tenants", type: "put", object: { name: "t", id: 1, isolation: "none" } };
const remove: WatchChange = {
  kind: "segments",
  type: "delete",
  object: { tenant: "t", name: "s", codes: [] },
};

test("encodeEvent() writes all changes of a revision as one event", () => {
  expect(encodeEvent({ revision: 7, changes: [put, remove] }).toString()).toBe(
    'id: 7\nevent: change\ndata: {"revision":7,"changes":[' +
      '{"kind":"tenants","type":"put","object":{"name":"t","id":1,"isolation":"none","revision":7}},' +
      '{"kind":"segments","type":"delete","object":{"tenant":"t","name":"s","codes":[],"revision":7}}]}\n\n',
  );
});

test("encodeEvent() gives the same bytes to all who share an event", () => {
  const event: WatchEvent = { revision: 8, changes: [put] };
  expect(encodeEvent(event)).toBe(encodeEvent(event));
});
