import { RomanaError } from "../model/index.ts";

/** Something that is not as it should be. */
export interface Finding {
  /** What was seen, with the names of those it is about. */
  readonly reason: string;
  /** What to do. */
  readonly advice: string;
}

/** What came of a step. */
export interface StepResult {
  readonly name: string;
  readonly result: "ok" | "failed" | "skipped";
  /** What was looked at, or why nothing was. */
  readonly detail: string;
  readonly findings: readonly Finding[];
  /** Milliseconds that it took. */
  readonly elapsed: number;
}

/** What a step says in the end. */
export type Said =
  | { readonly detail: string; readonly findings?: readonly Finding[] }
  | { readonly skipped: string };

/** Runs a step. An error is a finding, too: other steps may still tell something. An interrupt is not. */
export async function runStep(
  name: string,
  signal: AbortSignal,
  now: () => number,
  work: () => Promise<Said>,
): Promise<StepResult> {
  const begun = now();
  const said = await work().catch((error: unknown): Said => {
    if (signal.aborted) throw interrupted();
    const reason = error instanceof Error ? error.message : String(error);
    return { detail: "it could not be done", findings: [{ reason, advice: "see the reason" }] };
  });
  const elapsed = Math.round(now() - begun);
  if ("skipped" in said) return { name, result: "skipped", detail: said.skipped, findings: [], elapsed };
  const { detail, findings = [] } = said;
  return { name, result: findings.length === 0 ? "ok" : "failed", detail, findings, elapsed };
}

/** What an interrupted check ends with. */
export function interrupted(): RomanaError {
  return new RomanaError("Cannot check cluster: interrupted", { code: "aborted" });
}
