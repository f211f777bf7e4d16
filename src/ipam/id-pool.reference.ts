import type { IdRange } from "../addressing/index.ts";
import type { Standing } from "./id-pool.ts";

/** The slow, obvious twin of IdPool: plain sets and a walk from the first ID on. */
export class ReferencePool {
  readonly taken = new Set<number>();
  readonly held = new Set<number>();
  readonly rests = new Map<number, number>();
  readonly reserved: readonly number[];

  constructor(reserved: readonly number[]) {
    this.reserved = reserved;
  }

  standing(id: number, now: number): Standing {
    if (this.taken.has(id)) return "taken";
    if (this.reserved.includes(id)) return "reserved";
    if (this.held.has(id)) return "held";
    return (this.rests.get(id) ?? now) > now ? "resting" : "free";
  }

  lowestFree({ first, last }: IdRange, now: number): number | undefined {
    for (let id = first; id <= last; id++) if (this.standing(id, now) === "free") return id;
    return undefined;
  }

  lowestBusy({ first, last }: IdRange, now: number): number | undefined {
    for (let id = first; id <= last; id++) if (this.standing(id, now) !== "free") return id;
    return undefined;
  }

  resting(now: number): number {
    return [...this.rests.values()].filter((until) => until > now).length;
  }
}
