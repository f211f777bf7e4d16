import { describe, expect, test } from "vitest";
import { invalidInput, notFound, RomanaError } from "../model/index.ts";
import { exitCodeOf, renderFailure } from "./failure.ts";

describe("renderFailure() is one line that names the object and says what to do", () => {
  test.each<[string, unknown, string, number]>([
    ["an unknown host", notFound("host", "h9"), 'Cannot find host "h9"; see "romana host list"', 3],
    [
      "something that has no command of its own",
      notFound("group", "zone-a"),
      'Cannot find group "zone-a"',
      3,
    ],
    [
      "bad input",
      invalidInput("create tenant", [{ path: "id", reason: "is missing" }]),
      "Cannot create tenant: id: is missing",
      2,
    ],
    [
      "an object in use",
      new RomanaError('Cannot delete tenant "a": 2 segments', {
        code: "in-use",
        noun: "tenant",
        name: "a",
        usedBy: ["x", "y"],
      }),
      'Cannot delete tenant "a": 2 segments; delete what uses it first, or add --cascade (with --dry-run to see what would go)',
      4,
    ],
    [
      "a full segment",
      new RomanaError("Cannot allocate endpoint: full", {
        code: "pool-exhausted",
        pool: "web",
        capacity: 15,
        used: 15,
        coolingDown: 0,
      }),
      "Cannot allocate endpoint: full; give the segment another code (romana segment update --add-code), or release endpoints",
      5,
    ],
    [
      "an error of several lines",
      new RomanaError("Cannot run nft:\n  syntax error\n", {
        code: "command-failed",
        argv: ["nft"],
        status: 1,
        stderr: "first\nlast\n",
      }),
      "Cannot run nft: syntax error; last",
      70,
    ],
    ["a mistake of ours", new TypeError("x is undefined"), "x is undefined (this is a fault of Romana)", 70],
    ["something thrown that is no error", undefined, "undefined (this is a fault of Romana)", 70],
  ])("%s", (_, error, line, exitCode) => {
    expect(renderFailure(error)).toBe(line);
    expect(exitCodeOf(error)).toBe(exitCode);
  });
});
