import { describe, expect, test } from "vitest";
import { AgentScene } from "../../test/support/agent-scene.ts";
import { endpoint, hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import { type Policy, type PolicyPeer, type PolicyRule, type Tenant } from "../model/index.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import type { Stored, WatchChange } from "../schema/index.ts";
import type { Flow, SetElement } from "../system/kernel.ts";
import { encodeUdp } from "../system/packets.ts";

type PolicyObject = Extract<WatchChange, { kind: "policies" }>["object"];

const ACME: PolicyPeer = { kind: "endpoints", tenant: { by: "name", name: "acme" } };
const BETA: PolicyPeer = { kind: "endpoints", tenant: { by: "name", name: "beta" } };
/** acme/web and beta/web on host 1, and beta/web on host 2. */
const WEB = "10.1.1.17";
const NEAR_BETA = "10.1.2.17";
const FAR_BETA = "10.2.2.17";

function rule(change: Partial<PolicyRule> = {}): PolicyRule {
  return {
    direction: "ingress",
    verdict: "accept",
    peers: [BETA],
    traffic: [{ protocol: 6 }, { protocol: 17 }],
    stateful: true,
    ...change,
  };
}

function policy(id: string, change: Partial<Policy> = {}): Policy {
  return {
    id,
    tier: "standard",
    order: 1000,
    appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "acme" } }],
    isolates: ["ingress"],
    rules: [rule()],
    established: "cut",
    ...change,
  };
}

/** An agent that romanad has told of some policies, and that can be told of others. */
class PolicyScene extends AgentScene {
  readonly #known = new Map<string, Policy>();

  constructor(policies: readonly Policy[], config: Record<string, unknown> = {}) {
    super({ romanad: new FakeRomanad(hostView({ policies: policies.map(stored) })), config });
    for (const one of policies) this.#known.set(one.id, one);
  }

