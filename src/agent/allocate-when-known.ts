import { hasCode, RomanaError } from "../model/index.ts";
import type { Allocation, Romanad } from "./romanad.ts";
import { pause, type Timers } from "./timers.ts";

/** Milliseconds between two questions for a workload: each is twice the one before, up to the longest. */
const PAUSE = { first: 10, longest: 250 };

/** What {@link allocateWhenKnown} works with. */
export interface WaitOptions {
  readonly romanad: Pick<Romanad, "allocate">;
  readonly timers: Timers;
  /** How long to wait for a workload, in milliseconds. */
  readonly wait: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Allocates. A workload that romanad does not know yet is waited for: the orchestrator may start it before whoever
 * tells romanad of it has heard. @throws what romanad refuses with; its `not-found` when the workload never came.
 */
export async function allocateWhenKnown(
  { romanad, timers, wait, signal }: WaitOptions,
  allocation: Allocation,
): ReturnType<Romanad["allocate"]> {
  const deadline = timers.now() + wait;
  for (let next = PAUSE.first; ; next = Math.min(2 * next, PAUSE.longest)) {
    try {
      return await romanad.allocate(allocation);
    } catch (error) {
      const left = deadline - timers.now();
      if (!isWorkloadMissing(error) || left <= 0 || signal.aborted) throw error;
      await pause(timers, Math.min(next, left), signal);
    }
  }
}

/** What an attach says to a workload that never came: whoever tries again later may find it. */
export function overdue(error: unknown): unknown {
  if (!isWorkloadMissing(error)) return error;
  const reason = `romanad does not know workload "${error.failure.name}" yet; is it told of it?`;
  return new RomanaError(`Cannot attach endpoint: ${reason}`, { code: "unavailable" }, { cause: error });
}

function isWorkloadMissing(
  error: unknown,
): error is RomanaError & { failure: { noun: "workload"; name: string } } {
  return hasCode(error, "not-found") && error.failure.noun === "workload";
}
