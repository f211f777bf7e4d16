import { describe, expect, test } from "vitest";
import { RomanaError } from "../model/index.ts";
import { type StatusFields, type WantedCondition, writeConditions } from "./condition-writer.ts";

const SUBJECT = {
  kind: "Policy",
  apiVersion: "romana.io/v1",
  path: "/apis/romana.io/v1/policies",
  meta: { name: "p", uid: "u", resourceVersion: "1", generation: 3 },
};
const WANTED: WantedCondition = { type: "Accepted", status: "True", reason: "Enforced", message: "" };
const KNOWN = {
  ...WANTED,
  observedGeneration: 3,
  lastTransitionTime: "2020-01-01T00:00:00Z",
} as const;

async function written(
  known: readonly object[],
  failure?: RomanaError,
  subject: Parameters<typeof writeConditions>[1] = SUBJECT,
  fields?: StatusFields,
): Promise<unknown> {
  const calls: unknown[] = [];
  const api = {
    call: async (call: unknown) => {
      calls.push(call);
      if (failure !== undefined) throw failure;
    },
  };
  await writeConditions({ api, now: () => Date.UTC(2030, 0, 1) }, subject, known as never, [WANTED], fields);
  return calls;
}

describe("writeConditions()", () => {
  test("what is there already is not written", async () => {
    expect(await written([KNOWN, { type: "Other", status: "False" }])).toEqual([]);
  });

  test.each<[string, readonly object[], string]>([
    ["none", [], "2030-01-01T00:00:00Z"],
    ["another status", [{ ...KNOWN, status: "False" }], "2030-01-01T00:00:00Z"],
    ["another reason", [{ ...KNOWN, reason: "Pending" }], "2020-01-01T00:00:00Z"],
    ["another message", [{ ...KNOWN, message: "x" }], "2020-01-01T00:00:00Z"],
    ["an older generation", [{ ...KNOWN, observedGeneration: 2 }], "2020-01-01T00:00:00Z"],
  ])("%s: it is applied, with the time of the last change of status", async (_, known, time) => {
    expect(await written(known)).toEqual([
      {
        method: "PATCH",
        path: "/apis/romana.io/v1/policies/p/status",
        query: { fieldManager: "romana-kubernetes", force: "true" },
        contentType: "application/apply-patch+yaml",
        body: {
          apiVersion: "romana.io/v1",
          kind: "Policy",
          metadata: { name: "p", uid: "u" },
          status: {
            observedGeneration: 3,
            conditions: [{ ...WANTED, observedGeneration: 3, lastTransitionTime: time }],
          },
        },
      },
    ]);
  });

  test("the status of others' kinds has nothing of ours but conditions", async () => {
    const [call] = (await written([], undefined, { ...SUBJECT, apiVersion: "other/v1" })) as {
      body: { status: object };
    }[];
    expect(Object.keys(call?.body.status ?? {})).toEqual(["conditions"]);
  });

  test("fields are written with the conditions when one of both differs, in the object's namespace", async () => {
    const subject = {
      ...SUBJECT,
      path: "/apis/romana.io/v1/services",
      meta: { ...SUBJECT.meta, namespace: "shop" },
    };
    const wanted = { addresses: { ipv4: "10.96.0.1" } };
    const same = { known: { addresses: { ipv4: "10.96.0.1" } }, wanted };
    expect(await written([KNOWN], undefined, subject, same)).toEqual([]);
    for (const known of [undefined, {}, { addresses: { ipv4: "10.96.0.2" } }, { ...wanted, ports: "" }]) {
      expect(await written([KNOWN], undefined, subject, { known, wanted })).toMatchObject([
        {
          path: "/apis/romana.io/v1/namespaces/shop/services/p/status",
          body: {
            metadata: { name: "p", namespace: "shop", uid: "u" },
            status: { addresses: { ipv4: "10.96.0.1" }, conditions: [{ reason: "Enforced" }] },
          },
        },
      ]);
    }
  });

  test("an object that is gone, or another one of its name, needs none; other errors are told", async () => {
    const error = (failure: RomanaError["failure"]): RomanaError => new RomanaError("no", failure);
    await written([], error({ code: "not-found", noun: "object", name: "p" }));
    await written([], error({ code: "conflict", noun: "object", name: "p" }));
    await expect(written([], error({ code: "forbidden" }))).rejects.toThrow("no");
  });
});
