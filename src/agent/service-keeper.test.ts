import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { hostView } from "../../test/support/agent-view.ts";
import { ManualTimers, settled } from "../../test/support/manual-timers.ts";
import type { Backend, Service } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { HostSnapshot } from "../schema/index.ts";
import { SERVICES_TABLE } from "../steering/index.ts";
import { createFakeKernel, type FakeKernel } from "../system/fake-kernel.ts";
import { HostKnowledge } from "./host-knowledge.ts";
import { ServiceKeeper } from "./service-keeper.ts";

let kernel: FakeKernel;
let timers: ManualTimers;
let keeper: ServiceKeeper;
let repairs: string[];
let isRefusing: boolean;

function member(number: number): Backend {
  const host = `host-${number % 2 === 0 ? 1 : 2}`;
  return { host, addresses: { ipv4: parseAddress(`10.${number % 2 === 0 ? 1 : 2}.1.${number}`) } };
}

/** Services `s1`, `s2`, … each in front of a segment of its own with these members. */
function world(services: readonly (readonly number[])[], change: Partial<Service> = {}): HostKnowledge {
  const view = hostView();
  const [network] = view.networks;
  const place = { network: "default", tenant: "acme" };
  const snapshot: HostSnapshot = {
    ...view,
    networks: network === undefined ? [] : [{ ...network, services: { ipv4: parsePrefix("172.30.0.0/24") } }],
    services: services.map((_, index) => ({
      name: `s${index + 1}`,
      ...place,
      segment: `segment-${index + 1}`,
      addresses: { ipv4: parseAddress(`172.30.0.${index + 1}`) },
      ports: [{ protocol: "tcp", port: 80 }],
      revision: 1,
      ...change,
    })),
    backends: services.map((members, index) => ({
      ...place,
      segment: `segment-${index + 1}`,
      backends: members.map(member),
      revision: 1,
    })),
  };
  return new HostKnowledge(snapshot);
}

