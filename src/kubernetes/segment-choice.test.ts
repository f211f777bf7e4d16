import { describe, expect, test } from "vitest";
import { chooseSegment } from "./segment-choice.ts";

const is = (key: string, value: string) => ({ key, operator: "In", values: [value] }) as const;
const segments = (...names: readonly string[]) =>
  new Map(
    names.map((text) => {
      const [name = "", app = "", version = "", isUsed] = text.split(" ");
      const labels = new Map([
        ["app", app],
        ["version", version],
      ]);
      return [name, { labels, isUsed: isUsed === "used" }];
    }),
  );

describe("chooseSegment()", () => {
  test.each<[string, readonly string[], string | undefined, string]>([
    ["one class", ["a web 1 used", "b db 1 used"], undefined, "a"],
    ["one that no pod is of", ["a web 1 -", "b db 1 used"], undefined, "a"],
    ["the one that pods are of", ["a web 1 -", "b web 2 used"], "a", "b"],
    ["none is used: the one before", ["a web 1 -", "b web 2 -"], "b", "b"],
    [
      "none is used, and none was before",
      ["b web 1 -", "a web 2 -"],
      undefined,
      "2 classes of pods match the selector, and one is wanted: a, b",
    ],
    [
      "two that pods are of, even if one was before",
      ["a web 1 used", "b web 2 used"],
      "a",
      "2 classes of pods match the selector, and one is wanted: a, b",
    ],
    [
      "many",
      ["1", "2", "3", "4", "5", "6", "7"].map((name) => `${name} web ${name} used`),
      undefined,
      "7 classes of pods match the selector, and one is wanted: 1, 2, 3, 4, 5 and 2 more",
    ],
    ["none", ["b db 1 used"], "b", "no class of pods of the namespace matches the selector"],
  ])("by labels: %s", (_, names, before, expected) => {
    const choice = { by: "labels", requirements: [is("app", "web")] } as const;
    const chosen = chooseSegment(choice, segments(...names), before);
    expect("segment" in chosen ? chosen.segment : chosen.message).toBe(expected);
  });

  const asked = (isUsed: boolean) => ({ labels: new Map([["romana.io/segment", "web"]]), isUsed });
  test.each<[string, Record<string, ReturnType<typeof asked>>, string | undefined, object]>([
    ["one whose pods ask for it", { odd: asked(true) }, undefined, { segment: "odd" }],
    ["the one of that name, although no pod is of it", { web: asked(false) }, undefined, { segment: "web" }],
    ["made by hand", { web: { labels: new Map(), isUsed: false } }, undefined, { segment: "web" }],
    ["after a rollout", { web: asked(false), "web-2": asked(true) }, "web", { segment: "web-2" }],
    [
      "after the pods of both have gone",
      { web: asked(false), "web-2": asked(false) },
      "web-2",
      { segment: "web-2" },
    ],
    [
      "during a rollout",
      { web: asked(true), "web-2": asked(true) },
      "web",
      {
        reason: "SeveralSegments",
        message: '2 classes of pods are of segment "web", and one is wanted: web, web-2',
      },
    ],
    [
      "none",
      { db: { labels: new Map(), isUsed: true } },
      "db",
      {
        reason: "NoSegment",
        message: 'there is no segment "web": no pod of the namespace has been of it',
      },
    ],
  ])("by name: %s", (_, all, before, expected) => {
    expect(chooseSegment({ by: "name", name: "web" }, new Map(Object.entries(all)), before)).toEqual(
      expected,
    );
  });

  test("a segment without labels is matched by what wants none", () => {
    const chosen = (requirements: Parameters<typeof chooseSegment>[0] & { by: "labels" }) =>
      chooseSegment(requirements, new Map([["a", { isUsed: true }]]), undefined);
    expect(chosen({ by: "labels", requirements: [] })).toEqual({ segment: "a" });
    expect(chosen({ by: "labels", requirements: [is("app", "")] })).toMatchObject({
      reason: "NoSegment",
    });
  });
});
