import { describe, expect, test } from "vitest";
import { classOf } from "./label-classes.ts";
import { chooseBirth, type PlacedSegment, placeClass } from "./placement.ts";

const WEB = classOf({ app: "web" }, [{ name: "http", protocol: "TCP", port: 80 }]);
const CODE = { code: 1, extraBits: 0 };
const segment = (
  labels: object,
  ports = WEB.ports,
  codes: PlacedSegment["codes"] = [CODE],
): PlacedSegment => ({
  codes,
  labels: new Map(Object.entries(labels)),
  ports,
});
const OURS = segment({ app: "web" });
const OTHER = segment({ app: "other" });

describe("placeClass()", () => {
  test.each<[string, string | undefined, Record<string, PlacedSegment>, object]>([
    ["an empty namespace", undefined, {}, { role: WEB.name }],
    ["its segment is there", undefined, { [WEB.name]: OURS }, { role: WEB.name }],
    ["its name is another class's", undefined, { [WEB.name]: OTHER }, { role: `${WEB.name}-2` }],
    [
      "its second name is its own",
      undefined,
      { [WEB.name]: OTHER, [`${WEB.name}-2`]: OURS },
      { role: `${WEB.name}-2` },
    ],
    [
      "same labels, other ports",
      undefined,
      { [WEB.name]: segment({ app: "web" }, []) },
      { role: `${WEB.name}-2` },
    ],
    [
      "same labels, a port of the same name elsewhere",
      undefined,
      { [WEB.name]: segment({ app: "web" }, [{ name: "http", protocol: 6, port: 81 }]) },
      { role: `${WEB.name}-2` },
    ],
    ["more labels", undefined, { [WEB.name]: segment({ app: "web", x: "" }) }, { role: `${WEB.name}-2` }],
    ["a name that nobody has", "front", {}, { role: "front" }],
    ["a name that is its own", "front", { front: OURS }, { role: "front" }],
    ["a name that is another's", "front", { front: OTHER }, { role: WEB.name, birth: "front" }],
    ["a segment without labels", "front", { front: { codes: [CODE] } }, { role: WEB.name, birth: "front" }],
  ])("%s", (_, named, segments, expected) => {
    expect(placeClass(WEB, named, new Map(Object.entries(segments)))).toEqual(expected);
  });
});

describe("chooseBirth()", () => {
  const none = segment({}, [], []);
  const segments = new Map([
    ["a", OURS],
    ["b", OTHER],
    ["c", none],
  ]);
  test.each<[(string | undefined)[], string]>([
    [["b"], "b"],
    [[undefined, "a"], "a"],
    [["c", "b"], "b"],
    [["gone", "a"], "a"],
  ])("of %j it is %s", (preferred, expected) => {
    expect(chooseBirth(segments, preferred, "id")).toBe(expected);
  });
  test("else one by the ID, always the same, and not all the same", () => {
    const chosen = Array.from({ length: 50 }, (_, index) => chooseBirth(segments, ["c"], `id-${index}`));
    expect(chosen).toEqual(
      Array.from({ length: 50 }, (_, index) => chooseBirth(segments, [], `id-${index}`)),
    );
    expect(new Set(chosen)).toEqual(new Set(["a", "b"]));
  });
  test("where nobody has a code there is none", () => {
    expect(chooseBirth(new Map([["c", none]]), ["c"], "id")).toBeUndefined();
  });
});
