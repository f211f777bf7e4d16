import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { hasCode } from "../src/model/index.ts";
import { decodePolicyDocument } from "../src/schema/index.ts";
import { customChainSpecSchema } from "../src/schema/kubernetes-custom-chain.ts";
import { customServiceSpecSchema } from "../src/schema/kubernetes-custom-service.ts";
import { networkSchema } from "../src/schema/network.ts";
import { POLICY_DOCUMENT_FIELDS } from "../src/schema/policy-document.ts";
import { PEER_FIELDS, TARGET_FIELDS } from "../src/schema/policy-document-party.ts";
import { RULE_FIELDS } from "../src/schema/policy-document-rule.ts";

/** The parts of a structural schema (Kubernetes apiextensions/v1) that are looked at. */
interface Structural {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

interface Json {
  readonly $ref?: string;
  readonly type?: string;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Json[];
  readonly properties?: Readonly<Record<string, Json>>;
  readonly items?: Json;
  readonly $defs?: Readonly<Record<string, Json>>;
}

const DIRECTORY = join(import.meta.dirname, "../deploy/kubernetes/crds");

function specOf(plural: string): Structural {
  const crd = parse(readFileSync(join(DIRECTORY, `${plural}.romana.io.yaml`), "utf8"));
  return crd.spec.versions[0].schema.openAPIV3Schema.properties.spec;
}

/** Every schema of an object inside another one, with its path. */
function objectsIn(schema: Structural, path: string): [string, Structural][] {
  const inner = [
    ...Object.entries(schema.properties ?? {}).map(([name, value]) => [`${path}.${name}`, value] as const),
    ...(schema.items === undefined ? [] : [[`${path}[]`, schema.items] as const]),
  ];
  return [
    ...(schema.type === "object" && schema.additionalProperties === undefined
      ? [[path, schema] as [string, Structural]]
      : []),
    ...inner.flatMap(([place, value]) => objectsIn(value, place)),
  ];
}

describe.each(["chains", "networks", "policies", "services"])("%s.romana.io", (plural) => {
  test.each(objectsIn(specOf(plural), "spec"))("%s keeps fields that nobody knows", (_, schema) => {
    expect(schema["x-kubernetes-preserve-unknown-fields"]).toBe(true);
  });
});

/** Differences of type, fields, required fields and words, down to where the structural schema ends. */
function differences(schema: Structural, reference: Json, path: string, document = reference): string[] {
  const json = resolved(reference, document);
  const found: string[] = [];
  const compare = (what: string, ours: unknown, theirs: unknown): void => {
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      found.push(`${path}: ${what} ${JSON.stringify(ours)}, in the schema ${JSON.stringify(theirs)}`);
    }
  };
  compare("type", schema.type, json.type);
  compare("words", schema.enum, json.const === undefined ? json.enum : [json.const]);
  if (schema.properties === undefined && schema.items === undefined) return found;
  // The name is that of the object.
  const isOther = (name: string): boolean => path !== "spec" || name !== "name";
  const properties = Object.entries(schema.properties ?? {});
  compare(
    "fields",
    Object.keys(schema.properties ?? {}).sort(),
    Object.keys(json.properties ?? {})
      .filter(isOther)
      .sort(),
  );
  const filledIn = new Set(
    properties.flatMap(([name, value]) => (value.default === undefined ? [] : [name])),
  );
  const needed = (json.required ?? []).filter((name) => isOther(name) && !filledIn.has(name));
  compare("required fields", [...(schema.required ?? [])].sort(), needed.sort());
  for (const [name, value] of properties) {
    const other = json.properties?.[name];
    if (other !== undefined) found.push(...differences(value, other, `${path}.${name}`, document));
  }
  if (schema.items !== undefined && json.items !== undefined) {
    found.push(...differences(schema.items, json.items, `${path}[]`, document));
  }
  return found;
}

function resolved(json: Json, document: Json): Json {
  // The API server drops null where a schema does not speak of it.
  const inner = json.anyOf?.filter(({ type }) => type !== "null") ?? [];
  if (inner[0] !== undefined && inner.length === 1) return resolved(inner[0], document);
  if (json.$ref === undefined) return json;
  const target = json.$ref === "#" ? document : document.$defs?.[json.$ref.replace("#/$defs/", "")];
  if (target === undefined) throw new Error(`nothing is at ${json.$ref}`);
  return { ...resolved(target, document), ...(json.enum && { enum: json.enum }) };
}

describe("definitions say what the reader's schema says", () => {
  const schemas = {
    networks: networkSchema,
    services: customServiceSpecSchema,
    chains: customChainSpecSchema,
  };
  const documentOf = (schema: z.ZodType): Json =>
    z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json;

  test.each(Object.entries(schemas))("%s: fields, types, words and what is required", (plural, schema) => {
    expect(differences(specOf(plural), documentOf(schema), "spec")).toEqual([]);
  });
  test("the comparison fires", () => {
    const wrong: Structural = { type: "object", required: [], properties: { plan: { type: "object" } } };
    expect(differences(wrong, documentOf(networkSchema), "spec")).toEqual([
      'spec: fields ["plan"], in the schema ["groups","numbering","plans","services"]',
      'spec: required fields [], in the schema ["plans"]',
    ]);
  });
});

describe("policies.romana.io has the fields of the reader", () => {
  const spec = specOf("policies");
  const entry = spec.properties?.["ingress"]?.items;
  const places: [string, Structural | undefined, readonly string[]][] = [
    ["spec", spec, POLICY_DOCUMENT_FIELDS],
    ["applied_to", spec.properties?.["applied_to"]?.items, TARGET_FIELDS],
    ["ingress", entry, ["peers", "rules"]],
    ["egress", spec.properties?.["egress"]?.items, ["peers", "rules"]],
    ["peers", spec.properties?.["peers"]?.items, PEER_FIELDS],
    ["rules", spec.properties?.["rules"]?.items, RULE_FIELDS],
    ["peers of an entry", entry?.properties?.["peers"]?.items, PEER_FIELDS],
    ["rules of an entry", entry?.properties?.["rules"]?.items, RULE_FIELDS],
  ];
  test.each(places)("%s", (_, schema, fields) => {
    expect(Object.keys(schema?.properties ?? {}).sort()).toEqual([...fields].sort());
  });
});

describe("objects of the installation", () => {
  const file = join(DIRECTORY, "../base/policies.yaml");
  const objects = readFileSync(file, "utf8")
    .split(/^---$/m)
    .map((text) => parse(text));
  test.each(objects.map((object) => [object.metadata.name, object.spec]))(
    "policy %s is read",
    (name, spec) => {
      expect(decodePolicyDocument({ ...spec, name }).map(({ id }) => id)).toEqual([name]);
    },
  );
  test("the network's plan is one", () => {
    const network = parse(readFileSync(join(DIRECTORY, "../base/network.yaml"), "utf8"));
    expect(networkSchema.safeParse({ ...network.spec, name: network.metadata.name }).success).toBe(true);
  });
  test("a field that the reader does not know is refused, not left out", () => {
    const [first] = objects;
    let refused: unknown;
    try {
      decodePolicyDocument({ ...first.spec, name: "x", prots: [80] });
    } catch (error) {
      refused = error;
    }
    expect(hasCode(refused, "invalid-input")).toBe(true);
  });
});

test("every definition is in the kustomization", () => {
  const { resources } = parse(readFileSync(join(DIRECTORY, "kustomization.yaml"), "utf8"));
  const files = readdirSync(DIRECTORY).filter((name) => name !== "kustomization.yaml");
  expect(new Set(resources)).toEqual(new Set(files));
});
