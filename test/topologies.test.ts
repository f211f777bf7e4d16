import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planTopology } from "../src/lab/topology.ts";
import { readYaml } from "../src/schema/index.ts";
import { decodeLab } from "../src/schema/lab.ts";

const DIRECTORY = join(import.meta.dirname, "../examples/topologies");

describe("every example of a lab can be planned", () => {
  test.each(readdirSync(DIRECTORY))("%s", (file) => {
    const spec = decodeLab(readYaml(readFileSync(join(DIRECTORY, file), "utf8"), `read ${file}`));
    expect(`${spec.name}.yaml`).toBe(file);
    expect(planTopology(spec, `/run/romana/lab/${spec.name}`).endpoints.length).toBeGreaterThan(0);
  });
});