  async put(one: Policy): Promise<void> {
    this.#known.set(one.id, one);
    this.romanad.change(this.#view(), { kind: "policies", type: "put", object: stored(one) });
    await this.timers.advance(50);
  }

  async remove(id: string): Promise<void> {
    const one = this.#known.get(id) as Policy;
    this.#known.delete(id);
    this.romanad.change(this.#view(), { kind: "policies", type: "delete", object: stored(one) });
    await this.timers.advance(50);
  }

  async isolate(tenant: string, isolation: Tenant["isolation"]): Promise<void> {
    const object = {
      ...(hostView().tenants.find(({ name }) => name === tenant) as Stored<Tenant>),
      isolation,
    };
    this.romanad.change(this.#view(), { kind: "tenants", type: "put", object });
    await this.timers.advance(50);
  }

  connect(from: string, to: string, port = 80): Flow {
    return this.kernel.addFlow({
      original: {
        source: parseAddress(from),
        destination: parseAddress(to),
        protocol: 6,
        sourcePort: 40_000,
        destinationPort: port,
      },
    });
  }

  get flows(): string[] {
    return this.kernel
      .listFlows()
      .map(
        ({ original: { source, destination } }) => `${formatAddress(source)} ${formatAddress(destination)}`,
      );
  }

  #view(): ReturnType<typeof hostView> {
    return hostView({ policies: [...this.#known.values()].map(stored) });
  }
}

/** As romanad tells of it; the schema's types have lists that could be changed. */
function stored(one: Policy): Stored<Policy> & PolicyObject {
  return { ...one, revision: 1 } as Stored<Policy> & PolicyObject;
}

describe("connections", () => {
  test("that a removed policy had allowed are cut, others are not", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    scene.connect(FAR_BETA, WEB);
    scene.connect(NEAR_BETA, WEB);
    scene.connect(WEB, FAR_BETA);
    scene.connect(FAR_BETA, "10.2.1.17");
    scene.connect(FAR_BETA, NEAR_BETA);
    await scene.remove("in");
    expect(scene.flows).toEqual([
      // Its ingress is another host's affair, as that of the next one.
      `${WEB} ${FAR_BETA}`,
      `${FAR_BETA} 10.2.1.17`,
      `${FAR_BETA} ${NEAR_BETA}`,
    ]);
    expect(scene.log).toContain('info cut connections that are not allowed any more {"connections":2}');
    expect(scene.agent.metrics.flows.values.get("cut")).toBe(2);
  });
  test("are cut by a policy that denies, and judged by port", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    scene.connect(FAR_BETA, WEB, 80);
    scene.connect(FAR_BETA, WEB, 443);
    const only = [{ protocol: 6, ports: { first: 400, last: 500 } }];
    await scene.put(
      policy("no", { order: 1, isolates: [], rules: [rule({ verdict: "drop", traffic: only })] }),
    );
    expect(scene.kernel.listFlows().map(({ original }) => original.destinationPort)).toEqual([80]);
  });
  test("are cut when a tenant isolates itself, without any policy", async () => {
    const scene = new PolicyScene([]);
    await scene.start();
    scene.connect("192.0.2.1", "10.1.3.17");
    scene.connect("10.2.3.17", "10.1.3.17");
    await scene.isolate("open", "tenant");
    expect(scene.flows).toEqual(["10.2.3.17 10.1.3.17"]);
  });
  test("are cut by where a translated destination really is", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    const [service, web, beta] = ["192.0.2.80", WEB, FAR_BETA].map(parseAddress) as [never, never, never];
    const ports = { protocol: 6, sourcePort: 40_000, destinationPort: 80 };
    scene.kernel.addFlow({
      original: { source: beta, destination: service, ...ports },
      reply: { source: web, destination: beta, protocol: 6, sourcePort: 8080, destinationPort: 40_000 },
    });
    await scene.remove("in");
    expect(scene.flows).toEqual([]);
  });
  test("are kept to their end when the policy that allowed them says so", async () => {
    const scene = new PolicyScene([policy("in", { established: "keep" })]);
    await scene.start();
    scene.connect(FAR_BETA, WEB);
    await scene.remove("in");
    expect(scene.flows).toEqual([`${FAR_BETA} ${WEB}`]);
    expect(scene.agent.metrics.flows.values.get("kept")).toBe(1);
    await scene.put(policy("other", { rules: [rule({ peers: [ACME] })] }));
    expect(scene.flows).toEqual([`${FAR_BETA} ${WEB}`]);
    // A flow that comes up now was allowed by nobody.
    scene.connect(NEAR_BETA, WEB);
    await scene.remove("other");
    expect(scene.flows).toEqual([`${FAR_BETA} ${WEB}`]);
  });
  test("are not kept because the policy that takes them away says so", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    scene.connect(FAR_BETA, WEB);
    const deny = { order: 1, isolates: [], rules: [rule({ verdict: "drop" })] } as const;
    await scene.put(policy("no", { ...deny, established: "keep" }));
    expect(scene.flows).toEqual([]);
  });
  test("are all judged when the agent starts, and not again without news", async () => {
    const scene = new PolicyScene([]);
    scene.connect(FAR_BETA, WEB);
    scene.connect("10.2.1.17", WEB);
    await scene.start();
    expect(scene.flows).toEqual([`10.2.1.17 ${WEB}`]);
    scene.connect(FAR_BETA, WEB);
    await scene.timers.advance(70_000);
    expect(scene.flows).toHaveLength(2);
  });
  test("stay while the kernel has not taken the rules", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    scene.connect(FAR_BETA, WEB);
    scene.refuse = ({ method }) => (method === "changeSets" || method === "runNft" ? "EPERM" : undefined);
    await scene.remove("in");
    expect(scene.flows).toHaveLength(1);
    scene.refuse = undefined;
    await scene.timers.advance(2_000);
    expect(scene.flows).toEqual([]);
  });
  test("that could not be cut are cut later", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    scene.connect(FAR_BETA, WEB);
    scene.refuse = ({ method }) => (method === "deleteFlows" ? "ENOBUFS" : undefined);
    await scene.remove("in");
    expect(scene.flows).toHaveLength(1);
    expect(scene.log.at(-1)).toBe(
      'error cannot cut what policies no longer allow {"error":"Cannot delete flows: ENOBUFS"}',
    );
    scene.refuse = undefined;
    await scene.timers.advance(61_000);
    expect(scene.flows).toEqual([]);
  });
  test("of the machine are judged by policies for it, but for its safety net", async () => {
    const machine = policy("machine", {
      appliedTo: [{ kind: "machine", interfaces: ["eth0"] }],
      rules: [
        rule({ peers: [{ kind: "any" }], traffic: [{ protocol: 6, ports: { first: 443, last: 443 } }] }),
      ],
    });
    const scene = new PolicyScene([], { safetyNet: { services: ["tcp/2222"] } });
    await scene.start();
    scene.kernel.outside.apply([
      {
        type: "add-address",
        address: { link: 2, address: parseAddress("198.51.100.7"), prefixLength: 24 },
      },
    ]);
    for (const port of [22, 80, 443, 2222]) scene.connect("192.0.2.1", "192.168.0.1", port);
    // An address that romanad knows nothing of.
    for (const port of [80, 443]) scene.connect("192.0.2.1", "198.51.100.7", port);
    await scene.put(machine);
    expect(scene.kernel.listFlows().map(({ original }) => original.destinationPort)).toEqual([
      443, 2222, 443,
    ]);
  });
});

