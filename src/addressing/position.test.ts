import { describe, expect, test } from "vitest";
import type { Host, Network } from "../model/index.ts";
import { hostPosition } from "./position.ts";

const NETWORK: Network = {
  name: "default",
  plans: {},
  groups: [
    { name: "zone-a", id: 1, router: {}, groups: [] },
    {
      name: "zone-b",
      id: 2,
      router: {},
      groups: [
        { name: "rack-1", id: 1, router: {}, groups: [] },
        { name: "constructor", id: 7, router: {}, groups: [] },
      ],
    },
  ],
};

const host = (...group: string[]): Host => ({ name: "h", id: 9, group, underlay: {} });

describe("hostPosition()", () => {
  test.each([
    [[], { groups: [], host: 9 }],
    [["zone-a"], { groups: [1], host: 9 }],
    [["zone-b", "rack-1"], { groups: [2, 1], host: 9 }],
    [["zone-b", "constructor"], { groups: [2, 7], host: 9 }],
  ])("%j", (group, position) => {
    expect(hostPosition(NETWORK, host(...group))).toEqual(position);
  });

  test.each([
    [["zone-c"], 'Cannot find group "zone-c"'],
    [["zone-a", "rack-1"], 'Cannot find group "zone-a/rack-1"'],
    [["constructor"], 'Cannot find group "constructor"'],
  ])("%j is refused", (group, message) => {
    expect(() => hostPosition(NETWORK, host(...group))).toThrow(message);
  });
});
