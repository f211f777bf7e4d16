import { describe, expect, test } from "vitest";
import { type Fault, hasCode, type Policy } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { encodePolicy } from "./policy.ts";
import { decodePolicyDocument } from "./policy-document.ts";

function faultsOf(document: unknown): readonly Fault[] {
  try {
    decodePolicyDocument(document);
  } catch (error) {
    if (hasCode(error, "invalid-input")) return error.failure.faults;
    throw error;
  }
  return [];
}

function reasonsOf(document: unknown): string[] {
  return faultsOf(document).map(({ reason }) => reason);
}

const ANY = { protocol: "any" };
const BASE = {
  name: "p",
  direction: "ingress",
  applied_to: [{ tenant: "demo" }],
  ingress: [{ peers: [{ peer: "any" }], rules: [ANY] }],
};

function ofRules(...rules: unknown[]): object {
  return { ...BASE, ingress: [{ peers: [{ peer: "any" }], rules }] };
}

function ofPeers(...peers: unknown[]): object {
  return { ...BASE, ingress: [{ peers, rules: [ANY] }] };
}

function only(document: unknown): Policy {
  const policies = decodePolicyDocument(document);
  expect(policies).toHaveLength(1);
  return policies[0] as Policy;
}

const EXPECTED: Policy = {
  id: "p",
  tier: "standard",
  order: 1000,
  appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "demo" } }],
  isolates: ["ingress"],
  rules: [
    { direction: "ingress", verdict: "accept", peers: [{ kind: "any" }], traffic: [{}], stateful: true },
  ],
  established: "cut",
};

describe("every generation becomes the same policy", () => {
  const { ingress: _ingress, ...rest } = BASE;
  const cases: [string, unknown][] = [
    ["1: peers and rules at the top", { ...rest, peers: [{ peer: "any" }], rules: [ANY] }],
    ["1 in its wrapper", { securitypolicies: [{ ...rest, peers: [{ peer: "any" }], rules: [ANY] }] }],
    ["2: inside ingress", BASE],
    ["2 with what a service filled in", { ...BASE, id: 7, datacenter: { host_bits: 8 }, tags: [] }],
    ["3: with a text ID", { ...rest, name: undefined, id: "p", ingress: BASE.ingress }],
    ["3 in a list, with a tenant's name as its ID", [{ ...BASE, applied_to: [{ tenant_id: "demo" }] }]],
    ["direction and words in any case", { ...BASE, direction: " Ingress ", action: "ALLOW" }],
    ["as romanad answers it", encodePolicy(EXPECTED)],
  ];
  test.each(cases)("%s", (_, document) => {
    expect(decodePolicyDocument(document)).toEqual([EXPECTED]);
  });
});

describe("names", () => {
  const cases: [string, object, Partial<Policy>][] = [
    ["external_id alone", { name: undefined, external_id: "x1" }, { id: "x1", externalId: "x1" }],
    ["name and external_id", { external_id: "a b" }, { id: "p", externalId: "a b" }],
    ["a number alone", { name: undefined, id: 7 }, { id: "7" }],
    ["text ID before name", { id: "kube.ns.p" }, { id: "kube.ns.p", description: "p" }],
    ["description before name", { id: "q", description: "why" }, { id: "q", description: "why" }],
  ];
  test.each(cases)("%s", (_, change, expected) => {
    expect(only({ ...BASE, ...change })).toEqual({ ...EXPECTED, ...expected });
  });
});

describe("who is isolated", () => {
  const host = { peer: "host" };
  const entry = (...peers: unknown[]): object => ({ peers, rules: [ANY] });
  const cases: [string, object, Policy["isolates"]][] = [
    ["allow of anybody", { ingress: [entry({ peer: "any" })] }, ["ingress"]],
    ["allow of a tenant in egress", { direction: "egress", egress: [entry({ tenant: "a" })] }, ["egress"]],
    ["allow of the host only", { ingress: [entry(host)] }, []],
    ["allow of the host only, in two entries", { ingress: [entry(host), entry(host, host)] }, []],
    ["allow of the host and of a tenant", { ingress: [entry(host, { tenant: "a" })] }, ["ingress"]],
    [
      "allow of the host, and elsewhere of a prefix",
      { ingress: [entry(host), entry({ cidr: "10.0.0.0/8" })] },
      ["ingress"],
    ],
    ["allow of local endpoints", { ingress: [entry({ peer: "local" })] }, ["ingress"]],
    ["sending to the host only", { direction: "egress", egress: [entry(host)] }, ["egress"]],
    ["deny", { action: "deny", ingress: [entry({ peer: "any" })] }, []],
    ["log", { action: "log", ingress: [entry({ peer: "any" })] }, []],
  ];
  test.each(cases)("%s", (_, change, isolates) => {
    const { ingress: _ingress, ...rest } = BASE;
    expect(only({ ...rest, ...change }).isolates).toEqual(isolates);
  });
});

