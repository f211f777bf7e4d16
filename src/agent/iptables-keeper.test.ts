import { describe, expect, test } from "vitest";
import { exampleWorld, host } from "../../test/support/example-world.ts";
import { FakeIptables } from "../../test/support/fake-iptables.ts";
import { policyWorld } from "../../test/support/policy-scene.ts";
import type { FirewallInput } from "../firewall/index.ts";
import { type Policy, type PolicyPeer, type PolicyRule, RomanaError } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { compilePolicies, type RuleModel } from "../rules/index.ts";
import { createIptablesRunner } from "../system/iptables.ts";
import { IptablesKeeper } from "./iptables-keeper.ts";
import { RuleCounters } from "./rule-counters.ts";
import type { TableReference } from "./table-keeper.ts";

const DEVICE = { name: "rom0a01011b", index: 7, owns: [parsePrefix("10.1.1.27/32")] };

const DESIRED: FirewallInput = {
  table: "romana",
  host: host(1),
  ...exampleWorld(),
  devices: [],
  underlayDevices: [],
  gatewayServices: [],
};

const OTHERS = "*filter\n:DOCKER - [0:0]\n-A DOCKER -p udp -j DROP\n-I FORWARD 1 -j DOCKER\nCOMMIT\n";

/** A keeper on a host that others have rules on, too. */
class Scene {
  readonly fake = new FakeIptables();
  model: RuleModel | undefined;
  reference: TableReference | undefined;
  counters = new RuleCounters();
  keeper = this.restarted();

  constructor() {
    this.fake.outside("iptables", OTHERS);
  }

  /** A keeper with what the one before remembered. */
  restarted(): IptablesKeeper {
    return new IptablesKeeper({
      runner: createIptablesRunner({ run: this.fake.run }),
      model: () => this.model,
      reference: this.reference,
      counters: this.counters,
      remember: (reference) => {
        this.reference = reference;
      },
    });
  }

  /** What was changed by a look, and whether anything had to be mended. */
  keep(desired = DESIRED, may = true): { readonly changes: readonly string[]; readonly isAsked: boolean } {
    this.fake.changes.splice(0);
    let isAsked = false;
    this.keeper.keep(desired, () => {
      isAsked = true;
      return may;
    });
    return { changes: [...this.fake.changes], isAsked };
  }

  forward(): readonly string[] | undefined {
    return this.fake.rules("iptables", "filter", "FORWARD");
  }
}

const REPLACED = { changes: ["ipset", "iptables-restore", "ip6tables-restore"], isAsked: true };
const AGAIN = { changes: [...REPLACED.changes, "ipset"], isAsked: true };
const EQUAL = { changes: [], isAsked: false };

