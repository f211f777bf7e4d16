import type {
  Direction,
  EndpointSelector,
  LabelRequirement,
  NounSelector,
  Policy,
  PolicyPeer,
  PolicyRule,
  PolicyTarget,
  PolicyVerdict,
  TrafficMatch,
} from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { PROTOCOL } from "./traffic-match.ts";

type Rest = Partial<Pick<PolicyRule, "stateful" | "name">>;
type PeerList = readonly PolicyPeer[];
type MatchList = readonly TrafficMatch[];

const rule =
  (verdict: PolicyVerdict, direction: Direction) =>
  (peers: PeerList = [ANY], traffic: MatchList = ALL, rest: Rest = {}): PolicyRule => ({
    direction,
    verdict,
    peers,
    traffic,
    stateful: true,
    ...rest,
  });

/** Peers of every address. */
export const ANY: PolicyPeer = { kind: "any" };
/** Peers inside the networks. */
export const LOCAL: PolicyPeer = { kind: "local" };
/** The machine of the endpoint. */
export const HOST: PolicyPeer = { kind: "host" };
/** All traffic. */
export const ALL: MatchList = [{}];

/** Rules by direction and verdict. */
export const ingress = {
  accept: rule("accept", "ingress"),
  drop: rule("drop", "ingress"),
  pass: rule("pass", "ingress"),
  log: rule("log", "ingress"),
};
/** Rules by direction and verdict. */
export const egress = {
  accept: rule("accept", "egress"),
  drop: rule("drop", "egress"),
  pass: rule("pass", "egress"),
  log: rule("log", "egress"),
};

/** A policy as a native document makes it: it isolates the directions in which it accepts. */
export function native(
  id: string,
  appliedTo: readonly PolicyTarget[],
  rules: readonly PolicyRule[],
  rest: Partial<Policy> = {},
): Policy {
  const accepting = rules.filter(({ verdict }) => verdict === "accept").map(({ direction }) => direction);
  const isolates = [...new Set(accepting)];
  return { id, tier: "standard", order: 1000, appliedTo, isolates, rules, established: "cut", ...rest };
}

/** A policy as a ClusterNetworkPolicy makes it. */
export function cluster(
  tier: "admin" | "baseline",
  order: number,
  id: string,
  appliedTo: readonly PolicyTarget[],
  ...rules: readonly PolicyRule[]
): Policy {
  return native(id, appliedTo, rules, { tier, order, isolates: [] });
}

/** Endpoints of a tenant, or of its segment, by name: `acme`, `acme/web`. */
export function of(text: string): EndpointSelector {
  const [tenant = "", segment] = text.split("/");
  return {
    kind: "endpoints",
    tenant: { by: "name", name: tenant },
    ...(segment !== undefined && { segment: { by: "name", name: segment } }),
  };
}

/** Endpoints by selectors. */
export function select(tenant: NounSelector | undefined, segment?: NounSelector): EndpointSelector {
  return { kind: "endpoints", ...(tenant && { tenant }), ...(segment && { segment }) };
}

/** Selects by labels. */
export function labelled(...requirements: readonly LabelRequirement[]): NounSelector {
  return { by: "labels", requirements };
}

/** A condition: `app In web db`, `app Exists`. */
export function where(text: string): LabelRequirement {
  const [key = "", operator, ...values] = text.split(" ");
  return { key, operator: operator as LabelRequirement["operator"], values };
}

/** Peers in a prefix, without these parts of it. */
export function prefix(text: string, ...except: readonly string[]): Extract<PolicyPeer, { kind: "prefix" }> {
  return { kind: "prefix", prefix: parsePrefix(text), except: except.map(parsePrefix) };
}

/** Targets in a prefix. */
export function within(text: string): PolicyTarget {
  return { kind: "prefix", prefix: parsePrefix(text) };
}

/** Underlay addresses of hosts. */
export function hosts(...requirements: readonly LabelRequirement[]): PolicyPeer {
  return { kind: "hosts", requirements };
}

/** TCP to a port, or to ports up to the last one. */
export function tcp(first: number, last = first): TrafficMatch {
  return { protocol: PROTOCOL.tcp, ports: { first, last } };
}
