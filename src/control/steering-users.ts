import type { Service } from "../model/index.ts";
import type { Write } from "../store/index.ts";
import type { Context } from "./context.ts";
import { PREFIX } from "./keys.ts";
import type { DeletedObject } from "./listing.ts";
import { releaseWrites } from "./service-addresses.ts";
import { decodeServiceRecord } from "./service-record.ts";
import { commit, LOST, unchanged, untilSettled } from "./settle.ts";
import { allRecords, findRecord } from "./stored.ts";

/** A network, a tenant, or a segment of one, that goes. */
export interface Needed {
  readonly network?: string;
  readonly tenant?: string;
  readonly segment?: string;
}

/** One kind of object that steers flows, and what it needs to be there. */
interface Source<T extends { readonly name: string }> {
  readonly noun: DeletedObject["noun"];
  readonly prefix: string;
  decode(text: string): T;
  needs(object: T, needed: Needed): boolean;
  /** What deletes it. */
  writes(context: Context, object: T): readonly Write[];
}

const SERVICES: Source<Service> = {
  noun: "service",
  prefix: PREFIX.service,
  decode: decodeServiceRecord,
  needs: (service, needed) =>
    (needed.network === undefined || needed.network === service.network) &&
    (needed.tenant === undefined || needed.tenant === service.tenant) &&
    (needed.segment === undefined || needed.segment === service.segment),
  writes: releaseWrites,
};

/** In the order in which a cascade deletes them. */
const SOURCES = [SERVICES] as const;

/** The services that need it, as a delete names them. */
export async function* steeringUsers(
  context: Context,
  needed: Needed,
): AsyncGenerator<DeletedObject, void, void> {
  for (const source of SOURCES) {
    for (const { record } of await allRecords(context.store, source.prefix, source.decode)) {
      if (source.needs(record, needed)) yield { noun: source.noun, name: record.name };
    }
  }
}

/** Deletes the services that need it. What they need must be marked, so that no new ones come. */
export async function sweepSteering(
  context: Context,
  needed: Needed,
  note: (object: DeletedObject) => void,
): Promise<void> {
  for await (const user of steeringUsers(context, needed)) {
    const source = SOURCES.find(({ noun }) => noun === user.noun);
    if (source !== undefined && (await removeUser(context, source, user.name, needed))) note(user);
  }
}

/** False when it needs something else by now. */
async function removeUser<T extends { readonly name: string }>(
  context: Context,
  { noun, prefix, decode, needs, writes }: Source<T>,
  name: string,
  needed: Needed,
): Promise<boolean> {
  const key = prefix + name;
  return await untilSettled(`delete ${noun} "${name}"`, async () => {
    const found = await findRecord(context.store, noun, name, key, decode);
    if (found === undefined || !needs(found.record, needed)) return false;
    const done = await commit(context, [unchanged(key, found.revision)], writes(context, found.record));
    return done === LOST ? LOST : true;
  });
}
