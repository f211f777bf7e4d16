import { describe, expect, test } from "vitest";
import { exampleWorld, host } from "../../test/support/example-world.ts";
import { FakeIptables } from "../../test/support/fake-iptables.ts";
import { policyWorld } from "../../test/support/policy-scene.ts";
import type { FirewallInput } from "../firewall/index.ts";
import { RomanaError } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { compilePolicies, type RuleModel } from "../rules/index.ts";
import { createIptablesRunner } from "../system/iptables.ts";
import { IptablesKeeper } from "./iptables-keeper.ts";
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
