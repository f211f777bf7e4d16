import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNamespace, deleteNamespace } from "../../src/system/namespace.ts";
import { leftovers, romana, smallLab, startRomana } from "../support/lab.ts";

const LAB = `t${process.pid}c`;

let directory: string;
let file: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "romana-lab-"));
  file = join(directory, "lab.yaml");
  writeFileSync(file, JSON.stringify(smallLab(LAB)));
});

afterAll(async () => {
  await romana("lab", "down", LAB);
  rmSync(directory, { recursive: true });
});

describe("a lab that does not come up", () => {
  test.each([1, 2, 3, 4, 5, 6, 7])("kill -9 of lab up in step %d: lab down leaves nothing", async (step) => {
    const up = startRomana("lab", "up", "-f", file);
    await expect.poll(() => up.progress(), { timeout: 60_000, interval: 5 }).toContain(`[${step}/7]`);
    up.kill("SIGKILL");
    expect((await up.done).signal).toBe("SIGKILL");
    const status = await romana("lab", "list", "-o", "json");
    const states = JSON.parse(status.stdout).filter(({ name }: { name: string }) => name === LAB);
    expect(states).toMatchObject([{ state: "broken" }]);
    expect((await romana("lab", "down", LAB)).status).toBe(0);
    expect(await leftovers(LAB)).toEqual([]);
  });

  test("an interrupt makes lab up clean up after itself", async () => {
    const up = startRomana("lab", "up", "-f", file);
    await expect.poll(() => up.progress(), { timeout: 60_000, interval: 5 }).toContain("[4/7]");
    up.kill("SIGINT");
    const { status, stderr } = await up.done;
    expect(status).toBe(75);
    expect(stderr).toContain("removing what was made");
    expect(await leftovers(LAB)).toEqual([]);
  });

  test("lab down ends a lab up that is under way", async () => {
    const up = startRomana("lab", "up", "-f", file);
    await expect.poll(() => up.progress(), { timeout: 60_000, interval: 5 }).toContain("[4/7]");
    up.kill("SIGSTOP");
    expect((await romana("lab", "down", LAB)).status).toBe(0);
    expect((await up.done).signal).toBe("SIGKILL");
    expect(await leftovers(LAB)).toEqual([]);
  });

  test("what romanad refuses is said in its words, and nothing stays", async () => {
    const document = smallLab(LAB) as { tenants: object[] };
    const broken = join(directory, "broken.yaml");
    document.tenants.push({ name: "big", id: 256, segments: [{ name: "web" }] });
    writeFileSync(broken, JSON.stringify(document));
    const { status, stderr } = await romana("lab", "up", "-f", broken);
    expect(status).toBe(2);
    expect(stderr).toMatch(/romana: Cannot create tenant "big": .*256/);
    expect(await leftovers(LAB)).toEqual([]);
  });

  test("a program that dies is named with the last lines of its log", async () => {
    const up = startRomana("lab", "up", "-f", file);
    await expect.poll(() => up.progress(), { timeout: 60_000, interval: 5 }).toContain("[5/7]");
    up.kill("SIGSTOP");
    const { stdout } = await romana("lab", "status", LAB, "-o", "json");
    for (const { pid } of JSON.parse(stdout).processes) process.kill(pid, "SIGKILL");
    up.kill("SIGCONT");
    const { status, stderr } = await up.done;
    expect(status).toBe(75);
    expect(stderr).toMatch(/romanad\.log: \{.*"ready"/);
    expect(await leftovers(LAB)).toEqual([]);
  });

  test("names of namespaces that are taken are left alone", async () => {
    const foreign = `romana-${LAB}.underlay`;
    createNamespace(foreign);
    try {
      const { status, stderr } = await romana("lab", "up", "-f", file);
      expect(status).toBe(4);
      expect(stderr).toContain(`there is a network namespace "${foreign}"`);
      expect(await leftovers(LAB)).toEqual([
        expect.stringContaining(foreign),
        expect.stringContaining(foreign),
      ]);
    } finally {
      deleteNamespace(foreign);
    }
  });
});