describe("logged packets", () => {
  const packet = (from: string, to: string, port = 80): Uint8Array =>
    encodeUdp(
      { address: parseAddress(from), port: 40_000 },
      { address: parseAddress(to), port },
      new Uint8Array(),
    );
  const tell = async (scene: AgentScene, prefix: string, bytes: Uint8Array): Promise<void> => {
    scene.kernel.log(64, { type: "packet", prefix, inputDevice: 2, packet: bytes });
    await scene.timers.advance(10);
  };
  const DROPS = { packetLog: { drops: true } };

  test("are told with names and with the policy that decided", async () => {
    const deny = policy("no", { order: 1, isolates: [], rules: [rule(), rule({ verdict: "drop" })] });
    const scene = new PolicyScene([deny], DROPS);
    await scene.start();
    await scene.attach(1);
    await tell(scene, "romana denied", packet(FAR_BETA, WEB));
    const line = scene.log.find((text) => text.includes("dropped"));
    expect(line).toMatch(/^info dropped: policy "no" rules\[1\] denies it /);
    expect(JSON.parse(line?.slice(line.indexOf("{")) ?? "")).toEqual({
      reason: "denied",
      direction: "ingress",
      policy: "no",
      rule: 1,
      from: { address: FAR_BETA, host: "host-2", tenant: "beta", segment: "web" },
      to: { address: WEB, host: "host-1", tenant: "acme", segment: "web", endpoint: "web-1" },
      protocol: "udp",
      sourcePort: 40_000,
      port: 80,
      in: "eth0",
    });
    expect(scene.agent.metrics.packets.values.get("told")).toBe(1);
  });

  test("that their sender may not send are told with that direction", async () => {
    const deny = rule({ direction: "egress", verdict: "drop", peers: [{ kind: "any" }] });
    const scene = new PolicyScene([policy("stay", { isolates: [], rules: [deny] })], DROPS);
    await scene.start();
    await tell(scene, "romana denied", packet(WEB, FAR_BETA));
    const line = scene.log.find((text) => text.includes("dropped")) ?? "";
    expect(JSON.parse(line.slice(line.indexOf("{")))).toMatchObject({
      direction: "egress",
      policy: "stay",
      rule: 0,
    });
  });

  const rows: [string, string, string, string][] = [
    ["romana not-allowed", FAR_BETA, WEB, 'dropped: no policy allows it; isolated by "in"'],
    [
      "romana isolation",
      FAR_BETA,
      WEB,
      "dropped: the isolation of the destination's tenant does not let it in",
    ],
    ["romana spoofed-source", "192.0.2.1", WEB, "dropped: its sender does not own the source address"],
    ["romana from-outside", "192.0.2.1", WEB, "dropped: the destination's tenant is not open to the outside"],
    [
      "romana to-host",
      WEB,
      "10.1.0.1",
      "dropped: endpoints reach nothing of their host but gateway services",
    ],
    ["romana denied", "10.2.1.17", WEB, "dropped: a policy denied it"],
    ["romana log", "10.2.3.17", WEB, 'logged by policy "watch" rules[0]'],
    ["romana log", "192.0.2.1", "192.0.2.2", "logged by a policy"],
  ];
  test.each(rows)("%s from %s to %s", async (prefix, from, to, words) => {
    const watch = policy("watch", {
      isolates: [],
      rules: [rule({ verdict: "log", peers: [{ kind: "any" }] })],
    });
    const accept = rule({ peers: [{ kind: "endpoints", tenant: { by: "name", name: "acme" } }] });
    const scene = new PolicyScene([policy("in", { rules: [accept] }), watch], DROPS);
    await scene.start();
    await tell(scene, prefix, packet(from, to));
    expect(scene.log.map((text) => text.replace(/^info /, "").replace(/ \{.*/, ""))).toContain(words);
  });
  test("are listened for only where somebody wants them", async () => {
    const scene = new PolicyScene([]);
    await scene.start();
    const free = (): boolean => {
      const end = new AbortController();
      try {
        scene.kernel.loggedPackets(64, end.signal);
        return true;
      } catch {
        return false;
      } finally {
        end.abort();
      }
    };
    expect(free()).toBe(true);
    await scene.put(policy("watch", { isolates: [], rules: [rule({ verdict: "log" })] }));
    expect(free()).toBe(false);
    await scene.remove("watch");
    expect(free()).toBe(true);
  });
  test("that are lost are counted and said", async () => {
    const scene = new PolicyScene([], DROPS);
    await scene.start();
    scene.kernel.log(64, { type: "lost" });
    scene.kernel.log(64, { type: "lost", packets: 7 });
    await scene.timers.advance(10);
    expect(scene.agent.metrics.packets.values.get("lost")).toBe(7);
    expect(scene.log).toContain('warn packets were logged too fast to be told {"packets":7}');
  });
  test("that somebody else listens for are a problem until he is gone", async () => {
    const scene = new PolicyScene([], DROPS);
    const other = new AbortController();
    scene.kernel.loggedPackets(64, other.signal);
    await scene.start();
    expect(scene.agent.status().problems).toEqual(['Cannot listen to log group "64": EBUSY']);
    other.abort();
    await scene.timers.advance(11_000);
    expect(scene.agent.status().problems).toEqual([]);
    await tell(scene, "romana spoofed-source", packet("192.0.2.1", WEB));
    expect(scene.log.some((text) => text.includes("dropped: its sender"))).toBe(true);
  });
});

describe("counters", () => {
  /** The first element of the first set whose name starts like this. */
  const elementOf = (scene: AgentScene, start: string): { set: string; element: SetElement } => {
    const names = [...(scene.kernel.listTableShape("romana") ?? "").matchAll(/^\tset (\S+) /gm)];
    const set = names.map(([, name]) => name as string).find((name) => name.startsWith(start)) ?? "";
    const [element] = scene.kernel.readSetCounters("romana", set);
    if (element === undefined) throw new Error(`no element in a set "${start}" of ${names.join()}`);
    return { set, element };
  };
  const count = (scene: AgentScene, start: string, packets: number): void => {
    const { set, element } = elementOf(scene, start);
    scene.kernel.countElement("romana", set, element, packets, packets * 60);
  };

  test("count for the rule that decides, over tables and changes, and are reported", async () => {
    const scene = new PolicyScene([policy("in", { rules: [rule({ traffic: [{ protocol: 6 }] })] })]);
    await scene.start();
    count(scene, "in4_standard", 3);
    expect((await scene.agent.counters()).rules).toEqual([{ policy: "in", rule: 0, packets: 3, bytes: 180 }]);
    count(scene, "in4_standard", 2);
    count(scene, "in4_isolated", 1);
    // A new layer replaces the table, and the kernel counts from zero.
    await scene.put(policy("no", { order: 2000, isolates: [], rules: [rule({ verdict: "drop" })] }));
    expect(elementOf(scene, "in4_standard_0_accept").element).toMatchObject({ packets: 0 });
    count(scene, "in4_standard_0_accept", 6);
    await scene.timers.advance(16_000);
    expect(scene.romanad.reports.at(-1)?.counters).toEqual({
      rules: [
        { policy: "in", rule: 0, packets: 11, bytes: 660 },
        { policy: "in", packets: 1, bytes: 60 },
      ],
      omitted: 0,
      drops: [],
    });
    await scene.remove("in");
    expect((await scene.agent.counters()).rules).toEqual([]);
  });
  test("count what an element had counted before it went", async () => {
    const scene = new PolicyScene([policy("in", { rules: [rule({ traffic: [{ protocol: 6 }] })] })]);
    await scene.start();
    count(scene, "in4_standard", 4);
    await scene.put(policy("in", { rules: [rule({ traffic: [{ protocol: 17 }] })] }));
    expect((await scene.agent.counters()).rules).toEqual([{ policy: "in", rule: 0, packets: 4, bytes: 240 }]);
  });
  test("are not reported again while they stay", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    count(scene, "in4_standard", 3);
    await scene.timers.advance(16_000);
    const { length } = scene.romanad.reports;
    expect(scene.romanad.reports.at(-1)?.counters?.rules).toHaveLength(1);
    await scene.timers.advance(120_000);
    expect(scene.romanad.reports).toHaveLength(length);
  });
  test("of drops are there, by reason", async () => {
    const scene = new PolicyScene([]);
    await scene.start();
    scene.kernel.count("romana", "isolation", 4, 240);
    expect((await scene.agent.counters()).drops).toEqual([{ reason: "isolation", packets: 4, bytes: 240 }]);
  });
});

