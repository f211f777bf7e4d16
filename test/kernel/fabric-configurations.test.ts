import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  configurationOf,
  createFabricRouting,
  joinBlocks,
  renderBird,
  renderFrr,
} from "../../src/fabric/index.ts";
import type { Fabric } from "../../src/model/index.ts";
import { decodeFabric, decodeState, readYaml } from "../../src/schema/index.ts";

const ROOT = join(import.meta.dirname, "../..");
const GOLDEN = join(ROOT, "src/fabric/testdata");
const DIRECTORY = mkdtempSync(join(tmpdir(), "romana-fabric-"));
afterAll(() => rmSync(DIRECTORY, { recursive: true }));

/** How a daemon is asked whether it understands a file. */
const CHECKS = {
  bird: (file: string): string[] => ["bird", "-p", "-c", file],
  frr: (file: string): string[] => ["vtysh", "-C", "-f", file],
} as const;
type Daemon = keyof typeof CHECKS;
const DAEMONS = Object.keys(CHECKS) as Daemon[];

const read = (file: string): unknown =>
  readYaml(readFileSync(join(ROOT, "examples/fabrics", file), "utf8"), `read ${file}`);
const FABRIC = decodeFabric(read("leaf-spine.yaml"));
const { networks, hosts } = decodeState(read("leaf-spine-state.yaml"));

/** What the daemon says about a file; empty when it understands it. */
function complaints(daemon: Daemon, file: string): string {
  const [program, ...words] = CHECKS[daemon](file) as [string, ...string[]];
  const { error, status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8" });
  if (error !== undefined)
    throw new Error(`${program} is not installed: scripts/setup.sh --test does it`, { cause: error });
  return status === 0 ? "" : `${stdout}${stderr}`;
}

describe.each(DAEMONS)("%s understands", (daemon) => {
  test.each(readdirSync(GOLDEN).filter((file) => file.endsWith(`.${daemon}`)))(
    "the golden file %s",
    (file) => {
      expect(complaints(daemon, join(GOLDEN, file))).toBe("");
    },
  );

  const { bfd: _, ...withoutBfd } = FABRIC;
  test.each<[string, Fabric]>([
    ["the example", FABRIC],
    ["graceful restart", { ...FABRIC, gracefulRestart: true }],
    ["no BFD", withoutBfd],
    ["no communities", { ...FABRIC, communities: { host: [], rack: [] } }],
  ])("every device with %s", (name, fabric) => {
    const routing = createFabricRouting(fabric, networks, hosts);
    const render = daemon === "bird" ? renderBird : renderFrr;
    const said = routing.devices.map(({ name: device }) => {
      const file = join(DIRECTORY, `${name}-${device}.${daemon}`);
      writeFileSync(
        file,
        joinBlocks(render(configurationOf(routing, device, new Map([["fabric", "s3cret!"]])))),
      );
      return `${device}: ${complaints(daemon, file)}`;
    });
    expect(said).toEqual(routing.devices.map(({ name: device }) => `${device}: `));
  });

  test("and refuses what is none", () => {
    const file = join(DIRECTORY, `bad.${daemon}`);
    writeFileSync(file, "router bgp nonsense {\n");
    expect(complaints(daemon, file)).not.toBe("");
  });
});
