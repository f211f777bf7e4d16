import { PolicyEngine } from "../../src/agent/policy-engine.ts";
import { type HostTable, TableKeeper } from "../../src/agent/table-keeper.ts";
import { createTable, type FirewallInput, renderTable } from "../../src/firewall/index.ts";
import type { Policy, PolicyTarget } from "../../src/model/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import { NFT_FIREWALL, type SceneHost } from "./firewall-scene.ts";
import { IptablesFirewall, type IptablesVariant } from "./iptables-firewall.ts";

/** Makes a host enforce worlds, one after the other. */
export interface TruthFirewall {
  readonly name: string;
  apply(own: SceneHost, input: FirewallInput, world: PolicyWorld): void;
  /** Packets that the host has dropped, by reason. */
  drops(own: SceneHost): ReadonlyMap<string, number>;
}

/** The nft table, as the agent keeps it. By turns it is replaced, and made what it should be by elements. */
export class NftTruthFirewall implements TruthFirewall {
  readonly name = "nft";
  /** How often a table was replaced, and how often elements were enough. */
  readonly changes = { replaced: 0, elements: 0 };
  readonly #turns = new Map<SceneHost, number>();

  apply(own: SceneHost, input: FirewallInput, world: PolicyWorld): void {
    const turn = (this.#turns.get(own) ?? 0) + 1;
    this.#turns.set(own, turn);
    const { policies } = world;
    const stages = turn % 2 === 0 ? [policies.map(widened), policies.map(idle), policies] : [policies];
    const engine = new PolicyEngine();
    const keeper = new TableKeeper(own.kernel, undefined, () => {});
    let before: HostTable | undefined;
    for (const stage of stages) {
      const policyRules = engine.update({ ...world, policies: stage });
      const table = createTable({ ...input, ...(policyRules && { policyRules }) });
      const after: HostTable = { table, ...(policyRules && { policyRules }) };
      if (before !== undefined && keeper.advance(before, after)) this.changes.elements++;
      else {
        own.kernel.runNft(renderTable(table));
        policyRules?.takeDifferences();
        this.changes.replaced++;
      }
      before = after;
    }
  }

  drops(own: SceneHost): ReadonlyMap<string, number> {
    return NFT_FIREWALL.drops(own);
  }
}

/** iptables and ipset, always made anew. */
export class IptablesTruthFirewall implements TruthFirewall {
  readonly name: string;
  readonly #firewall: IptablesFirewall;

  constructor(variant: IptablesVariant) {
    this.#firewall = new IptablesFirewall(variant, { networks: [], hosts: [], tenants: [], segments: [] });
    this.name = this.#firewall.name;
  }

  apply(own: SceneHost, input: FirewallInput, world: PolicyWorld): void {
    this.#firewall.world = world;
    this.#firewall.apply(own, input);
  }

  drops(own: SceneHost): ReadonlyMap<string, number> {
    return this.#firewall.drops(own);
  }
}

const EVERYBODY: PolicyTarget = { kind: "endpoints" };
const NOBODY: PolicyTarget = { kind: "endpoints", tenant: { by: "name", name: "nobody" } };

/** The policy about much more than it should be about; only elements tell it from the right one. */
function widened(policy: Policy): Policy {
  return {
    ...policy,
    appliedTo: [...policy.appliedTo, EVERYBODY],
    isolates: ["ingress", "egress"],
    rules: policy.rules.map((rule) => ({
      ...rule,
      peers: [...rule.peers, { kind: "endpoints" }],
      traffic: [...rule.traffic, {}],
    })),
  };
}

/** The policy about nobody. */
function idle(policy: Policy): Policy {
  return { ...policy, appliedTo: [NOBODY] };
}
