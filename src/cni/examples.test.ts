import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CNI_CODE, CODE_OF_REFUSAL, OWN_CODE } from "./cni-error.ts";
import { runPlugin } from "./plugin.ts";
import { ATTACHMENT, ScriptedPort, variables } from "./scripted-port.case.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLES = join(ROOT, "examples/cni");
const PAGE = readFileSync(join(ROOT, "docs/cni.md"), "utf8");

interface ConfigurationList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly { readonly type: string }[];
}

describe("examples/cni", () => {
  test.each(readdirSync(EXAMPLES))("%s is a configuration that the plugin takes", async (file) => {
    const list = JSON.parse(readFileSync(join(EXAMPLES, file), "utf8")) as ConfigurationList;
    const { cniVersion, name, plugins } = list;
    const own = plugins.find(({ type }) => type === "romana-cni");
    const pod = file === "kubernetes.conflist" ? { CNI_ARGS: "K8S_POD_UID=u-1" } : {};
    const port = new ScriptedPort(variables("ADD", pod), { ...own, cniVersion, name }, () => [
      201,
      ATTACHMENT,
    ]);
    expect([await runPlugin(port), port.asked.length]).toEqual([0, 1]);
  });
});

describe("docs/cni.md", () => {
  const codes = new Set<number>(
    [CNI_CODE, OWN_CODE, CODE_OF_REFUSAL].flatMap((table) => Object.values(table)),
  );
  test.each([...codes].map((code) => [code]))("explains code %i", (code) => {
    expect(PAGE).toMatch(new RegExp(`^\\| ${code} \\| .`, "m"));
  });
  test("explains no other codes", () => {
    const rows = [...PAGE.matchAll(/^\| ([0-9]+) \| /gm)].map((match) => Number(match[1]));
    expect(rows.toSorted((a, b) => a - b)).toEqual([...codes].toSorted((a, b) => a - b));
  });
});
