import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IptablesKeeper } from "../../src/agent/iptables-keeper.ts";
import { NftKeeper } from "../../src/agent/nft-keeper.ts";
import { RuleCounters } from "../../src/agent/rule-counters.ts";
import type { RulesKeeper } from "../../src/agent/rules-keeper.ts";
import { TableKeeper } from "../../src/agent/table-keeper.ts";
import { type FirewallInput, PolicyRules } from "../../src/firewall/index.ts";
import type { Policy, PolicyRule } from "../../src/model/index.ts";
import { parsePrefix } from "../../src/net/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import { compilePolicies, type RuleModel } from "../../src/rules/index.ts";
import { createIptablesRunner } from "../../src/system/iptables.ts";
import { allPairs, probeUdp } from "../support/firewall-probes.ts";
import {
  createFirewallScene,
  type FirewallScene,
  type SceneEndpoint,
  type SceneFirewall,
  type SceneHost,
} from "../support/firewall-scene.ts";
import { policyWorld } from "../support/policy-scene.ts";

type Kind = "nftables" | "iptables-nft" | "iptables-legacy";

/** What keeps the rules of one host, as its agent does, and what they have decided. */
interface Kept {
  readonly keeper: RulesKeeper;
  readonly policyRules: PolicyRules;
  readonly counters: RuleCounters;
}

class CountingFirewall implements SceneFirewall {
  readonly name: Kind;
  readonly #world: PolicyWorld;
  readonly #model: RuleModel;
  readonly #kept = new Map<SceneHost, Kept>();

  constructor(name: Kind, world: PolicyWorld) {
    this.name = name;
    this.#world = world;
    this.#model = compilePolicies(world);
  }

  apply(own: SceneHost, input: FirewallInput): void {
    const kept = this.#kept.get(own) ?? this.#create(own);
    this.#kept.set(own, kept);
    kept.keeper.keep({ ...input, policyRules: kept.policyRules }, () => true);
  }

  drops(own: SceneHost): ReadonlyMap<string, number> {
    const counters = this.#kept.get(own)?.keeper.counters() ?? new Map();
    return new Map([...counters].map(([reason, { packets }]) => [reason, packets]));
  }

  /** Packets on all hosts by policy and rule. */
  async decided(): Promise<Readonly<Record<string, number>>> {
    const sums: Record<string, number> = {};
    for (const { keeper, counters } of this.#kept.values()) {
      await keeper.sample();
      for (const { policy, rule, packets } of counters.totals) {
        const key = `${policy} ${rule ?? "isolation"}`;
        sums[key] = packets + (sums[key] ?? 0);
      }
    }
    return sums;
  }

  #create({ kernel, namespace }: SceneHost): Kept {
    const counters = new RuleCounters();
    const policyRules = new PolicyRules(this.#world.networks, this.#model);
    return { counters, policyRules, keeper: this.#createKeeper(kernel, namespace, counters) };
  }

  #createKeeper(kernel: SceneHost["kernel"], namespace: string, counters: RuleCounters): RulesKeeper {
    if (this.name !== "nftables") {
      const variant = this.name === "iptables-nft" ? "nft" : "legacy";
      const runner = createIptablesRunner({ namespace, variant });
      const remember = (): void => {};
      return new IptablesKeeper({
        runner,
        model: () => this.#model,
        reference: undefined,
        remember,
        counters,
      });
    }
    const beforeReplace = (): void => {
      keeper.sampleBeforeChange();
      counters.startOver();
    };
    const table = new TableKeeper(kernel, undefined, () => {}, beforeReplace);
    const keeper = new NftKeeper(kernel, table, "romana", counters);
    return keeper;
  }
}

const drop = (...prefixes: readonly string[]): PolicyRule => ({
  direction: "ingress",
  verdict: "drop",
  peers: prefixes.map((text) => ({ kind: "prefix", prefix: parsePrefix(text), except: [] })),
  traffic: [{}],
  stateful: true,
});

const nested = (id: string, segment: string, rules: readonly PolicyRule[]): Policy => ({
  id,
  tier: "standard",
  order: 20,
  appliedTo: [
    { kind: "endpoints", tenant: { by: "name", name: "acme" }, segment: { by: "name", name: segment } },
  ],
  isolates: [],
  rules,
  established: "cut",
});

