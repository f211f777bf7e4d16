import { describe, expect, test } from "vitest";
import { ManualTimers } from "../../test/support/manual-timers.ts";
import type { Applied, RoutingDaemon } from "../daemons/index.ts";
import { FABRIC, golden, HOSTS, NETWORK } from "../fabric/example-fabric.case.ts";
import { invalidInput } from "../model/index.ts";
import { formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import { createRouting } from "../routing/index.ts";
import { type KnownFabric, withoutLearned } from "./fabric-ways.ts";
import { RoutingKeeper } from "./routing-keeper.ts";

const KNOWN: KnownFabric = { networks: [NETWORK], hosts: HOSTS, fabric: FABRIC };
const LEAF = parseAddress("172.16.1.1");

/** A daemon that has one session, and refuses what somebody says. */
class FakeDaemon implements RoutingDaemon {
  readonly kind = "bird";
  running: string | undefined;
  inForce: string | undefined;
  refusal: string | undefined;
  readonly check = (): Promise<void> =>
    this.refusal === undefined
      ? Promise.resolve()
      : Promise.reject(invalidInput("use it", [{ path: "", reason: this.refusal }]));
  readonly apply = async (text: string): Promise<Applied> => {
    if (this.running === text) return "unchanged";
    await this.check();
    const done = this.running === undefined ? "started" : "reloaded";
    this.running = text;
    this.inForce = text;
    return done;
  };
  readonly revive = (): Promise<void> => {
    this.running = this.inForce;
    return Promise.resolve();
  };
  readonly isRunning = (): boolean => this.running !== undefined;
  readonly sessions = () => Promise.resolve([{ peer: LEAF, isEstablished: true }]);
  readonly routes = () => Promise.resolve([]);
  readonly stop = (): Promise<void> => {
    this.running = undefined;
    this.inForce = undefined;
    return Promise.resolve();
  };
}

async function scene(): Promise<{
  daemon: FakeDaemon;
  keeper: RoutingKeeper;
  tell: (known: KnownFabric) => Promise<void>;
  pass: () => Promise<void>;
}> {
  const daemon = new FakeDaemon();
  const timers = new ManualTimers();
  let known = KNOWN;
  const log = () => {};
  const keeper = new RoutingKeeper({
    host: "host-1",
    config: { routing: { daemon: "bird", directory: "/run/x" } },
    routingDaemon: daemon,
    timers,
    log: { debug: log, info: log, warn: log, error: log },
    knowledge: () => known,
    onChange: log,
  });
  const pass = (): Promise<void> => timers.advance(5_000);
  const tell = async (news: KnownFabric): Promise<void> => {
    known = news;
    keeper.follow();
    await pass();
  };
  await tell(KNOWN);
  return { daemon, keeper, tell, pass };
}

describe("RoutingKeeper", () => {
  test("runs the daemon with what follows from the fabric", async () => {
    const { daemon, keeper } = await scene();
    expect(daemon.running).toBe(golden("host-1.bird"));
    expect(keeper.status).toEqual({
      daemon: "bird",
      running: true,
      sessions: [{ peer: "172.16.1.1", established: true }],
    });
    expect(keeper.problems).toEqual([]);
  });

  test("starts one again that has died", async () => {
    const { daemon, pass } = await scene();
    daemon.running = undefined;
    await pass();
    expect(daemon.running).toBe(golden("host-1.bird"));
  });

  test.each([["it runs"], ["it has died meanwhile"]])(
    "leaves the old configuration in force when the new one is refused and %s",
    async (state) => {
      const { daemon, keeper, tell } = await scene();
      daemon.refusal = "no such word";
      if (state !== "it runs") daemon.running = undefined;
      await tell({ ...KNOWN, fabric: { ...FABRIC, hostAsn: 65_500 } });
      expect(daemon.running).toBe(golden("host-1.bird"));
      expect(keeper.status?.fault).toContain("no such word");
      expect(keeper.problems).toEqual([expect.stringContaining("no such word")]);
      daemon.refusal = undefined;
      await tell({ ...KNOWN, fabric: { ...FABRIC, hostAsn: 65_500 } });
      expect(daemon.running).toContain("local as 65500;");
      expect(keeper.problems).toEqual([]);
    },
  );

  test("says why there is no configuration, and keeps the old one", async () => {
    const { daemon, keeper, tell } = await scene();
    await tell({ ...KNOWN, fabric: { ...FABRIC, passwordName: "fabric" } });
    expect(daemon.running).toBe(golden("host-1.bird"));
    expect(keeper.problems.join()).toContain('the password "fabric" is not given');
  });

  test("stops the daemon when there is no fabric any more", async () => {
    const { daemon, tell } = await scene();
    await tell({ networks: [NETWORK], hosts: HOSTS });
    expect(daemon.running).toBeUndefined();
  });
});

describe("withoutLearned()", () => {
  const all = createRouting([NETWORK], HOSTS).routesOf("host-1");
  const kept = (known: KnownFabric): string[] =>
    withoutLearned(all, "host-1", known).routes.map(
      ({ kind, destination }) => `${kind} ${formatPrefix(destination)}`,
    );
  test.each<[string, KnownFabric, readonly string[]]>([
    ["other racks are the daemon's", KNOWN, ["blackhole 10.17.0.0/16", "host 10.18.0.0/16"]],
    [
      "without a fabric all are the agent's",
      { networks: [NETWORK], hosts: HOSTS },
      all.routes.map(({ kind, destination }) => `${kind} ${formatPrefix(destination)}`),
    ],
    [
      "a host that the fabric has no rack for keeps all",
      { ...KNOWN, fabric: { ...FABRIC, racks: [] } },
      all.routes.map(({ kind, destination }) => `${kind} ${formatPrefix(destination)}`),
    ],
  ])("%s", (_, known, expected) => {
    expect(kept(known)).toEqual(expected);
  });
  test.each([
    ["host-1", "host-2", "host-1", true],
    ["host-1", "host-2", "host-2", true],
    ["host-1", "host-2", "host-3", false],
    ["host-3", "host-1", "host-2", true],
    ["host-1", "host-4", "host-2", false],
  ])("an endpoint of %s that is on %s: %s has a route of its own: %s", (home, locatedOn, host, expected) => {
    const blocks = [parsePrefix("10.17.1.17/32")];
    const relocation = { network: NETWORK.name, host: home, locatedOn, blocks };
    const found = createRouting([NETWORK], HOSTS, [relocation]).routesOf(host);
    const { routes } = withoutLearned(found, host, KNOWN);
    expect(routes.some(({ kind }) => kind === "relocation")).toBe(expected);
  });
  test("a host on cables has no neighbour of its own", () => {
    const found = createRouting([NETWORK], HOSTS).routesOf("host-3");
    expect(withoutLearned(found, "host-3", KNOWN).routes.map(({ kind }) => kind)).toEqual(["blackhole"]);
  });
});
