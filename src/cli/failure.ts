import { type ErrorCode, type Failure, RomanaError } from "../model/index.ts";
import { EXIT, EXIT_OF } from "./exit.ts";

/** What to do about an error, per code; undefined where the message says it all. */
const ADVICE: { readonly [C in ErrorCode]: (failure: Extract<Failure, { code: C }>) => string | undefined } =
  {
    "invalid-input": () => undefined,
    "not-found": ({ noun }) => `see "romana ${noun} list"`,
    conflict: ({ noun, name }) =>
      noun === "lab" ? `"romana lab down ${name}" removes it` : `see "romana ${noun} list" for what is there`,
    "in-use": () => "delete what uses it first, or add --cascade (with --dry-run to see what would go)",
    "revision-mismatch": () => "somebody else changed it meanwhile: look at it again and repeat",
    "pool-exhausted": () =>
      "give the segment another code (romana segment update --add-code), or release endpoints",
    "quota-exceeded": ({ tenant }) => `raise it with "romana tenant update ${tenant} --quota NUMBER"`,
    compacted: () => "start again from a fresh list",
    unauthenticated: () => undefined,
    forbidden: () => undefined,
    unavailable: () => "--help says how to name another place",
    timeout: () => "try again",
    aborted: () => undefined,
    "command-failed": ({ stderr }) => stderr.trim().split("\n").at(-1),
    "kernel-refused": () => undefined,
    unsupported: () => undefined,
    internal: () => "this is a fault of Romana; the log of romanad has more",
  };

/** Nouns that have a command of their own, so that advice never names one that does not exist. */
const LISTED = new Set(["network", "host", "tenant", "segment", "endpoint", "lab"]);

/** An error as the one line that people see on standard error, without the program's name. */
export function renderFailure(error: unknown): string {
  if (!(error instanceof RomanaError)) {
    return `${error instanceof Error ? error.message : String(error)} (this is a fault of Romana)`;
  }
  const advice = adviceFor(error.failure);
  const message = oneLine(error.message);
  return advice === undefined ? message : `${message}; ${advice}`;
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  return error instanceof RomanaError ? EXIT_OF[error.code] : EXIT.host;
}

function adviceFor(failure: Failure): string | undefined {
  if ("noun" in failure && failure.code !== "in-use" && failure.code !== "revision-mismatch") {
    if (!LISTED.has(failure.noun)) return undefined;
  }
  const advise = ADVICE[failure.code] as (failure: Failure) => string | undefined;
  return advise(failure);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}
