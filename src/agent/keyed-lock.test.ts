import { expect, test } from "vitest";
import { KeyedLock } from "./keyed-lock.ts";

/** Actions that write down when they begin and end, and end when told. */
function actions(lock: KeyedLock): { start: (name: string, ...keys: string[]) => () => void; log: string[] } {
  const log: string[] = [];
  const start = (name: string, ...keys: string[]): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    void lock.run(keys, async () => {
      log.push(`${name} begins`);
      await promise;
      log.push(`${name} ends`);
    });
    return resolve;
  };
  return { start, log };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("actions with a common key run in the order in which they came", async () => {
  const { start, log } = actions(new KeyedLock());
  const endA = start("a", "x", "y");
  const endB = start("b", "y", "z");
  const endC = start("c", "z");
  await settle();
  expect(log).toEqual(["a begins"]);
  endC();
  endA();
  await settle();
  expect(log).toEqual(["a begins", "a ends", "b begins"]);
  endB();
  await settle();
  expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
});

test("actions without a common key run side by side", async () => {
  const { start, log } = actions(new KeyedLock());
  start("a", "x");
  start("b", "y");
  await settle();
  expect(log).toEqual(["a begins", "b begins"]);
});

test("an action that fails lets the next one run", async () => {
  const lock = new KeyedLock();
  const failed = lock.run(["x"], () => Promise.reject(new Error("no")));
  const next = lock.run(["x"], () => Promise.resolve("yes"));
  await expect(failed).rejects.toThrow("no");
  await expect(next).resolves.toBe("yes");
});
