import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";

const SCRIPT = join(import.meta.dirname, "../deploy/image/install-cni.mjs");
const CONFLIST = '{"name": "romana", "plugins": [{"type": "romana-cni"}, {"type": "portmap"}]}';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "romana-cni-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  for (const name of ["bin", "conf"]) mkdirSync(join(directory, name));
  writeFileSync(join(directory, "romana-cni"), "executable");
  writeFileSync(join(directory, "romana.conflist"), CONFLIST);
});

function install(...words: readonly string[]): { status: number | null; said: string } {
  const env = {
    CNI_EXECUTABLE: join(directory, "romana-cni"),
    CNI_CONFIGURATION: join(directory, "romana.conflist"),
    CNI_BIN_DIRECTORY: join(directory, "bin"),
    CNI_CONF_DIRECTORY: join(directory, "conf"),
  };
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, ...words], { env, encoding: "utf8" });
  return { status, said: stdout };
}

function inode(...path: readonly string[]): number {
  return statSync(join(directory, ...path)).ino;
}

test("installs both files, executable and readable, and nothing else", () => {
  writeFileSync(join(directory, "bin/portmap"), "");
  expect(install()).toMatchObject({ status: 0 });
  expect(readdirSync(join(directory, "bin")).sort()).toEqual(["portmap", "romana-cni"]);
  expect(readdirSync(join(directory, "conf"))).toEqual(["10-romana.conflist"]);
  expect(statSync(join(directory, "bin/romana-cni")).mode & 0o777).toBe(0o755);
  expect(readFileSync(join(directory, "conf/10-romana.conflist"), "utf8")).toBe(CONFLIST);
});

test("a second time leaves the files, and news replace them at once", () => {
  writeFileSync(join(directory, "bin/portmap"), "");
  install();
  const before = [inode("bin/romana-cni"), inode("conf/10-romana.conflist")];
  expect(install().said).toContain("romana-cni is there");
  expect([inode("bin/romana-cni"), inode("conf/10-romana.conflist")]).toEqual(before);
  writeFileSync(join(directory, "romana-cni"), "newer");
  install();
  expect(readFileSync(join(directory, "bin/romana-cni"), "utf8")).toBe("newer");
  expect(inode("bin/romana-cni")).not.toBe(before[0]);
});

test("what is left of an installation that was killed does no harm", () => {
  writeFileSync(join(directory, "bin/portmap"), "");
  writeFileSync(join(directory, "bin/.romana-cni.new"), "half");
  expect(install()).toMatchObject({ status: 0 });
  expect(readdirSync(join(directory, "bin")).sort()).toEqual(["portmap", "romana-cni"]);
});

test("a plugin of the chain that is not there is said, and the node stays without a configuration", () => {
  const { status, said } = install();
  expect(status).toBe(1);
  expect(said).toContain("Cannot install 10-romana.conflist: there is no portmap in");
  expect(existsSync(join(directory, "conf/10-romana.conflist"))).toBe(false);
});

test("--remove takes both away, and may be repeated", () => {
  writeFileSync(join(directory, "bin/portmap"), "");
  install();
  expect(install("--remove")).toMatchObject({ status: 0 });
  expect(install("--remove")).toMatchObject({ status: 0 });
  expect(readdirSync(join(directory, "bin"))).toEqual(["portmap"]);
  expect(readdirSync(join(directory, "conf"))).toEqual([]);
});