describe("applied_to", () => {
  const cases: [unknown, Policy["appliedTo"][number]][] = [
    [{ dest: "local" }, { kind: "endpoints" }],
    [{ dest: "HOST" }, { kind: "host" }],
    [{ cidr: "10.1.0.0/16" }, { kind: "prefix", prefix: parsePrefix("10.1.0.0/16") }],
    [{ dest: "host", interfaces: "all" }, { kind: "machine" }],
    [
      { dest: "host", interfaces: ["eth0", "bond0.7"] },
      { kind: "machine", interfaces: ["eth0", "bond0.7"] },
    ],
    [
      { dest: "host", addresses: ["192.0.2.1", "2001:db8::/64"] },
      { kind: "machine", addresses: [parsePrefix("192.0.2.1/32"), parsePrefix("2001:db8::/64")] },
    ],
    [{ tenant_id: 3 }, { kind: "endpoints", tenant: { by: "id", id: 3 } }],
    [{ tenant_network_id: 0 }, { kind: "endpoints", tenant: { by: "id", id: 0 } }],
    [{ tenant_external_id: "f00" }, { kind: "endpoints", tenant: { by: "external-id", externalId: "f00" } }],
    [
      { tenant: "a", tenant_id: 9, tenant_network_id: 8, segment: "b", segment_network_id: 0 },
      {
        kind: "endpoints",
        tenant: { by: "name", name: "a" },
        segment: { by: "name", name: "b" },
      },
    ],
    [
      { tenant_network_id: 1, segment_network_id: 0 },
      { kind: "endpoints", tenant: { by: "id", id: 1 }, segment: { by: "id", id: 0 } },
    ],
    [
      { tenant_id: "a", segment_id: "b" },
      { kind: "endpoints", tenant: { by: "name", name: "a" }, segment: { by: "name", name: "b" } },
    ],
    [
      { dest: "", tenant: "a", segment: "", tenant_id: 0 },
      { kind: "endpoints", tenant: { by: "name", name: "a" } },
    ],
  ];
  test.each(cases)("%j", (entry, target) => {
    expect(only({ ...BASE, applied_to: [entry] }).appliedTo).toEqual([target]);
  });
});

describe("peers", () => {
  const cases: [unknown, Policy["rules"][number]["peers"][number]][] = [
    [{ peer: "Any" }, { kind: "any" }],
    [{ peer: "local" }, { kind: "local" }],
    [{ peer: "host" }, { kind: "host" }],
    [{ cidr: "::/0" }, { kind: "prefix", prefix: parsePrefix("::/0"), except: [] }],
    [{ tenant: "a" }, { kind: "endpoints", tenant: { by: "name", name: "a" } }],
    [
      { tenant: "a", segment_external_id: "s" },
      {
        kind: "endpoints",
        tenant: { by: "name", name: "a" },
        segment: { by: "external-id", externalId: "s" },
      },
    ],
  ];
  test.each(cases)("%j", (entry, peer) => {
    expect(only(ofPeers(entry)).rules[0]?.peers).toEqual([peer]);
  });
});

