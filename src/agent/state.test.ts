import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeLoss, openState } from "./state.ts";

const NOW = new Date("2026-11-23T08:00:00.000Z");
const SUFFIX = ".damaged-2026-11-23T080000.000Z";

let parent = "";
let directory = "";

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "romana-state-"));
  directory = join(parent, "agent");
});
afterEach(() => rmSync(parent, { recursive: true }));

describe("openState()", () => {
  test("makes a directory for its owner only, in which nothing is known", async () => {
    const { journal, view, lost } = await openState(directory, "host-1", NOW);
    expect([journal.attachments, journal.adoptable, view, lost]).toEqual([[], undefined, undefined, []]);
    await journal.close();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });
  test("moves what cannot be read aside, goes on, and says so", async () => {
    const first = await openState(directory, "host-1", NOW);
    await first.journal.close();
    for (const file of ["journal.db", "view.json"]) writeFileSync(join(directory, file), "damaged");
    const { journal, view, lost } = await openState(directory, "host-1", NOW);
    expect([journal.attachments, view]).toEqual([[], undefined]);
    await journal.close();
    const moved = ["journal.db", "view.json"].map((file) => `${join(directory, file)}${SUFFIX}`);
    expect(lost.map(({ movedTo }) => movedTo)).toEqual(moved);
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining([`journal.db${SUFFIX}`, `view.json${SUFFIX}`]),
    );
    expect(lost.map(describeLoss)[1]).toBe(
      `State was damaged and moved to ${moved[1]}; it was made anew from romanad and the kernel`,
    );
  });
});