describe("keep()", () => {
  test("makes the rules in front of those of others, and then has nothing to do", () => {
    const scene = new Scene();
    expect(scene.keep()).toEqual(REPLACED);
    expect(scene.forward()).toEqual(["-j ROMANA-FORWARD", "-j DOCKER"]);
    expect(scene.fake.rules("iptables", "filter", "DOCKER")).toEqual(["-p udp -j DROP"]);
    expect(scene.keep()).toEqual(EQUAL);
  });

  test("leaves them alone when it may not mend them", () => {
    const scene = new Scene();
    const before = scene.fake.text("iptables");
    expect(scene.keep(DESIRED, false)).toEqual({ changes: [], isAsked: true });
    expect(scene.fake.text("iptables")).toBe(before);
  });

  test("knows them again in a later life", () => {
    const scene = new Scene();
    scene.keep();
    scene.keeper = scene.restarted();
    expect(scene.keep()).toEqual(EQUAL);
  });

  test("replaces them when policies say something else, and destroys the sets of before", () => {
    const scene = new Scene();
    scene.keep();
    scene.model = compilePolicies(policyWorld());
    expect(scene.keep()).toEqual(AGAIN);
    expect(scene.fake.sets.filter((name) => name.startsWith("ROMANA-A"))).toEqual([]);
    expect(scene.fake.sets.filter((name) => name.startsWith("ROMANA-B"))).not.toEqual([]);
    scene.model = undefined;
    expect(scene.keep()).toEqual(AGAIN);
    expect(scene.fake.sets.filter((name) => name.startsWith("ROMANA-B"))).toEqual([]);
  });

  test.each([
    ["a flushed chain", "iptables", "*filter\n-F ROMANA-FORWARD\nCOMMIT\n"],
    ["a chain of IPv6", "ip6tables", "*filter\n-F ROMANA-OWN-INPUT\nCOMMIT\n"],
    ["a jump that is gone", "ip6tables", "*raw\n-D PREROUTING -j ROMANA-PREROUTING\nCOMMIT\n"],
    ["a rule more", "iptables", "*filter\n-I ROMANA-FORWARD 1 -j RETURN\nCOMMIT\n"],
    ["a rule in front", "iptables", "*filter\n-I FORWARD 1 -j ACCEPT\nCOMMIT\n"],
  ] as const)("mends %s", (_, family, text) => {
    const scene = new Scene();
    scene.keep();
    const before = scene.fake.rules(family, "filter", "ROMANA-FORWARD")?.length;
    scene.fake.outside(family, text);
    expect(scene.keeper.isThere()).toBe(false);
    expect(scene.keep()).toEqual(AGAIN);
    expect(scene.fake.rules(family, "filter", "ROMANA-FORWARD")).toHaveLength(before ?? 0);
    expect(scene.fake.rules(family, "filter", "FORWARD")?.[0]).toBe("-j ROMANA-FORWARD");
    expect(scene.keep()).toEqual(EQUAL);
  });

  test("mends an element that is gone", () => {
    const scene = new Scene();
    scene.keep({ ...DESIRED, devices: [DEVICE] });
    scene.fake.run({ argv: ["ipset", "restore"], input: "flush ROMANA-A4I0\n" });
    expect(scene.keep({ ...DESIRED, devices: [DEVICE] })).toEqual(AGAIN);
    expect(scene.keep({ ...DESIRED, devices: [DEVICE] })).toEqual(EQUAL);
  });

  test("does not mind what others change in their own, or what is counted", () => {
    const scene = new Scene();
    scene.keep();
    scene.fake.outside("iptables", "*filter\n-F DOCKER\n-A FORWARD -j ACCEPT\nCOMMIT\n");
    scene.fake.count("iptables", "ROMANA-DROP-ISOLATION", 9);
    expect(scene.keeper.counters().get("isolation")).toEqual({ packets: 9, bytes: 540 });
    expect(scene.keep()).toEqual(EQUAL);
  });

  test("a change by others just after a replacement does not count as ours", () => {
    const scene = new Scene();
    scene.fake.afterRestore = () => {
      scene.fake.afterRestore = undefined;
      scene.fake.outside("iptables", "*filter\n-F ROMANA-FORWARD\nCOMMIT\n");
    };
    scene.keep();
    expect(scene.reference).toBeUndefined();
    expect(scene.keeper.isThere()).toBe(false);
    scene.keep();
    expect(scene.fake.rules("iptables", "filter", "ROMANA-FORWARD")).not.toEqual([]);
    expect(scene.keeper.isThere()).toBe(true);
  });
});

/** Policies of tenant acme: beta and any of two prefixes may come in by TCP port 80, nobody else. */
function webModel(id = "in"): RuleModel {
  const acme = { kind: "endpoints", tenant: { by: "name", name: "acme" } } as const;
  const rule = (...peers: PolicyPeer[]): PolicyRule => ({
    direction: "ingress",
    verdict: "accept",
    peers,
    traffic: [{ protocol: 6, ports: { first: 80, last: 80 } }],
    stateful: true,
  });
  const prefixes = ["192.0.2.0/24", "198.51.100.0/24"].map(
    (text): PolicyPeer => ({ kind: "prefix", prefix: parsePrefix(text), except: [] }),
  );
  const policy: Policy = {
    id,
    tier: "standard",
    order: 1,
    appliedTo: [acme],
    isolates: ["ingress"],
    rules: [rule({ kind: "endpoints", tenant: { by: "name", name: "beta" } }), rule(...prefixes)],
    established: "cut",
  };
  return compilePolicies({ ...exampleWorld(), exceptions: [], policies: [policy] });
}

