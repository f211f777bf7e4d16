import type {
  Direction,
  EndpointSelector,
  Policy,
  PolicyPeer,
  PolicyRule,
  PolicyVerdict,
  Tier,
  TrafficMatch,
} from "../model/index.ts";
import { requirementsOf, selectPods } from "./label-selector.ts";
import {
  type ClusterNetworkPolicy,
  type ClusterNetworkPolicyPeer,
  type ClusterNetworkPolicyProtocol,
  type ClusterNetworkPolicyRule,
  type NamespacesOrPods,
  PROTOCOL_NUMBERS,
  type Unsupported,
} from "./objects.ts";

/** What a policy says that is not enforced as it says; for a status condition of its object. */
export interface TranslationProblem {
  /** ID of the policy. */
  readonly policy: string;
  readonly message: string;
}

/** A policy and what of its object could not be taken over. */
export interface TranslatedPolicy {
  readonly policy: Policy;
  readonly problems: readonly TranslationProblem[];
}

type Action = ClusterNetworkPolicyRule<"from">["action"];

const TIER_OF: Readonly<Record<ClusterNetworkPolicy["spec"]["tier"], Tier>> = {
  Admin: "admin",
  Baseline: "baseline",
};
const VERDICT_OF: Readonly<Record<Action, PolicyVerdict>> = { Accept: "accept", Deny: "drop", Pass: "pass" };

/**
 * What a rule with unsupported words becomes. ClusterNetworkPolicy API, "fail closed": an Accept rule matches no
 * traffic, a Deny or Pass rule denies all; a Pass rule that were left out would let a later Accept rule decide.
 */
const FAIL_CLOSED: Readonly<Record<Action, Pick<PolicyRule, "verdict" | "peers" | "traffic">>> = {
  Accept: { verdict: "accept", peers: [], traffic: [] },
  Deny: { verdict: "drop", peers: [{ kind: "any" }], traffic: [{}] },
  Pass: { verdict: "drop", peers: [{ kind: "any" }], traffic: [{}] },
};

const CONSEQUENCE: Readonly<Record<Action, string>> = {
  Accept: "this Accept rule matches nothing",
  Deny: "this Deny rule denies everything",
  Pass: "this Pass rule denies everything",
};

/** The ID of the policy that a ClusterNetworkPolicy becomes. */
export function clusterNetworkPolicyId(name: string): string {
  return `cnp.${name}`;
}

/**
 * A ClusterNetworkPolicy as a policy of the admin or baseline tier; its priority is the order, ingress rules come
 * before egress rules and keep their places. It isolates nobody.
 */
export function translateClusterNetworkPolicy({ metadata, spec }: ClusterNetworkPolicy): TranslatedPolicy {
  const id = clusterNetworkPolicyId(metadata.name);
  const problems: TranslationProblem[] = [];
  const rule = (
    direction: Direction,
    index: number,
    peers: readonly ClusterNetworkPolicyPeer[],
    document: Omit<ClusterNetworkPolicyRule<"from">, "from">,
  ): PolicyRule => {
    const { protocols = [] } = document;
    const unsupported = [
      ...[...peers, ...protocols].filter(isUnsupported),
      ...(direction === "egress" ? nameless(peers, protocols) : []),
    ];
    for (const { unsupported: words } of unsupported) {
      const place = `${direction}[${index}]${document.name === undefined ? "" : ` "${document.name}"`}`;
      const message = `${place}: ${words} is not supported, so ${CONSEQUENCE[document.action]}`;
      problems.push({ policy: id, message });
    }
    return {
      ...(document.name !== undefined && { name: document.name }),
      direction,
      ...(unsupported.length > 0 ? FAIL_CLOSED[document.action] : matchOf(peers, document)),
      stateful: true,
    };
  };
  const policy: Policy = {
    id,
    ...(metadata.uid !== undefined && { externalId: metadata.uid }),
    tier: TIER_OF[spec.tier],
    order: spec.priority,
    appliedTo: [endpointsOf(spec.subject)],
    isolates: [],
    rules: [
      ...spec.ingress.map((document, index) => rule("ingress", index, document.from, document)),
      ...spec.egress.map((document, index) => rule("egress", index, document.to, document)),
    ],
    established: "cut",
  };
  return { policy, problems };
}

/** The API allows no named ports towards what has none. */
function nameless(
  peers: readonly ClusterNetworkPolicyPeer[],
  protocols: readonly ClusterNetworkPolicyProtocol[],
): readonly Unsupported[] {
  const hasNames = protocols.some((protocol) => "destinationNamedPort" in protocol);
  const isNameless = peers.some((peer) => "networks" in peer || "nodes" in peer);
  return hasNames && isNameless ? [{ unsupported: "destinationNamedPort with networks or nodes" }] : [];
}

function isUnsupported<T extends object>(part: T | Unsupported): part is Unsupported {
  return "unsupported" in part;
}

function matchOf(
  peers: readonly ClusterNetworkPolicyPeer[],
  { action, protocols }: Omit<ClusterNetworkPolicyRule<"from">, "from">,
): Pick<PolicyRule, "verdict" | "peers" | "traffic"> {
  const traffic = protocols === undefined ? [{}] : protocols.flatMap(trafficOf);
  return { verdict: VERDICT_OF[action], peers: peers.flatMap(peersOf), traffic };
}

function peersOf(peer: ClusterNetworkPolicyPeer): PolicyPeer[] {
  if ("unsupported" in peer) return [];
  if ("nodes" in peer) return [{ kind: "hosts", requirements: requirementsOf(peer.nodes) }];
  if ("networks" in peer) return peer.networks.map((prefix) => ({ kind: "prefix", prefix, except: [] }));
  return [endpointsOf(peer)];
}

/** The endpoints of selected namespaces, or of selected pods in them. */
export function endpointsOf(choice: NamespacesOrPods): EndpointSelector {
  if ("namespaces" in choice) return selectPods({ labels: choice.namespaces });
  return selectPods({ labels: choice.pods.namespaceSelector }, choice.pods.podSelector);
}

/** A named port has no protocol of its own here: whichever protocol the pod gives the name to. */
function trafficOf(match: ClusterNetworkPolicyProtocol): TrafficMatch[] {
  if ("unsupported" in match) return [];
  if ("destinationNamedPort" in match) {
    const portName = match.destinationNamedPort;
    return Object.values(PROTOCOL_NUMBERS).map((protocol) => ({ protocol, portName }));
  }
  const { protocol, first, last } = match;
  return [{ protocol: PROTOCOL_NUMBERS[protocol], ports: { first, last } }];
}
