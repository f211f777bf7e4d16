import { expect, test } from "vitest";
import type { AddressPlan, Network } from "../model/index.ts";
import { formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import { relocationsOf } from "./relocations.ts";

const SEED: AddressPlan = {
  family: 4,
  prefix: parsePrefix("10.0.0.0/8"),
  groupLevels: [],
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
  strideBits: 0,
  numbering: "literal",
  reservedEndpoints: [0],
};

test.each([
  ["at home", 0, "10.1.1.17", undefined, []],
  ["at home, and said so", 0, "10.1.1.17", "host-1", []],
  ["elsewhere", 0, "10.1.1.17", "host-2", ["10.1.1.17/32"]],
  ["with a block of its own", 2, "10.1.1.20", "host-2", ["10.1.1.20/30"]],
])("%s", (_, strideBits, text, locatedOn, blocks) => {
  const network: Network = {
    name: "seed",
    groups: [],
    plans: { ipv4: { ...SEED, endpointBits: 4 - strideBits, strideBits } },
  };
  const endpoint = {
    network: "seed",
    host: "host-1",
    addresses: { ipv4: parseAddress(text) },
    ...(locatedOn !== undefined && { locatedOn }),
  };
  expect(relocationsOf([network], [endpoint]).map((one) => one.blocks.map(formatPrefix))).toEqual(
    blocks.length === 0 ? [] : [blocks],
  );
  expect(relocationsOf([], [endpoint])).toEqual([]);
});