describe("what rules decide", () => {
  /** The one rule with a set, by an element of it; the others count by themselves. */
  const OUTSIDE = "192.0.2.0/24,tcp:80";

  /** A scene with these rules in force. */
  function countingScene(): Scene {
    const scene = new Scene();
    scene.model = webModel();
    scene.keep();
    return scene;
  }

  /** So many packets more for the rule about beta, the one about prefixes, and the isolation. */
  function count({ fake }: Scene, [beta, outside, isolated]: readonly [number, number, number]): void {
    fake.count("iptables", "ROMANA-INGRESS-STD", beta, "-s 10.0.2.0/255.0.255.0");
    fake.countElement(OUTSIDE, outside);
    fake.count("iptables", "ROMANA-INGRESS-ISOLATION", isolated, "-g ROMANA-DROP-NOT-ALLOWED");
  }

  /** Packets by policy and rule. */
  function totals({ counters }: Scene): Readonly<Record<string, number>> {
    return Object.fromEntries(
      counters.totals.map(({ policy, rule, packets }) => [`${policy} ${rule ?? "isolation"}`, packets]),
    );
  }

  const ALL = { "in 0": 3, "in 1": 2, "in isolation": 1 };
  const TWICE = { "in 0": 6, "in 1": 4, "in isolation": 2 };

  test("is counted by rules and by elements, once", async () => {
    const scene = countingScene();
    count(scene, [3, 2, 1]);
    await scene.keeper.sample();
    await scene.keeper.sample();
    expect(totals(scene)).toEqual(ALL);
    expect(scene.counters.totals.find(({ rule }) => rule === 1)).toMatchObject({ bytes: 120 });
    expect(scene.keep()).toEqual(EQUAL);
    expect(totals(scene)).toEqual(ALL);
  });

  test.each<[string, (scene: Scene) => void]>([
    ["an endpoint", (scene) => scene.keep({ ...DESIRED, devices: [DEVICE] })],
    [
      "an endpoint by its device alone",
      ({ keeper }) => {
        const desired = { ...DESIRED, devices: [DEVICE] };
        keeper.changeDevices(desired, { add: [DEVICE], remove: [] }, () => desired);
      },
    ],
    [
      "a repair",
      (scene) => {
        scene.fake.outside("iptables", "*filter\n-F ROMANA-FORWARD\nCOMMIT\n");
        scene.keep();
      },
    ],
  ])("survives the replacement of all rules because of %s", async (_, replace) => {
    const scene = countingScene();
    count(scene, [3, 2, 1]);
    replace(scene);
    expect(totals(scene)).toEqual(ALL);
    count(scene, [3, 2, 1]);
    replace(scene);
    await scene.keeper.sample();
    expect(totals(scene)).toEqual(TWICE);
  });

  test("survives a replacement that half succeeds", async () => {
    const scene = countingScene();
    count(scene, [3, 2, 1]);
    scene.fake.refuse = (program) => program === "ip6tables-restore";
    expect(() => scene.keep({ ...DESIRED, devices: [DEVICE] })).toThrow(RomanaError);
    scene.fake.refuse = undefined;
    await scene.keeper.sample();
    expect(totals(scene)).toEqual(ALL);
    scene.keep({ ...DESIRED, devices: [DEVICE] });
    count(scene, [3, 2, 1]);
    await scene.keeper.sample();
    expect(totals(scene)).toEqual(TWICE);
  });

  test("is counted to the last packet that meets a set", () => {
    const scene = countingScene();
    scene.fake.afterRestore = () => {
      scene.fake.afterRestore = undefined;
      scene.fake.countElement(OUTSIDE, 5);
    };
    scene.keep({ ...DESIRED, devices: [DEVICE] });
    expect(totals(scene)).toEqual({ "in 1": 5 });
  });

  test("is counted from zero by sets whose names were in use before", () => {
    const scene = countingScene();
    scene.fake.countElement(OUTSIDE, 2, "ROMANA-A4");
    scene.keep({ ...DESIRED, devices: [DEVICE] });
    scene.fake.afterRestore = () => {
      scene.fake.afterRestore = undefined;
      scene.fake.countElement(OUTSIDE, 3, "ROMANA-A4");
    };
    scene.keep();
    expect(totals(scene)).toEqual({ "in 1": 5 });
  });

  test("goes on in a later life", async () => {
    const scene = countingScene();
    count(scene, [3, 2, 1]);
    scene.keeper = scene.restarted();
    expect(scene.keep()).toEqual(EQUAL);
    await scene.keeper.sample();
    expect(totals(scene)).toEqual(ALL);
  });

  test("counts for who decides when it happens, though the rules look the same", async () => {
    const scene = countingScene();
    count(scene, [3, 2, 1]);
    scene.model = webModel("other");
    expect(scene.keep()).toEqual(EQUAL);
    scene.fake.countElement(OUTSIDE, 7);
    await scene.keeper.sample();
    expect(totals(scene)).toEqual({ ...ALL, "other 1": 7 });
  });

  test("nothing is read where nothing counts", async () => {
    const scene = new Scene();
    scene.keep();
    scene.fake.isMissing = true;
    await scene.keeper.sample();
    expect(scene.counters.totals).toEqual([]);
  });

  test("cannot be read without the programs", async () => {
    const scene = countingScene();
    scene.fake.isMissing = true;
    await expect(scene.keeper.sample()).rejects.toThrow(RomanaError);
  });
});

