import type { Family, Prefix } from "../net/index.ts";

/** Seen from the endpoint (or machine) that a policy applies to, as in Kubernetes. */
export type Direction = "ingress" | "egress";

/**
 * Where a policy stands: `admin` before all others, `baseline` after all others and only for what no `standard`
 * policy isolates (Kubernetes network-policy API). Native policies and NetworkPolicies are `standard`.
 */
export type Tier = "admin" | "standard" | "baseline";

/** Tiers in the order in which they are asked. */
export const TIERS = ["admin", "standard", "baseline"] as const satisfies readonly Tier[];

/**
 * What a rule says of traffic that it matches. `accept` and `drop` end the question for its direction, `pass` ends it
 * for the tier, `log` counts and logs the packet and asks on.
 */
export type PolicyVerdict = "accept" | "drop" | "pass" | "log";

/** Keys and values that an orchestrator has put on something. */
export type Labels = ReadonlyMap<string, string>;

/** One condition on labels (Kubernetes LabelSelectorRequirement). `NotIn` also holds when the key is absent. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** Selects tenants or segments. Requirements must all hold; none at all selects everything. */
export type NounSelector =
  | { readonly by: "name"; readonly name: string }
  /** Tenant ID, or segment code of the plan's own width. */
  | { readonly by: "id"; readonly id: number }
  | { readonly by: "external-id"; readonly externalId: string }
  | { readonly by: "labels"; readonly requirements: readonly LabelRequirement[] };

/** Selects endpoints by who owns them. An absent part selects all. */
export interface EndpointSelector {
  readonly kind: "endpoints";
  readonly tenant?: NounSelector;
  readonly segment?: NounSelector;
}

/** Who a policy applies to. */
export type PolicyTarget =
  | EndpointSelector
  /** Endpoints whose address lies in the prefix. */
  | { readonly kind: "prefix"; readonly prefix: Prefix }
  /** Every host, for its traffic with its own endpoints only (`dest: host`). */
  | { readonly kind: "host" }
  /**
   * The machine itself, for all its traffic, its own endpoints' included, over these interfaces and with these
   * addresses of its own; absent: over all, with all.
   */
  | {
      readonly kind: "machine";
      readonly interfaces?: readonly string[];
      readonly addresses?: readonly Prefix[];
    };

/** The other side of the traffic. */
export type PolicyPeer =
  /** Every address. Own processes of an endpoint's host are `host`, and not `any`. */
  | { readonly kind: "any" }
  /** Addresses inside the networks' prefixes, and exceptions outside them. */
  | { readonly kind: "local" }
  /** The machine that the endpoint runs on, whatever address it uses. */
  | { readonly kind: "host" }
  /** Addresses of hosts, as the underlay knows them, chosen by their labels. */
  | { readonly kind: "hosts"; readonly requirements: readonly LabelRequirement[] }
  | { readonly kind: "prefix"; readonly prefix: Prefix; readonly except: readonly Prefix[] }
  | EndpointSelector;

/** Ports from the first to the last one. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * What kind of packets. Absent parts match all. Ports are destination ports; at most one of `ports`, `portName` and
 * `icmp` is there, and none without a protocol.
 */
export interface TrafficMatch {
  /** Packets of this family only. */
  readonly family?: Family;
  /** IP protocol number (IANA). 1 is ICMP of IPv4 only, 58 that of IPv6 only. */
  readonly protocol?: number;
  readonly ports?: PortRange;
  /**
   * Name of a port that the destination endpoint's segment has. Nothing matches when it has none, or when the destination
   * is only given by a prefix, or as a host.
   */
  readonly portName?: string;
  readonly icmp?: { readonly type: number; readonly code?: number };
}

/** One rule: matches when some peer and some traffic match. Without peers or without traffic it matches nothing. */
export interface PolicyRule {
  readonly name?: string;
  readonly direction: Direction;
  readonly verdict: PolicyVerdict;
  readonly peers: readonly PolicyPeer[];
  readonly traffic: readonly TrafficMatch[];
  /** False: neither the packet nor answers to it are known to connection tracking; answers need a rule of their own. */
  readonly stateful: boolean;
}

/**
 * Who may talk to whom. Native documents, NetworkPolicy v1 and ClusterNetworkPolicy v1alpha2 all become this.
 *
 * A direction is asked tier by tier. Inside a tier, policies of lower `order` come first. In `admin` and `baseline`
 * equal orders go by ID, and rules in the order of the policy. In `standard`, rules of equal order go by verdict: log,
 * drop, pass, accept, whichever policy they are in. Behind the `standard` tier, what is isolated in that direction
 * and was not accepted is dropped.
 */
export interface Policy {
  /** Unique over all policies. */
  readonly id: string;
  readonly description?: string;
  readonly externalId?: string;
  readonly tier: Tier;
  readonly order: number;
  readonly appliedTo: readonly PolicyTarget[];
  /** Directions in which targets let pass only what some rule accepts. */
  readonly isolates: readonly Direction[];
  readonly rules: readonly PolicyRule[];
  /** What becomes of established connections that a change of policies no longer allows. */
  readonly established: "cut" | "keep";
}

/**
 * What is left of a policy whose stored value cannot be read. `earlier-version`: what it said before. `targets-only`: whom
 * it applies to; it drops all of their traffic, before any other policy, so that it lets nothing pass that it would not
 * have let pass. `nothing`: its ID alone; it selects nobody.
 */
export type PolicyDamage = "earlier-version" | "targets-only" | "nothing";

/** A policy as far as it is known; `damage` is there when its stored value cannot be read. */
export interface KnownPolicy extends Policy {
  readonly damage?: PolicyDamage;
}

/** The order of what stands for a policy that cannot be read: no policy has it, and none comes before. */
export const ORDER_BEFORE_ALL = -1;

/** The order of a policy that names none. */
export const DEFAULT_POLICY_ORDER = 1000;

/** A port of a segment's endpoints with a name, as a Kubernetes container port. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: number;
  readonly port: number;
}

/**
 * An endpoint that belongs to another segment than its address says, or whose address is not of any plan: its labels
 * changed after its birth, or its address was given. Rules look it up by its address, before anything else.
 */
export interface Exception {
  /** One block per family at most; in full length unless the plan has strides. */
  readonly blocks: readonly Prefix[];
  readonly tenant: string;
  readonly segment: string;
}
