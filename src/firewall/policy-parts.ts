import { type AddressPlan, plansOf } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Drop, Writing } from "./drop.ts";
import type { IdentityLookups } from "./identity-lookups.ts";
import type { FirewallInput, OwnPrefix } from "./input.ts";
import {
  exceptionMatches,
  lookups,
  type PolicyQuestion,
  questionChains,
  stateless,
} from "./policy-chains.ts";
import type { PolicyRules } from "./policy-rules.ts";
import { safetyNetRules } from "./safety-net.ts";
import type { SideClass } from "./sides.ts";
import type { Chain, Match, NamedSet, Rule } from "./table.ts";

/** What policies add to a host's table. */
export interface PolicyParts {
  readonly sets: readonly NamedSet[];
  /** Chains that decide about new flows to own endpoints; `to_endpoint4` and `to_endpoint6` are always there. */
  readonly toEndpoint: readonly Chain[];
  /** Chains that decide about new flows from own endpoints and from the machine. */
  readonly fromEndpoint: readonly Chain[];
  /** Where to jump with what endpoints send, in families in which policies have a say in it. */
  readonly egress: readonly { readonly family: Family; readonly anywhere: string; readonly toHost: string }[];
  /** Rules for what endpoints send to this machine, before the gateway services. */
  readonly toHost: readonly Rule[];
  /** Rules for what others send to this machine. */
  readonly toMachine: readonly Rule[];
  /** Base chains that only policies need. */
  readonly bases: readonly Chain[];
}

type FamilyLookups = IdentityLookups & { readonly family: Family };

/** The chain of what endpoints may use at their gateway, with the refusal of everything else. */
export const TO_SERVICES = "to_host_services";

const NORMAL: ReadonlySet<SideClass> = new Set(["identity", "address"]);
const EXCEPTION: ReadonlySet<SideClass> = new Set(["block", "address"]);
const HOST: ReadonlySet<SideClass> = new Set(["host"]);
const TO_OWN_HOST: ReadonlySet<SideClass> = new Set(["identity", "address", "host"]);
const OWN_MACHINE: ReadonlySet<SideClass> = new Set(["host", "machine"]);
const MACHINE: ReadonlySet<SideClass> = new Set(["machine"]);
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

