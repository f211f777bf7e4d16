import { describe, expect, test } from "vitest";
import {
  chainFromOf,
  chainFromText,
  chainFunctionsOf,
  chainFunctionText,
  chainToOf,
  chainToText,
} from "./chain-words.ts";

describe("who sends", () => {
  test.each([
    ["any", { any: true }],
    ["shop", { tenant: "shop" }],
    ["shop/web", { tenant: "shop", segment: "web" }],
    ["10.1.0.0/16", { cidr: "10.1.0.0/16" }],
    ["2001:db8::/32", { cidr: "2001:db8::/32" }],
    // No prefix, as bits are set behind its length.
    ["10.1.0.1/16", { tenant: "10.1.0.1", segment: "16" }],
  ] as const)("%s", (text, from) => {
    expect(chainFromOf(text)).toEqual(from);
    expect(chainFromText(from)).toBe(text);
  });

  test("nothing is nothing, half a segment is refused", () => {
    expect(chainFromOf(undefined)).toBeUndefined();
    expect(() => chainFromOf("shop/")).toThrow('"shop/" is not TENANT/SEGMENT');
  });
});

describe("who receives", () => {
  test.each([
    ["shop/web", { tenant: "shop", segment: "web" }],
    ["shop.web", { service: "shop.web" }],
  ])("%s", (text, to) => {
    expect(chainToOf(text)).toEqual(to);
    expect(chainToText(to)).toBe(text);
  });

  test("nothing is nothing", () => {
    expect(chainToOf(undefined)).toBeUndefined();
  });
});

describe("functions", () => {
  test.each([
    ["guard/fw", { tenant: "guard", segment: "fw" }, "guard/fw"],
    ["guard/fw,closed", { tenant: "guard", segment: "fw", fail: "closed" }, "guard/fw"],
    ["guard/fw,open", { tenant: "guard", segment: "fw", fail: "open" }, "guard/fw,open"],
    [
      "guard/fw,tcp:22",
      { tenant: "guard", segment: "fw", health: { protocol: "tcp", port: 22 } },
      "guard/fw,tcp:22",
    ],
    [
      "guard/fw,open,http:up/a,b",
      {
        tenant: "guard",
        segment: "fw",
        fail: "open",
        health: { protocol: "http", port: "up", path: "/a,b" },
      },
      "guard/fw,open,http:up/a,b",
    ],
  ] as const)("%s", (text, one, again) => {
    expect(chainFunctionsOf([text])).toEqual([one]);
    expect(chainFunctionText(one)).toBe(again);
  });

  test.each([
    ["", '"" is not TENANT/SEGMENT[,open|,closed][,CHECK]'],
    ["guard", '"guard" is not TENANT/SEGMENT'],
    ["guard/fw,ajar", '"ajar" is not tcp:PORT, http:PORT[/PATH] or icmp'],
    ["guard/fw,open,", '"open," is not tcp:PORT, http:PORT[/PATH] or icmp'],
  ])("refuses %j", (text, reason) => {
    expect(() => chainFunctionsOf([text])).toThrow(reason);
  });

  test("none are none", () => {
    expect(chainFunctionsOf([])).toBeUndefined();
  });
});
