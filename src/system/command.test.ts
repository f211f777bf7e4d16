import { expect, test } from "vitest";
import { runCommand } from "./command.ts";

test("runCommand() hands over input and returns output", async () => {
  expect(await runCommand({ argv: ["cat"], input: "täglich\n" })).toBe("täglich\n");
});
test("runCommand() takes words as they are and asks for English", async () => {
  expect(await runCommand({ argv: ["printf", "%s|", "a b", "$HOME", ";"] })).toBe("a b|$HOME|;|");
  expect(await runCommand({ argv: ["printenv", "LC_ALL"] })).toBe("C\n");
});
test.each([
  [
    ["ls", "/not/there"],
    2,
    `Cannot run "ls /not/there": ls: cannot access '/not/there': No such file or directory`,
  ],
  [["false"], 1, 'Cannot run "false": status 1'],
  [["not-a-program"], -1, 'Cannot run "not-a-program": spawn not-a-program ENOENT'],
])("runCommand() of %j throws what it said", async (argv, status, message) => {
  await expect(runCommand({ argv })).rejects.toMatchObject({
    message,
    failure: { code: "command-failed", argv, status },
  });
});
test("runCommand() does not mind a program that ignores its input", async () => {
  expect(await runCommand({ argv: ["true"], input: "x".repeat(1_000_000) })).toBe("");
});
test("runCommand() ends what takes too long", async () => {
  await expect(runCommand({ argv: ["sleep", "60"], timeout: 50 })).rejects.toMatchObject({
    message: 'Cannot run "sleep 60": no end after 50 ms',
    failure: { code: "timeout" },
  });
});
test("runCommand() refuses a namespace that is not there", async () => {
  await expect(runCommand({ argv: ["true"], namespace: "/run/netns/not-there" })).rejects.toMatchObject({
    failure: { code: "not-found" },
  });
});
