import { describe, expect, test } from "vitest";
import { type CommandRunner, runCommand, runCommandSync } from "./command.ts";

const RUNNERS: readonly (readonly [string, string, CommandRunner])[] = [
  ["runCommand", "spawn", runCommand],
  ["runCommandSync", "spawnSync", async (command) => runCommandSync(command)],
];

describe.each(RUNNERS)("%s()", (_, verb, run) => {
  test("hands over input and returns output", async () => {
    expect(await run({ argv: ["cat"], input: "täglich\n" })).toBe("täglich\n");
  });
  test("takes words as they are and asks for English", async () => {
    expect(await run({ argv: ["printf", "%s|", "a b", "$HOME", ";"] })).toBe("a b|$HOME|;|");
    expect(await run({ argv: ["printenv", "LC_ALL"] })).toBe("C\n");
  });
  test.each([
    [
      ["ls", "/not/there"],
      2,
      `Cannot run "ls /not/there": ls: cannot access '/not/there': No such file or directory`,
    ],
    [["false"], 1, 'Cannot run "false": status 1'],
    [["not-a-program"], -1, `Cannot run "not-a-program": ${verb} not-a-program ENOENT`],
  ])("of %j throws what it said", async (argv, status, message) => {
    await expect(run({ argv })).rejects.toMatchObject({
      message,
      failure: { code: "command-failed", argv, status },
    });
  });
  test("does not mind a program that ignores its input", async () => {
    expect(await run({ argv: ["true"], input: "x".repeat(1_000_000) })).toBe("");
  });
  test("ends what takes too long", async () => {
    await expect(run({ argv: ["sleep", "60"], timeout: 50 })).rejects.toMatchObject({
      message: 'Cannot run "sleep 60": no end after 50 ms',
      failure: { code: "timeout" },
    });
  });
  test("refuses a namespace that is not there", async () => {
    await expect(run({ argv: ["true"], namespace: "/run/netns/not-there" })).rejects.toMatchObject({
      failure: { code: "not-found" },
    });
  });
});