describe("rules", () => {
  const cases: [unknown, Policy["rules"][number]["traffic"]][] = [
    [{ protocol: "TCP" }, [{ protocol: 6 }]],
    [{ protocol: "sctp", ports: [5] }, [{ protocol: 132, ports: { first: 5, last: 5 } }]],
    [{ protocol: 47 }, [{ protocol: 47 }]],
    [{ protocol: "47" }, [{ protocol: 47 }]],
    [{ protocol: "ANY" }, [{}]],
    [
      { protocol: "udp", ports: [53], port_ranges: [[16000, 16100]] },
      [
        { protocol: 17, ports: { first: 53, last: 53 } },
        { protocol: 17, ports: { first: 16000, last: 16100 } },
      ],
    ],
    [{ protocol: "tcp", port_ranges: [1, 2] }, [{ protocol: 6, ports: { first: 1, last: 2 } }]],
    [
      { protocol: "tcp", ports: [0, 65535] },
      [
        { protocol: 6, ports: { first: 0, last: 0 } },
        { protocol: 6, ports: { first: 65535, last: 65535 } },
      ],
    ],
    [{ protocol: "icmp" }, [{ protocol: 1 }]],
    [{ protocol: "icmp", icmp_type: 0 }, [{ protocol: 1, icmp: { type: 0 } }]],
    [{ protocol: "icmp", icmp_type: 8, icmp_code: 0 }, [{ protocol: 1, icmp: { type: 8, code: 0 } }]],
    [{ protocol: "icmp", icmp_type: 3, icmp_code: 15 }, [{ protocol: 1, icmp: { type: 3, code: 15 } }]],
    [{ protocol: "icmpv6", icmp_type: 1, icmp_code: 6 }, [{ protocol: 58, icmp: { type: 1, code: 6 } }]],
  ];
  test.each(cases)("%j", (rule, traffic) => {
    expect(only(ofRules(rule)).rules).toEqual([{ ...EXPECTED.rules[0], traffic }]);
  });

  test("what is stateful and what is not become two rules", () => {
    const rules = [
      { protocol: "tcp" },
      { protocol: "udp", is_stateful: false },
      { ...ANY, is_stateful: true },
    ];
    expect(only(ofRules(...rules)).rules).toEqual([
      { ...EXPECTED.rules[0], traffic: [{ protocol: 6 }, {}] },
      { ...EXPECTED.rules[0], traffic: [{ protocol: 17 }], stateful: false },
    ]);
  });
});

describe("action and direction", () => {
  const egress = { ...BASE, direction: "egress", egress: BASE.ingress, ingress: undefined };
  const cases: [string, object, string, string[]][] = [
    ["ingress allow", BASE, "accept", ["ingress"]],
    ["ingress deny", { ...BASE, action: "deny" }, "drop", []],
    ["ingress log", { ...BASE, action: "log" }, "log", []],
    ["egress allow", egress, "accept", ["egress"]],
    ["egress deny", { ...egress, action: "deny" }, "drop", []],
  ];
  test.each(cases)("%s", (_, document, verdict, isolates) => {
    const policy = only(document);
    expect(policy.isolates).toEqual(isolates);
    expect(policy.rules.map((rule) => [rule.direction, rule.verdict])).toEqual([[_.split(" ")[0], verdict]]);
  });

  test("order and established", () => {
    expect(only({ ...BASE, order: 5, established: "keep" })).toEqual({
      ...EXPECTED,
      order: 5,
      established: "keep",
    });
  });
});

