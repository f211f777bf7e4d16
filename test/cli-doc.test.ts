import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT_OF } from "../src/cli/exit.ts";
import { NOUNS } from "../src/cli/nouns.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../docs/cli.md"), "utf8");

/** Rows of the page's tables whose first cell matches, cell by cell. */
function rows(first: RegExp): string[][] {
  return PAGE.split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([cell]) => first.test(cell ?? ""));
}

/** The words in backticks before anything in parentheses. */
function words(cell: string | undefined): string[] {
  return [...(cell ?? "").replace(/\([^)]*\)/g, "").matchAll(/`([^`]+)`/g)].map(
    (match) => match[1] as string,
  );
}

test("docs/cli.md lists every noun with its verbs", async () => {
  const written = rows(/^`[a-z]+`$/).map(([noun, verbs]) => [words(noun)[0], words(verbs)]);
  const programmed = await Promise.all(
    NOUNS.map(async (entry) => {
      const verbs = (await entry.load()).commands.map(({ verb }) => verb).filter((verb) => verb !== "");
      return [entry.name, entry.name === "completion" ? ["bash", "zsh", "fish"] : verbs];
    }),
  );
  const sorted = (list: unknown[][]): unknown[][] =>
    list.map(([noun, verbs]) => [noun, [...(verbs as string[])].sort()]);
  expect(sorted(written)).toEqual(sorted(programmed));
});

test("docs/cli.md has every error code beside its exit code", () => {
  const written = rows(/^[0-9]+$/).flatMap(([code, , errors]) =>
    words(errors)
      .filter((word) => Object.hasOwn(EXIT_OF, word))
      .map((word): [string, number] => [word, Number(code)]),
  );
  expect(Object.fromEntries(written)).toEqual(EXIT_OF);
});
