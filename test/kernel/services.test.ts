import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/index.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";
import { ServiceScene, sceneService } from "../support/service-scene.ts";
import { Connection, datagram, forge, Members, ownAddress } from "../support/service-traffic.ts";

leaveHostNamespace();

const EIGHT = Array.from({ length: 8 }, (_, index) => `web${index + 1}`);
const NINE = [...EIGHT, "web9"];
const FLOWS = 10_000;
const PORTS = Array.from({ length: FLOWS }, (_, index) => 20_000 + index);

let scene: ServiceScene;

beforeAll(async () => {
  const members = Object.fromEntries(NINE.map((name, index) => [name, ((index % 3) + 1) as 1 | 2 | 3]));
  scene = await ServiceScene.create({
    ...members,
    client1: 1,
    client2: 1,
    client3: 2,
    vault1: 2,
    vault2: 1,
    thief1: 1,
  });
});
afterAll(() => scene?.close());

/** Flows of each member. */
function counts(answers: ReadonlyMap<number, string>): number[] {
  return [...Map.groupBy(answers.values(), (name) => name).values()].map(({ length }) => length);
}

function differences(before: ReadonlyMap<number, string>, after: ReadonlyMap<number, string>): number[] {
  return [...before].flatMap(([port, name]) => (after.get(port) === name ? [] : [port]));
}

describe("ten thousand flows", () => {
  let before: ReadonlyMap<number, string>;
  const ask = (): ReadonlyMap<number, string> => {
    using members = new Members(
      NINE.map((name) => scene.party(name)),
      4,
    );
    const { namespace, addresses } = scene.party("client1");
    return members.ask(namespace, ownAddress(addresses, 4), PORTS);
  };

  beforeAll(async () => {
    await scene.follow(EIGHT);
    before = ask();
  });

  test("are within a tenth of even over eight members on three hosts", () => {
    expect(before.size).toBe(FLOWS);
    expect(counts(before)).toHaveLength(8);
    expect(Math.min(...counts(before))).toBeGreaterThan((0.9 * FLOWS) / 8);
    expect(Math.max(...counts(before))).toBeLessThan((1.1 * FLOWS) / 8);
  });

  test("stay where they are when a member comes; of new ones at most 1.5 shares go elsewhere", async () => {
    await scene.follow(NINE);
    expect(differences(before, ask())).toEqual([]);
    scene.forgetFlows(1);
    const after = ask();
    expect(new Set(after.values()).size).toBe(9);
    expect(differences(before, after).length).toBeLessThan((1.5 * FLOWS) / 8);
    before = after;
  });

  test("of a member that is gone move on, and no others", async () => {
    await scene.follow(NINE.filter((name) => name !== "web5"));
    const after = ask();
    const moved = differences(before, after);
    expect(after.size).toBe(FLOWS);
    expect([...new Set(moved.map((port) => before.get(port)))]).toEqual(["web5"]);
    expect([...after.values()]).not.toContain("web5");
  });
});

