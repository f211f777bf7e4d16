import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { encodePolicyDetails } from "../schema/index.ts";
import { renderYaml } from "./format.ts";
import { readPolicies } from "./policy-files.ts";

const NATIVE = `
direction: ingress
applied_to: [{ tenant: shop }]
ingress: [{ peers: [{ peer: any }], rules: [{ protocol: tcp }] }]
`;

describe("readPolicies()", () => {
  let directory: string;
  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "romana-policies-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test("reads documents, lists and wrappers of several files", () => {
    const two = file("two.yaml", `name: a${NATIVE}---\nname: b${NATIVE}`);
    const one = file("one.json", JSON.stringify({ securitypolicies: readPolicies([two]).slice(0, 1) }));
    expect(readPolicies([two]).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(readPolicies([one]).map(({ id }) => id)).toEqual(["a"]);
  });

  test("reads what `policy show -o yaml` prints", async () => {
    const [policy] = readPolicies([file("a.yaml", `name: a${NATIVE}`)]);
    if (policy === undefined) throw new Error("no policy");
    const shown = file("shown.yaml", await renderYaml(encodePolicyDetails({ policy, missing: ["x"] }, 7)));
    expect(readPolicies([shown])).toEqual([policy]);
  });

  test.each([
    ["earlier-version", undefined],
    ["targets-only", "damage: unknown field"],
    ["nothing", "damage: unknown field"],
  ] as const)(
    "of a policy that cannot be read, takes only what it said before: %s",
    async (damage, fault) => {
      const [policy] = readPolicies([file("a.yaml", `name: a${NATIVE}`)]);
      if (policy === undefined) throw new Error("no policy");
      const details = encodePolicyDetails({ policy: { ...policy, damage }, missing: [] }, 7);
      const shown = file("damaged.yaml", await renderYaml(details));
      const read = (): unknown => readPolicies([shown]);
      if (fault === undefined) expect(read()).toEqual([policy]);
      else expect(read).toThrow(fault);
    },
  );

  test("tells the faults of all files, each with its place", () => {
    const first = file("first.yaml", `name: a${NATIVE}---\nname: b/c${NATIVE}`);
    const second = file("second.yaml", `name: a${NATIVE}colour: red\n`);
    const third = file("third.yaml", `name: a${NATIVE}`);
    try {
      readPolicies([first, second, third]);
      expect.unreachable();
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      expect(error.failure.faults.map(({ path }) => path.slice(directory.length + 1))).toEqual([
        "first.yaml, document 2: name",
        "second.yaml: colour",
        "third.yaml",
      ]);
    }
  });
});