/** Who may reach an own endpoint where there are no policies. */
function plainChain(input: FirewallInput, { family, open, same }: FamilyLookups, drop: Drop): Chain {
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
function ingressChains(
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

/** New flows from own endpoints, to elsewhere and to this machine. */
function egressChains(rules: PolicyRules, family: Family, writing: Writing): readonly Chain[] {
  const chainsOf =
    (toHost: boolean) =>
    (name: string, fromException: boolean, toException: boolean): readonly Chain[] =>
      questionChains(
        rules,
        {
          name,
          family,
          scope: "endpoints",
          direction: "egress",
          subjects: fromException ? EXCEPTION : NORMAL,
          peers: toHost ? TO_OWN_HOST : toException ? EXCEPTION : NORMAL,
          accepted: "return",
          shared: [],
          defaults: [],
          isolated: (matches) => writing.drop("not-allowed", ...matches),
        },
        writing,
      );
  return [
    ...forked(rules, family, `egress${family}`, ["source", "destination"], chainsOf(false)),
    ...forked(rules, family, `egress${family}_host`, ["source"], chainsOf(true)),
  ];
}

/**
 * Chains for identities at both ends, and for exceptions at one of them or both, which are found first. Without
 * exceptions there is nothing to tell apart.
 */
function forked(
  rules: PolicyRules,
  family: Family,
  name: string,
  ends: readonly ("source" | "destination")[],
  chainsOf: (name: string, first: boolean, second: boolean) => readonly Chain[],
): readonly Chain[] {
  if (rules.exceptions(family).length === 0) return chainsOf(name, false, false);
  const [firstEnd, secondEnd] = ends;
  const find = (end: "source" | "destination" | undefined, chain: string): readonly Rule[] =>
    end === undefined
      ? []
      : exceptionMatches(rules, family, end, false).map((match) => ({
          matches: [match],
          verdict: { kind: "goto", chain },
        }));
  const plain = chainsOf(`${name}_identity`, false, false);
  const first = chainsOf(`${name}_x_identity`, true, false);
  const second = secondEnd === undefined ? [] : chainsOf(`${name}_identity_x`, false, true);
  const both = secondEnd === undefined ? [] : chainsOf(`${name}_x_x`, true, true);
  const then = (chain: string): Rule => ({ matches: [], verdict: { kind: "goto", chain } });
  return [
    ...plain,
    ...first,
    ...second,
    ...both,
    { name: `${name}_x`, rules: [...find(secondEnd, `${name}_x_x`), then(`${name}_x_identity`)] },
    {
      name,
      rules: [
        ...find(firstEnd, `${name}_x`),
        ...find(secondEnd, `${name}_identity_x`),
        then(`${name}_identity`),
      ],
    },
  ];
}

/** What concerns the machine itself. */
function machineParts(
  input: FirewallInput,
  rules: PolicyRules,
  own: readonly OwnPrefix[],
  writing: Writing,
): Pick<PolicyParts, "toHost" | "toMachine" | "bases"> & { readonly chains: readonly Chain[] } {
  const has = (family: Family, direction: "ingress" | "egress"): boolean =>
    rules.has(family, "machines", direction);
  const chains = (
    name: string,
    family: Family,
    direction: "ingress" | "egress",
    subjects: ReadonlySet<SideClass>,
    isolated: PolicyQuestion["isolated"] = (matches) => writing.drop("not-allowed", ...matches),
  ): readonly Chain[] => {
    const ends = direction === "ingress" ? (["source"] as const) : (["destination"] as const);
    return forked(rules, family, name, ends, (question, isException) =>
      questionChains(
        rules,
        {
          name: question,
          family,
          scope: "machines",
          direction,
          subjects,
          peers: isException ? EXCEPTION : NORMAL,
          // An endpoint that a policy lets in is let in; what goes out may be refused at its end.
          accepted: direction === "ingress" ? "accept" : "return",
          shared: [],
          defaults: [],
          isolated,
          // Behind the rules for own endpoints the gateway services are asked.
          ...(isolated === toServices && { undecided: "return" }),
        },
        writing,
      ),
    );
  };
  const inFamilies = FAMILIES.filter((family) => has(family, "ingress"));
  const outFamilies = FAMILIES.filter((family) => has(family, "egress"));
  const fromHost = FAMILIES.filter((family) => hasHostPeers(rules, family));
  const net = safetyNetRules(input.safetyNet);
  const jumpIn = (chain: string, family: Family): Rule => ({
    matches: [{ kind: "family", family }],
    verdict: { kind: "jump", chain },
  });
  const output: readonly Rule[] = [
    { matches: [{ kind: "output-loopback" }], verdict: { kind: "accept" } },
    { matches: [{ kind: "established" }], verdict: { kind: "accept" } },
    ...net.outgoing,
    ...own.flatMap(({ plan: { family }, prefix }): readonly Rule[] => {
      const toOwn: Match = { kind: "destination", prefix };
      return [
        ...(outFamilies.includes(family) ? [jumped(`host_out${family}`, toOwn)] : []),
        ...(fromHost.includes(family) ? [jumped(`from_host${family}`, toOwn)] : []),
        { matches: [toOwn], verdict: { kind: "accept" } },
      ];
    }),
    ...outFamilies.map((family) => jumpIn(`machine_out${family}`, family)),
  ];
  return {
    chains: [
      ...inFamilies.flatMap((family) => [
        ...chains(`host_in${family}`, family, "ingress", OWN_MACHINE, toServices),
        ...chains(`machine_in${family}`, family, "ingress", MACHINE),
      ]),
      ...outFamilies.flatMap((family) => [
        ...chains(`host_out${family}`, family, "egress", OWN_MACHINE),
        ...chains(`machine_out${family}`, family, "egress", MACHINE),
      ]),
      ...fromHost.flatMap((family) => fromHostChains(rules, family, writing)),
    ],
    toHost: inFamilies.map((family) => jumpIn(`host_in${family}`, family)),
    toMachine:
      inFamilies.length === 0
        ? []
        : [
            { matches: [{ kind: "established" }], verdict: { kind: "accept" } },
            ...net.incoming,
            ...inFamilies.map((family) => jumpIn(`machine_in${family}`, family)),
          ],
    bases:
      outFamilies.length === 0 && fromHost.length === 0
        ? []
        : [{ name: "output", hook: "output", rules: output }],
  };
}

/** Isolation of the machine does not take gateway services from its endpoints. */
function toServices(matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "goto", chain: TO_SERVICES } };
}

/** From processes of this machine to own endpoints: only rules that name the host have a say. */
function fromHostChains(rules: PolicyRules, family: Family, writing: Writing): readonly Chain[] {
  return forked(rules, family, `from_host${family}`, ["destination"], (name, isException) =>
    questionChains(
      rules,
      {
        name,
        family,
        scope: "endpoints",
        direction: "ingress",
        subjects: isException ? EXCEPTION : NORMAL,
        peers: HOST,
        accepted: "return",
        shared: [],
        defaults: [],
      },
      writing,
    ),
  );
}

function hasHostPeers(rules: PolicyRules, family: Family): boolean {
  const { tiers } = rules.direction(family, "endpoints", "ingress");
  return Object.values(tiers).some((layers) =>
    layers.some(({ sets }) => sets.sets.some(({ shape }) => shape.peer.class === "host")),
  );
}

/** What policies keep from connection tracking, wherever it passes. */
function rawChains(rules: PolicyRules): readonly Chain[] {
  const notracked = FAMILIES.flatMap((family) => [
    ...stateless(rules, family, "endpoints", "ingress"),
    ...stateless(rules, family, "endpoints", "egress"),
  ]);
  const machines = (direction: "ingress" | "egress"): readonly Rule[] =>
    FAMILIES.flatMap((family) => stateless(rules, family, "machines", direction));
  const toMachine = machines("ingress").map(
    ({ matches, verdict }): Rule => ({ matches: [{ kind: "to-this-machine" }, ...matches], verdict }),
  );
  const fromMachine = machines("egress");
  return [
    ...(notracked.length + toMachine.length === 0
      ? []
      : [
          {
            name: "raw_prerouting",
            hook: "raw-prerouting",
            rules: [...notracked, ...toMachine],
          } as const,
        ]),
    ...(notracked.length + fromMachine.length === 0
      ? []
      : [{ name: "raw_output", hook: "raw-output", rules: [...notracked, ...fromMachine] } as const]),
  ];
}

function accepts(all: readonly (readonly Match[])[]): readonly Rule[] {
  return all.map((matches) => ({ matches, verdict: { kind: "accept" } }));
}

function jumped(chain: string, ...matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "jump", chain } };
}
