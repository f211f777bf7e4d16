import type { Family } from "../net/index.ts";
import type { Writing } from "./drop.ts";
import { EXCEPTION, forked, NORMAL } from "./exception-fork.ts";
import type { FirewallInput, OwnPrefix } from "./input.ts";
import { type PolicyQuestion, questionChains } from "./policy-chains.ts";
import type { PolicyRules } from "./policy-rules.ts";
import { ownMatches } from "./relocated.ts";
import { safetyNetRules } from "./safety-net.ts";
import type { SideClass } from "./sides.ts";
import type { Chain, Match, Rule } from "./table.ts";

/** What policies add to a table about the machine itself. */
export interface MachineParts {
  /** Chains that the rules below jump to. */
  readonly chains: readonly Chain[];
  /** Rules for what endpoints send to this machine, before the gateway services. */
  readonly toHost: readonly Rule[];
  /** Rules for what others send to this machine. */
  readonly toMachine: readonly Rule[];
  /** Base chains that only policies need. */
  readonly bases: readonly Chain[];
}

/** The chain of what endpoints may use at their gateway, with the refusal of everything else. */
export const TO_SERVICES = "to_host_services";

const HOST: ReadonlySet<SideClass> = new Set(["host"]);
const OWN_MACHINE: ReadonlySet<SideClass> = new Set(["host", "machine"]);
const MACHINE: ReadonlySet<SideClass> = new Set(["machine"]);
const FAMILIES: readonly Family[] = [4, 6];

/** What concerns the machine itself. */
export function machineParts(
  input: FirewallInput,
  rules: PolicyRules,
  own: readonly OwnPrefix[],
  writing: Writing,
): MachineParts {
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
    ...own.flatMap((one): readonly Rule[] =>
      ownMatches(input, one, "destination").flatMap((toOwn): readonly Rule[] => {
        const { family } = one.plan;
        return [
          ...(outFamilies.includes(family) ? [jumped(`host_out${family}`, ...toOwn)] : []),
          ...(fromHost.includes(family) ? [jumped(`from_host${family}`, ...toOwn)] : []),
          { matches: toOwn, verdict: { kind: "accept" } },
        ];
      }),
    ),
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

function jumped(chain: string, ...matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "jump", chain } };
}
