import type {
  EndpointSelector,
  Policy,
  PolicyPeer,
  Segment,
  Tenant,
  TrafficMatch,
} from "../src/model/index.ts";
import { parsePrefix } from "../src/net/index.ts";
import { type PolicyWorld, PROTOCOL } from "../src/policy/index.ts";
import { host, network, SEED_IPV4, SEED_IPV6 } from "../test/support/example-world.ts";
import { createDraw, type Draw } from "../test/support/random-world.ts";

const TENANTS = 100;
const SEGMENTS = 10;
const HOSTS = 2;

/** One policy of so many is about the endpoints that are measured. */
const MEASURED_SHARE = 20;

/** Of ten policies: so many have segments as peers, so many prefixes; the others segments and ranges of ports. */
const SEGMENT_SHARE = 7;
const PREFIX_SHARE = 2;

/** Segment of the endpoints that are measured. */
export const MEASURED = { tenant: "tenant-0", id: 1, segment: "segment-1", code: 1 } as const;

/** A dual-stack world of a thousand segments, with so many policies for both directions. */
export function mixedWorld(policies: number): PolicyWorld {
  const tenants = Array.from(
    { length: TENANTS },
    (_, index): Tenant => ({ name: `tenant-${index}`, id: index + 1, isolation: "segment" }),
  );
  const segments = tenants.flatMap(({ name }) =>
    Array.from(
      { length: SEGMENTS },
      (_, code): Segment => ({ tenant: name, name: `segment-${code}`, codes: [{ code, extraBits: 0 }] }),
    ),
  );
  return {
    networks: [network("default", SEED_IPV4, SEED_IPV6)],
    hosts: Array.from({ length: HOSTS }, (_, index) => host(index + 1)),
    tenants,
    segments,
    exceptions: [],
    policies: policies === 0 ? [] : mixedPolicies(createDraw(1), policies),
  };
}

/**
 * 70 % with segments, 20 % with prefixes as peers, 10 % with ranges of ports; many of each select the measured segment.
 * The last one accepts everything between its own endpoints.
 */
export function mixedPolicies(draw: Draw, count: number): readonly Policy[] {
  const own = selectorOf(0, MEASURED.code);
  return [
    ...Array.from({ length: count - 1 }, (_, index) => {
      const kind = draw.between(0, 9);
      const target = index % MEASURED_SHARE === 0 ? own : randomSegment(draw);
      if (kind < SEGMENT_SHARE) return policyOf(index, target, [randomSegment(draw)], onePort(draw));
      if (kind < SEGMENT_SHARE + PREFIX_SHARE) return policyOf(index, target, prefixes(draw), onePort(draw));
      return policyOf(index, target, [randomSegment(draw)], portRange(draw));
    }),
    policyOf(count - 1, own, [own], {}),
  ];
}

/** A policy that accepts the traffic of its targets with its peers, both ways. */
export function policyOf(
  index: number,
  target: EndpointSelector,
  peers: readonly PolicyPeer[],
  traffic: TrafficMatch,
): Policy {
  return {
    id: `policy-${index}`,
    tier: "standard",
    order: 1000,
    appliedTo: [target],
    isolates: ["ingress", "egress"],
    rules: (["ingress", "egress"] as const).map((direction) => ({
      direction,
      verdict: "accept",
      peers,
      traffic: [traffic],
      stateful: true,
    })),
    established: "cut",
  };
}

/** A segment by the numbers of its tenant and itself. */
export function selectorOf(tenant: number, segment: number): EndpointSelector {
  return {
    kind: "endpoints",
    tenant: { by: "name", name: `tenant-${tenant}` },
    segment: { by: "name", name: `segment-${segment}` },
  };
}

function randomSegment(draw: Draw): EndpointSelector {
  return selectorOf(draw.between(0, TENANTS - 1), draw.between(0, SEGMENTS - 1));
}

/** One of each family, so that both have as many. */
function prefixes(draw: Draw): readonly PolicyPeer[] {
  const [a, b] = [draw.between(0, 255), draw.between(0, 255)];
  const texts = [`172.${16 + (a & 15)}.${b}.0/24`, `2001:db8:${a.toString(16)}:${b.toString(16)}::/64`];
  return texts.map((text) => ({ kind: "prefix", prefix: parsePrefix(text), except: [] }));
}

function onePort(draw: Draw): TrafficMatch {
  const port = draw.between(1, 1023);
  return { protocol: PROTOCOL.tcp, ports: { first: port, last: port } };
}

function portRange(draw: Draw): TrafficMatch {
  const first = 2000 + 100 * draw.between(0, 20);
  return { protocol: PROTOCOL.tcp, ports: { first, last: first + draw.between(1, 99) } };
}
