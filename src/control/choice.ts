import { endpointRange } from "../ipam/index.ts";
import type { SegmentCode } from "../model/index.ts";
import { isSameCode } from "./codes.ts";
import type { Context } from "./context.ts";
import { placeText } from "./keys.ts";
import type { PlaceIds } from "./places.ts";
import type { Wanted } from "./wanted.ts";

/** An ID that a request is about to take. */
export interface Choice {
  readonly place: string;
  readonly ids: PlaceIds;
  readonly code: SegmentCode;
  readonly endpointId: number;
  /** True when this request holds the ID, so that no other one of this process chooses it. */
  readonly isHeld: boolean;
  /** True when the ID was asked for and an endpoint has it, as far as this process knows. */
  readonly isTaken: boolean;
}

/** Places that were read for a request: its own until it has chosen, even if memory forgets them meanwhile. */
type ReadPlaces = Map<string, PlaceIds>;

/** Chooses and holds the wanted ID, or the lowest free one of the first code that has any; undefined: all are full. */
export async function choose(context: Context, wanted: Wanted): Promise<Choice | undefined> {
  const read: ReadPlaces = new Map();
  for (;;) {
    const choice = chooseNow(context, wanted, read);
    if (!(choice instanceof Promise)) return choice;
    await choice;
  }
}

/**
 * There is no wait between looking and holding, because all calls that wait would wake up to the same ID. A promise
 * when a place must be read first: wait for it and ask again.
 */
function chooseNow(
  context: Context,
  wanted: Wanted,
  read: ReadPlaces,
): Choice | undefined | Promise<unknown> {
  const { segment, removing = [] } = wanted.segment.record;
  for (const code of wanted.code === undefined ? segment.codes : [wanted.code]) {
    if (removing.some((going) => isSameCode(going, code))) continue;
    const choice = chooseIn(context, wanted, code, read);
    if (choice !== undefined) return choice;
  }
  return undefined;
}

function chooseIn(
  context: Context,
  wanted: Wanted,
  code: SegmentCode,
  read: ReadPlaces,
): Choice | undefined | Promise<unknown> {
  const { network } = wanted.network.record;
  const range = endpointRange(network, code.extraBits);
  const { name: host } = wanted.host.record.host;
  const place = placeText({ host, network: network.name, tenant: wanted.tenant.record.tenant.name, code });
  const ids = read.get(place) ?? context.places.get(place, range);
  if (ids instanceof Promise) return ids.then((known) => read.set(place, known));
  const { pool } = ids;
  const now = context.now();
  if (wanted.endpointId !== undefined) {
    const { endpointId } = wanted;
    const standing = pool.standing(endpointId, now);
    const isTaken = standing === "taken";
    // It may rest: whoever names an ID knows why. Another call may hold it: then the commits decide.
    const isHeld = !isTaken && standing !== "held";
    if (isHeld) pool.hold(endpointId);
    return { place, ids, code, endpointId, isHeld, isTaken };
  }
  const endpointId = pool.lowestFree(range, now);
  if (endpointId === undefined) return undefined;
  pool.hold(endpointId);
  return { place, ids, code, endpointId, isHeld: true, isTaken: false };
}
