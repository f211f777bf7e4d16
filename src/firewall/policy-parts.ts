import type { Family } from "../net/index.ts";
import type { Writing } from "./drop.ts";
import { egressChains, type FamilyLookups, ingressChains, plainChain } from "./endpoint-policies.ts";
import type { FirewallInput, OwnPrefix } from "./input.ts";
import { type MachineParts, machineParts } from "./machine-policies.ts";
import { rawChains } from "./raw-chains.ts";
import type { Chain, NamedSet } from "./table.ts";

/** What policies add to a host's table. */
export interface PolicyParts extends Omit<MachineParts, "chains"> {
  readonly sets: readonly NamedSet[];
  /** Chains that decide about new flows to own endpoints; `to_endpoint4` and `to_endpoint6` are always there. */
  readonly toEndpoint: readonly Chain[];
  /** Chains that decide about new flows from own endpoints and from the machine. */
  readonly fromEndpoint: readonly Chain[];
  /** Where to jump with what endpoints send, in families in which policies have a say in it. */
  readonly egress: readonly { readonly family: Family; readonly anywhere: string; readonly toHost: string }[];
}

const FAMILIES: readonly Family[] = [4, 6];

/** The chains and rules of the policies of a host. */
export function policyParts(
  input: FirewallInput,
  own: readonly OwnPrefix[],
  identities: readonly FamilyLookups[],
  writing: Writing,
): PolicyParts {
  const { policyRules: rules } = input;
  if (rules === undefined) {
    return {
      sets: [],
      toEndpoint: identities.map((lookup) => plainChain(input, lookup, writing.drop)),
      fromEndpoint: [],
      egress: [],
      toHost: [],
      toMachine: [],
      bases: [],
    };
  }
  const toEndpoint = identities.flatMap((lookup) => ingressChains(input, rules, lookup, writing));
  const egressFamilies = identities.filter(({ family }) => rules.has(family, "endpoints", "egress"));
  const machine = machineParts(input, rules, own, writing);
  return {
    sets: FAMILIES.flatMap((family) => [
      ...rules.exceptions(family).map(({ set }) => set),
      ...rules.sets(family),
    ]),
    toEndpoint,
    fromEndpoint: [
      ...egressFamilies.flatMap(({ family }) => egressChains(rules, family, writing)),
      ...machine.chains,
    ],
    egress: egressFamilies.map(({ family }) => ({
      family,
      anywhere: `egress${family}`,
      toHost: `egress${family}_host`,
    })),
    toHost: machine.toHost,
    toMachine: machine.toMachine,
    bases: [...machine.bases, ...rawChains(rules)],
  };
}
