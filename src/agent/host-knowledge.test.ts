import { describe, expect, test } from "vitest";
import { endpoint, event, hostView, underlayHost } from "../../test/support/agent-view.ts";
import type { Exception, KnownPolicy, Policy } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { decodeSnapshot, encodeSnapshot, type Stored, type WatchChange } from "../schema/index.ts";
import { endpointKey, HostKnowledge } from "./host-knowledge.ts";

type PolicyObject = Extract<WatchChange, { kind: "policies" }>["object"];

const POLICY = {
  id: "p",
  tier: "standard",
  order: 7,
  appliedTo: [{ kind: "machine", addresses: [parsePrefix("192.0.2.1/32")] }],
  isolates: ["egress"],
  rules: [],
  established: "keep",
  revision: 41,
} satisfies Stored<Policy>;
const EXCEPTION = {
  blocks: [parsePrefix("10.2.1.27/32"), parsePrefix("fd00::7/128")],
  tenant: "acme",
  segment: "db",
  revision: 42,
} satisfies Stored<Exception>;

describe("HostKnowledge", () => {
  test("policies and exceptions of all hosts come and go, and survive a restart", () => {
    const knowledge = new HostKnowledge(hostView());
    const change = knowledge.apply(
      event(
        50,
        { kind: "policies", type: "put", object: POLICY },
        { kind: "exceptions", type: "put", object: EXCEPTION },
      ),
    );
    expect(change).toEqual({ isTopology: true, isSnapshot: false, endpoints: [] });
    const json: unknown = JSON.parse(JSON.stringify(encodeSnapshot(knowledge.snapshot())));
    const restarted = new HostKnowledge(decodeSnapshot(json));
    expect([restarted.policies, restarted.exceptions]).toEqual([[POLICY], [EXCEPTION]]);
    restarted.apply(
      event(
        51,
        { kind: "policies", type: "delete", object: POLICY },
        { kind: "exceptions", type: "delete", object: { ...EXCEPTION, segment: "other" } },
      ),
    );
    expect([restarted.policies, restarted.exceptions]).toEqual([[], []]);
  });

  describe("a policy that cannot be read any more", () => {
    type Told = Stored<KnownPolicy>;
    const { revision } = POLICY;
    const earlier: Told = { ...POLICY, damage: "earlier-version" };
    const newer: Told = { ...earlier, order: 8, revision: revision + 1 };
    const older: Told = { ...earlier, order: 6, revision: revision - 1 };
    const denied: Told = { ...POLICY, order: 0, revision: revision + 9, damage: "targets-only" };
    const nothing: Told = { ...POLICY, appliedTo: [], revision: revision + 9, damage: "nothing" };
    const again: Told = { ...POLICY, order: 9, revision: revision + 10 };
    const cases: [string, Told | undefined, Told, Told][] = [
      ["is kept as it was: nothing is told of it", POLICY, nothing, earlier],
      ["is kept as it was: its targets are told", POLICY, denied, earlier],
      ["is kept as it was: an older one is told", POLICY, older, earlier],
      ["is kept as it was: the same is told", POLICY, earlier, earlier],
      ["is a newer one that romanad remembers", POLICY, newer, newer],
      ["is still kept", earlier, denied, earlier],
      ["is what is told when it never was here", undefined, denied, denied],
      ["is what is told last when it never was here", denied, nothing, nothing],
      ["is what romanad remembers when it never was here", nothing, older, older],
      ["is well when it is written again", earlier, again, again],
    ];
    test.each(cases)("%s", (_, held, told, expected) => {
      const before = hostView({ policies: held === undefined ? [] : [held] });
      const byEvent = new HostKnowledge(before);
      const object = told as Told & PolicyObject;
      byEvent.apply(event(90, { kind: "policies", type: "put", object }));
      const bySnapshot = new HostKnowledge(before);
      bySnapshot.replace(hostView({ policies: [told] }));
      for (const knowledge of [byEvent, bySnapshot]) {
        expect(knowledge.policies).toEqual([expected]);
        const json: unknown = JSON.parse(JSON.stringify(encodeSnapshot(knowledge.snapshot())));
        expect(new HostKnowledge(decodeSnapshot(json)).policies).toEqual([expected]);
      }
      byEvent.apply(event(91, { kind: "policies", type: "delete", object }));
      bySnapshot.replace(hostView());
      expect([byEvent.policies, bySnapshot.policies]).toEqual([[], []]);
    });
  });

  test("a view that an agent without policies has left is read", () => {
    const { policies: _policies, exceptions: _exceptions, ...old } = encodeSnapshot(hostView());
    expect(decodeSnapshot(old)).toMatchObject({ policies: [], exceptions: [] });
  });

  test("what steers flows is kept, on disk too, and is none of the topology", () => {
    const place = { network: "default", tenant: "acme", segment: "web" };
    const service = {
      ...place,
      name: "www",
      addresses: { ipv4: parseAddress("172.30.0.1") },
      ports: [{ protocol: "tcp" as const, port: 80 }],
      revision: 50,
    };
    const member = { host: "host-2", addresses: { ipv4: parseAddress("10.2.1.27") } };
    const backends = { ...place, backends: [member], revision: 51 };
    const knowledge = new HostKnowledge(hostView({ services: [{ ...service, name: "old", revision: 1 }] }));
    const change = knowledge.apply(
      event(
        51,
        { kind: "services", type: "put", object: service },
        { kind: "services", type: "delete", object: { ...service, name: "old" } },
        { kind: "backends", type: "put", object: { ...backends, backends: [] } },
        { kind: "backends", type: "put", object: backends },
      ),
    );
    expect(change).toMatchObject({ isTopology: false, endpoints: [] });
    const json: unknown = JSON.parse(JSON.stringify(encodeSnapshot(knowledge.snapshot())));
    for (const known of [knowledge, new HostKnowledge(decodeSnapshot(json))]) {
      expect([known.services, known.backends]).toEqual([[service], [backends]]);
    }
    knowledge.apply(event(52, { kind: "backends", type: "delete", object: backends }));
    expect(knowledge.backends).toEqual([]);
    const { services: _services, backends: _backends, ...old } = encodeSnapshot(hostView());
    expect(decodeSnapshot(old)).toMatchObject({ services: [], backends: [] });
  });

  test("a change of an endpoint is none of the topology", () => {
    const knowledge = new HostKnowledge(hostView());
    const change = knowledge.apply(event(50, { kind: "endpoints", type: "put", object: endpoint(11, 50) }));
    expect(change).toEqual({ isTopology: false, isSnapshot: false, endpoints: ["10.1.1.27"] });
    expect(knowledge.revision).toBe(50);
    expect(knowledge.topologyRevision).toBe(40);
    expect(knowledge.endpoints.get("10.1.1.27")?.endpointId).toBe(11);
  });

  test("an endpoint of another host is nobody's business", () => {
    const knowledge = new HostKnowledge(hostView());
    const object = { ...endpoint(11, 50), host: "host-2" };
    expect(knowledge.apply(event(50, { kind: "endpoints", type: "put", object })).endpoints).toEqual([]);
    expect(knowledge.endpoints.size).toBe(0);
  });

  test("a deleted endpoint is gone", () => {
    const knowledge = new HostKnowledge(hostView({ endpoints: [endpoint(11, 30)] }));
    const change = knowledge.apply(
      event(51, { kind: "endpoints", type: "delete", object: endpoint(11, 30) }),
    );
    expect(change.endpoints).toEqual(["10.1.1.27"]);
    expect(knowledge.endpoints.size).toBe(0);
  });

  test.each([
    ["a known segment and code", endpoint(11, 50), true],
    [
      "a code that the segment does not have yet",
      { ...endpoint(11, 50), code: { code: 9, extraBits: 0 } },
      false,
    ],
    ["a code of another width", { ...endpoint(11, 50), code: { code: 1, extraBits: 1 } }, false],
    [
      "a segment of the same name in another tenant",
      { ...endpoint(11, 50), tenant: "beta", code: { code: 2, extraBits: 0 } },
      false,
    ],
    ["an unknown tenant called __proto__", { ...endpoint(11, 50), tenant: "__proto__" }, false],
    ["an unknown network", { ...endpoint(11, 50), network: "constructor" }, false],
  ])("knowsIdentity() of %s", (_, object, known) => {
    expect(new HostKnowledge(hostView()).knowsIdentity(object)).toBe(known);
  });

  test("a new snapshot names every endpoint that is or was known", () => {
    const knowledge = new HostKnowledge(hostView({ endpoints: [endpoint(11, 30), endpoint(12, 31)] }));
    const change = knowledge.replace(
      hostView({ revision: 60, endpoints: [endpoint(12, 31), endpoint(13, 60)] }),
    );
    expect(change).toEqual({
      isTopology: true,
      isSnapshot: true,
      endpoints: ["10.1.1.27", "10.1.1.28", "10.1.1.29"],
    });
    expect([...knowledge.endpoints.keys()]).toEqual(["10.1.1.28", "10.1.1.29"]);
  });

  test("the own host is gone when it is deleted", () => {
    const knowledge = new HostKnowledge(hostView());
    const object = { ...underlayHost(1), group: [], prefixes: new Map(), revision: 11 };
    knowledge.apply(event(52, { kind: "hosts", type: "delete", object }));
    expect(knowledge.ownHost).toBeUndefined();
    expect(knowledge.hosts.map(({ name }) => name)).toEqual(["host-2"]);
  });
});

test("endpointKey() is the IPv4 address where there is one", () => {
  const { addresses } = endpoint(11, 1);
  expect(endpointKey({ addresses })).toBe("10.1.1.27");
  const { ipv4: _, ...ipv6Only } = addresses;
  expect(endpointKey({ addresses: ipv6Only })).toBe("fd00:10:0:100:1:1:0:b");
});
