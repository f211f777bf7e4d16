import type { DatabaseSync } from "node:sqlite";
import { type KeyRange, keyBehind } from "./keys.ts";
import type { Overlay } from "./overlay.ts";
import { SqliteTable } from "./sqlite-table.ts";
import type { Entry } from "./store.ts";

/**
 * Entries of a range in pieces of `size`, all from the moment of the first piece, whatever is committed meanwhile;
 * `overlay` is what lay over the range at that moment.
 */
export function* readSnapshot(
  reader: DatabaseSync,
  range: KeyRange,
  overlay: Overlay,
  size: number,
): Generator<readonly Entry[], void, void> {
  const table = new SqliteTable(reader);
  reader.exec("BEGIN");
  for (let { start } = range; ; ) {
    const { page: piece } = overlay.page({ start, end: range.end }, size, (part, most) =>
      table.rows(part, most),
    );
    yield piece;
    if (piece.length < size) return;
    start = keyBehind((piece.at(-1) as Entry).key);
  }
}