describe.each([4, 6] as const)("over IPv%i", (family) => {
  const address = (name: string) => ownAddress(scene.party(name).addresses, family);
  const connectFrom = (members: Members, name: string, source = address(name)) =>
    members.connect(scene.party(name).namespace, source);
  const membersOf = (...names: string[]): Members =>
    new Members(
      names.map((name) => scene.party(name)),
      family,
    );

  test("the member sees the client's own address, from any host", async () => {
    await scene.follow(["web1", "web2", "web3"]);
    using members = membersOf("web1", "web2", "web3");
    const ports = Array.from({ length: 20 }, (_, index) => 42_000 + index);
    for (const name of ["client1", "client3"]) members.ask(scene.party(name).namespace, address(name), ports);
    const sources = new Set([...members.seen].map((text) => text.split(" ")[1]));
    expect(sources).toEqual(new Set(["client1", "client3"].map((name) => formatAddress(address(name)))));
    expect(new Set([...members.seen].map((text) => text.split(" ")[0])).size).toBe(3);
  });

  test("connections live on when others' members go, and are reset when their own does", async () => {
    await scene.follow(["web1", "web2"]);
    using members = membersOf("web1", "web2");
    const connections = Array.from({ length: 32 }, () => connectFrom(members, "client1") as Connection);
    const before = connections.map((connection) => connection.ask());
    expect(new Set(before)).toEqual(new Set(["web1", "web2"]));
    await scene.follow(["web2"]);
    expect(connections.map((connection) => connection.ask())).toEqual(
      before.map((name) => (name === "web1" ? "refused" : name)),
    );
    for (const connection of connections) connection.close();
  });

  test("who has no healthy member refuses at once", async () => {
    await scene.follow([]);
    using members = membersOf("web1");
    expect(connectFrom(members, "client1")).toBe("refused");
    expect(members.connect(scene.namespace(1))).toBe("refused");
    expect(datagram(scene.party("client1"), family, 80)).toBe("refused");
  });

  test("a port that is none of the service's refuses at once", async () => {
    await scene.follow(["web1"]);
    using members = membersOf("web1");
    const { namespace } = scene.party("client1");
    expect(members.connect(namespace, address("client1"), 81)).toBe("refused");
  });

  test("who forges its source is not answered, and nobody else is in its place", async () => {
    await scene.follow(["web1"]);
    const [own, other] = [scene.party("client1"), scene.party("client2")];
    expect(forge(own, own, family)).toBe("heard");
    expect(forge(own, other, family)).toBe("silent");
  });

  test("hosts reach it themselves", async () => {
    await scene.follow(["web1", "web2"]);
    using members = membersOf("web1", "web2");
    for (const host of [1, 2, 3]) {
      // All of them on one endpoint: one chance in eight million.
      const outcomes = Array.from({ length: 24 }, () => {
        const connection = members.connect(scene.namespace(host));
        const name = connection instanceof Connection ? connection.ask() : connection;
        if (connection instanceof Connection) connection.close();
        return name;
      });
      expect(new Set(outcomes)).toEqual(new Set(["web1", "web2"]));
    }
  });

  test("a member reaches itself, as from its gateway", async () => {
    await scene.follow(["web1"]);
    using members = membersOf("web1");
    const connection = connectFrom(members, "web1") as Connection;
    expect(connection.ask()).toBe("web1");
    connection.close();
    members.ask(scene.party("web1").namespace, address("web1"), [42_000]);
    expect([...members.seen]).toEqual([family === 4 ? "web1 10.1.0.1" : "web1 fd00:10:0:100::1"]);
  });

  test("affinity keeps all flows of a client together", async () => {
    await scene.follow(EIGHT, sceneService({ affinity: "client" }));
    using members = membersOf(...EIGHT);
    const ports = Array.from({ length: 100 }, (_, index) => 40_000 + index);
    const found = ["client1", "client2", "client3"].map((name) => [
      ...new Set(members.ask(scene.party(name).namespace, address(name), ports).values()),
    ]);
    expect(found.map(({ length }) => length)).toEqual([1, 1, 1]);
  });

  test("members of the client's host are preferred, as long as one is healthy", async () => {
    const service = sceneService({ prefer: "local" });
    const ports = Array.from({ length: 100 }, (_, index) => 41_000 + index);
    using members = membersOf(...EIGHT);
    const ask = (): Set<string> => {
      const { namespace } = scene.party("client1");
      return new Set(members.ask(namespace, address("client1"), ports).values());
    };
    await scene.follow(EIGHT, service);
    scene.forgetFlows(1);
    expect(ask()).toEqual(new Set(["web1", "web4", "web7"]));
    await scene.follow(["web2", "web3"], service);
    expect(ask()).toEqual(new Set(["web2", "web3"]));
  });

  test("policies judge the member, not the address of the service", async () => {
    await scene.follow(["vault1"], sceneService({ tenant: "shut", segment: "vault" }));
    using members = membersOf("vault1");
    const connection = connectFrom(members, "vault2") as Connection;
    expect(connection.ask()).toBe("vault1");
    connection.close();
    expect(connectFrom(members, "thief1")).toBe("silent");
    expect(connectFrom(members, "client1")).toBe("silent");
  });
});
