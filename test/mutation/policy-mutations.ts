/** A mistake that somebody could make: replaces a text that is there exactly once. */
export interface Mutation {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

/** Mistakes in how policies become rules; each lets through, or stops, what the documents say otherwise. */
export const POLICY_MUTATIONS: readonly Mutation[] = [
  {
    name: "exceptions of a prefix are not subtracted",
    file: "rules/fragment.ts",
    text: "if (holes.length === 0) return [prefix];",
    replacement: "if (holes.length >= 0) return [prefix];",
  },
  {
    name: "nobody is isolated by policies",
    file: "firewall/policy-chains.ts",
    text: "question.isolated ? lookups(question, isolated.sets).map(question.isolated) : [];",
    replacement: "[];",
  },
  {
    name: "isolation by policies comes before the isolation of tenants",
    file: "firewall/policy-chains.ts",
    text: "    ...question.shared,\n    ...isolation,\n",
    replacement: "    ...isolation,\n    ...question.shared,\n",
  },
  {
    name: "the higher order comes first",
    file: "rules/tier-book.ts",
    text: "return a.order - b.order || compareText(a.policy, b.policy) || a.rank - b.rank;",
    replacement: "return b.order - a.order || compareText(a.policy, b.policy) || a.rank - b.rank;",
  },
  {
    name: "accept comes before drop",
    file: "rules/tier-book.ts",
    text: "{ log: 0, drop: 1, pass: 2, accept: 3 }",
    replacement: "{ log: 0, accept: 1, drop: 2, pass: 3 }",
  },
  {
    name: "a rule whose verdict changes keeps its place",
    file: "rules/tier-book.ts",
    text: "`${order}/${rule}/${verdict}/${id}`",
    replacement: "`${order}/${rule}/${id}`",
  },
  {
    name: "pass ends the question and not the tier",
    file: "firewall/policy-chains.ts",
    text: "            next === undefined\n",
    replacement: "            next !== undefined\n",
  },
  {
    name: "what is not stateful is tracked",
    file: "firewall/policy-rules.ts",
    text: "entries.filter(({ stateful }) => !stateful);",
    replacement: "entries.filter(({ stateful }) => stateful && !stateful);",
  },
  {
    name: "nobody asks whether an address is an exception",
    file: "firewall/exception-fork.ts",
    text: "if (rules.exceptions(family).length === 0) return chainsOf(name, false, false);",
    replacement: "if (rules.exceptions(family).length >= 0) return chainsOf(name, false, false);",
  },
  {
    name: "an exception is the tenant that its bits say, too",
    file: "firewall/exception-fork.ts",
    text: 'EXCEPTION: ReadonlySet<SideClass> = new Set(["block", "address"]);',
    replacement: 'EXCEPTION: ReadonlySet<SideClass> = new Set(["block", "address", "identity"]);',
  },
  {
    name: "a named port of another protocol",
    file: "rules/party.ts",
    text: "port.name === name && port.protocol === protocol",
    replacement: "port.name === name",
  },
  {
    name: "the last port of a range is outside",
    file: "firewall/shape.ts",
    text: "[BigInt(ports.first), BigInt(ports.last)];",
    replacement: "[BigInt(ports.first), BigInt(Math.max(ports.first, ports.last - 1))];",
  },
  {
    name: "the last address of a prefix is outside",
    file: "firewall/sides.ts",
    text: "last: lastAddress(prefix).value }",
    replacement: "last: lastAddress(prefix).value - 1n }",
  },
  {
    name: "ICMP code 0 stands for all codes",
    file: "firewall/shape.ts",
    text: "icmp.code === undefined ? ALL_CODES",
    replacement: "!icmp.code ? ALL_CODES",
  },
  {
    name: "what egress accepts is not asked at ingress",
    file: "firewall/endpoint-policies.ts",
    text: 'peers: toHost ? new Set<SideClass>(["host", ...peers]) : peers,\n          accepted: "return",',
    replacement:
      'peers: toHost ? new Set<SideClass>(["host", ...peers]) : peers,\n          accepted: "accept",',
  },
  {
    name: "the tenant's bits stand for a segment",
    file: "firewall/sides.ts",
    text: "masked(segmentMask(plan, party.code.extraBits), segmentKey(plan, party.tenant, party.code)),",
    replacement: "masked(tenantMask(plan), tenantKey(plan, party.tenant)),",
  },
  {
    name: "an unknown tenant is some tenant",
    file: "rules/directory.ts",
    text: "return found(this.tenants.get(selector.name));",
    replacement: "return found(this.tenants.get(selector.name) ?? [...this.tenants.values()][0]);",
  },
  {
    name: "NotIn wants the label to be there",
    file: "rules/label-index.ts",
    text: "return value === undefined || !values.includes(value);",
    replacement: "return value !== undefined && !values.includes(value);",
  },
  {
    name: "where ranges overlap, the rest of the later one is lost",
    file: "firewall/boxes.ts",
    text: "if (last > to) parts.push(cut([to + 1n, last]));",
    replacement: "if (last > to + 1n) parts.push(cut([to + 2n, last]));",
  },
  {
    name: "the machine of an endpoint is everybody",
    file: "firewall/sides.ts",
    text: 'return [{ ...NOTHING, class: "host" }];',
    replacement: 'return [{ ...NOTHING, class: "address" }];',
  },
];
