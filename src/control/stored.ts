import { invalidInput, notFound } from "../model/index.ts";
import type { Entry, Store } from "../store/index.ts";
import { DEFAULT_PAGE_ITEMS, type ItemPage, MAX_PAGE_ITEMS, type PageRequest } from "./listing.ts";
import { damaged } from "./refusals.ts";

/** A record as it is in the store, with its revision. */
export interface StoredRecord<T> {
  readonly record: T;
  readonly revision: number;
}

/** The record of a key; undefined when there is none. @throws RomanaError `internal` when it is damaged. */
export async function findRecord<T>(
  store: Store,
  noun: string,
  name: string,
  key: string,
  decode: (text: string) => T,
): Promise<StoredRecord<T> | undefined> {
  const entry = await store.get(key);
  if (entry === undefined) return undefined;
  try {
    return { record: decode(entry.value), revision: entry.modRevision };
  } catch {
    throw damaged(noun, name);
  }
}

/** The record of a key. @throws RomanaError `not-found`, or `internal` when it is damaged. */
export async function readRecord<T>(
  store: Store,
  noun: string,
  name: string,
  key: string,
  decode: (text: string) => T,
): Promise<StoredRecord<T>> {
  const found = await findRecord(store, noun, name, key, decode);
  if (found === undefined) throw notFound(noun, name);
  return found;
}

/** All records below a prefix, read now; damaged ones are left to the check. */
export async function allRecords<T>(
  store: Store,
  prefix: string,
  decode: (text: string) => T,
): Promise<StoredRecord<T>[]> {
  const records: StoredRecord<T>[] = [];
  for await (const { value, modRevision } of entriesBelow(store, prefix)) {
    try {
      records.push({ record: decode(value), revision: modRevision });
    } catch {
      // Nothing can be said about it here.
    }
  }
  return records;
}

/** Rows read at once. */
const PAGE = 1000;

/** All entries below a prefix, in pages. */
export async function* entriesBelow(store: Store, prefix: string): AsyncGenerator<Entry, void, void> {
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, { limit: PAGE, ...(after !== undefined && { after }) });
    yield* page.entries;
    after = page.entries.at(-1)?.key;
    if (!page.more) return;
  }
}

/**
 * A page of the objects below some prefixes, which are in order of their keys. `pick` returns undefined for what
 * is not to be shown. The cursor is the key of the last object, without what all prefixes start with.
 */
export async function listObjects<T>(
  store: Store,
  start: string,
  prefixes: readonly string[],
  { limit = DEFAULT_PAGE_ITEMS, cursor }: PageRequest,
  pick: (entry: Entry) => T | undefined,
): Promise<ItemPage<T>> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_ITEMS) {
    throw invalidInput("list", [{ path: "limit", reason: `${limit} is not in 1..${MAX_PAGE_ITEMS}` }]);
  }
  const behind = cursor === undefined ? undefined : start + cursor;
  const items: { object: T; revision: number }[] = [];
  let revision: number | undefined;
  let last = "";
  for (const prefix of prefixes) {
    if (behind !== undefined && !behind.startsWith(prefix) && prefix < behind) continue;
    for (let after = behind?.startsWith(prefix) === true ? behind : undefined; ; ) {
      const page = await store.list(prefix, {
        limit: limit - items.length + 1,
        ...(after !== undefined && { after }),
      });
      revision ??= page.revision;
      for (const entry of page.entries) {
        const object = pick(entry);
        if (object === undefined) continue;
        if (items.length === limit) return { items, nextCursor: last.slice(start.length), revision };
        items.push({ object, revision: entry.modRevision });
        last = entry.key;
      }
      after = page.entries.at(-1)?.key;
      if (!page.more) break;
    }
  }
  return { items, revision: revision ?? (await store.revision()) };
}