describe("a policy that cannot be compiled", () => {
  const broken: Policy = {
    ...policy("broken"),
    rules: [rule({ peers: [{ kind: "endpoints", tenant: { by: "starsign" } } as never] })],
  };

  test("is named, and the last good rules stay, whatever is looked at", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    const before = scene.kernel.listTable("romana");
    await scene.put(policy("fine", { rules: [rule({ peers: [ACME] })] }));
    const good = scene.kernel.listTable("romana");

    expect(good).not.toBe(before);
    await scene.put(broken);
    await scene.timers.advance(130_000);
    expect(scene.agent.status()).toMatchObject({ state: "degraded" });
    expect(scene.agent.status().problems.join()).toMatch(
      /^Cannot compile policy "broken": .*; the last good rules stay$/,
    );
    expect(scene.kernel.listTable("romana")).toBe(good);
    await scene.remove("broken");
    await scene.put(policy("no", { order: 1, isolates: [], rules: [rule({ verdict: "drop" })] }));
    expect(scene.agent.status().problems).toEqual([]);
    await scene.remove("no");
    await scene.remove("fine");
    expect(scene.agent.status().state).toBe("ok");
    expect(scene.kernel.listTable("romana")).toBe(before);
  });
  test("does not leave the rules of others changed half-way", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    const good = scene.kernel.listTable("romana");
    const nowhere = { family: 4, value: "nowhere", length: 24 } as never;
    const late = policy("late", {
      rules: [rule({ peers: [{ kind: "prefix", prefix: nowhere, except: [] }] })],
    });
    const both = [policy("fine", { rules: [rule({ peers: [ACME] })] }), late].map(stored);
    scene.romanad.change(
      hostView({ policies: [stored(policy("in")), ...both] }),
      ...both.map((object) => ({ kind: "policies", type: "put", object }) as const),
    );
    await scene.timers.advance(130_000);
    expect(scene.agent.status().problems.join()).toMatch(/^Cannot compile policy "late": /);
    expect(scene.kernel.listTable("romana")).toBe(good);
  });
  test("leaves a kernel alone that an earlier life has set up", async () => {
    const scene = new PolicyScene([policy("in")]);
    await scene.start();
    await scene.stop();
    const good = scene.kernel.listTable("romana");
    scene.romanad.change(hostView({ policies: [stored(broken)] }), {
      kind: "policies",
      type: "put",
      object: stored(broken),
    });
    scene.savedView = hostView({ policies: [stored(broken)] });
    await scene.start();
    expect(scene.agent.status().state).toBe("degraded");
    expect(scene.kernel.listTable("romana")).toBe(good);
  });
});

test("the status tells of policies, of those that wait, and of exceptions", async () => {
  const ghost = policy("later", {
    appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "ghost" } }],
  });
  const exception = { blocks: [], tenant: "acme", segment: "db", revision: 1 };
  const view = hostView({
    policies: [policy("in"), ghost].map(stored),
    exceptions: [exception],
    endpoints: [endpoint(11)],
  });
  const scene = await new AgentScene({ romanad: new FakeRomanad(view) }).start();
  expect(scene.agent.status().policies).toEqual({ count: 2, exceptions: 1, pending: ["later"] });
});
