import { expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import type { Network } from "../model/index.ts";
import { formatPrefix, parsePrefix } from "../net/index.ts";
import { servicePrefixes } from "./service-prefixes.ts";

const ipv4 = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
});
const given = { ipv4: parsePrefix("172.30.0.0/24"), ipv6: parsePrefix("fd30::/112") };

test.each<[string, Network["services"], readonly string[]]>([
  ["those of families with a plan", given, ["172.30.0.0/24"]],
  ["none without prefixes", undefined, []],
  ["none of a family that has none", { ipv6: given.ipv6 }, []],
])("servicePrefixes(): %s", (_, services, expected) => {
  const network: Network = { name: "main", plans: { ipv4 }, groups: [], ...(services && { services }) };
  expect(servicePrefixes(network).map(({ destination }) => formatPrefix(destination))).toEqual(expected);
});