/** The objects of the table, in no order. */
function listing(of = kernel): string[] {
  const objects = /^table [^{]*\{\n(.*)\}\n$/s.exec(of.listTable(SERVICES_TABLE) ?? "")?.[1] ?? "";
  return objects
    .split(/\n\n/)
    .map((text) => text.trim())
    .toSorted();
}

function createKeeper(on: FakeKernel): ServiceKeeper {
  return new ServiceKeeper({
    kernel: on,
    timers,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    onRepair: (item) => repairs.push(item),
    onProblems: () => {},
  });
}

/** The table as it is when nothing was there before. */
async function fresh(knowledge: HostKnowledge): Promise<string[]> {
  const other = createFakeKernel();
  createKeeper(other).follow(knowledge);
  await settled();
  return listing(other);
}

beforeEach(() => {
  kernel = createFakeKernel();
  timers = new ManualTimers();
  repairs = [];
  isRefusing = false;
  kernel.refuse = (operation) => (isRefusing && operation.method === "runNft" ? "EPERM" : undefined);
  keeper = createKeeper(kernel);
});

describe("ServiceKeeper", () => {
  test("leaves a kernel alone that needs no services", async () => {
    const generation = kernel.rulesetGeneration();
    keeper.follow(new HostKnowledge(hostView()));
    await settled();
    expect(kernel.rulesetGeneration()).toBe(generation);
  });

  test("makes the table, and does nothing when nothing changes", async () => {
    keeper.follow(world([[1, 2]]));
    await settled();
    expect(listing().join()).toContain("172.30.0.1 . tcp . 80 : goto port-");
    const generation = kernel.rulesetGeneration();
    keeper.follow(world([[2, 1]]));
    await settled();
    expect(kernel.rulesetGeneration()).toBe(generation);
    expect(keeper.problems).toEqual([]);
  });

  test("takes the table away with the last service prefix", async () => {
    keeper.follow(world([[1]]));
    await settled();
    keeper.follow(new HostKnowledge(hostView()));
    await settled();
    expect(kernel.listTable(SERVICES_TABLE)).toBeUndefined();
  });

  test("one after the other, any worlds make the same table as the last one alone", async () => {
    const members = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 4 });
    const worlds = fc.array(fc.tuple(fc.array(members, { maxLength: 3 }), fc.boolean()), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(worlds, fc.boolean(), async (all, isRestarted) => {
        kernel = createFakeKernel();
        keeper = createKeeper(kernel);
        let last = world([]);
        for (const [services, isLocal] of all) {
          last = world(services, isLocal ? { prefer: "local" } : {});
          keeper.follow(last);
          await settled();
          if (isRestarted) keeper = createKeeper(kernel);
        }
        keeper.follow(last);
        await settled();
        expect(listing()).toEqual(await fresh(last));
      }),
      { numRuns: 15 },
    );
  });

  test("news that come while it works are not forgotten", async () => {
    keeper.follow(world([[1], [2], [3], [4]]));
    keeper.follow(world([[1, 3]]));
    await settled();
    keeper.follow(world([[1, 5], [2]]));
    await settled();
    expect(listing()).toEqual(await fresh(world([[1, 5], [2]])));
  });

  test.each([
    ["deleted", `delete table inet ${SERVICES_TABLE}\n`],
    ["emptied", `flush table inet ${SERVICES_TABLE}\n`],
    ["added to", `add chain inet ${SERVICES_TABLE} port-0 { }\n`],
  ])("mends the table that somebody has %s", async (_, text) => {
    keeper.follow(world([[1, 2]]));
    await settled();
    const before = listing();
    kernel.outside.runNft(text);
    keeper.notice({ type: "table", table: SERVICES_TABLE, ownProcess: false });
    await timers.advance(0);
    expect(listing()).toEqual(before);
    expect(repairs).toEqual(["table romana_services"]);
  });

  test.each([
    ["of its own changes", { type: "table", table: SERVICES_TABLE, ownProcess: true }],
    ["of other tables", { type: "table", table: "romana", ownProcess: false }],
  ] as const)("takes no offence at events %s", async (_, event) => {
    keeper.follow(world([[1, 2]]));
    await settled();
    keeper.notice(event);
    await timers.advance(10);
    expect(repairs).toEqual([]);
  });

  test("finds by a look what no event has told", async () => {
    keeper.follow(world([[1, 2]]));
    await settled();
    const before = listing();
    keeper.look();
    kernel.outside.runNft(`flush chain inet ${SERVICES_TABLE} prerouting\n`);
    keeper.look();
    await timers.advance(0);
    expect(listing()).toEqual(before);
  });

  test("does not fight without end, and tells of it", async () => {
    keeper.follow(world([[1]]));
    await settled();
    for (let round = 0; round < 20; round++) {
      if (kernel.listTable(SERVICES_TABLE) === undefined) break;
      kernel.outside.runNft(`delete table inet ${SERVICES_TABLE}\n`);
      keeper.notice({ type: "table", table: SERVICES_TABLE, ownProcess: false });
      await timers.advance(1);
    }
    expect(kernel.listTable(SERVICES_TABLE)).toBeUndefined();
    expect(keeper.problems).toEqual(["Somebody keeps changing table romana_services"]);
    await timers.advance(1_000);
    expect(kernel.listTable(SERVICES_TABLE)).toBeDefined();
  });

  test("tells what the kernel refuses, and tries again", async () => {
    isRefusing = true;
    keeper.follow(world([[1]]));
    await settled();
    expect(keeper.problems).toEqual([expect.stringContaining("Services are not in force: ")]);
    isRefusing = false;
    await timers.advance(1_000);
    expect(keeper.problems).toEqual([]);
    expect(listing()).toEqual(await fresh(world([[1]])));
  });
});

describe("flows", () => {
  const track = (destination: string, port: number, server: string): void => {
    const client = { address: parseAddress("10.1.1.77"), port: 40_001 };
    kernel.addFlow({
      original: {
        protocol: 6,
        source: client.address,
        sourcePort: client.port,
        destination: parseAddress(destination),
        destinationPort: port,
      },
      reply: {
        protocol: 6,
        source: parseAddress(server),
        sourcePort: 80,
        destination: client.address,
        destinationPort: client.port,
      },
    });
  };

  test.each([
    ["to a member that stays", "172.30.0.1", 80, "10.2.1.1", true],
    ["to a member that is gone", "172.30.0.1", 80, "10.1.1.2", false],
    ["to another port, never translated", "172.30.0.1", 81, "172.30.0.1", false],
    ["to a service that is gone", "172.30.0.2", 80, "10.2.1.3", false],
    ["to anything else", "10.1.1.2", 80, "10.1.1.2", true],
  ])("%s", async (_, destination, port, server, isLeft) => {
    keeper.follow(world([[1, 2], [3]]));
    await settled();
    track(destination, port, server);
    keeper.follow(world([[1]]));
    await settled();
    expect(kernel.listFlows()).toHaveLength(isLeft ? 1 : 0);
  });

  test("to members of other hosts go on when members of this host come to be preferred", async () => {
    const prefer = { prefer: "local" } as const;
    keeper.follow(world([[1]], prefer));
    await settled();
    track("172.30.0.1", 80, "10.2.1.1");
    keeper.follow(world([[1, 2]], prefer));
    await settled();
    expect(kernel.listFlows()).toHaveLength(1);
  });
});
