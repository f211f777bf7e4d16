import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, test } from "vitest";
import { openSqliteStore } from "../store/index.ts";
import { createControl } from "./create.ts";
import { addressOf, fillSeed, network, SEED_PLAN } from "./seed.case.ts";

const directory = mkdtempSync(join(tmpdir(), "romana-crash-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const WRITER = join(import.meta.dirname, "crash-writer.case.ts");

/** Runs the writer and kills it after so many acknowledgements; returns all lines that came through. */
async function runAndKill(path: string, round: number, acknowledgements: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, path, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("exit", (_, signal) => resolve(signal)),
  );
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === acknowledgements) child.kill("SIGKILL");
  }
  expect(await exited).toBe("SIGKILL");
  return lines;
}

describe("kill -9 at any point", () => {
  test("leaves no duplicate, no leak, and all that was acknowledged", { timeout: 60_000 }, async () => {
    const path = join(directory, "romanad.db");
    const first = openSqliteStore(path);
    const seeded = await createControl({ store: first });
    await fillSeed(seeded, network("main", { ...SEED_PLAN, tenantBits: 4, segmentBits: 6, endpointBits: 6 }));
    await seeded.close();
    await first.close();
    for (const [round, acknowledgements] of [37, 400, 1203, 2500].entries()) {
      const lines = await runAndKill(path, round, acknowledgements);
      const allocated = new Set(lines.flatMap((line) => (line.startsWith("+") ? [line.slice(1)] : [])));
      const maybeReleased = new Set(lines.flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : [])));
      const released = new Set(lines.flatMap((line) => (line.startsWith("-") ? [line.slice(1)] : [])));

      const store = openSqliteStore(path);
      const control = await createControl({ store, coolDown: 20 });
      const found = await control.ipam.check();
      const kinds = new Set(found.findings.map(({ kind }) => kind));
      kinds.delete("expired-cooling");
      // A tenant may have been on its way out, or a quota being counted.
      expect([...kinds].filter((kind) => kind !== "unfinished-change")).toEqual([]);
      await control.ipam.check({ repair: true });
      expect((await control.ipam.check()).findings.filter(({ kind }) => kind !== "expired-cooling")).toEqual(
        [],
      );

      const present = new Map<string, string>();
      let cursor: string | undefined;
      do {
        const page = await control.endpoints.list({ limit: 1000, ...(cursor !== undefined && { cursor }) });
        for (const { object } of page.items) present.set(object.name ?? addressOf(object), addressOf(object));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(new Set(present.values()).size).toBe(present.size);
      expect([...allocated].filter((name) => !maybeReleased.has(name) && !present.has(name))).toEqual([]);
      expect([...released].filter((name) => present.has(name))).toEqual([]);
      await control.close();
      await store.close();
    }
  });
});
