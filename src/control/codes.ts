import { DEFAULT_EXTRA_BITS } from "../addressing/index.ts";
import { codeRange } from "../ipam/index.ts";
import type { SegmentCode } from "../model/index.ts";
import type { Catalog } from "./catalog.ts";
import type { Context } from "./context.ts";
import { NETWORK_GUARD, segmentCodeKey, segmentGuardKey } from "./keys.ts";
import type { Share } from "./quota.ts";
import { exhausted } from "./refusals.ts";
import { put, unchanged } from "./settle.ts";

/** Most codes of one segment: they must fit in one transaction. */
export const MAX_CODES = 100;

/**
 * What a transaction adds in which codes get an owner: each is free or has rested, and neither networks nor the other
 * codes of the tenant have changed since they were looked at.
 */
export function claimCodes(
  catalog: Catalog,
  tenant: string,
  segment: string,
  codes: readonly SegmentCode[],
): Share {
  const guard = segmentGuardKey(tenant);
  const keys = codes.map((code) => segmentCodeKey(tenant, code));
  return {
    compares: [
      unchanged(NETWORK_GUARD, catalog.guardRevision),
      unchanged(guard, catalog.revisionOf(guard)),
      ...keys.map((key) => unchanged(key, catalog.ownerOf(key) === undefined ? catalog.revisionOf(key) : 0)),
    ],
    writes: [put(guard, "{}"), ...keys.map((key) => put(key, segment))],
  };
}

/** The lowest code of a width that is free in the tenant. @throws RomanaError `pool-exhausted`. */
export function nextCode(
  { catalog, now }: Context,
  what: string,
  tenant: string,
  extraBits = DEFAULT_EXTRA_BITS,
): SegmentCode {
  const range = codeRange(catalog.respectedNetworks(), extraBits);
  const space = catalog.codes(tenant);
  const time = now();
  const code = space.lowestFree(extraBits, range, time);
  if (code !== undefined) return code;
  const reason = `no segment code is left in tenant "${tenant}"`;
  throw exhausted(what, reason, "use a plan with more segment bits, or longer codes (such as 5+2)", {
    pool: `segment codes of ${tenant}`,
    capacity: Math.max(0, range.last - range.first + 1),
    used: space.size,
    coolingDown: space.resting(time),
  });
}

/** True when both are the same code. */
export function isSameCode(a: SegmentCode, b: SegmentCode): boolean {
  return a.code === b.code && a.extraBits === b.extraBits;
}
