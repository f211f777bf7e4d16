import { existsSync, renameSync } from "node:fs";
import { RomanaError } from "../model/index.ts";
import {
  type AttachmentRecord,
  decodeAttachmentRecord,
  decodeIntentRecord,
  decodeTableReference,
  encodeAttachmentRecord,
  type IntentRecord,
  type TableReferenceRecord,
} from "../schema/index.ts";
import { openSqliteStore, type Store, type Write } from "../store/index.ts";
import { endpointKey } from "./host-knowledge.ts";

const ATTACHMENTS = "attachment/";
const INTENTS = "intent/";
const TABLE = "table";
const ADOPTABLE = "adoptable";

/** The store keeps a log for watchers, whom the agent has none of. */
const KEEP_REVISIONS = 16;

/** What the agent must remember over a crash: attachments, attaches under way, and how its table looks. */
export class Journal {
  readonly #store: Store;
  readonly #attachments: readonly AttachmentRecord[];
  readonly #intents: readonly IntentRecord[];
  readonly #table: TableReferenceRecord | undefined;
  #adoptable: number | undefined;

  private constructor(
    store: Store,
    attachments: readonly AttachmentRecord[],
    intents: readonly IntentRecord[],
    table: TableReferenceRecord | undefined,
    adoptable: number | undefined,
  ) {
    this.#store = store;
    this.#attachments = attachments;
    this.#intents = intents;
    this.#table = table;
    this.#adoptable = adoptable;
  }

  /** Reads what the store remembers. @throws RomanaError `invalid-input` or `internal` when it is damaged. */
  static async load(store: Store): Promise<Journal> {
    const attachments = await readAll(store, ATTACHMENTS, decodeAttachmentRecord);
    const intents = await readAll(store, INTENTS, decodeIntentRecord);
    const table = await store.get(TABLE);
    const adoptable = await store.get(ADOPTABLE);
    return new Journal(
      store,
      attachments,
      intents,
      table && decodeTableReference(JSON.parse(table.value)),
      adoptable && Number(adoptable.value),
    );
  }

  /** Attachments at the time of loading. */
  get attachments(): readonly AttachmentRecord[] {
    return this.#attachments;
  }

  /** Attaches that were under way at the time of loading. */
  get intents(): readonly IntentRecord[] {
    return this.#intents;
  }

  /** How the agent's table looked. */
  get table(): TableReferenceRecord | undefined {
    return this.#table;
  }

  /**
   * Endpoints of this host up to this revision of romanad may be the agent's own from before it lost its memory;
   * undefined while the memory begins with nothing and romanad has not been seen yet.
   */
  get adoptable(): number | undefined {
    return this.#adoptable;
  }

  /** Notes that an attach begins; it takes the place of an earlier one. Durable when resolved. */
  async begin(intent: IntentRecord, instead?: IntentRecord): Promise<void> {
    await this.#write([
      put(INTENTS + intent.id, intent),
      ...(instead ? [{ type: "delete", key: INTENTS + instead.id } as const] : []),
    ]);
  }

  /** Notes that an attach came to nothing and has left nothing behind. */
  async forget(intent: IntentRecord): Promise<void> {
    await this.#write([{ type: "delete", key: INTENTS + intent.id }]);
  }

  /** Notes an attachment, and the end of the attach that made it. */
  async keep(attachment: AttachmentRecord, intent?: IntentRecord): Promise<void> {
    await this.#write([
      put(ATTACHMENTS + endpointKey(attachment.endpoint), encodeAttachmentRecord(attachment)),
      ...(intent ? [{ type: "delete", key: INTENTS + intent.id } as const] : []),
    ]);
  }

  /** Notes that there is no such attachment any more. */
  async remove(attachment: AttachmentRecord): Promise<void> {
    await this.#write([{ type: "delete", key: ATTACHMENTS + endpointKey(attachment.endpoint) }]);
  }

  /** Remembers how the table looks. */
  async keepTable(reference: TableReferenceRecord): Promise<void> {
    await this.#write([put(TABLE, reference)]);
  }

  /** Remembers up to which revision endpoints may be adopted. */
  async keepAdoptable(revision: number): Promise<void> {
    this.#adoptable = revision;
    await this.#write([put(ADOPTABLE, revision)]);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async #write(writes: readonly Write[]): Promise<void> {
    await this.#store.transact([], writes);
  }
}

/** A journal with what became of the one before, when that could not be read. */
export interface OpenedJournal {
  readonly journal: Journal;
  /** Why the former one was put aside, and where. */
  readonly damage?: { readonly reason: string; readonly movedTo: string };
}

/**
 * Opens the journal in the file. One that is damaged is moved aside and a new one begun.
 * @param suffix is appended to the name of the damaged file
 * @throws RomanaError `unavailable` when another agent has it open or the disk refuses.
 */
export async function openJournal(path: string, suffix: string): Promise<OpenedJournal> {
  let store: Store | undefined;
  try {
    store = openSqliteStore(path, { keepRevisions: KEEP_REVISIONS });
    return { journal: await Journal.load(store) };
  } catch (error) {
    await store?.close();
    if (!(error instanceof RomanaError || error instanceof SyntaxError)) throw error;
    if (error instanceof RomanaError && error.code === "unavailable") throw error;
    const movedTo = `${path}${suffix}`;
    for (const part of ["", "-wal", "-shm"]) {
      if (existsSync(path + part)) renameSync(path + part, movedTo + part);
    }
    const fresh = openSqliteStore(path, { keepRevisions: KEEP_REVISIONS });
    return { journal: await Journal.load(fresh), damage: { reason: error.message, movedTo } };
  }
}

function put(key: string, value: unknown): Write {
  return { type: "put", key, value: JSON.stringify(value) };
}

async function readAll<T>(
  store: Store,
  prefix: string,
  decode: (value: unknown) => T,
): Promise<readonly T[]> {
  const { entries } = await store.list(prefix);
  return entries.map(({ value }) => decode(JSON.parse(value)));
}
