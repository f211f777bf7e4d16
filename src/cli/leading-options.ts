import { CONNECTION_OPTIONS } from "./connection.ts";
import type { Option } from "./command.ts";

/**
 * The words with the options that stand before the noun moved behind the verb, where the commands declare
 * them: `--server URL host list` is `host list --server URL`. Only options that take a value may stand there.
 */
export function behindVerb(words: readonly string[], output: Option): readonly string[] {
  const movable = [...Object.values(CONNECTION_OPTIONS), output];
  const names = new Set(movable.flatMap(({ name, short }) => [`--${name}`, `-${short}`]));
  let start = 0;
  for (let word = words[0]; word?.startsWith("-"); word = words[start]) {
    if (names.has(word)) start += 2;
    else if (names.has(word.split("=", 1)[0] as string) && word.includes("=")) start += 1;
    else return words;
  }
  if (start === 0 || start >= words.length) return words;
  const end = words[start + 1]?.startsWith("-") === false ? start + 2 : start + 1;
  return [...words.slice(start, end), ...words.slice(0, start), ...words.slice(end)];
}
