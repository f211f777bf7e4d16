import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { IptablesKeeper } from "../../src/agent/iptables-keeper.ts";
import { RuleCounters } from "../../src/agent/rule-counters.ts";
import type { FirewallInput } from "../../src/firewall/index.ts";
import { parsePrefix } from "../../src/net/index.ts";
import { compilePolicies } from "../../src/rules/index.ts";
import { runCommandSync } from "../../src/system/command.ts";
import { createIptablesRunner } from "../../src/system/iptables.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { exampleWorld, host } from "../support/example-world.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";
import { policyWorld } from "../support/policy-scene.ts";

leaveHostNamespace();

const DESIRED: FirewallInput = {
  table: "romana",
  host: host(1),
  ...exampleWorld(),
  devices: [
    { name: "rom0a01011b", index: 7, owns: ["10.1.1.27/32", "fd00:10:0:100:1:1::b/128"].map(parsePrefix) },
  ],
  underlayDevices: [],
  gatewayServices: [],
};

describe.each(["nft", "legacy"] as const)("iptables-%s", (variant) => {
  const name = `romkeep-${process.pid}-${variant}`;
  const namespace = namespacePath(name);
  const runner = createIptablesRunner({ namespace, variant });
  const createKeeper = (): IptablesKeeper =>
    new IptablesKeeper({
      runner,
      model: () => compilePolicies(policyWorld()),
      reference: undefined,
      remember: () => {},
      counters: new RuleCounters(),
    });

  beforeEach(() => createNamespace(name));
  afterEach(() => deleteNamespace(name));

  /** Whether the kernel's rules had to be mended. */
  function keep(keeper: IptablesKeeper, desired = DESIRED): boolean {
    let isAsked = false;
    keeper.keep(desired, () => {
      isAsked = true;
      return true;
    });
    return isAsked;
  }

  test("the kernel says back what was made, again and again, and keeps no old sets", () => {
    const keeper = createKeeper();
    for (const devices of [DESIRED.devices, [], DESIRED.devices]) {
      const desired = { ...DESIRED, devices };
      expect([keep(keeper, desired), keep(keeper, desired), keeper.isThere()]).toEqual([true, false, true]);
    }
    const generations = new Set(runner.setNames().map((set) => set.slice(0, "ROMANA-A".length)));
    expect([...generations]).toEqual(["ROMANA-A"]);
  });

  test.each([
    [`iptables-${variant}`, "-F", "ROMANA-OWN-FORWARD"],
    [`ip6tables-${variant}`, "-D", "INPUT", "-j", "ROMANA-INPUT"],
    [`ip6tables-${variant}`, "-I", "FORWARD", "-j", "ACCEPT"],
    ["ipset", "flush"],
  ])("%s %s is mended", (...argv) => {
    const keeper = createKeeper();
    keep(keeper);
    runCommandSync({ argv, namespace });
    expect([keep(keeper), keep(keeper)]).toEqual([true, false]);
  });
});
