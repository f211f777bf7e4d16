import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { agentConfigSchema, decodeAgentConfig } from "./agent-config.ts";
import { renderKeyTable } from "./key-table.ts";
import { decodeKubernetesConfig, kubernetesConfigSchema } from "./kubernetes-config.ts";
import { decodeNetwork } from "./network.ts";
import { decodeRomanadConfig, romanadConfigSchema } from "./romanad-config.ts";
import { readYaml } from "./yaml.ts";

const ROOT = join(import.meta.dirname, "../..");
const NETWORKS = join(ROOT, "examples/networks");

describe("examples/networks", () => {
  test.each(readdirSync(NETWORKS))("%s is a network", (file) => {
    const text = readFileSync(join(NETWORKS, file), "utf8");
    expect(decodeNetwork(readYaml(text, `read ${file}`)).name).not.toBe("");
  });
});

test("examples/romanad.yaml has every key at its default", () => {
  const document = readYaml(readFileSync(join(ROOT, "examples/romanad.yaml"), "utf8"), "read example");
  expect(Object.keys(document as object).sort()).toEqual(Object.keys(romanadConfigSchema.shape).sort());
  expect(decodeRomanadConfig(document)).toEqual(decodeRomanadConfig({}));
});

test("examples/agent.yaml has every key at its default, but for the host's name", () => {
  const document = readYaml(readFileSync(join(ROOT, "examples/agent.yaml"), "utf8"), "read example");
  expect(["host", ...Object.keys(document as object)].toSorted()).toEqual(
    Object.keys(agentConfigSchema.shape).toSorted(),
  );
  expect(decodeAgentConfig(document, "read example")).toEqual(decodeAgentConfig({}, "read example"));
});

test("examples/kubernetes.yaml has every key at its default, but for the file of a cluster", () => {
  const document = readYaml(readFileSync(join(ROOT, "examples/kubernetes.yaml"), "utf8"), "read example");
  expect(["kubeconfig", ...Object.keys(document as object)].toSorted()).toEqual(
    Object.keys(kubernetesConfigSchema.shape).toSorted(),
  );
  expect(decodeKubernetesConfig(document, "read example")).toEqual(
    decodeKubernetesConfig({}, "read example"),
  );
});

describe("docs/configuration.md has the keys of", () => {
  const page = readFileSync(join(ROOT, "docs/configuration.md"), "utf8");
  test.each([
    ["romanad", romanadConfigSchema],
    ["romana-agent", agentConfigSchema],
    ["romana-kubernetes", kubernetesConfigSchema],
  ])("%s as the schema says", (_, schema) => {
    expect(page).toContain(`\n${renderKeyTable(schema)}\n`);
  });
});
