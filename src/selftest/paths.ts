import type { Finding } from "./step.ts";

/** What a probe saw: the name of who answered, or the error that came instead. */
export interface ProbeAnswer {
  /** `ADDRESS:PORT`. */
  readonly target: string;
  readonly answer?: string;
  readonly error?: string;
}

/** One way that packets should, or should not, get through. */
export interface Path {
  /** Pod that connects. */
  readonly from: string;
  /** Who should answer; of several any. */
  readonly to: readonly string[];
  /** `ADDRESS:PORT`. */
  readonly target: string;
  readonly isOpen: boolean;
}

/** Paths that are shown of those that are wrong. */
const SHOWN = 5;

/** What is wrong about paths, in one finding. A path that should be closed must stay silent or be refused by somebody on the way. */
export function pathFindings(
  paths: readonly Path[],
  answers: ReadonlyMap<string, readonly ProbeAnswer[]>,
  advice: string,
): readonly Finding[] {
  const faults = paths.flatMap((path) => {
    const fault = pathFault(path, answers.get(path.from) ?? []);
    return fault === undefined ? [] : [`${path.from} → ${path.to.join(" or ")} (${path.target}): ${fault}`];
  });
  if (faults.length === 0) return [];
  const more = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : [];
  const reason = `${faults.length} of ${paths.length} paths: ${[...faults.slice(0, SHOWN), ...more].join("; ")}`;
  return [{ reason, advice }];
}

function pathFault({ to, target, isOpen }: Path, answers: readonly ProbeAnswer[]): string | undefined {
  const seen = answers.find((answer) => answer.target === target);
  if (seen === undefined) return "it was not tried";
  if (!isOpen) return seen.answer === undefined ? undefined : "is open, but should be closed";
  if (seen.answer === undefined) return `no answer (${seen.error ?? "unknown"})`;
  return to.includes(seen.answer) ? undefined : `${seen.answer} has answered`;
}

/** `ADDRESS:PORT`, with brackets around IPv6. */
export function targetOf(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
