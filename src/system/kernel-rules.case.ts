import { describe, expect, test } from "vitest";
import { type KernelChange, type KernelEvent, type KernelRule, ROMANA_PROTOCOL } from "./kernel.ts";
import type { KernelScene } from "./kernel-scene.case.ts";

function rule(changes: Partial<KernelRule> = {}): KernelRule {
  return {
    family: 4,
    priority: 11_400,
    mark: 0x50000,
    mask: 0xfff0000,
    table: 1_140_005,
    protocol: ROMANA_PROTOCOL,
    ...changes,
  };
}

const add = (changes: Partial<KernelRule> = {}): KernelChange => ({ type: "add-rule", rule: rule(changes) });
const drop = (changes: Partial<KernelRule> = {}): KernelChange => ({
  type: "delete-rule",
  rule: rule(changes),
});

/** Laws of routing policy rules. */
export function ruleCases(scene: KernelScene): void {
  describe("routing policy rules", () => {
    test("by mark are none at first: those of the kernel have no mark", () => {
      expect(scene.kernel.rules()).toEqual([]);
    });
    test("read back as they were written, family by family, and once", () => {
      const changes = [
        add(),
        add({ mark: 0x80000000, mask: 0xffffffff }),
        add({ family: 6 }),
        add({ table: 254 }),
        add(),
      ];
      expect(scene.failuresOf(...changes)).toEqual([]);
      expect(scene.kernel.rules()).toEqual([
        rule(),
        rule({ mark: 0x80000000, mask: 0xffffffff }),
        rule({ table: 254 }),
        rule({ family: 6 }),
      ]);
    });
    test("come in the order of their priority", () => {
      expect(scene.failuresOf(add({ priority: 20 }), add({ priority: 10 }))).toEqual([]);
      expect(scene.kernel.rules().map(({ priority }) => priority)).toEqual([10, 20]);
    });
    test.each([4, 6] as const)("of IPv%i: deleting spares others and succeeds when it is gone", (family) => {
      expect(scene.failuresOf(add({ family }), add({ family, mark: 0x60000 }))).toEqual([]);
      expect(scene.failuresOf(drop({ family }), drop({ family }), drop({ family, priority: 7 }))).toEqual([]);
      expect(scene.kernel.rules()).toEqual([rule({ family, mark: 0x60000 })]);
    });
    test("deleting spares one that is not ours", () => {
      expect(scene.failuresOf(add({ protocol: 4 }), drop())).toEqual([]);
      expect(scene.kernel.rules()).toEqual([rule({ protocol: 4 })]);
    });
    test("tell when they come and go", async () => {
      const abort = new AbortController();
      const seen: KernelEvent[] = [];
      const events = scene.kernel.events(abort.signal);
      const ended = (async () => {
        for await (const event of events) seen.push(event);
      })();
      expect(scene.failuresOf(add(), add({ family: 6 }), drop())).toEqual([]);
      await expect
        .poll(() => seen, { timeout: 30_000 })
        .toEqual([
          { type: "rule", action: "new", rule: rule() },
          { type: "rule", action: "new", rule: rule({ family: 6 }) },
          { type: "rule", action: "delete", rule: rule() },
        ]);
      abort.abort();
      await ended;
    });
  });
}
