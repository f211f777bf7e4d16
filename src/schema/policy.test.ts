import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  EndpointSelector,
  LabelRequirement,
  NounSelector,
  Policy,
  TrafficMatch,
} from "../model/index.ts";
import { type Prefix, prefixOf } from "../net/index.ts";
import { decodePolicy, encodePolicy } from "./policy.ts";
import { decodePolicyDocument } from "./policy-document.ts";

const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}$/);
const text = fc.string({
  minLength: 1,
  maxLength: 10,
  unit: fc.constantFrom("a", "ü", " ", '"', "\\", "😀"),
});
const number = fc.nat(70_000);
const octet = fc.nat(255);

function optional<T>(key: string, value: fc.Arbitrary<T>): fc.Arbitrary<object> {
  return fc.option(value, { nil: undefined }).map((some) => (some === undefined ? {} : { [key]: some }));
}

function merged<T>(...parts: fc.Arbitrary<object>[]): fc.Arbitrary<T> {
  return fc.tuple(...parts).map((objects) => Object.assign({}, ...objects) as T);
}

const prefix: fc.Arbitrary<Prefix> = fc.oneof(
  fc
    .record({ value: fc.bigInt(0n, (1n << 32n) - 1n), length: fc.nat(32) })
    .map(({ value, length }) => prefixOf({ family: 4, value }, length)),
  fc
    .record({ value: fc.bigInt(0n, (1n << 128n) - 1n), length: fc.nat(128) })
    .map(({ value, length }) => prefixOf({ family: 6, value }, length)),
);

const key = fc.constantFrom("app", "app.kubernetes.io/name", "__proto__", "constructor");
const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom("In" as const, "NotIn" as const),
    values: fc.array(fc.oneof(text, fc.constant("")), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    key,
    operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const),
    values: fc.constant([]),
  }),
);
const requirements = fc.array(requirement, { maxLength: 3 });

const noun: fc.Arbitrary<NounSelector> = fc.oneof(
  fc.record({ by: fc.constant("name" as const), name }),
  fc.record({ by: fc.constant("id" as const), id: number }),
  fc.record({ by: fc.constant("external-id" as const), externalId: text }),
  fc.record({ by: fc.constant("labels" as const), requirements }),
);
const endpoints = merged<EndpointSelector>(
  fc.constant({ kind: "endpoints" }),
  optional("tenant", noun),
  optional("segment", noun),
);
const target = fc.oneof(
  endpoints,
  fc.record({ kind: fc.constant("prefix"), prefix }),
  fc.constant({ kind: "host" }),
  merged(
    fc.constant({ kind: "machine" }),
    optional("interfaces", fc.array(fc.constantFrom("eth0", "bond0.7", "br-ex"), { maxLength: 2 })),
    optional("addresses", fc.array(prefix, { maxLength: 2 })),
  ),
);
const peer = fc.oneof(
  endpoints,
  fc.record({ kind: fc.constantFrom("any", "local", "host") }),
  fc.record({ kind: fc.constant("hosts"), requirements }),
  fc.record({ kind: fc.constant("prefix"), prefix, except: fc.array(prefix, { maxLength: 2 }) }),
);
const withPorts = fc.record({ protocol: fc.constantFrom(6, 17, 132) });
const kind = fc.oneof(
  optional("protocol", octet) as fc.Arbitrary<TrafficMatch>,
  merged<TrafficMatch>(
    withPorts,
    fc.tuple(fc.nat(65_535), fc.nat(65_535)).map(([a, b]) => ({
      ports: { first: Math.min(a, b), last: Math.max(a, b) },
    })),
  ),
  merged<TrafficMatch>(withPorts, fc.constant({ portName: "http" })),
  merged<TrafficMatch>(
    fc.record({ protocol: fc.constantFrom(1, 58) }),
    merged<object>(fc.record({ type: octet }), optional("code", octet)).map((icmp) => ({ icmp })),
  ),
);
const traffic = merged<TrafficMatch>(optional("family", fc.constantFrom(4, 6)), kind);
const rule = merged(
  optional("name", text),
  fc.record({
    direction: fc.constantFrom("ingress", "egress"),
    verdict: fc.constantFrom("accept", "drop", "pass", "log"),
    peers: fc.array(peer, { maxLength: 3 }),
    traffic: fc.array(traffic, { maxLength: 3 }),
    stateful: fc.boolean(),
  }),
);
const policy = merged<Policy>(
  fc.record({ id: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,20}$/) }),
  optional("description", text),
  optional("externalId", text),
  fc.record({
    tier: fc.constantFrom("admin", "standard", "baseline"),
    order: fc.nat(),
    appliedTo: fc.array(target, { maxLength: 3 }),
    isolates: fc.constantFrom([], ["ingress"], ["egress"], ["ingress", "egress"]),
    rules: fc.array(rule, { maxLength: 3 }),
    established: fc.constantFrom("cut", "keep"),
  }),
);

