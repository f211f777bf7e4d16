import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock } from "./fake-clock.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { describeStore } from "./store.case.ts";

describeStore("SQLite store", async () => {
  const directory = mkdtempSync(join(tmpdir(), "romana-store-"));
  const clock = createFakeClock();
  const store = openSqliteStore(join(directory, "romana.db"), { clock });
  return {
    store,
    advance: async (seconds) => clock.advance(seconds * 1000),
    async dispose() {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
});
