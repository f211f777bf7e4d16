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

/** What is to be known of a kind of object that steers flows. */
interface Kind<T> {
  readonly noun: DeletedObject["noun"];
  readonly prefix: string;
  readonly decode: (text: string) => T;
  /** True when the object cannot be there without it. */
  readonly needs: (object: T, needed: Needed) => boolean;
  /** What deletes the object. */
  readonly writes: (context: Context, object: T) => readonly Write[];
}

/** A kind of object that steers flows. */
interface Source {
  readonly noun: DeletedObject["noun"];
  /** The names of those that need it. */
  readonly names: (context: Context, needed: Needed) => Promise<readonly string[]>;
  /** Deletes one of them; false when it needs something else by now. */
  readonly remove: (context: Context, name: string, needed: Needed) => Promise<boolean>;
}

/** In the order in which a cascade deletes them. */
const SOURCES: readonly Source[] = [
  sourceOf<Service>({
    noun: "service",
    prefix: PREFIX.service,
    decode: decodeServiceRecord,
    needs: ({ network, tenant, segment }, needed) =>
      (needed.network ?? network) === network &&
      (needed.tenant ?? tenant) === tenant &&
      (needed.segment ?? segment) === segment,
    writes: releaseWrites,
  }),
];

/** The services that need it, as a delete names them. */
export async function* steeringUsers(
  context: Context,
  needed: Needed,
): AsyncGenerator<DeletedObject, void, void> {
  for (const { noun, names } of SOURCES) {
    for (const name of await names(context, needed)) yield { noun, name };
  }
}

/** Deletes the services that need it. What they need must be marked, so that no new ones come. */
export async function sweepSteering(
  context: Context,
  needed: Needed,
  note: (object: DeletedObject) => void,
): Promise<void> {
  for (const { noun, names, remove } of SOURCES) {
    for (const name of await names(context, needed)) {
      if (await remove(context, name, needed)) note({ noun, name });
    }
  }
}

function sourceOf<T extends { readonly name: string }>(kind: Kind<T>): Source {
  const { noun, prefix, decode, needs, writes } = kind;
  return {
    noun,
    names: async ({ store }, needed) =>
      (await allRecords(store, prefix, decode))
        .filter(({ record }) => needs(record, needed))
        .map(({ record }) => record.name),
    remove: async (context, name, needed) =>
      await untilSettled(`delete ${noun} "${name}"`, async () => {
        const key = prefix + name;
        const found = await findRecord(context.store, noun, name, key, decode);
        if (found === undefined || !needs(found.record, needed)) return false;
        const compares = [unchanged(key, found.revision)];
        const done = await commit(context, compares, writes(context, found.record));
        return done === LOST ? LOST : true;
      }),
  };
}
