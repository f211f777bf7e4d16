import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw } from "../../test/support/random-world.ts";
import { decodePolicyRecord, encodePolicyRecord } from "./policy-record.ts";
import { readPolicy } from "./policy-value.ts";

const RULE = {
  direction: "ingress",
  verdict: "drop",
  peers: [{ kind: "prefix", prefix: "192.0.2.0/24", except: ["192.0.2.8/29"] }],
  traffic: [{ protocol: 6, ports: { first: 80, last: 81 } }],
  stateful: true,
};
const POLICY = {
  id: "p",
  tier: "standard",
  order: 7,
  appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "shop" } }],
  isolates: ["ingress"],
  rules: [RULE],
  established: "cut",
};

const rule = (change: object): object => ({ rules: [{ ...RULE, ...change }] });
const peer = (value: unknown): object => rule({ peers: [value] });
const traffic = (value: unknown): object => rule({ traffic: [value] });
const target = (value: unknown): object => ({ appliedTo: [value] });
const labels = (requirement: object): object =>
  target({ kind: "endpoints", tenant: { by: "labels", requirements: [requirement] } });

test("readPolicy() reads what is whole", () => {
  expect(() => readPolicy(POLICY)).not.toThrow();
});

const DAMAGED: [string, object, string][] = [
  ["no ID", { id: undefined }, "undefined is not the text"],
  ["an ID that no policy has", { id: "a/b" }, '"a/b" is not the text'],
  ["a field that may be a condition", { onlyFrom: "10.0.0.0/8" }, '"onlyFrom" is no known field'],
  ["no tier", { tier: undefined }, "undefined is not one of admin, standard, baseline"],
  ["an order that is text", { order: "7" }, '"7" is no integer'],
  ["an order below zero", { order: -1 }, "-1 is no integer"],
  ["a direction isolated that there is not", { isolates: ["in"] }, '"in" is not one of ingress, egress'],
  ["no directions isolated", { isolates: undefined }, "undefined is no list"],
  ["three directions isolated", { isolates: ["ingress", "egress", "ingress"] }, "more than 2 entries"],
  ["no word on connections", { established: undefined }, "undefined is not one of cut, keep"],
  ["rules that are no list", { rules: RULE }, "is no list"],
  ["a rule that is none", { rules: [null] }, "null is no object"],
  ["a rule that is a list", { rules: [[]] }, "[] is no object"],
  ["a rule without direction", rule({ direction: undefined }), "undefined is not one of ingress, egress"],
  ["a rule with an unknown verdict", rule({ verdict: "deny" }), '"deny" is not one of accept, drop'],
  ["a rule with an unknown action", rule({ action: "deny" }), '"action" is no known field'],
  ["a rule without peers", rule({ peers: undefined }), "undefined is no list"],
  ["a rule without traffic", rule({ traffic: undefined }), "undefined is no list"],
  ["a rule that may be stateless", rule({ stateful: "false" }), '"false" is neither true nor false'],
  ["a peer that is a word", peer("any"), '"any" is no peer'],
  ["a peer of an unknown kind", peer({ kind: "all" }), '{"kind":"all"} is no peer'],
  ["a peer with a condition", peer({ kind: "any", except: [] }), '"except" is no known field'],
  ["a prefix that is none", peer({ kind: "prefix", prefix: "192.0.2.0", except: [] }), "is not a prefix"],
  ["a prefix that lost its holes", peer({ kind: "prefix", prefix: "0.0.0.0/0" }), "undefined is no list"],
  ["a prefix that is a number", peer({ kind: "prefix", prefix: 8, except: [] }), "8 is no prefix"],
  ["a target of an unknown kind", target({ kind: "tenant" }), "is no target"],
  ["a target that is a peer", target({ kind: "any" }), "is no target"],
  ["an interface that is none", target({ kind: "machine", interfaces: [""] }), '"" is not the text'],
  ["a selector by nothing", target({ kind: "endpoints", tenant: { name: "shop" } }), "selects nobody"],
  ["a name that is none", target({ kind: "endpoints", tenant: { by: "name", name: "" } }), '"" is not'],
  ["an ID that is text", target({ kind: "endpoints", tenant: { by: "id", id: "1" } }), '"1" is no integer'],
  ["a condition without operator", labels({ key: "a", values: [] }), "undefined is not one of In"],
  ["a condition without values", labels({ key: "a", operator: "In", values: [] }), "wrong number of values"],
  [
    "a condition with values too many",
    labels({ key: "a", operator: "Exists", values: ["b"] }),
    "wrong number",
  ],
  ["a protocol that is a word", traffic({ protocol: "tcp" }), '"tcp" is no integer'],
  ["a protocol that there is not", traffic({ protocol: 256 }), "256 is no integer from 0 to 255"],
  ["ports without protocol", traffic({ ports: { first: 1, last: 2 } }), "no traffic of one protocol"],
  ["ports of ICMP", traffic({ protocol: 1, portName: "web" }), "no traffic of one protocol"],
  ["a family that there is not", traffic({ family: 5 }), "5 is no family"],
  ["types of TCP", traffic({ protocol: 6, icmp: { type: 0 } }), "no traffic of one protocol"],
  [
    "ports and a name of one",
    traffic({ protocol: 6, portName: "web", ports: { first: 1, last: 2 } }),
    "no traffic of one protocol",
  ],
  ["ports in one number", traffic({ protocol: 6, ports: 80 }), "80 is no object"],
  ["ports without end", traffic({ protocol: 6, ports: { first: 80 } }), "undefined is no integer"],
  ["ports the wrong way", traffic({ protocol: 6, ports: { first: 81, last: 80 } }), "ends before it begins"],
  ["a port that there is not", traffic({ protocol: 6, ports: { first: 1, last: 65_536 } }), "65536 is no"],
  ["a type that there is not", traffic({ protocol: 1, icmp: { type: 256 } }), "256 is no integer"],
  ["a rule's name that is none", rule({ name: 7 }), "7 is no text of up to 400 characters"],
];

test.each(DAMAGED)("readPolicy() refuses %s", (_, change, reason) => {
  expect(() => readPolicy(JSON.parse(JSON.stringify({ ...POLICY, ...change })))).toThrow(reason);
});

describe("a policy of any kind", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        for (const policy of randomPolicyWorld(createDraw(seed)).policies) {
          expect(decodePolicyRecord(policy.id, encodePolicyRecord(policy))).toEqual(policy);
        }
      }),
    );
  });

  test("of another key is none", () => {
    expect(() => decodePolicyRecord("q", JSON.stringify(POLICY))).toThrow('"p", the key says "q"');
  });
});