test.each([
  ["an element less", "flush ROMANA-A4I0\n"],
  ["an element more", "add ROMANA-A4I0 203.0.113.0/24,rom0\n"],
])("%s just after a replacement does not count as ours", (_, input) => {
  const scene = new Scene();
  const desired = { ...DESIRED, devices: [DEVICE] };
  scene.fake.afterRestore = () => {
    scene.fake.afterRestore = undefined;
    scene.fake.run({ argv: ["ipset", "restore"], input });
  };
  scene.keep(desired);
  expect(scene.reference).toBeUndefined();
  expect(scene.keep(desired).isAsked).toBe(true);
  expect(scene.keep(desired)).toEqual(EQUAL);
});

describe("what is refused", () => {
  test.each(["ipset", "iptables-restore", "ip6tables-restore"])("by %s is made the next time", (program) => {
    const scene = new Scene();
    scene.keep();
    scene.fake.refuse = (name) => name === program;
    const desired = { ...DESIRED, devices: [DEVICE] };
    expect(() => scene.keep(desired)).toThrow(RomanaError);
    scene.fake.refuse = undefined;
    expect(scene.keep(desired).isAsked).toBe(true);
    expect(scene.keep(desired)).toEqual(EQUAL);
    const isUsed = (name: string): boolean =>
      `${scene.fake.text("iptables")}${scene.fake.text("ip6tables")}`.includes(` ${name} `);
    expect(scene.fake.sets.filter((name) => !isUsed(name))).toEqual([]);
    expect(scene.forward()?.filter((rule) => rule === "-j ROMANA-FORWARD")).toHaveLength(1);
  });

  test("no set that a rule looks into is emptied, whichever family was left behind", () => {
    const scene = new Scene();
    scene.keep({ ...DESIRED, devices: [DEVICE] });
    scene.fake.refuse = (name) => name === "ip6tables-restore";
    expect(() => scene.keep()).toThrow(RomanaError);
    const before = scene.fake.text("ip6tables");
    const flushed: string[] = [];
    scene.fake.refuse = (name) => name === "iptables-restore";
    scene.fake.onIpset = (text) => flushed.push(...(text.match(/(?<=flush )\S+/g) ?? []));
    expect(() => scene.keep()).toThrow(RomanaError);
    expect(flushed).not.toEqual([]);
    const live = before + scene.fake.text("iptables");
    expect(flushed.filter((name) => live.includes(` ${name} `))).toEqual([]);
  });

  test("what iptables cannot say changes nothing", () => {
    const scene = new Scene();
    scene.keep();
    const before = scene.fake.text("iptables");
    const device = { ...DEVICE, owns: [parsePrefix("10.0.0.0/8")] };
    expect(() => scene.keep({ ...DESIRED, devices: [device] })).toThrow(/holds a whole prefix of this host/);
    expect(scene.fake.text("iptables")).toBe(before);
  });
});

test("changeDevices() binds the device", () => {
  const scene = new Scene();
  scene.keep();
  const desired = { ...DESIRED, devices: [DEVICE] };
  scene.keeper.changeDevices(desired, { add: [DEVICE], remove: [] }, () => desired);
  expect(scene.fake.run({ argv: ["ipset", "save"] })).toContain("add ROMANA-B4I0 10.1.1.27,rom0a01011b\n");
  expect(scene.keep(desired)).toEqual(EQUAL);
});

test("text() is what people can read", () => {
  const { keeper } = new Scene();
  const text = keeper.text({ ...DESIRED, devices: [DEVICE] });
  expect(Object.keys(text)).toEqual(["ipset", "iptables", "ip6tables"]);
  expect(text.ipset).toContain("add ROMANA-A4I0 10.1.1.27,rom0a01011b\n");
  expect(text.iptables).toContain(":ROMANA-FORWARD - [0:0]\n");
});
