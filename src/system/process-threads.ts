import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";

const THREADS = "/proc/self/task";
/** What V8 calls the threads that compile and collect garbage beside the program. */
const BACKGROUND = "V8Worker";
/** Nice value: about a tenth of the time of a thread that does not give way. */
const NICE = 10;

/**
 * Lets the runtime's own background work give way to the program where processors are scarce: what somebody waits for
 * goes before what makes later work faster.
 */
export function letBackgroundThreadsGiveWay(): void {
  for (const thread of readdirSync(THREADS)) {
    try {
      const name = readFileSync(join(THREADS, thread, "comm"), "utf8").trim();
      if (name === BACKGROUND) setPriority(Number(thread), NICE);
    } catch {
      // The thread has ended meanwhile. Nothing depends on this.
    }
  }
}
