import type { Noun } from "./command.ts";

/** A noun as the top-level help shows it; its commands are loaded when they are needed. */
export interface NounEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Noun>;
}

/** All nouns, in the order of the help. */
export const NOUNS: readonly NounEntry[] = [
  {
    name: "version",
    summary: "Show the version of this program",
    load: async () => (await import("./commands/version.ts")).version,
  },
];
