import { describe, expect, test } from "vitest";
import { parsePrefix } from "../net/index.ts";
import { type ChainObject, desiredChain } from "./desired-chain.ts";

const OBJECT: ChainObject = {
  namespace: "shop",
  name: "inspected",
  uid: "u1",
  from: { any: true },
  to: { segment: "web" },
  through: [{ segment: "firewall", fail: "closed" }],
  direction: "both",
};

const NAMES: Readonly<Record<string, readonly string[]>> = {
  shop: ["a", "web", "firewall"],
  data: ["a", "db"],
  third: ["a"],
};
const segmentsOf = (namespace: string) =>
  new Map((NAMES[namespace] ?? []).map((name) => [name, { isUsed: true }]));

describe("desiredChain()", () => {
  test("is what the object says, with functions of its namespace, and belongs to it", () => {
    expect(desiredChain({ ...OBJECT, network: "default" }, segmentsOf, undefined)).toEqual({
      name: "shop.inspected",
      network: "default",
      from: { kind: "any" },
      to: { kind: "segment", tenant: "shop", segment: "web" },
      through: [{ tenant: "shop", segment: "firewall", fail: "closed" }],
      direction: "both",
      externalId: "romana.io/u1",
    });
  });

  const prefix = parsePrefix("192.0.2.0/24");
  test.each<[string, ChainObject["from"], ChainObject["to"], object]>([
    [
      "a segment of its own",
      { segment: "a" },
      { segment: "web" },
      { from: { kind: "segment", tenant: "shop", segment: "a" } },
    ],
    [
      "a segment of another namespace",
      { segment: "a", namespace: "data" },
      { segment: "web" },
      { from: { kind: "segment", tenant: "data", segment: "a" } },
    ],
    ["a namespace", { namespace: "data" }, { segment: "web" }, { from: { kind: "tenant", tenant: "data" } }],
    ["a block", { cidr: prefix }, { segment: "web" }, { from: { kind: "cidr", prefix } }],
    [
      "a service of its own",
      { any: true },
      { service: "web" },
      { to: { kind: "service", service: "shop.web" } },
    ],
    [
      "from its own to a service of another",
      { namespace: "shop" },
      { service: "db", namespace: "data" },
      { from: { kind: "tenant", tenant: "shop" }, to: { kind: "service", service: "data.db" } },
    ],
    [
      "from its own to a segment of another",
      { segment: "a" },
      { segment: "db", namespace: "data" },
      { to: { kind: "segment", tenant: "data", segment: "db" } },
    ],
  ])("%s", (_, from, to, expected) => {
    expect(desiredChain({ ...OBJECT, from, to }, segmentsOf, undefined)).toMatchObject(expected);
  });

  test.each<[string, ChainObject["from"]]>([
    ["anybody", { any: true }],
    ["a block", { cidr: prefix }],
    ["a third namespace", { namespace: "third" }],
    ["a segment of a third namespace", { segment: "a", namespace: "third" }],
  ])("traffic that is nobody's of its namespace is not its own: from %s to another", (_, from) => {
    for (const to of [
      { segment: "db", namespace: "data" },
      { service: "db", namespace: "data" },
    ]) {
      expect(desiredChain({ ...OBJECT, from, to }, segmentsOf, undefined)).toMatchObject({
        reason: "NotOurs",
      });
    }
  });

  test("the network cannot change", () => {
    const known = {
      ...OBJECT,
      network: "default",
      from: { kind: "any" },
      to: { kind: "segment", tenant: "shop", segment: "web" },
      through: [],
      places: { forward: [1, 2] },
    } as const;
    expect(desiredChain({ ...OBJECT, network: "other" }, segmentsOf, known)).toMatchObject({
      reason: "NetworkFixed",
    });
    expect(desiredChain({ ...OBJECT, network: "default" }, segmentsOf, known)).toMatchObject({
      network: "default",
    });
  });

  test.each<[string, Partial<ChainObject>, string]>([
    ["a sender", { from: { segment: "b" } }, "b"],
    [
      "a receiver of another namespace",
      { from: { segment: "a" }, to: { segment: "web", namespace: "data" } },
      "web",
    ],
    [
      "a function",
      {
        through: [
          { segment: "web", fail: "open" },
          { segment: "db", fail: "open" },
        ],
      },
      "db",
    ],
  ])("a segment that is not there: %s", (_, change, name) => {
    expect(desiredChain({ ...OBJECT, ...change }, segmentsOf, undefined)).toEqual({
      reason: "NoSegment",
      message: `there is no segment "${name}": no pod of the namespace has been of it`,
    });
  });

  test("each segment is that of the pods that are there, else the one that it was", () => {
    const classOf = (isUsed: boolean) => ({ labels: new Map([["romana.io/segment", "firewall"]]), isUsed });
    const object: ChainObject = { ...OBJECT, to: { service: "web" } };
    const rolled = (isUsed: boolean) => () =>
      new Map([
        ["firewall", classOf(false)],
        ["new", classOf(isUsed)],
      ]);
    const after = desiredChain(object, rolled(true), undefined);
    expect(after).toMatchObject({ through: [{ segment: "new" }] });
    const known = { ...after, network: "default", places: { forward: [1, 2] } } as Parameters<
      typeof desiredChain
    >[2];
    expect(desiredChain(object, rolled(false), known)).toMatchObject({ through: [{ segment: "new" }] });
  });
});
