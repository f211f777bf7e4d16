import { type AddressPlan, plansOf } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Drop, Writing } from "./drop.ts";
import { EXCEPTION, forked, NORMAL } from "./exception-fork.ts";
import type { IdentityLookups } from "./identity-lookups.ts";
import type { FirewallInput } from "./input.ts";
import { lookups, type PolicyQuestion, questionChains } from "./policy-chains.ts";
import type { PolicyRules } from "./policy-rules.ts";
import type { SideClass } from "./sides.ts";
import type { Chain, Match, Rule } from "./table.ts";

/** The look-ups of tenants and segments of one family. */
export type FamilyLookups = IdentityLookups & { readonly family: Family };

/** Who may reach an own endpoint where there are no policies. */
export function plainChain(input: FirewallInput, { family, open, same }: FamilyLookups, drop: Drop): Chain {
  return { name: `to_endpoint${family}`, rules: [...open, ...same, ...refusals(input, family, drop)] };
}

/** The end of what comes to an identity that is not open to everybody. */
function refusals(
  input: FirewallInput,
  family: Family,
  drop: Drop,
  ...matches: readonly Match[]
): readonly Rule[] {
  return [
    ...plansIn(input, family).map(({ prefix }) => drop("isolation", { kind: "source", prefix }, ...matches)),
    drop("from-outside", ...matches),
  ];
}

function plansIn({ networks }: FirewallInput, family: Family): readonly AddressPlan[] {
  return networks.flatMap(plansOf).filter((plan) => plan.family === family);
}

/** New flows to own endpoints: one set of chains for each answer to "is the destination, is the source an exception". */
export function ingressChains(
  input: FirewallInput,
  rules: PolicyRules,
  { family, open, same }: FamilyLookups,
  writing: Writing,
): readonly Chain[] {
  const name = `to_endpoint${family}`;
  const { accept, isolated } = rules.defaults(family);
  const chainsOf = (question: string, toException: boolean, fromException: boolean): readonly Chain[] => {
    const sides = {
      direction: "ingress",
      subjects: toException ? EXCEPTION : NORMAL,
      peers: fromException ? EXCEPTION : NORMAL,
    } as const;
    const whole: PolicyQuestion = {
      ...sides,
      name: question,
      family,
      scope: "endpoints",
      accepted: "accept",
      shared: [
        ...(toException || fromException ? accepts(lookups(sides, accept.sets)) : []),
        ...(toException || fromException ? [] : same),
      ],
      defaults: toException
        ? lookups(sides, isolated.sets).flatMap((matches) =>
            fromException
              ? [writing.drop("isolation", ...matches)]
              : refusals(input, family, writing.drop, ...matches),
          )
        : [...open, ...(fromException ? [writing.drop("isolation")] : refusals(input, family, writing.drop))],
      isolated: (matches) => writing.drop("not-allowed", ...matches),
    };
    return questionChains(rules, whole, writing);
  };
  return forked(rules, family, name, ["destination", "source"], chainsOf);
}

/** New flows from own endpoints: `egressN` to elsewhere, `egressN_host` to this machine. */
export function egressChains(rules: PolicyRules, family: Family, writing: Writing): readonly Chain[] {
  const chainsOf =
    (toHost: boolean) =>
    (name: string, fromException: boolean, toException: boolean): readonly Chain[] => {
      const peers = toException ? EXCEPTION : NORMAL;
      return questionChains(
        rules,
        {
          name,
          family,
          scope: "endpoints",
          direction: "egress",
          subjects: fromException ? EXCEPTION : NORMAL,
          peers: toHost ? new Set<SideClass>(["host", ...peers]) : peers,
          accepted: "return",
          shared: [],
          defaults: [],
          isolated: (matches) => writing.drop("not-allowed", ...matches),
        },
        writing,
      );
    };
  return [
    ...forked(rules, family, `egress${family}`, ["source", "destination"], chainsOf(false)),
    ...forked(rules, family, `egress${family}_host`, ["source", "destination"], chainsOf(true)),
  ];
}

function accepts(all: readonly (readonly Match[])[]): readonly Rule[] {
  return all.map((matches) => ({ matches, verdict: { kind: "accept" } }));
}
