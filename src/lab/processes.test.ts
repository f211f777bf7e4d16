import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { LAB_VARIABLE } from "./paths.ts";
import { commandLine, findLabProcesses, findProcess, isAlive, killAll, residentMemory } from "./processes.ts";

const MARK = `/nowhere/lab-${process.pid}`;

function marked(...words: string[]): ReturnType<typeof spawn> {
  return spawn("sh", ["-c", ...words], { stdio: "ignore", env: { ...process.env, [LAB_VARIABLE]: MARK } });
}

describe("processes", () => {
  test("findProcess() knows this process, and no process 0", () => {
    const own = findProcess(process.pid);
    expect(own).toMatchObject({ pid: process.pid });
    expect(own && isAlive(own)).toBe(true);
    expect(own && isAlive({ ...own, started: own.started - 1 })).toBe(false);
    expect(findProcess(0)).toBeUndefined();
    expect(residentMemory(process.pid)).toBeGreaterThan(10 * 1024 ** 2);
    expect(commandLine(process.pid).join(" ")).toContain("node");
  });
  test("killAll() ends what carries the mark, with children, and nothing else", async () => {
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    marked("sleep 60 & sleep 60 & wait");
    const find = () => findLabProcesses(MARK, []);
    await expect.poll(() => find().length).toBe(3);
    await killAll(find);
    expect(find()).toEqual([]);
    expect(other.exitCode).toBeNull();
    other.kill();
  });
  test("killAll() names what does not end", async () => {
    const own = findProcess(process.pid);
    const unkillable = { pid: own?.pid ?? 0, started: own?.started ?? 0 };
    const error = await killAll(() => [unkillable], { kill: () => {}, timeout: 50 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(hasCode(error, "timeout") && error.message).toBe(
      `Cannot stop processes ${process.pid}: they do not end`,
    );
  });
});