describe("faults have the words of the first Romana", () => {
  const cases: [string, unknown, string[]][] = [
    ["direction", { ...BASE, direction: "bla" }, ["Unknown direction 'bla', allowed 'egress' or 'ingress'."]],
    ["no direction", { ...BASE, direction: null }, ["Unknown direction '', allowed 'egress' or 'ingress'."]],
    ["no applied_to", { ...BASE, applied_to: undefined }, ["Required 'applied_to' entry missing."]],
    ["empty applied_to", { ...BASE, applied_to: [] }, ["Required 'applied_to' entry missing."]],
    [
      "empty entry of applied_to",
      { ...BASE, applied_to: [{ tenant_id: 33 }, {}] },
      [
        "applied_to entry #2: at least one of: dest, tenant, tenant_id, tenant_external_id or tenant_network_id must be specified.",
      ],
    ],
    ["no ingress", { ...BASE, ingress: undefined }, ["Ingress field not found"]],
    ["no egress", { ...BASE, direction: "egress", ingress: undefined }, ["Egress field not found"]],
    ["no rules", ofRules(), ["No rules specified."]],
    ["no protocol", ofRules({}), ["Rule #1: No protocol specified."]],
    ["wrong protocol", ofRules(ANY, { protocol: "xxxx" }), ["Rule #2: Invalid protocol: xxxx."]],
    ["protocol 256", ofRules({ protocol: 256 }), ["Rule #1: Invalid protocol: 256."]],
    [
      "ports",
      ofRules({ protocol: "tcp", ports: [80, 65536, 100000] }),
      ["Rule #1: The following ports are invalid: 65536, 100000."],
    ],
    [
      "ports that are no numbers",
      ofRules({ protocol: "tcp", ports: ["80", -1, 1.5, null] }),
      ["Rule #1: The following ports are invalid: 80, -1, 1.5, null."],
    ],
    [
      "port ranges, before ports",
      ofRules({ protocol: "tcp", ports: [65536], port_ranges: [[3, 65536], [10, 4], [1, 2], [7]] }),
      [
        "Rule #1: The following port ranges are invalid: 3-65536, 10-4, 7.",
        "Rule #1: The following ports are invalid: 65536.",
      ],
    ],
    [
      "icmp with ports",
      ofRules({ protocol: "icmp", ports: [10, 40] }),
      ["Rule #1: ICMP protocol is specified but ports are also specified."],
    ],
    [
      "icmp fields on udp",
      ofRules({ protocol: "udp", icmp_type: 0 }),
      ["Rule #1: ICMP protocol is not specified but ICMP Code and/or ICMP Type are also specified."],
    ],
    [
      "icmp fields on any",
      ofRules({ protocol: "any", icmp_code: 1 }),
      ["Rule #1: ICMP protocol is not specified but ICMP Code and/or ICMP Type are also specified."],
    ],
    ["icmp type", ofRules({ protocol: "icmp", icmp_type: 256 }), ["Rule #1: Invalid ICMP type: 256."]],
    ...(
      [
        [3, 16],
        [3, 33],
        [4, 1],
        [5, 4],
        [11, 2],
        [8, 1],
      ] as const
    ).map(([type, code]): [string, unknown, string[]] => [
      `icmp code ${code} of type ${type}`,
      ofRules({ protocol: "icmp", icmp_type: type, icmp_code: code }),
      [`Rule #1: Invalid ICMP code for type ${type}: ${code}.`],
    ]),
    [
      "ports on any",
      ofRules({ protocol: "any", ports: [80] }),
      ["Rule #1: A protocol without ports is specified but ports are also specified."],
    ],
    [
      "icmp code without type",
      ofRules({ protocol: "icmp", icmp_code: 0 }),
      ["Rule #1: ICMP Code is specified but ICMP Type is not."],
    ],
    [
      "peer word",
      ofPeers({ peer: "world" }),
      ["peers entry #1: Unknown peer 'world', allowed 'any', 'host' or 'local'."],
    ],
    [
      "segment without tenant",
      ofPeers({ peer: "any" }, { segment_external_id: "s" }),
      [
        "peers entry #2: since segment_external_id is specified, at least one of: tenant, tenant_id, tenant_external_id or tenant_network_id must be specified.",
      ],
    ],
    ["name", { ...BASE, name: "" }, ["At least one of name, external_id must be specified."]],
    ["no peers", ofPeers(), ["No peers specified. Everybody is 'peer: any'."]],
    [
      "all in order",
      {
        direction: "sideways",
        applied_to: [{}],
        ingress: [
          { peers: [{ peer: "x" }], rules: [{}] },
          { peers: [{ peer: "y" }], rules: [] },
        ],
        colour: "red",
      },
      [
        "Unknown direction 'sideways', allowed 'egress' or 'ingress'.",
        "applied_to entry #1: at least one of: dest, tenant, tenant_id, tenant_external_id or tenant_network_id must be specified.",
        "Rule #1: No protocol specified.",
        "No rules specified.",
        "peers entry #1: Unknown peer 'x', allowed 'any', 'host' or 'local'.",
        "peers entry #1: Unknown peer 'y', allowed 'any', 'host' or 'local'.",
        "At least one of name, external_id must be specified.",
        "unknown field",
      ],
    ],
  ];
  test.each(cases)("%s", (_, document, reasons) => {
    expect(reasonsOf(document)).toEqual(reasons);
  });
});

