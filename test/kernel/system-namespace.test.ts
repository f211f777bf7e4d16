import { readlinkSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { hasCode } from "../../src/model/index.ts";
import { runCommand } from "../../src/system/command.ts";
import {
  createNamespace,
  deleteNamespace,
  inNamespace,
  listNamespaces,
  namespacePath,
} from "../../src/system/namespace.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

const NAME = `romsys-${process.pid}-n`;
const PATH = namespacePath(NAME);

const here = (): string => readlinkSync("/proc/thread-self/ns/net");

afterEach(() => deleteNamespace(NAME));

leaveHostNamespace();

describe("named network namespaces", () => {
  test("are made, listed and deleted as `ip netns` does it", async () => {
    createNamespace(NAME);
    expect(listNamespaces()).toContain(NAME);
    expect(await runCommand({ argv: ["ip", "netns", "list"] })).toMatch(new RegExp(`^${NAME}\\b`, "m"));
    expect(await runCommand({ argv: ["ip", "netns", "exec", NAME, "ip", "-br", "link"] })).toMatch(/^lo /);
    deleteNamespace(NAME);
    expect(listNamespaces()).not.toContain(NAME);
    expect(await runCommand({ argv: ["ip", "netns", "list"] })).not.toContain(NAME);
    deleteNamespace(NAME);
  });
  test("made by `ip netns` are deleted too", async () => {
    await runCommand({ argv: ["ip", "netns", "add", NAME] });
    deleteNamespace(NAME);
    expect(listNamespaces()).not.toContain(NAME);
  });
  test("are refused when the name is taken, and what is there stays", () => {
    createNamespace(NAME);
    const inside = inNamespace(PATH, here);
    expect(() => createNamespace(NAME)).toThrow(
      `Cannot create network namespace "${NAME}": the name is taken`,
    );
    expect(inNamespace(PATH, here)).toBe(inside);
  });
  test("that left only their file behind are deleted and refuse entry", () => {
    writeFileSync(PATH, "");
    expect(() => inNamespace(PATH, here)).toThrow(`Cannot find network namespace "${PATH}"`);
    deleteNamespace(NAME);
    expect(listNamespaces()).not.toContain(NAME);
    rmSync(PATH, { force: true });
  });
});

describe("inNamespace()", () => {
  test("runs inside and comes back", () => {
    createNamespace(NAME);
    const home = here();
    const inside = inNamespace(PATH, here);
    expect(inside).toMatch(/^net:\[\d+\]$/);
    expect(inside).not.toBe(home);
    expect(here()).toBe(home);
  });
  test("comes back from a function that throws, also a falsy value", () => {
    createNamespace(NAME);
    const home = here();
    const fail = (): never => {
      throw undefined as unknown as Error;
    };
    let caught = false;
    try {
      inNamespace(PATH, fail);
    } catch (error) {
      caught = error === undefined;
    }
    expect(caught).toBe(true);
    expect(here()).toBe(home);
  });
  test("comes back to where it was, not to where the process began", () => {
    createNamespace(NAME);
    const inside = inNamespace(PATH, () => {
      inNamespace(`/proc/${process.pid}/ns/net`, here);
      return here();
    });
    expect(inside).toBe(inNamespace(PATH, here));
  });
  test("refuses functions that would go on after it", () => {
    createNamespace(NAME);
    const home = here();
    expect(() => inNamespace(PATH, async () => "late")).toThrow(TypeError);
    expect(here()).toBe(home);
  });
  test("refuses a namespace that is gone", () => {
    let error: unknown;
    try {
      inNamespace(PATH, here);
    } catch (thrown) {
      error = thrown;
    }
    expect(hasCode(error, "not-found")).toBe(true);
  });
});
