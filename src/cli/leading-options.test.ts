import { expect, test } from "vitest";
import { behindVerb } from "./leading-options.ts";

const OUTPUT = { name: "output", short: "o", value: "FORMAT", summary: "How to print" };

test.each([
  ["host list", "host list"],
  ["--server URL host list", "host list --server URL"],
  ["--server=URL host show h1", "host show --server=URL h1"],
  ["-o json --server URL host show h1 -o yaml", "host show -o json --server URL h1 -o yaml"],
  ["--socket PATH agent status", "agent status --socket PATH"],
  ["-o json version", "version -o json"],
  ["-o json plan --help", "plan -o json --help"],
  ["--server URL lab exec web-1 -- ls -l", "lab exec --server URL web-1 -- ls -l"],
  ["--dry-run host list", "--dry-run host list"],
  ["--help", "--help"],
  ["--server URL", "--server URL"],
])("behindVerb() makes of %j %j", (before, after) => {
  expect(behindVerb(before.split(" "), OUTPUT).join(" ")).toBe(after);
});
