import { notFound } from "../model/index.ts";
import type { Write } from "../store/index.ts";
import { type Context, restUntil } from "./context.ts";
import { type DeletedObject, type DeleteOptions, type Deletion, MAX_DELETED } from "./listing.ts";
import type { Deleting } from "./records.ts";
import { inUse, MAX_USED_BY, revisionMismatch } from "./refusals.ts";
import { commit, inSteps, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord } from "./stored.ts";

/** An object that can be deleted: what is below it, and what goes with it. */
export interface Target<R extends { readonly deleting?: Deleting }> {
  readonly noun: DeletedObject["noun"];
  readonly name: string;
  readonly key: string;
  decode(text: string): R;
  encode(record: R): string;
  /** False for a record that nobody may see. */
  isVisible(record: R): boolean;
  /** What uses the object, in the order in which a cascade deletes it. */
  users(record: R): AsyncIterable<DeletedObject>;
  /** True when addresses below it are in use or rest, so that its IDs must rest, too. */
  isUsed(record: R): Promise<boolean>;
  /** Deletes everything below the marked object, rests too; can be cut short and started again. */
  empty(record: R, note: (object: DeletedObject) => void): Promise<void>;
  /** What else goes in the transaction that deletes the object; `until`: how long its IDs rest, if at all. */
  last(record: R, until: number | undefined): readonly Write[];
}

/** Collects what was deleted: the last ones by name, all by number. */
class Tally {
  deleted: DeletedObject[] = [];
  count = 0;

  readonly note = (object: DeletedObject): void => {
    this.count++;
    this.deleted.push(object);
    if (this.deleted.length >= 2 * MAX_DELETED) this.deleted = this.deleted.slice(-MAX_DELETED);
  };

  result(dryRun: boolean): Deletion {
    return { dryRun, deleted: this.deleted.slice(-MAX_DELETED), count: this.count };
  }
}

/**
 * Deletes an object, and with `cascade` everything below it. The mark comes first: it changes the object's revision,
 * which every creation below it compares, so that from then on nothing new can appear (ADR 0011). Killed half-way, the
 * object stays marked, and the same call or a repair goes on.
 */
export async function deleteObject<R extends { readonly deleting?: Deleting }>(
  context: Context,
  target: Target<R>,
  { cascade = false, dryRun = false, expectedRevision }: DeleteOptions,
): Promise<Deletion> {
  const { noun, name, key } = target;
  const tally = new Tally();
  let expected = expectedRevision;
  let isMarked = false;
  return await untilSettled(`delete ${noun} "${name}"`, async () => {
    const found = await findRecord(context.store, noun, name, key, (text) => target.decode(text));
    if (found === undefined || !target.isVisible(found.record)) {
      // Somebody else has finished what this call began.
      if (found === undefined && isMarked) return tally.result(false);
      throw notFound(noun, name);
    }
    const { record, revision } = found;
    if (expected !== undefined && expected !== revision)
      throw revisionMismatch("delete", noun, name, revision);
    if (dryRun) return await rehearse(target, record, cascade);
    if (!cascade) await refuseUsed(context, target, found);
    const marked = await mark(context, target, found, cascade);
    if (marked === LOST) return LOST;
    expected = undefined;
    isMarked = true;
    return await inSteps(context, key, async () => {
      if (!cascade) await refuseUsed(context, target, marked);
      await target.empty(marked.record, tally.note);
      const until = marked.record.deleting?.used === true ? restUntil(context) : undefined;
      const done = await commit(
        context,
        [unchanged(key, marked.revision)],
        [remove(key), ...target.last(record, until)],
      );
      if (done === LOST) return LOST;
      tally.note({ noun, name });
      return tally.result(false);
    });
  });
}

/** Goes on with a delete that was begun and not finished; one that may not cascade takes its mark back instead. */
export async function resumeDeletion<R extends { readonly deleting?: Deleting }>(
  context: Context,
  target: Target<R>,
): Promise<"deleted" | "kept"> {
  const { noun, name, key } = target;
  const found = await findRecord(context.store, noun, name, key, (text) => target.decode(text));
  if (found?.record.deleting === undefined) return found === undefined ? "deleted" : "kept";
  const { cascade } = found.record.deleting;
  if (!cascade && (await firstUsers(target, found.record)).length > 0) {
    await unmark(context, target, found);
    return "kept";
  }
  await deleteObject(context, target, { cascade });
  return "deleted";
}

interface Found<R> {
  readonly record: R;
  readonly revision: number;
}

/** Marks the object, unless a mark that says the same is there. */
async function mark<R extends { readonly deleting?: Deleting }>(
  context: Context,
  target: Target<R>,
  found: Found<R>,
  cascade: boolean,
): Promise<Found<R> | typeof LOST> {
  const before = found.record.deleting;
  if (before !== undefined && (before.cascade || !cascade)) return found;
  const used = before?.used === true || (await target.isUsed(found.record));
  const record = { ...found.record, deleting: { cascade, used } };
  const revision = await commit(
    context,
    [unchanged(target.key, found.revision)],
    [put(target.key, target.encode(record))],
  );
  return revision === LOST ? LOST : { record, revision };
}

/** Refuses when something uses the object; takes back a mark that does not cascade. */
async function refuseUsed<R extends { readonly deleting?: Deleting }>(
  context: Context,
  target: Target<R>,
  found: Found<R>,
): Promise<void> {
  const users = await firstUsers(target, found.record);
  if (users.length === 0) return;
  if (found.record.deleting?.cascade === false) await unmark(context, target, found);
  let count = 0;
  for await (const _ of target.users(found.record)) count++;
  throw inUse("delete", target.noun, target.name, users, count);
}

async function unmark<R extends { readonly deleting?: Deleting }>(
  context: Context,
  target: Target<R>,
  { record, revision }: Found<R>,
): Promise<void> {
  const { deleting: _, ...rest } = record;
  await commit(context, [unchanged(target.key, revision)], [put(target.key, target.encode(rest as R))]);
}

async function firstUsers<R extends { readonly deleting?: Deleting }>(
  target: Target<R>,
  record: R,
): Promise<DeletedObject[]> {
  const users: DeletedObject[] = [];
  for await (const user of target.users(record)) {
    users.push(user);
    if (users.length === MAX_USED_BY) break;
  }
  return users;
}

async function rehearse<R extends { readonly deleting?: Deleting }>(
  target: Target<R>,
  record: R,
  cascade: boolean,
): Promise<Deletion> {
  const tally = new Tally();
  for await (const user of target.users(record)) tally.note(user);
  if (!cascade && tally.count > 0) {
    throw inUse("delete", target.noun, target.name, await firstUsers(target, record), tally.count);
  }
  tally.note({ noun: target.noun, name: target.name });
  return tally.result(true);
}
