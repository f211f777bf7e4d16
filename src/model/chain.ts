import type { Prefix } from "../net/index.ts";
import type { HealthCheck } from "./service.ts";

/** Whose traffic a chain takes. */
export type ChainEnd =
  | { readonly kind: "segment"; readonly tenant: string; readonly segment: string }
  | { readonly kind: "tenant"; readonly tenant: string }
  | { readonly kind: "cidr"; readonly prefix: Prefix }
  | { readonly kind: "any" };

/** A segment of function endpoints (firewalls, inspectors, proxies) that traffic passes through. */
export interface ChainFunction {
  readonly tenant: string;
  readonly segment: string;
  /** What becomes of traffic when no endpoint of it is healthy: it passes without the function, or is dropped. */
  readonly fail: "open" | "closed";
  /** Absent: an endpoint is healthy as long as its host is heard of. */
  readonly health?: HealthCheck;
}

/**
 * The numbers of a chain's places, 1 to {@link CHAIN_LIMITS}.places, unique over all chains. Number i of a direction
 * says that the function of that index comes next, in the order of the direction; the last one, that all are passed.
 */
export interface ChainPlaces {
  readonly forward: readonly number[];
  /** Of what goes back, which passes the last function first; absent when it goes straight. */
  readonly reverse?: readonly number[];
}

/**
 * Traffic from one party to another passes through functions, in order (ADR 0018). The addresses of a packet decide:
 * what goes back belongs to the chain, too, whoever has begun the flow. What the functions and hosts say themselves, and what
 * stays within the segment that the chain leads to, goes straight.
 */
export interface Chain {
  /** Unique. */
  readonly name: string;
  readonly network: string;
  readonly from: ChainEnd;
  /** A segment; a service stands for the segment behind it. */
  readonly to:
    | Extract<ChainEnd, { kind: "segment" }>
    | { readonly kind: "service"; readonly service: string };
  /** At least one; at most {@link CHAIN_LIMITS}.functions. */
  readonly through: readonly ChainFunction[];
  /** `both`: what goes back passes the same endpoints in the reverse order. `forward`: it goes straight. */
  readonly direction: "both" | "forward";
  /** Given by romanad; others when functions or direction change. */
  readonly places: ChainPlaces;
  /** Its identifier in the orchestrator. */
  readonly externalId?: string;
}

/** Places: what fits into the six bits that carry the number of one between hosts (RFC 2474); 0 stands for none. */
export const CHAIN_LIMITS = { functions: 8, places: 63 } as const;
