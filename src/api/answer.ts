import type { Created, Deletion, ItemPage, Versioned } from "../control/index.ts";
import { encodeCursor } from "../schema/index.ts";

/** A page as JSON. */
export function encodePage<T, J>(
  page: ItemPage<T>,
  encode: (object: T, revision: number) => J,
): { items: J[]; nextCursor?: string; revision: number } {
  return {
    items: encodeAll(page.items, encode),
    ...(page.nextCursor !== undefined && { nextCursor: encodeCursor(page.nextCursor) }),
    revision: page.revision,
  };
}

/** Stored objects as JSON. */
export function encodeAll<T, J>(
  items: readonly Versioned<T>[],
  encode: (object: T, revision: number) => J,
): J[] {
  return items.map(({ object, revision }) => encode(object, revision));
}
/** The answer to a creation: 201, or 200 when the object was there already. */
export function creationAnswer<T, J>(
  { created, object, revision }: Created<T>,
  encode: (object: T, revision: number) => J,
  location: string,
): { body: J; status: number; revision: number; location: string } {
  return { body: encode(object, revision), status: created ? 201 : 200, revision, location };
}

/** The answer that shows an object at a revision. */
export function objectAnswer<T, J>(
  { object, revision }: Versioned<T>,
  encode: (object: T, revision: number) => J,
): { body: J; revision: number } {
  return { body: encode(object, revision), revision };
}

/** The answer to a delete. */
export function deletionAnswer({ dryRun, deleted, count }: Deletion): {
  body: { dryRun: boolean; deleted: { noun: string; name: string }[]; count: number };
} {
  return { body: { dryRun, deleted: deleted.map(({ noun, name }) => ({ noun, name })), count } };
}
