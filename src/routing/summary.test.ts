import { describe, expect, test } from "vitest";
import { createPlan, parseSegmentCode } from "../addressing/index.ts";
import type { Host, Network, Segment, Tenant } from "../model/index.ts";
import { createAddress, parseAddress, parsePrefix } from "../net/index.ts";
import { summarizeRoutes } from "./summary.ts";

const seed = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
});
const ipv6 = createPlan({
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
});
const SEED: Network = { name: "default", plans: { ipv4: seed }, groups: [] };
const DUAL: Network = { name: "default", plans: { ipv4: seed, ipv6 }, groups: [] };

const tenants = (count: number): Tenant[] =>
  Array.from({ length: count }, (_, index) => ({ name: `t${index}`, id: index + 1, isolation: "segment" }));
const segment = (...codes: string[]): Segment => ({
  tenant: "t0",
  name: codes.join(),
  codes: codes.map(parseSegmentCode),
});
const hosts = (count: number): Host[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `h${index}`,
    id: index + 1,
    group: [],
    underlay: {
      ipv4: createAddress(4, 0xac100001n + BigInt(index)),
      ipv6: createAddress(6, (0xfd01n << 112n) + 1n + BigInt(index)),
    },
  }));

describe("summarizeRoutes()", () => {
  test("the seed's example: two hosts, tenants 1 and 2, segment 1 of tenant 1", () => {
    expect(summarizeRoutes([SEED], hosts(2), tenants(2), [segment("1")])).toEqual({
      hosts: 2,
      levels: { host: 1, tenant: 2, segment: 1 },
      prefixesPerHost: 4,
      prefixes: 8,
      before: { perHost: 8, total: 16 },
      after: { perHost: 2, total: 4 },
    });
  });

  test("dual stack doubles, and each code of a segment counts", () => {
    expect(summarizeRoutes([DUAL], hosts(3), tenants(1), [segment("1", "2", "12+2"), segment("4")])).toEqual({
      hosts: 3,
      levels: { host: 2, tenant: 2, segment: 8 },
      prefixesPerHost: 12,
      prefixes: 36,
      before: { perHost: 36, total: 108 },
      after: { perHost: 6, total: 18 },
    });
  });

  test("nothing", () => {
    expect(summarizeRoutes([], [], [], [])).toEqual({
      hosts: 0,
      levels: { host: 0, tenant: 0, segment: 0 },
      prefixesPerHost: 0,
      prefixes: 0,
      before: { perHost: 0, total: 0 },
      after: { perHost: 0, total: 0 },
    });
  });

  test("racks with routers aggregate: 4 racks of 4 hosts, 20 tenants, 60 segments", () => {
    const racks = createPlan({
      prefix: parsePrefix("10.0.0.0/8"),
      groupLevels: [{ name: "rack", bits: 2 }],
      hostBits: 6,
      tenantBits: 8,
      segmentBits: 4,
      endpointBits: 4,
    });
    const groups = [0, 1, 2, 3].map((id) => ({
      name: `r${id}`,
      id,
      router: { ipv4: parseAddress(`172.16.${id}.1`) },
      groups: [],
    }));
    const inRacks = hosts(16).map((host, index) => ({
      ...host,
      id: 1 + (index >> 2),
      group: [`r${index % 4}`],
    }));
    const segments = Array.from({ length: 60 }, () => segment("1"));
    expect(
      summarizeRoutes([{ name: "default", plans: { ipv4: racks }, groups }], inRacks, tenants(20), segments),
    ).toEqual({
      hosts: 16,
      levels: { host: 1, tenant: 20, segment: 60 },
      prefixesPerHost: 81,
      prefixes: 1296,
      before: { perHost: 1296, total: 20736 },
      after: { perHost: 6, total: 96 },
    });
  });

  test("per host is the most of any host", () => {
    const plan = createPlan({
      prefix: parsePrefix("10.0.0.0/8"),
      groupLevels: [{ name: "rack", bits: 2 }],
      hostBits: 6,
      tenantBits: 8,
      segmentBits: 4,
      endpointBits: 4,
    });
    const groups = [0, 1].map((id) => ({
      name: `r${id}`,
      id,
      router: { ipv4: parseAddress(`172.16.${id}.1`) },
      groups: [],
    }));
    const unequal = hosts(4).map((host, index) => ({ ...host, group: [index < 3 ? "r0" : "r1"] }));
    const { after } = summarizeRoutes([{ name: "default", plans: { ipv4: plan }, groups }], unequal, [], []);
    expect(after).toEqual({ perHost: 4, total: 14 });
  });

  test("2,000 hosts of a flat network in well under a second", () => {
    const plan = createPlan({
      prefix: parsePrefix("10.0.0.0/8"),
      hostBits: 12,
      tenantBits: 6,
      segmentBits: 3,
      endpointBits: 3,
    });
    const started = performance.now();
    const summary = summarizeRoutes([{ ...SEED, plans: { ipv4: plan } }], hosts(2000), tenants(10), []);
    expect(summary.after).toEqual({ perHost: 2000, total: 4_000_000 });
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
