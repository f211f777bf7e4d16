import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { hasCode } from "../src/model/index.ts";
import { decodePolicyDocument } from "../src/schema/index.ts";
import { networkSchema } from "../src/schema/network.ts";
import { POLICY_DOCUMENT_FIELDS } from "../src/schema/policy-document.ts";
import { PEER_FIELDS, TARGET_FIELDS } from "../src/schema/policy-document-party.ts";
import { RULE_FIELDS } from "../src/schema/policy-document-rule.ts";

/** The parts of a structural schema (Kubernetes apiextensions/v1) that are looked at. */
interface Structural {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

interface Json {
  readonly $ref?: string;
  readonly type?: string;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
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

describe("networks.romana.io says what the schema of networks says", () => {
  const document = z.toJSONSchema(networkSchema, { io: "input", unrepresentable: "any" }) as Json;

  function resolved(json: Json): Json {
    if (json.$ref === undefined) return json;
    const target = json.$ref === "#" ? document : document.$defs?.[json.$ref.replace("#/$defs/", "")];
    if (target === undefined) throw new Error(`nothing is at ${json.$ref}`);
    return { ...resolved(target), ...(json.enum && { enum: json.enum }) };
  }

  /** Differences of type, fields, required fields and words, down to where the structural schema ends. */
  function differences(schema: Structural, reference: Json, path: string): string[] {
    const json = resolved(reference);
    const found: string[] = [];
    const compare = (what: string, ours: unknown, theirs: unknown): void => {
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
        found.push(`${path}: ${what} ${JSON.stringify(ours)}, in the schema ${JSON.stringify(theirs)}`);
      }
    };
    compare("type", schema.type, json.type);
    compare("words", schema.enum, json.enum);
    if (schema.properties === undefined && schema.items === undefined) return found;
    // The name is that of the object.
    const names = Object.keys(json.properties ?? {}).filter((name) => path !== "spec" || name !== "name");
    const needed = json.required?.filter((name) => path !== "spec" || name !== "name");
    compare("fields", Object.keys(schema.properties ?? {}).sort(), names.sort());
    compare("required fields", [...(schema.required ?? [])].sort(), [...(needed ?? [])].sort());
    for (const [name, value] of Object.entries(schema.properties ?? {})) {
      const other = json.properties?.[name];
      if (other !== undefined) found.push(...differences(value, other, `${path}.${name}`));
    }
    if (schema.items !== undefined && json.items !== undefined) {
      found.push(...differences(schema.items, json.items, `${path}[]`));
    }
    return found;
  }

  test("fields, types, words and what is required", () => {
    expect(differences(specOf("networks"), document, "spec")).toEqual([]);
  });
  test("the comparison fires", () => {
    const wrong: Structural = { type: "object", required: [], properties: { plan: { type: "object" } } };
    expect(differences(wrong, document, "spec")).toEqual([
      'spec: fields ["plan"], in the schema ["groups","numbering","plans"]',
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
