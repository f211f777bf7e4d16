import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Chain, Service } from "../src/model/index.ts";
import { type Address, prefixContains } from "../src/net/index.ts";
import { CASE_WORLD, PARTIES, type PartyName } from "../src/policy/case-world.case.ts";
import { addressOf, chain, end, target } from "../src/policy/chain-world.case.ts";
import { passageOf } from "../src/policy/index.ts";
import type { AddressPattern } from "../src/steering/chain-ends.ts";
import type { Lane } from "../src/steering/chain-rules.ts";
import { chainRules, type EndAddresses } from "../src/steering/index.ts";

const SERVICES: readonly Service[] = [
  {
    name: "shop",
    network: "default",
    tenant: "acme",
    segment: "db",
    addresses: {},
    ports: [{ protocol: "tcp", port: 80 }],
  },
];
const [HOST] = CASE_WORLD.hosts;

/** Hosts are left out: what they send themselves never meets the table of the host that sends it. */
const NAMES = (Object.keys(PARTIES) as PartyName[]).filter((name) => !name.startsWith("host-"));

const FROM = [
  "any",
  "acme",
  "open",
  "acme/web",
  "open/db",
  "10.1.0.0/16",
  "10.1.3.32/27",
  "::/0",
  "0.0.0.0/0",
];
const TO: readonly Chain["to"][] = [
  { kind: "service", service: "shop" },
  { kind: "service", service: "ghost" },
  ...["acme/web", "open/web", "open/db"].map(target),
];

const CHAINS = fc
  .record({
    from: fc.constantFrom(...FROM),
    to: fc.constantFrom(...TO),
    through: fc.subarray(["plain/web", "beta/web", "open/bare", "acme/db"], { minLength: 1 }),
    both: fc.boolean(),
  })
  .map(({ from, to, through, both }): Chain => {
    const forward = chain("x", end(from), to, ...through);
    if (!both) return forward;
    const reverse = forward.places.forward.map((place) => place + 10);
    return { ...forward, direction: "both", places: { ...forward.places, reverse } };
  });

/** The lane that the table of a host gives a packet to, read as the table says it. */
function laneOf(
  lanes: readonly Lane[],
  source: Address,
  destination: Address,
): Lane["direction"] | undefined {
  const own = lanes.filter(({ family }) => family === source.family);
  const lane = own.find((one) => holds(one.source, source) && holds(one.destination, destination));
  if (lane === undefined) return undefined;
  const ends = [source, destination];
  const isOfHost = ends.some((address) => matches(lane.gateways, address));
  const isOfFunction = lane.functions.some(({ members }) => ends.some((address) => holds(members, address)));
  const isWithin =
    lane.direction === "forward" ? holds(lane.destination, source) : holds(lane.source, destination);
  return isOfHost || isOfFunction || isWithin ? undefined : lane.direction;
}

function holds({ patterns, joined, left }: EndAddresses, address: Address): boolean {
  if (joined.some((block) => prefixContains(block, address))) return true;
  if (left.some((block) => prefixContains(block, address))) return false;
  return patterns.some((pattern) => matches(pattern, address));
}

function matches({ mask, key }: AddressPattern, { value }: Address): boolean {
  return (value & mask) === key;
}

test("romana why says the chain that hosts take", () => {
  if (HOST === undefined) throw new Error("the world has no host");
  const world = { ...CASE_WORLD, policies: [], services: SERVICES };
  const rest = {
    backends: [],
    endpoints: [],
    underlayDevices: [],
    hostMacs: [],
    unreachable: new Set<string>(),
  };
  const host = HOST;
  let taken = 0;
  fc.assert(
    fc.property(CHAINS, fc.constantFrom<4 | 6>(4, 6), (one, family) => {
      const { lanes } = chainRules({ ...world, ...rest, host, chains: [one], hopNumbers: new Map() });
      const flows = NAMES.flatMap((from) => NAMES.map((to) => [from, to] as const));
      const said = flows.map(([from, to]) => {
        const way = passageOf(world, [one], addressOf(from, family), addressOf(to, family))?.way;
        if (way !== undefined) taken++;
        return `${from} > ${to}: ${way}`;
      });
      const done = flows.map(([from, to]) => {
        const direction = laneOf(lanes, addressOf(from, family), addressOf(to, family));
        return `${from} > ${to}: ${direction}`;
      });
      expect(said).toEqual(done);
    }),
    { numRuns: 40 },
  );
  expect(taken).toBeGreaterThan(100);
});
