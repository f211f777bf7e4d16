import type { Input } from "./command.ts";
import { readDocuments } from "./documents.ts";
import { wrongInput } from "./input.ts";

/** What shall be created: bodies for the API, and whether they came from the options of one object. */
export interface Bodies<B> {
  readonly bodies: readonly B[];
  readonly single: boolean;
}

/**
 * The bodies of a `create`: the documents of `--file`, which the server checks, or the one that `build` makes
 * of the options. `buildUnnamed` is for objects that need no name.
 * @throws RomanaError `invalid-input` when a name and a file are given, or neither.
 */
export function bodiesOf<B>(
  input: Input,
  argument: string,
  build: (name: string) => B,
  buildUnnamed?: () => B,
): Bodies<B> {
  const file = input.text("file");
  const name = input.maybeArgument(argument);
  if (file !== undefined) {
    if (name === undefined) return { bodies: readDocuments(file) as readonly B[], single: false };
    throw wrongInput(argument, `"${name}" and --file cannot both say what to create`);
  }
  if (name !== undefined) return { bodies: [build(name)], single: true };
  if (buildUnnamed !== undefined) return { bodies: [buildUnnamed()], single: true };
  throw wrongInput(argument, "is missing; give one, or a file with -f");
}
