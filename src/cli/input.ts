import { type Fault, invalidInput, type RomanaError } from "../model/index.ts";
import type { Argument, Command, Input, Option } from "./command.ts";

/** Words as the parser of the command line found them: by name, texts or lists of texts, `true` for a flag. */
export interface RawInput {
  readonly arguments: ReadonlyMap<string, string | readonly string[] | undefined>;
  readonly options: ReadonlyMap<string, string | readonly string[] | boolean | undefined>;
}

/**
 * The input of a command from raw words.
 * @throws RomanaError `invalid-input` for a value that is not among the choices or not a whole number.
 */
export function createInput(command: Command, path: string, raw: RawInput): Input {
  const faults = [
    ...(command.arguments ?? []).flatMap((argument) =>
      faultsOf(argument.name.toUpperCase(), argument, raw.arguments.get(argument.name)),
    ),
    ...(command.options ?? []).flatMap((option) =>
      faultsOf(`--${option.name}`, option, raw.options.get(option.name)),
    ),
  ];
  if (faults.length > 0) throw invalidInput(`run "${path}"`, faults);
  const option = (name: string): string | readonly string[] | boolean | undefined =>
    raw.options.get(declared(command.options, name, path).name);
  const argument = (name: string): string | readonly string[] | undefined =>
    raw.arguments.get(declared(command.arguments, name, path).name);
  return {
    argument: (name) => argument(name) as string,
    maybeArgument: (name) => argument(name) as string | undefined,
    argumentList: (name) => (argument(name) ?? []) as readonly string[],
    text: (name) => option(name) as string | undefined,
    integer: (name) => {
      const text = option(name) as string | undefined;
      return text === undefined ? undefined : Number(text);
    },
    flag: (name) => option(name) === true,
    list: (name) => (option(name) ?? []) as readonly string[],
  };
}

/** What an argument or option says about the values that it takes. */
type Kind = Pick<Option, "kind" | "choices">;

function faultsOf(
  path: string,
  kind: Kind,
  value: string | readonly string[] | boolean | undefined,
): Fault[] {
  if (value === undefined || typeof value === "boolean") return [];
  const values = typeof value === "string" ? [value] : value;
  return values.flatMap((text) => {
    const reason = reasonAgainst(kind, text);
    return reason === undefined ? [] : [{ path, reason }];
  });
}

function reasonAgainst({ kind, choices }: Kind, text: string): string | undefined {
  if (kind === "integer" && !/^(0|[1-9][0-9]{0,9})$/.test(text)) return `"${text}" is not a whole number`;
  if (choices !== undefined && !choices.includes(text))
    return `"${text}" is not one of ${choices.join(", ")}`;
  return undefined;
}

/** Reading what was never declared is a mistake of ours, not of the user. */
function declared<T extends Argument | Option>(
  list: readonly T[] | undefined,
  name: string,
  path: string,
): T {
  const found = list?.find((entry) => entry.name === name);
  if (found === undefined) throw new TypeError(`"${path}" declares no "${name}"`);
  return found;
}

/** The error for a value that only the command itself can judge; `name` is the option or argument. */
export function wrongInput(name: string, reason: string): RomanaError {
  return invalidInput("read the command line", [{ path: name, reason }]);
}
