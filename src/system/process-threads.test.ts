import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { letBackgroundThreadsGiveWay } from "./process-threads.ts";

/** Nice values of V8's own threads and of the others of this process. Threads come and go meanwhile. */
function niceValues(): { readonly background: Set<number>; readonly others: Set<number> } {
  const found = { background: new Set<number>(), others: new Set<number>() };
  for (const id of readdirSync("/proc/self/task")) {
    try {
      const name = readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim();
      found[name === "V8Worker" ? "background" : "others"].add(getPriority(Number(id)));
    } catch {
      // It has ended.
    }
  }
  return found;
}

test("V8's own threads give way, and no others", () => {
  const { others } = niceValues();
  letBackgroundThreadsGiveWay();
  expect(niceValues()).toEqual({ background: new Set([10]), others });
});
