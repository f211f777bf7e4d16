import { RootCommand } from "@bomb.sh/tab";
import type { Command, Completer, Context, Noun } from "./command.ts";
import { openConnections } from "./connection.ts";
import { findNames } from "./names.ts";
import type { NounEntry } from "./nouns.ts";
import { optionsOf } from "./program.ts";

/** Longest wait for names, in milliseconds: whoever presses TAB would rather have none. */
const NAMES_TIMEOUT = 1000;

/** Hands over one candidate. */
type Add = (value: string, description: string) => void;

/** Names by kind. */
type Names = ReadonlyMap<Completer, readonly string[]>;

/**
 * Answers what the shell may add to a command line: prints one candidate per line, in the protocol of the
 * scripts of `romana completion`. `words` are those after the program's name; the last one is unfinished.
 */
export async function complete(
  entries: readonly NounEntry[],
  words: readonly string[],
  env: Context["env"],
): Promise<void> {
  const root = new RootCommand();
  for (const { name, summary } of entries) root.command(name, summary);
  const entry = words.length > 1 ? entries.find(({ name }) => name === words[0]) : undefined;
  const noun = await entry?.load();
  for (const command of noun?.commands ?? []) {
    const typed = [command.verb, ...(command.aliases ?? [])].find((verb) => verb === words[1]);
    const isWanted = command.verb === "" || typed !== undefined;
    const names = isWanted ? await namesFor(noun as Noun, command, words, env) : new Map();
    addCommand(root, noun as Noun, command, typed ?? command.verb, names);
  }
  root.parse([...words]);
}

function addCommand(root: RootCommand, noun: Noun, command: Command, verb: string, names: Names): void {
  const target = root.command(verb === "" ? noun.name : `${noun.name} ${verb}`, command.summary);
  const offer =
    (kind: Completer | undefined, choices: readonly string[] = []) =>
    (add: Add): void => {
      for (const value of [...choices, ...((kind && names.get(kind)) ?? [])]) add(value, "");
    };
  for (const argument of command.arguments ?? []) {
    target.argument(argument.name, offer(argument.complete, argument.choices), argument.many === true);
  }
  for (const option of optionsOf(noun, command)) {
    if (option.value === undefined) target.option(option.name, option.summary);
    else target.option(option.name, option.summary, offer(option.complete, option.choices), option.short);
  }
}

/** Every name that the command may take, from romanad or this machine; none when that fails or takes long. */
async function namesFor(
  noun: Noun,
  command: Command,
  words: readonly string[],
  env: Context["env"],
): Promise<Names> {
  const declared = [...(command.arguments ?? []), ...optionsOf(noun, command)];
  const kinds = new Set(declared.flatMap(({ complete: kind }) => kind ?? []));
  const connections = openConnections({ text: (option) => typedValue(words, option) }, env);
  const found = new Map<Completer, readonly string[]>();
  const searches = [...kinds].map(async (kind) => {
    found.set(kind, await findNames(kind, words.at(-1) ?? "", () => connections.client()));
  });
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, NAMES_TIMEOUT);
  });
  await Promise.race([Promise.allSettled(searches), timeout]);
  clearTimeout(timer);
  await connections.close();
  return found;
}

/** The value of an option among words that are not complete yet. */
function typedValue(words: readonly string[], option: string): string | undefined {
  const index = words.findIndex((word) => word === `--${option}` || word.startsWith(`--${option}=`));
  const word = words[index];
  return word?.includes("=") ? word.slice(word.indexOf("=") + 1) : words[index + 1];
}