describe("what is refused besides", () => {
  const cases: [string, unknown, string[]][] = [
    ["a text", "x", [": expected keys and values"]],
    ["an empty list", [], [": has no policy"]],
    ["an empty wrapper", { securitypolicies: [] }, ["securitypolicies: has no policy"]],
    [
      "a field beside the wrapper",
      { securitypolicies: [BASE], name: "x" },
      ["name: belongs to one of the policies in 'securitypolicies'"],
    ],
    ["the same name twice", [BASE, BASE], [': two policies are called "p"']],
    [
      "an unknown field",
      { ...BASE, descripton: "x" },
      ['descripton: unknown field, did you mean "description"?'],
    ],
    [
      "an unknown field of a rule",
      ofRules({ protocol: "tcp", port: [80] }),
      ['ingress.0.rules.0.port: unknown field, did you mean "ports"?'],
    ],
    [
      "dest in a peer",
      ofPeers({ dest: "host", tenant: "a" }),
      ["ingress.0.peers.0.dest: belongs to an entry of 'applied_to'; here it is called 'peer'"],
    ],
    [
      "two ways of saying whom",
      ofPeers({ peer: "any", cidr: "10.0.0.0/8" }),
      ["ingress.0.peers.0: peers entry #1: peer and cidr exclude each other."],
    ],
    [
      "a wrong prefix",
      ofPeers({ cidr: "10.0.0.1/8" }),
      ['ingress.0.peers.0.cidr: "10.0.0.1/8" has bits set behind its length; did you mean 10.0.0.0/8?'],
    ],
    [
      "interfaces of endpoints",
      { ...BASE, applied_to: [{ dest: "local", interfaces: "all" }] },
      ["applied_to.0: applied_to entry #1: interfaces and addresses want dest 'host'."],
    ],
    [
      "no interface at all",
      { ...BASE, applied_to: [{ dest: "host", interfaces: [] }] },
      ["applied_to.0.interfaces: has fewer than 1 items"],
    ],
    [
      "entries of the other direction",
      { ...BASE, direction: "egress" },
      ["ingress: belongs to a policy of direction 'ingress'; here the entries belong to 'egress'"],
    ],
    [
      "a name that is none",
      { ...BASE, name: "a/b" },
      [
        'name: "a/b" is not a policy ID: 1 to 400 letters, digits, "_", ".", ":" or "-", the first a letter, digit or "_"',
      ],
    ],
    [
      "an action",
      { ...BASE, action: "reject" },
      ["action: Unknown action 'reject', allowed 'allow', 'deny' or 'log'."],
    ],
    ["an order", { ...BASE, order: -1 }, ["order: -1 is less than 0"]],
    ["a word of text that is none", { ...BASE, direction: 1 }, ["direction: expected text, got 1"]],
    [
      "is_stateful that is no truth value",
      ofRules({ protocol: "tcp", is_stateful: "no" }),
      ["ingress.0.rules.0.is_stateful: Rule #1: is_stateful is neither true nor false."],
    ],
  ];
  test.each(cases)("%s", (_, document, faults) => {
    expect(faultsOf(document).map(({ path, reason }) => `${path}: ${reason}`)).toEqual(faults);
  });

  test("the malformed example of the first Romana is told what to move where", () => {
    const document = {
      ingress: [{ rules: [{ ports: [22], protocol: "TCP" }], applied_to: [{ dest: "local" }] }],
      peers: [{ peer: "host" }],
      name: "pol-ssh-vm",
      direction: "ingress",
    };
    expect(faultsOf(document)).toEqual([
      { path: "applied_to", reason: "Required 'applied_to' entry missing." },
      { path: "peers", reason: "belongs inside the entries of 'ingress'; move it there" },
      {
        path: "ingress.0.applied_to",
        reason: "belongs to the policy itself; move it out of 'ingress', beside 'direction'",
      },
    ]);
  });

  test("faults of several policies come together, each with its place", () => {
    const faults = faultsOf({ securitypolicies: [{ ...BASE, direction: "" }, BASE, { ...BASE, name: "" }] });
    expect(faults.map(({ path }) => path)).toEqual([
      "securitypolicies.0.direction",
      "securitypolicies.2.name",
    ]);
  });
});
