import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Entry {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const LOCK = JSON.parse(readFileSync(join(import.meta.dirname, "../package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, Entry>>;
};

// npm leaves out what the registry at hand does not have, and then "npm ci" refuses the lock file elsewhere.
test("the lock file has every package for other platforms, so that npm ci takes it everywhere", () => {
  const missing = Object.values(LOCK.packages)
    .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
    .filter((name) => !Object.hasOwn(LOCK.packages, `node_modules/${name}`));
  expect(missing).toEqual([]);
});

test("the lock file has the checksum of everything that Linux installs, and names no registry", () => {
  const entries = Object.entries(LOCK.packages).filter(([path]) => path !== "");
  const unchecked = entries.filter(
    ([path, { os, integrity }]) =>
      integrity === undefined &&
      (os ?? ["linux"]).includes("linux") &&
      !/musl|arm-|ppc64|riscv64|s390x/.test(path),
  );
  expect(unchecked.map(([path]) => path)).toEqual([]);
  expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});
