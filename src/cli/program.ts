import { Command as Commander, CommanderError, Option as CommanderOption } from "commander";
import { invalidInput } from "../model/index.ts";
import { type Argument, type Command, type Input, type Noun, type Option, PROGRAM } from "./command.ts";
import { OUTPUT_FORMATS, type OutputFormat } from "./format.ts";
import { CONNECTION_OPTIONS } from "./connection.ts";
import { createInput, type RawInput } from "./input.ts";
import { behindVerb } from "./leading-options.ts";
import type { NounEntry } from "./nouns.ts";

/** What a command line asks for: a command to run, or text to print (help, usage). */
export type Invocation =
  | {
      readonly type: "run";
      readonly command: Command;
      readonly input: Input;
      readonly output: OutputFormat;
    }
  | { readonly type: "print"; readonly text: string };

const OUTPUT: Option = {
  name: "output",
  short: "o",
  value: "FORMAT",
  summary: `How to print: ${OUTPUT_FORMATS.join(", ")}`,
  choices: OUTPUT_FORMATS,
};

/** Options that a command has: its own, then where its program is, then those of every command. */
export function optionsOf(noun: Noun, command: Command): readonly Option[] {
  const connection = noun.connection === undefined ? [] : [CONNECTION_OPTIONS[noun.connection]];
  return [...(command.options ?? []), ...connection, OUTPUT];
}

/**
 * Reads a command line (without the program's own name). Loads only the noun that it names.
 * @throws RomanaError `invalid-input` with the command whose `--help` says more.
 */
export async function parseCommandLine(
  entries: readonly NounEntry[],
  typed: readonly string[],
): Promise<Invocation> {
  const words = behindVerb(typed, OUTPUT);
  let printed = "";
  let invocation: Invocation | undefined;
  const program = newCommander(PROGRAM, (text) => {
    printed += text;
  }).description("Networks whose addresses say who they are: host, tenant, segment and endpoint");
  let noun: Commander | undefined;
  for (const entry of entries) {
    const child = attach(program, entry.name, entry.summary);
    if (words[0] !== entry.name && !(words[0] === "help" && words[1] === entry.name)) continue;
    noun = child;
    addCommands(child, await entry.load(), (run) => {
      invocation = run;
    });
  }
  try {
    if (words.length === 0) program.outputHelp();
    else if (noun !== undefined && words.length === 1 && noun.commands.length > 0) noun.outputHelp();
    else await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(program, words, error);
  }
  return invocation ?? { type: "print", text: printed.trimEnd() };
}

function newCommander(name: string, write: (text: string) => void): Commander {
  return new Commander(name)
    .enablePositionalOptions()
    .exitOverride()
    .helpOption("-h, --help", "Show this help")
    .helpCommand("help [COMMAND]", "Show the help of a command")
    .configureOutput({ writeOut: write, writeErr: () => {}, getOutHasColors: () => false });
}

/** A child that inherits output and error handling of its parent. */
function attach(parent: Commander, name: string, summary: string): Commander {
  return parent
    .command(name)
    .copyInheritedSettings(parent)
    .enablePositionalOptions()
    .description(summary)
    .helpCommand(false);
}

function addCommands(
  parent: Commander,
  noun: Noun,
  found: (invocation: Invocation & { type: "run" }) => void,
): void {
  for (const command of noun.commands) {
    const path = command.verb === "" ? `${PROGRAM} ${noun.name}` : `${PROGRAM} ${noun.name} ${command.verb}`;
    const leaf = command.verb === "" ? parent : attach(parent, command.verb, command.summary);
    if (command.aliases !== undefined) leaf.aliases([...command.aliases]);
    if (command.passThrough === true) leaf.passThroughOptions();
    for (const argument of command.arguments ?? []) leaf.argument(syntaxOf(argument), argument.summary);
    const options = optionsOf(noun, command);
    for (const option of options) leaf.addOption(optionFor(option));
    leaf.addHelpText("after", `\nExamples:\n${command.examples.map((line) => `  ${line}`).join("\n")}`);
    leaf.action(() => {
      const raw = rawInput(command, leaf);
      const output = (raw.options.get(OUTPUT.name) ?? "table") as OutputFormat;
      const declared = { ...command, options };
      found({ type: "run", command, input: createInput(declared, path, raw), output });
    });
  }
}

function syntaxOf({ name, optional, many }: Argument): string {
  const inner = `${name.toUpperCase()}${many === true ? "..." : ""}`;
  return optional === true ? `[${inner}]` : `<${inner}>`;
}

function optionFor({ name, short, value, summary, many, required, choices }: Option): CommanderOption {
  const flags = `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`;
  const listed =
    choices === undefined || summary.includes(choices.join(", ")) ? "" : ` (${choices.join(", ")})`;
  const option = new CommanderOption(flags, `${summary}${listed}${many === true ? " (repeatable)" : ""}`);
  // For us "--no-x" is an option of its own and not the absence of "--x".
  option.negate = false;
  option.makeOptionMandatory(required === true);
  if (many === true) {
    option.argParser<readonly string[]>((text, before) => [...((before as readonly string[]) ?? []), text]);
  }
  return option;
}

function rawInput(command: Command, leaf: Commander): RawInput {
  const values = leaf.opts<Record<string, string | readonly string[] | boolean | undefined>>();
  const attributes = leaf.options.map((option) => [option.long?.slice(2), option.attributeName()] as const);
  return {
    arguments: new Map(
      (command.arguments ?? []).map((argument, index) => [
        argument.name,
        withoutSeparator(command, leaf.processedArgs[index]),
      ]),
    ),
    options: new Map(attributes.map(([name, attribute]) => [name ?? "", values[attribute]])),
  };
}

/** Behind the first argument of a passed-through command, commander leaves a "--" that only separates. */
function withoutSeparator<T>({ passThrough }: Command, words: T | string[]): T | string[] {
  return passThrough === true && Array.isArray(words) && words[0] === "--" ? words.slice(1) : words;
}

function usageError(program: Commander, words: readonly string[], error: CommanderError): Error {
  const noun = program.commands.find((child) => child.name() === words[0]);
  const verb = noun?.commands.find(
    (child) => child.name() === words[1] || child.aliases().includes(words[1] ?? ""),
  );
  const path = [program, noun, verb].flatMap((command) => (command === undefined ? [] : [command.name()]));
  const reason = error.message
    .replace(/^error: /, "")
    .replace(/\n/g, " ")
    .replace(/\.$/, "");
  return invalidInput(`run "${[PROGRAM, ...words].join(" ")}"`, [
    { path: "", reason: `${reason}; see "${path.join(" ")} --help"` },
  ]);
}
