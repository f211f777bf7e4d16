import type { Address } from "../net/index.ts";
import type { AddressPair } from "./nouns.ts";

/** One port of a service, and where its traffic goes. */
export interface ServicePort {
  /** Unique within the service; may be absent when there is one port. */
  readonly name?: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** Of the endpoints: a number, or the name of a port of their segment; absent: the same number. */
  readonly targetPort?: number | string;
}

/** How the host of an endpoint finds out whether it works. Times are in milliseconds. */
export interface HealthCheck {
  readonly protocol: "tcp" | "http" | "icmp";
  /** Number, or name of a port of the segment; `icmp` has none. */
  readonly port?: number | string;
  /** Of an HTTP request, which 200 to 399 answers; default `/`. */
  readonly path?: string;
  /** From one probe to the next. */
  readonly interval: number;
  /** A probe without an answer fails after so long. */
  readonly timeout: number;
  /** So many failures in a row make an endpoint unhealthy. */
  readonly failures: number;
  /** So many successes in a row make it healthy again. */
  readonly successes: number;
}

/** What a probe does when nothing else is said: unhealthy less than 2 s after the last answer. */
export const HEALTH_DEFAULTS = { interval: 500, timeout: 500, failures: 2, successes: 2 } as const;

/** A stable address in front of a segment (ADR 0017). */
export interface Service {
  /** Unique. */
  readonly name: string;
  readonly network: string;
  readonly tenant: string;
  readonly segment: string;
  /** Out of the network's service prefixes; at least one. */
  readonly addresses: AddressPair;
  /** At least one. */
  readonly ports: readonly ServicePort[];
  /** `client`: all flows of a client address go to the same endpoint. Absent: each flow is spread by itself. */
  readonly affinity?: "client";
  /** `local`: endpoints of the client's own host, as long as one of them is healthy. */
  readonly prefer?: "local";
  /** Absent: an endpoint is healthy as long as its host is heard of. */
  readonly health?: HealthCheck;
  /** A name that resolvers may give the addresses. */
  readonly dnsName?: string;
  /** Its identifier in the orchestrator. */
  readonly externalId?: string;
}

/** A service and how many endpoints it has. */
export interface ServiceDetails extends Service {
  /** Endpoints of its segment in its network, and those that act as it. */
  readonly members: number;
  /** Those that flows go to. */
  readonly healthy: number;
}

/** A healthy endpoint that a service's or a chain's flows may go to. */
export interface Backend {
  readonly host: string;
  readonly addresses: AddressPair;
}

/**
 * The healthy endpoints of a segment that some service or chain uses, in the order of their addresses. romanad works
 * them out and agents follow them; a segment that nobody uses this way has none.
 */
export interface SegmentBackends {
  readonly network: string;
  readonly tenant: string;
  readonly segment: string;
  readonly backends: readonly Backend[];
}

/** The addresses of a service, IPv4 first. */
export function serviceAddresses({
  addresses: { ipv4, ipv6 },
}: Pick<Service, "addresses">): readonly Address[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}
