import { writeSync } from "node:fs";
import { openSqliteStore } from "../../src/store/index.ts";

/**
 * Program: writes to the store in the file of its argument until it is killed, eight transactions at a time, each of
 * two keys that name each other. Prints `NUMBER REVISION` for each when it is durable, never before.
 */
const path = process.argv[2] as string;

// Folding all the time: the more happens, the more can be cut short.
const store = openSqliteStore(path, {
  limits: { foldFrom: { keys: 50, characters: 1e9, revisions: 200 }, foldKeys: 20 },
});
let next = await store.revision();

async function write(): Promise<never> {
  for (;;) {
    const number = next++;
    const { revision } = await store.transact(
      [{ key: `a/${number}`, modRevision: 0 }],
      [
        { type: "put", key: `a/${number}`, value: `b/${number % 97}` },
        { type: "put", key: `b/${number % 97}`, value: `a/${number}` },
      ],
    );
    writeSync(1, `${number} ${revision}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write));
