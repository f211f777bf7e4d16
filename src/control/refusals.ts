import { RomanaError } from "../model/index.ts";
import type { DeletedObject } from "./listing.ts";

/** Most users that an `in-use` error names. */
export const MAX_USED_BY = 20;

/** A `conflict`: an object is in the way. `existing` is that object as JSON data. */
export function conflict(
  verb: string,
  noun: string,
  name: string,
  reason: string,
  existing?: object,
): RomanaError {
  return new RomanaError(`Cannot ${verb} ${noun} "${name}": ${reason}`, {
    code: "conflict",
    noun,
    name,
    ...(existing !== undefined && { existing }),
  });
}

/** An `in-use`: others need the object. */
export function inUse(
  verb: string,
  noun: string,
  name: string,
  users: readonly DeletedObject[],
  count: number,
): RomanaError {
  const usedBy = users.slice(0, MAX_USED_BY).map((user) => `${user.noun} "${user.name}"`);
  const more = count > usedBy.length ? ` and ${count - usedBy.length} more` : "";
  return new RomanaError(`Cannot ${verb} ${noun} "${name}": it is used by ${usedBy.join(", ")}${more}`, {
    code: "in-use",
    noun,
    name,
    usedBy,
    ...(count > usedBy.length && { count }),
  });
}

/** A `revision-mismatch`: the object is not the one that the caller saw. */
export function revisionMismatch(verb: string, noun: string, name: string, revision: number): RomanaError {
  return new RomanaError(`Cannot ${verb} ${noun} "${name}": it has changed and is at revision ${revision}`, {
    code: "revision-mismatch",
    noun,
    name,
    revision,
  });
}

/** An `aborted`: the object is going away; whoever tries again finds it gone. */
export function goingAway(verb: string, what: string, noun: string, name: string): RomanaError {
  return new RomanaError(`Cannot ${verb} ${what}: ${noun} "${name}" is being deleted`, { code: "aborted" });
}

/** An `internal`: the stored value cannot be read. */
export function damaged(noun: string, name: string): RomanaError {
  return new RomanaError(
    `Cannot read ${noun} "${name}": its stored value is damaged; see "romana ipam check"`,
    {
      code: "internal",
    },
  );
}

/** A `pool-exhausted`: `reason` says with numbers what is full, `advice` what helps. */
export function exhausted(
  what: string,
  reason: string,
  advice: string,
  numbers: {
    readonly pool: string;
    readonly capacity: number;
    readonly used: number;
    readonly coolingDown: number;
  },
): RomanaError {
  const { pool, capacity, used, coolingDown } = numbers;
  const rest = coolingDown === 0 ? "" : `, ${coolingDown} cool down`;
  return new RomanaError(`Cannot ${what}: ${reason}: ${used} of ${capacity} are used${rest}; ${advice}`, {
    code: "pool-exhausted",
    pool,
    capacity,
    used,
    coolingDown,
  });
}
