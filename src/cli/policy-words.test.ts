import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Policy } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { decodeNetworkPolicy, decodePolicyDocument, readYaml } from "../schema/index.ts";
import { readPolicies } from "./policy-files.ts";
import { damageLines, differingLines, policyLines } from "./policy-words.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLES = join(ROOT, "examples/policies");

/** What each example means, by file. */
const GOLDEN: ReadonlyMap<string, string> = new Map(
  readFileSync(join(import.meta.dirname, "testdata/policy-examples.txt"), "utf8")
    .split(/^== /m)
    .slice(1)
    .map((section): [string, string] => {
      const end = section.indexOf("\n");
      return [section.slice(0, end), section.slice(end + 1).trimEnd()];
    }),
);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

describe("damageLines()", () => {
  test.each([
    ["earlier-version", "this is what it said before, which stays in force"],
    [
      "targets-only",
      "hosts that have an earlier version enforce it, others this: they drop all traffic of whom it applies to",
    ],
    ["nothing", "hosts that have an earlier version enforce it, others cannot enforce it"],
  ] as const)("%s", (damage, words) => {
    const [policy] = readPolicies([join(EXAMPLES, "tcp-policy.json")]) as [Policy];
    expect(damageLines({ ...policy, id: "p", damage })).toEqual([
      `policy "p" cannot be read from the store: ${words}`,
      "write it again with romana policy apply, or remove it with romana policy remove",
    ]);
    expect(damageLines(policy)).toEqual([]);
  });
});

describe("examples/policies", () => {
  test.each(filesBelow(EXAMPLES))("%s means what testdata/policy-examples.txt says", (file) => {
    const policies = readPolicies([join(EXAMPLES, file)]);
    expect(policies.map((policy) => policyLines(policy).join("\n")).join("\n\n")).toBe(GOLDEN.get(file));
  });

  test("are all that the golden file tells of", () => {
    expect([...GOLDEN.keys()].toSorted()).toEqual(filesBelow(EXAMPLES).toSorted());
  });

  test.each(["frontend-to-backend.yml", "romana-np-frontend-to-backend.yml"])("kubernetes/%s", (file) => {
    const text = readFileSync(join(ROOT, "examples/kubernetes", file), "utf8");
    expect(decodeNetworkPolicy(readYaml(text, `read ${file}`)).metadata.name).toBe("pol1");
  });
});

describe("docs/policy.md", () => {
  const page = readFileSync(join(ROOT, "docs/policy.md"), "utf8");
  const documents = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1] as string);

  test.each(documents)("has a document that is read: %s", (text) => {
    const policies = decodePolicyDocument(readYaml(text, "read example"));
    expect(policies.length).toBeGreaterThan(0);
  });

  test("has every field in its tables", () => {
    const rows = page.split("\n").filter((line) => /^\| `[a-z_]+`/.test(line));
    const written = rows.flatMap((row) =>
      [...(row.split("|")[1] ?? "").matchAll(/`([a-z_]+)`/g)].map((m) => m[1]),
    );
    expect(written).toEqual(
      expect.arrayContaining([
        ..."name id external_id description direction applied_to ingress egress peers rules action".split(
          " ",
        ),
        ..."order established datacenter tags tenant tenant_id tenant_external_id cidr protocol".split(" "),
        ..."ports port_ranges icmp_type icmp_code is_stateful tenant_network_id".split(" "),
      ]),
    );
  });
});

describe("policyLines()", () => {
  const base: Policy = {
    id: "p",
    externalId: "x",
    tier: "admin",
    order: 3,
    appliedTo: [],
    isolates: [],
    rules: [],
    established: "keep",
  };
  test("of what native documents cannot say", () => {
    const labels = (
      key: string,
      operator: "In" | "NotIn" | "Exists" | "DoesNotExist",
      ...values: string[]
    ) => ({
      by: "labels" as const,
      requirements: [{ key, operator, values }],
    });
    const policy: Policy = {
      ...base,
      appliedTo: [
        { kind: "endpoints", tenant: labels("env", "In", "a", "b"), segment: labels("app", "Exists") },
        { kind: "endpoints", segment: { by: "labels", requirements: [] } },
      ],
      rules: [
        {
          name: "first",
          direction: "egress",
          verdict: "pass",
          peers: [
            { kind: "hosts", requirements: [{ key: "disk", operator: "DoesNotExist", values: [] }] },
            { kind: "prefix", prefix: parsePrefix("10.0.0.0/8"), except: [parsePrefix("10.1.0.0/16")] },
            { kind: "endpoints", tenant: labels("env", "NotIn", "c") },
          ],
          traffic: [{ protocol: 6, portName: "http" }],
          stateful: true,
        },
        { direction: "ingress", verdict: "accept", peers: [], traffic: [], stateful: true },
      ],
    };
    expect(policyLines(policy)).toEqual([
      'policy "p", tier admin, order 3',
      "  external ID: x",
      "  applies to segments with app of tenants with env in (a, b), segments of any labels",
      "  isolates nobody",
      '  first: leaves to the next tier tcp port "http" to hosts with no disk, 10.0.0.0/8 without 10.1.0.0/16, tenants with env not in (c)',
      "  accepts nothing from nobody",
      "  connections that it no longer allows are kept",
    ]);
  });

  test("of a policy for nobody", () => {
    expect(policyLines(base).slice(2)).toEqual([
      "  applies to nobody",
      "  isolates nobody",
      "  has no rule",
      "  connections that it no longer allows are kept",
    ]);
  });
});

test("differingLines() leaves out what is the same", () => {
  expect(differingLines(["a", "  b", "c"], ["a", "  d", "c"])).toEqual(["- b", "+ d"]);
});
