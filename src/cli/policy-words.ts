import type {
  EndpointSelector,
  KnownPolicy,
  LabelRequirement,
  NounSelector,
  Policy,
  PolicyDamage,
  PolicyPeer,
  PolicyRule,
  PolicyTarget,
  TrafficMatch,
} from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { encodeProtocol } from "../schema/index.ts";

const VERDICTS: Readonly<Record<PolicyRule["verdict"], string>> = {
  accept: "accepts",
  drop: "drops",
  pass: "leaves to the next tier",
  log: "logs and goes on with",
};

/** What a policy means, in words, line by line; lines of what is inside something else are indented. */
export function policyLines(policy: Policy): string[] {
  const { description, externalId, tier, order, appliedTo, isolates, rules, established } = policy;
  return [
    `policy "${policy.id}", tier ${tier}, order ${order}`,
    ...(description === undefined ? [] : [`  description: ${description}`]),
    ...(externalId === undefined ? [] : [`  external ID: ${externalId}`]),
    `  applies to ${listOf(appliedTo.map(targetWords), "nobody")}`,
    ...isolates.map((direction) => {
      const verb = direction === "ingress" ? "reaches them" : "leaves them";
      return `  of ${direction}, only what some policy accepts ${verb}`;
    }),
    ...(isolates.length === 0 ? ["  isolates nobody"] : []),
    ...rules.map((rule) => `  ${ruleWords(rule)}`),
    ...(rules.length === 0 ? ["  has no rule"] : []),
    `  connections that it no longer allows are ${established === "cut" ? "cut" : "kept"}`,
  ];
}

const DAMAGE_WORDS: Readonly<Record<PolicyDamage, string>> = {
  "earlier-version": "this is what it said before, which stays in force",
  "targets-only":
    "hosts that have an earlier version enforce it, others this: they drop all traffic of whom it applies to",
  nothing: "hosts that have an earlier version enforce it, others cannot enforce it",
};

/** What it means that a policy cannot be read, and what to do; nothing for one that can. */
export function damageLines({ id, damage }: KnownPolicy): string[] {
  if (damage === undefined) return [];
  return [
    `policy "${id}" cannot be read from the store: ${DAMAGE_WORDS[damage]}`,
    "write it again with romana policy apply, or remove it with romana policy remove",
  ];
}

/** One target in words. */
export function targetWords(target: PolicyTarget): string {
  switch (target.kind) {
    case "endpoints":
      return endpointsWords(target);
    case "prefix":
      return `endpoints in ${formatPrefix(target.prefix)}`;
    case "host":
      return "the hosts, for traffic with their own endpoints";
    case "machine": {
      const { interfaces, addresses } = target;
      const over = interfaces === undefined ? "" : ` over ${listOf(interfaces, "no interface")}`;
      const having =
        addresses === undefined ? "" : ` at ${listOf(addresses.map(formatPrefix), "no address")}`;
      return `the machines themselves${over}${having}`;
    }
  }
}

/** The lines that one text has and the other has not, as a difference shows them; equal lines are left out. */
export function differingLines(before: readonly string[], after: readonly string[]): string[] {
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line.trim()}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line.trim()}`),
  ];
}

function ruleWords({ name, direction, verdict, peers, traffic, stateful }: PolicyRule): string {
  const side = direction === "ingress" ? "from" : "to";
  const who = listOf(peers.map(peerWords), "nobody");
  const what = listOf(traffic.map(trafficWords), "nothing");
  const title = name === undefined ? "" : `${name}: `;
  const state = stateful ? "" : "; packet by packet, answers need a rule of their own";
  return `${title}${VERDICTS[verdict]} ${what} ${side} ${who}${state}`;
}

function peerWords(peer: PolicyPeer): string {
  switch (peer.kind) {
    case "any":
      return "everybody";
    case "local":
      return "all endpoints";
    case "host":
      return "the endpoint's own host";
    case "hosts":
      return `hosts${labelsWords(peer.requirements)}`;
    case "prefix": {
      const except = peer.except.length === 0 ? "" : ` without ${peer.except.map(formatPrefix).join(", ")}`;
      return `${formatPrefix(peer.prefix)}${except}`;
    }
    case "endpoints":
      return endpointsWords(peer);
  }
}

function endpointsWords({ tenant, segment }: EndpointSelector): string {
  if (tenant === undefined && segment === undefined) return "all endpoints";
  const parts = [
    ...(segment === undefined ? [] : [nounWords("segment", segment)]),
    ...(tenant === undefined ? [] : [nounWords("tenant", tenant)]),
  ];
  return parts.join(" of ");
}

function nounWords(noun: "tenant" | "segment", selector: NounSelector): string {
  switch (selector.by) {
    case "name":
      return `${noun} "${selector.name}"`;
    case "id":
      return `${noun} ${noun === "tenant" ? "with ID" : "with code"} ${selector.id}`;
    case "external-id":
      return `${noun} with external ID "${selector.externalId}"`;
    case "labels":
      return `${noun}s${labelsWords(selector.requirements)}`;
  }
}

function labelsWords(requirements: readonly LabelRequirement[]): string {
  if (requirements.length === 0) return " of any labels";
  const words = requirements.map(({ key, operator, values }) => {
    const list = values.join(", ");
    if (operator === "In") return `${key} in (${list})`;
    if (operator === "NotIn") return `${key} not in (${list})`;
    return operator === "Exists" ? key : `no ${key}`;
  });
  return ` with ${words.join(" and ")}`;
}

function trafficWords({ family, ...match }: TrafficMatch): string {
  return family === undefined ? kindWords(match) : `${kindWords(match)} of IPv${family}`;
}

function kindWords({ protocol, ports, portName, icmp }: TrafficMatch): string {
  if (protocol === undefined) return "everything";
  const word = encodeProtocol(protocol);
  const name = typeof word === "string" ? word : `protocol ${word}`;
  if (portName !== undefined) return `${name} port "${portName}"`;
  if (icmp !== undefined) {
    return `${name} type ${icmp.type}${icmp.code === undefined ? "" : ` code ${icmp.code}`}`;
  }
  if (ports === undefined) return name;
  return `${name} ${ports.first === ports.last ? ports.first : `${ports.first}-${ports.last}`}`;
}

function listOf(words: readonly string[], none: string): string {
  return words.length === 0 ? none : words.join(", ");
}