/** The machine outside is in a prefix within a prefix: one rule is about the one, and one about the other. */
const WIDE = drop("192.0.2.0/24", "2001:db8::/32");
const NARROW = drop(
  "192.0.2.0/26",
  "192.0.2.64/26",
  "192.0.2.128/26",
  "192.0.2.192/26",
  "2001:db8::/34",
  "2001:db8:4000::/34",
  "2001:db8:8000::/34",
  "2001:db8:c000::/34",
);
const NESTED = [nested("wide-first", "web", [WIDE, NARROW]), nested("narrow-first", "db", [NARROW, WIDE])];

/** Isolates hosts from their own endpoints, which leaves the gateway services to these. */
const HOSTS: Policy = { ...nested("hosts", "", []), appliedTo: [{ kind: "host" }], isolates: ["ingress"] };

function endpoint(name: string, host: string, tenant: number, code: number, id: number): SceneEndpoint {
  return { name, network: "default", host, tenant, code: { code, extraBits: 0 }, endpoint: id };
}

const ENDPOINTS = [
  endpoint("acme-web-1", "host-1", 1, 1, 1),
  endpoint("acme-web-2", "host-2", 1, 1, 1),
  endpoint("acme-db", "host-1", 1, 2, 1),
  endpoint("acme-as-beta", "host-1", 1, 1, 2),
  endpoint("beta-web", "host-1", 2, 1, 11),
  endpoint("beta-db", "host-2", 2, 2, 1),
  endpoint("open-web", "host-1", 3, 1, 1),
];

/** Packets that rules decide about when each party sends one datagram to each other one, over both families. */
const ONCE: Readonly<Record<string, number>> = {
  "acme-may-ask-its-host 0": 6,
  "beta-sends-little 0": 12,
  "beta-sends-little 1": 8,
  "beta-sends-little 2": 4,
  "beta-sends-little isolation": 12,
  "db-clients 0": 4,
  "db-clients isolation": 10,
  "machines 1": 18,
  "narrow-first 0": 2,
  "no-udp-between-web-and-open 0": 2,
  "no-udp-between-web-and-open 1": 10,
  "no-udp-between-web-and-open 2": 5,
  "open-is-not-for-strangers 0": 5,
  "open-is-not-for-strangers 1": 4,
  "wide-first 0": 4,
  "without-state 0": 2,
};

describe.each(["nftables", "iptables-nft", "iptables-legacy"] as const)(
  "counters of rules with %s",
  (kind) => {
    let scene: FirewallScene;
    let firewall: CountingFirewall;
    beforeAll(async () => {
      const world = policyWorld();
      const policies = [...world.policies, ...NESTED];
      firewall = new CountingFirewall(kind, { ...world, policies });
      scene = await createFirewallScene(world, ENDPOINTS, [], firewall);
      scene.apply();
    });
    afterAll(() => scene.close());

    /** Without what machines say by themselves. */
    async function decided(): Promise<Readonly<Record<string, number>>> {
      const { "machines 0": _, "machines isolation": __, ...counts } = await firewall.decided();
      return counts;
    }

    test("one datagram from everybody to everybody", async () => {
      probeUdp(scene, allPairs(scene.parties));
      expect(await decided()).toEqual(ONCE);
    });

    test("the isolation of hosts counts all that their endpoints send them", async () => {
      const isolating = new CountingFirewall(kind, { ...policyWorld(), policies: [HOSTS] });
      for (const own of scene.hosts) {
        isolating.apply(own, { ...scene.input(own), gatewayServices: [{ protocol: "udp", port: 7000 }] });
      }
      probeUdp(scene, allPairs(scene.parties));
      expect(await isolating.decided()).toEqual({ "hosts isolation": 14 });
      scene.apply();
    });

    test("go on when the rules are made anew, and forget nothing that nobody has read", async () => {
      const before = await decided();
      probeUdp(scene, allPairs(scene.parties));
      for (const own of scene.hosts) {
        firewall.apply(own, { ...scene.input(own), gatewayServices: [{ protocol: "udp", port: 53 }] });
      }
      probeUdp(scene, allPairs(scene.parties));
      const after = await decided();
      const grown = Object.entries(after).map(([rule, count]) => [rule, count - (before[rule] ?? 0)]);
      const twice = Object.entries(ONCE).map(([rule, count]) => [rule, 2 * count]);
      expect(Object.fromEntries(grown)).toEqual(Object.fromEntries(twice));
    });
  },
);
