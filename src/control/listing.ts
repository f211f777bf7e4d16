/** An object with the revision of the store that last changed it. */
export interface Versioned<T> {
  readonly object: T;
  readonly revision: number;
}

/** What an idempotent creation found or made; `created` is false when it was there already, and equal. */
export interface Created<T> extends Versioned<T> {
  readonly created: boolean;
}

/** Which part of a listing is wanted. */
export interface PageRequest {
  /** Most items, 1..{@link MAX_PAGE_ITEMS}; default {@link DEFAULT_PAGE_ITEMS}. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

/** A part of a listing, in the order of the store's keys. */
export interface ItemPage<T> {
  readonly items: readonly Versioned<T>[];
  /** Absent when nothing is left. */
  readonly nextCursor?: string;
  /** Revision of the store that the page was read at. */
  readonly revision: number;
}

/** Items of a page when the caller does not say. */
export const DEFAULT_PAGE_ITEMS = 100;
/** Most items of one page. */
export const MAX_PAGE_ITEMS = 1000;

/** Options of a change: If-Match. */
export interface ChangeOptions {
  /** The change is refused with `revision-mismatch` unless the object's revision is this one. */
  readonly expectedRevision?: number;
}

/** Options of a delete. */
export interface DeleteOptions extends ChangeOptions {
  /** Delete what uses the object, too; without it a used object is refused with `in-use`. */
  readonly cascade?: boolean;
  /** Only say what would be deleted. */
  readonly dryRun?: boolean;
}

/** A thing that was deleted, or would be. An endpoint goes by its name or, without one, its first address. */
export interface DeletedObject {
  readonly noun:
    | "network"
    | "host"
    | "tenant"
    | "segment"
    | "endpoint"
    | "workload"
    | "policy"
    | "virtual IP"
    | "service"
    | "chain"
    | "fabric";
  readonly name: string;
}

/** What a delete took away, or would take away in a dry run. */
export interface Deletion {
  readonly dryRun: boolean;
  /** In the order of deletion, the object itself last; of many objects only the last {@link MAX_DELETED}. */
  readonly deleted: readonly DeletedObject[];
  /** How many there are, those included that `deleted` leaves out. */
  readonly count: number;
}

/** Most objects that a {@link Deletion} names. */
export const MAX_DELETED = 1000;
