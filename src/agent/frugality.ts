import { releaseMemory } from "../system/process-memory.ts";

/** How often memory is looked at, in milliseconds, and after what growth, in bytes, it is given back. */
const LOOK_INTERVAL = 3_000;
const GROWTH = 5_000_000;

/**
 * From now on, gives memory back when the agent has come to rest after it has grown, as long as there is something to
 * give. Does not keep the process alive.
 */
export function keepMemorySmall(agent: { readonly isBusy: boolean }): void {
  let floor = 0;
  const look = (): void => {
    const before = process.memoryUsage.rss();
    if (agent.isBusy || before < floor + GROWTH) return;
    releaseMemory();
    const after = process.memoryUsage.rss();
    // Much was given back: what was in use just now may be more.
    floor = before - after > GROWTH ? 0 : after;
  };
  setInterval(look, LOOK_INTERVAL).unref();
}