describe("the JSON of a policy", () => {
  test("is decoded to the same policy", () => {
    fc.assert(
      fc.property(policy, (value) => {
        const json: unknown = JSON.parse(JSON.stringify(encodePolicy(value)));
        expect(decodePolicy(json)).toEqual(value);
        expect(decodePolicyDocument(json)).toEqual([value]);
      }),
      { numRuns: 500 },
    );
  });

  const BASE = encodePolicy({
    id: "p",
    tier: "standard",
    order: 1,
    appliedTo: [{ kind: "host" }],
    isolates: [],
    rules: [],
    established: "cut",
  });
  const rules = (...parts: object[]): object => ({
    ...BASE,
    rules: [
      {
        direction: "ingress",
        verdict: "accept",
        peers: [{ kind: "any" }],
        traffic: [{}],
        stateful: true,
        ...Object.assign({}, ...parts),
      },
    ],
  });
  const bad: [string, unknown, string][] = [
    [
      "tier",
      { ...BASE, tier: "admn" },
      'tier: "admn" is not one of admin, standard, baseline, did you mean "admin"?',
    ],
    ["field", { ...BASE, tiers: 1 }, 'tiers: unknown field, did you mean "tier"?'],
    [
      "kind of target",
      { ...BASE, appliedTo: [{ kind: "hots" }] },
      'appliedTo.0.kind: wants a field "kind" that is one of endpoints, prefix, host, machine, did you mean "host"?',
    ],
    [
      "kind of peer",
      rules({ peers: [7] }),
      'rules.0.peers.0: wants a field "kind" that is one of any, local, host, hosts, prefix, endpoints',
    ],
    [
      "ports without protocol",
      rules({ traffic: [{ portName: "a" }] }),
      "rules.0.traffic.0: ports want a protocol that has ports",
    ],
    [
      "ports and their name",
      rules({ traffic: [{ protocol: "tcp", portName: "a", ports: { first: 1, last: 1 } }] }),
      "rules.0.traffic.0: ports, portName and icmp exclude each other",
    ],
    [
      "a range that ends before it begins",
      rules({ traffic: [{ protocol: "tcp", ports: { first: 2, last: 1 } }] }),
      "rules.0.traffic.0.ports: ends before it begins",
    ],
    [
      "icmp of tcp",
      rules({ traffic: [{ protocol: "tcp", icmp: { type: 0 } }] }),
      "rules.0.traffic.0: icmp wants protocol icmp or icmpv6",
    ],
    [
      "protocol",
      rules({ traffic: [{ protocol: "tpc" }] }),
      'rules.0.traffic.0.protocol: "tpc" is neither one of tcp, udp, sctp, icmp, icmpv6 nor a number up to 255, did you mean "tcp"?',
    ],
    [
      "values of Exists",
      rules({ peers: [{ kind: "hosts", requirements: [{ key: "a", operator: "Exists", values: ["b"] }] }] }),
      "rules.0.peers.0.requirements.0.values: In and NotIn want values, Exists and DoesNotExist have none",
    ],
  ];
  test.each(bad)("refuses a wrong %s", (_, value, message) => {
    expect(() => decodePolicy(value)).toThrow(`Cannot read policy: ${message}`);
  });
});
