import { plansOf } from "../../model/index.ts";
import type { Party, RuleEntry } from "../../rules/index.ts";
import { dropChain } from "./drop-chains.ts";
import { type Destination, goText, type IptablesInput, type IptablesRule, ruleEnding } from "./input.ts";
import { peerMatches, type SideMatch, subjectMatches } from "./pattern.ts";
import { entryRules, isolationRules, type Question, type Sides, subjectRules } from "./tier-chains.ts";

/** What all questions of a family share. */
export type Base = Pick<Question, "family" | "sets" | "exceptions">;

/** Where a question leads to. */
export type Ends = Pick<Question, "accepted" | "otherwise">;

/** The chain for whom the isolation of its tenant drops: it tells where the packet came from. */
export const ISOLATION_CHAIN = "ROMANA-ISOLATED";

/** May the own endpoint send this to anywhere but this host? */
export function egressQuestion(input: IptablesInput, base: Base, ends: Ends): Question {
  return endpointQuestion(input, base, ends, {
    name: "EGRESS",
    direction: "egress",
    asksFor: ["subject", "peer"],
    peers: (party, sides) => peerMatches(input, base.family, sides.peer, party),
  });
}

/** May the own endpoint send this to this host? Who asks for the host means every address that it has. */
export function toHostQuestion(input: IptablesInput, base: Base, ends: Ends): Question {
  const question = egressQuestion(input, base, ends);
  return {
    ...question,
    name: "TO-HOST",
    peers: (party, sides) => (party.kind === "host" ? [undefined] : question.peers(party, sides)),
  };
}

/** May the own endpoint receive this from anywhere but this host? */
export function ingressQuestion(input: IptablesInput, base: Base, ends: Ends): Question {
  const question = endpointQuestion(input, base, ends, {
    name: "INGRESS",
    direction: "ingress",
    asksFor: ["subject", "peer"],
    peers: (party, sides) => peerMatches(input, base.family, sides.peer, party),
  });
  const shared = [...sharedIdentities(input), ...input.rules.exceptionDefaults];
  return {
    ...question,
    behindStandard: (sides, baseline) => [
      ...entryRules(question, sides, shared).map((rule) => goingTo(rule, question.accepted)),
      ...question.behindStandard(sides, baseline),
      ...isolatedByTenant(input, question, sides, baseline),
    ],
  };
}

/** May the own endpoint receive this from a process of this host? Only who asks for the host is asked. */
export function fromHostQuestion(input: IptablesInput, base: Base, ends: Ends): Question {
  const question = endpointQuestion(input, base, ends, {
    name: "FROM-HOST",
    direction: "ingress",
    asksFor: ["subject"],
    peers: (party): readonly SideMatch[] => (party.kind === "host" ? [undefined] : []),
  });
  return { ...question, behindStandard: () => [] };
}

function endpointQuestion(
  input: IptablesInput,
  base: Base,
  ends: Ends,
  rest: Pick<Question, "name" | "direction" | "asksFor" | "peers">,
): Question {
  const rules = input.rules.endpoints[rest.direction];
  const question = {
    ...base,
    ...ends,
    ...rest,
    rules,
    subjects: (party: Party, sides: Sides) =>
      subjectMatches(input, base.family, sides.subject, party).map((match) => ({ match })),
  };
  return {
    ...question,
    behindStandard: (sides) => {
      const isolated = isolationRules(question, sides, rules.isolated);
      return isolated.map((rule) => goingTo(rule, dropChain("not-allowed")));
    },
  };
}

/** What tenants let in by themselves, as far as bits say who somebody is. */
function sharedIdentities({ tenants, segments }: IptablesInput): readonly RuleEntry[] {
  const entry = (subject: Party, peer: Party): RuleEntry => ({
    subject,
    peer,
    traffic: {},
    stateful: true,
    by: [],
  });
  return tenants.flatMap(({ name, id, isolation }) => {
    if (isolation === "none") return [];
    if (isolation === "tenant") {
      const tenant: Party = { kind: "tenant", tenant: id };
      return [entry(tenant, tenant)];
    }
    return segments
      .filter(({ tenant }) => tenant === name)
      .flatMap(({ codes }) => {
        const parties = codes.map((code): Party => ({ kind: "segment", tenant: id, code }));
        return parties.flatMap((subject) => parties.map((peer) => entry(subject, peer)));
      });
  });
}

/** Identities are isolated unless their tenant is known and open; exceptions when the rule model says so. */
function isolatedByTenant(
  input: IptablesInput,
  question: Parameters<typeof subjectRules>[0],
  sides: Sides,
  baseline: Destination,
): readonly IptablesRule[] {
  if (sides.subject === "exception") {
    const subjects = input.rules.isolatedExceptions;
    return subjectRules(question, sides, subjects).map((rule) => goingTo(rule, { chain: ISOLATION_CHAIN }));
  }
  const open = input.tenants
    .filter(({ isolation }) => isolation === "none")
    .map(({ id }): Party => ({ kind: "tenant", tenant: id }));
  return [
    ...subjectRules(question, sides, open).map((rule) => goingTo(rule, baseline)),
    { text: goText({ chain: ISOLATION_CHAIN }) },
  ];
}

/** Rules of {@link ISOLATION_CHAIN}: known sources are told from strangers. */
export function isolationEnd(
  input: IptablesInput,
  { family, sets, exceptions }: Base,
): readonly IptablesRule[] {
  const plans = input.networks.flatMap(plansOf).filter((plan) => plan.family === family);
  const question: Parameters<typeof subjectRules>[0] = {
    direction: "egress",
    sets,
    family,
    subjects: (party, sides) => peerMatches(input, family, sides.subject, party).map((match) => ({ match })),
    peers: () => [undefined],
  };
  const known = subjectRules(
    question,
    { subject: "identity", peer: "identity" },
    plans.map(({ prefix }): Party => ({ kind: "prefix", prefix })),
  );
  const isException =
    exceptions.length > 0 ? [{ text: `-m set --match-set ${sets.nameOf("hash:net", exceptions)} src` }] : [];
  return [
    ...[...known, ...isException].map((rule) => goingTo(rule, dropChain("isolation"))),
    { text: goText(dropChain("from-outside")) },
  ];
}

/** A rule that begins like this and goes there for good. */
function goingTo(rule: IptablesRule, to: Destination): IptablesRule {
  return ruleEnding(rule, goText(to));
}
