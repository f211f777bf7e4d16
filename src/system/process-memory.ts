import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import koffi from "koffi";

/** Parameters of mallopt(3) and their values: freed memory goes back to the system at once. */
const MALLOPT = [
  { parameter: -1 /* M_TRIM_THRESHOLD */, value: 128 * 1024 },
  { parameter: -3 /* M_MMAP_THRESHOLD */, value: 128 * 1024 },
  { parameter: -8 /* M_ARENA_MAX */, value: 1 },
] as const;

const MADV_DONTNEED = 4;

const libc = koffi.load("libc.so.6");
const mallopt: (parameter: number, value: number) => number = libc.func(
  "int mallopt(int parameter, int value)",
);
const mallocTrim: (pad: number) => number = libc.func("int malloc_trim(size_t pad)");
const madvise: (address: bigint, length: number, advice: number) => number = libc.func(
  "int madvise(uintptr_t address, size_t length, int advice)",
);

/** Makes this process prefer little memory to speed. Call it early: what is allocated before stays as it is. */
export function preferLittleMemory(): void {
  for (const { parameter, value } of MALLOPT) mallopt(parameter, value);
  // Young objects get 1 MB, which does not grow: a long-lived program that mostly waits has no use for 3 × 16 MB.
  setFlagsFromString("--semi-space-growth-factor=1");
  // In so little, threads that help to collect cost more than they save; and they are slow to come (process-threads.ts).
  setFlagsFromString("--no-parallel-scavenge");
  setFlagsFromString("--optimize-for-size");
}

/**
 * Gives back what the process does not need at the moment: garbage, freed memory, and the program's text that only
 * its start needed, which is in the page cache if it is needed again. Holds the event loop up for some 30 ms.
 */
export function releaseMemory(): void {
  collectGarbage();
  mallocTrim(0);
  for (const { start, end } of programText()) madvise(start, Number(end - start), MADV_DONTNEED);
}

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
  collect();
}

/** Text of the program and its libraries: mapped from files, executable and never written to. */
function programText(): readonly { start: bigint; end: bigint }[] {
  const maps = readFileSync("/proc/self/maps", "utf8");
  return Array.from(maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \S+ +\//gm), ([, start, end]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
  }));
}
