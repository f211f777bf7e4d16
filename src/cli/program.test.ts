import { describe, expect, test } from "vitest";
import type { Command, Noun } from "./command.ts";
import { NOUNS } from "./nouns.ts";
import { optionsOf, parseCommandLine } from "./program.ts";

const NOUN_LIST: readonly Noun[] = await Promise.all(NOUNS.map((entry) => entry.load()));

const COMMANDS: [string, Noun, Command][] = NOUN_LIST.flatMap((noun) =>
  noun.commands.map((command): [string, Noun, Command] => [
    `${noun.name} ${command.verb}`.trim(),
    noun,
    command,
  ]),
);

describe("declarations", () => {
  test.each(NOUNS.map((entry, index) => [entry.name, entry, NOUN_LIST[index] as Noun] as const))(
    "%s is listed under its own name and summary",
    (_, entry, noun) => {
      expect({ name: noun.name, summary: noun.summary }).toEqual({
        name: entry.name,
        summary: entry.summary,
      });
    },
  );
  test.each(COMMANDS)("%s names no option twice", (_, noun, command) => {
    const options = optionsOf(noun, command);
    const names = options.flatMap(({ name, short }) => (short === undefined ? [name] : [name, short]));
    expect(names).toEqual([...new Set(names)]);
  });
  test.each(COMMANDS)("%s has many words only in its last argument", (_, __, command) => {
    const many = (command.arguments ?? []).slice(0, -1).filter((argument) => argument.many);
    expect(many).toEqual([]);
  });
});

describe("help", () => {
  test.each(COMMANDS)("%s --help shows its examples", async (path, _, command) => {
    expect(command.examples.length).toBeGreaterThan(0);
    const invocation = await parseCommandLine(NOUNS, [...path.split(" "), "--help"]);
    if (invocation.type !== "print") throw new Error("no help");
    for (const example of command.examples) expect(invocation.text).toContain(`\n  ${example}`);
  });
  const EXAMPLES = COMMANDS.flatMap(([path, , command]) =>
    command.examples.map((example): [string, string, Command] => [example, path, command]),
  );
  test.each(EXAMPLES)("%s", async (example, path, command) => {
    const words = example.split(" ");
    expect(words.shift()).toBe("romana");
    const invocation = await parseCommandLine(NOUNS, words);
    if (invocation.type !== "run") throw new Error(`not a command: ${path}`);
    expect(invocation.command).toBe(command);
  });
});

describe("parseCommandLine()", () => {
  test("without words prints the help with every noun", async () => {
    const invocation = await parseCommandLine(NOUNS, []);
    if (invocation.type !== "print") throw new Error("no help");
    for (const { name, summary } of NOUNS) {
      expect(invocation.text).toContain(`  ${name}`);
      expect(invocation.text.replace(/\s+/g, " ")).toContain(summary);
    }
  });
  test("with a noun alone prints its verbs", async () => {
    const invocation = await parseCommandLine(NOUNS, ["host"]);
    expect(invocation.type === "print" && invocation.text).toContain("delete|rm");
  });
  test("takes options that stand before the noun", async () => {
    const invocation = await parseCommandLine(NOUNS, ["--server", "unix:///s", "-o", "json", "host", "list"]);
    if (invocation.type !== "run") throw new Error("not a command");
    expect([invocation.output, invocation.input.text("server")]).toEqual(["json", "unix:///s"]);
  });
  test("reads repeated options, numbers, flags and aliases", async () => {
    const words = "host create h --id 3 --underlay 192.0.2.1 --underlay 2001:db8::1 -o json".split(" ");
    const invocation = await parseCommandLine(NOUNS, words);
    if (invocation.type !== "run") throw new Error("not a command");
    expect(invocation.input.maybeArgument("name")).toBe("h");
    expect(invocation.input.integer("id")).toBe(3);
    expect(invocation.input.list("underlay")).toEqual(["192.0.2.1", "2001:db8::1"]);
    expect(invocation.output).toBe("json");
    const removal = await parseCommandLine(NOUNS, ["host", "rm", "a", "b", "--dry-run"]);
    if (removal.type !== "run") throw new Error("not a command");
    expect(removal.input.argumentList("host")).toEqual(["a", "b"]);
    expect([removal.input.flag("dry-run"), removal.input.flag("cascade")]).toEqual([true, false]);
  });
  test("an option that takes something away does not hide the one that gives it", async () => {
    const invocation = await parseCommandLine(NOUNS, ["tenant", "update", "a", "--no-quota", "--quota", "3"]);
    if (invocation.type !== "run") throw new Error("not a command");
    expect([invocation.input.flag("no-quota"), invocation.input.integer("quota")]).toEqual([true, 3]);
  });
  test("leaves the words of a passed-through command alone", async () => {
    for (const words of [
      ["lab", "exec", "web-1", "--", "ip", "-o", "link"],
      ["lab", "exec", "web-1", "ip", "-o", "link"],
    ]) {
      const invocation = await parseCommandLine(NOUNS, words);
      if (invocation.type !== "run") throw new Error("not a command");
      expect(invocation.input.argumentList("command")).toEqual(["ip", "-o", "link"]);
      expect(invocation.output).toBe("table");
    }
  });
  test.each<[string, string]>([
    ["hots", `Cannot run "romana hots": unknown command 'hots' (Did you mean host?); see "romana --help"`],
    [
      "host lsit",
      `Cannot run "romana host lsit": unknown command 'lsit' (Did you mean list?); see "romana host --help"`,
    ],
    [
      "host list --colour",
      `Cannot run "romana host list --colour": unknown option '--colour'; see "romana host list --help"`,
    ],
    [
      "host show",
      `Cannot run "romana host show": missing required argument 'NAME'; see "romana host show --help"`,
    ],
    [
      "host create h --id",
      `Cannot run "romana host create h --id": option '--id <NUMBER>' argument missing; see "romana host create --help"`,
    ],
    ["host create h --id 0x1", `Cannot run "romana host create": --id: "0x1" is not a whole number`],
    [
      "host list -o xml",
      `Cannot run "romana host list": --output: "xml" is not one of table, wide, json, yaml`,
    ],
    ["completion csh", `Cannot run "romana completion": SHELL: "csh" is not one of bash, zsh, fish`],
  ])("refuses %j", async (line, message) => {
    await expect(parseCommandLine(NOUNS, line.split(" "))).rejects.toThrow(
      expect.objectContaining({ code: "invalid-input", message }),
    );
  });
});
