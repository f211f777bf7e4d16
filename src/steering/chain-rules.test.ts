import { describe, expect, test } from "vitest";
import { formatAddress, formatPrefix } from "../net/index.ts";
import type { ChainInput } from "./chain-input.ts";
import { NOWHERE } from "./chain-marks.ts";
import { chainRules } from "./chain-rules.ts";
import { backend, chain, chainInput } from "./chain-scene.case.ts";
import { SLOTS } from "./slots.ts";

const CLOSED = { tenant: "beta", segment: "db", fail: "closed" } as const;
const OPEN = { ...CLOSED, fail: "open" } as const;

function backends(...of: ReturnType<typeof backend>[]): Pick<ChainInput, "backends"> {
  return { backends: [{ network: "default", tenant: "beta", segment: "db", backends: of }] };
}

function hops(input: ChainInput): string[] {
  return chainRules(input).hops.map(({ number, gateway, device = "" }) =>
    `${number} ${formatAddress(gateway)} ${device}`.trim(),
  );
}

describe("next hops", () => {
  test.each<[string, Partial<ChainInput>, string[]]>([
    [
      "own functions by their devices, others by their hosts",
      {},
      ["1 10.1.2.33 rom1", "2 192.168.0.2", "3 fd00:10:0:100:2:2:0:1 rom1", "4 fd99::2"],
    ],
    [
      "one for all functions of a host",
      backends(backend(2, 1), backend(2, 2)),
      ["1 192.168.0.2", "2 fd99::2"],
    ],
    [
      "none for a host that is in no link",
      { unreachable: new Set(["host-2"]) },
      ["1 10.1.2.33 rom1", "2 fd00:10:0:100:2:2:0:1 rom1"],
    ],
    ["none for an own function that is not attached", { endpoints: [] }, ["1 192.168.0.2", "2 fd99::2"]],
    ["none without chains", { chains: [] }, []],
  ])("%s", (_, changes, expected) => {
    expect(hops(chainInput(changes))).toEqual(expected);
  });
});

describe("slots", () => {
  test("every host gives the same flow to the same endpoint", () => {
    const { hosts } = chainInput();
    const owners = hosts.map((host) => {
      const { maps, hops: all } = chainRules(chainInput({ host, endpoints: [], hopNumbers: new Map() }));
      const names = new Map(all.map(({ number, gateway }) => [number, formatAddress(gateway)]));
      return maps[0]?.slots.map((number) => names.get(number) ?? "own");
    });
    // What is a host's own stands for its address here.
    const resolved = owners.map((list, index) =>
      list?.map((name) => (name === "own" ? `192.168.0.${index + 1}` : name)),
    );
    expect(resolved[0]).toHaveLength(SLOTS);
    expect(resolved[1]).toEqual(resolved[0]);
    expect(resolved[2]).toEqual(resolved[0]);
  });

  test.each<[string, Partial<ChainInput>, number]>([
    ["all lead somewhere", {}, 0],
    ["those of a host without a way lead nowhere", { unreachable: new Set(["host-2"]) }, 510],
    ["closed: all of nobody's way lead nowhere", { unreachable: new Set(["host-2"]), endpoints: [] }, SLOTS],
  ])("%s", (_, changes, expected) => {
    const { maps } = chainRules(chainInput(changes));
    const lost = maps[0]?.slots.filter((number) => number === NOWHERE).length ?? -1;
    expect(Math.abs(lost - expected)).toBeLessThanOrEqual(1);
  });

  test.each<[string, Partial<ChainInput>]>([
    ["nobody is healthy", { ...backends() }],
    [
      "there is no way to anybody and it is open",
      { chains: [chain({ through: [OPEN] })], unreachable: new Set(["host-2"]), endpoints: [] },
    ],
  ])("there are none when %s", (_, changes) => {
    const { maps, lanes } = chainRules(chainInput(changes));
    expect(maps).toEqual([]);
    expect(lanes.every(({ functions }) => functions.every(({ map }) => map === undefined))).toBe(true);
  });
});

describe("lanes", () => {
  test("functions come in the order in which packets meet them, with one hash for both directions", () => {
    const two = chain({
      through: [CLOSED, { tenant: "acme", segment: "db", fail: "open" }],
      places: { forward: [1, 2, 3], reverse: [4, 5, 6] },
    });
    const { lanes } = chainRules(chainInput({ chains: [two] }));
    expect(lanes.map(({ direction, family, places }) => `${direction} ${family} ${places.join()}`)).toEqual([
      "forward 4 1,2,3",
      "reverse 4 4,5,6",
      "forward 6 1,2,3",
      "reverse 6 4,5,6",
    ]);
    const [there, back] = lanes.map(({ functions }) => functions.map(({ seed, fail }) => `${seed} ${fail}`));
    expect(back).toEqual(there?.toReversed());
    expect(new Set(there).size).toBe(2);
  });

  test("one direction has one lane in each family", () => {
    const one = chain({ direction: "forward", places: { forward: [1, 2] } });
    expect(chainRules(chainInput({ chains: [one] })).lanes.map(({ isBoth }) => isBoth)).toEqual([
      false,
      false,
    ]);
  });

  test("a service stands for the segment behind it", () => {
    const service = {
      name: "shop",
      network: "default",
      tenant: "open",
      segment: "web",
      addresses: {},
      ports: [{ protocol: "tcp", port: 80 }],
    } as const;
    const to = { kind: "service", service: "shop" } as const;
    const direct = chainRules(chainInput()).lanes;
    expect(chainRules(chainInput({ chains: [chain({ to })], services: [service] })).lanes).toEqual(direct);
    expect(chainRules(chainInput({ chains: [chain({ to })] })).lanes).toEqual([]);
  });

  test("chains come by name, whatever the order they are known in", () => {
    const chains = [chain({ name: "b" }), chain({ name: "a" })];
    expect(chainRules(chainInput({ chains })).lanes.map((lane) => lane.chain)).toEqual([
      "a",
      "a",
      "a",
      "a",
      "b",
      "b",
      "b",
      "b",
    ]);
  });

  test("who acts as another segment is in the chains of that one, and only of that one", () => {
    const input = chainInput();
    const blocks = (host: number, endpoint: number): { family: 4; value: bigint; length: number }[] => [
      { family: 4, value: BigInt((10 << 24) | (host << 16) | (1 << 8) | (1 << 4) | endpoint), length: 32 },
    ];
    const { lanes } = chainRules({
      ...input,
      exceptions: [
        { blocks: blocks(1, 5), tenant: "acme", segment: "db" },
        { blocks: [{ family: 4, value: 0x0a020124n, length: 32 }], tenant: "acme", segment: "web" },
      ],
    });
    const { source } = lanes[0] ?? {};
    expect(source?.left.map(formatPrefix)).toEqual(["10.1.1.21/32"]);
    expect(source?.joined.map(formatPrefix)).toEqual(["10.2.1.36/32"]);
  });
});

describe("problems", () => {
  test("name functions that there is no way to", () => {
    const { problems } = chainRules(chainInput({ unreachable: new Set(["host-2"]) }));
    expect(problems).toEqual([
      'No way to function "beta/db" at 10.2.2.33 on host "host-2": chains need hosts in one link',
      'No way to function "beta/db" at fd00:10:0:200:2:2:0:1 on host "host-2": chains need hosts in one link',
    ]);
  });
  test("are none where all is well", () => {
    expect(chainRules(chainInput()).problems).toEqual([]);
  });
});
