import { expect, test } from "vitest";
import { Attachments } from "./attachments.ts";
import { hostProblems } from "./host-problems.ts";
import { Inventory } from "./inventory.ts";

test("hostProblems() cuts what is too long and counts what is too much", () => {
  const failures = Array.from({ length: 150 }, (_, index) => `${index} ${"x".repeat(2_000)}`);
  const problems = hostProblems({
    damage: [],
    kernel: { sysctl: () => undefined },
    keeper: { failures },
    reconciler: { fights: [], inventory: new Inventory() },
    attachments: new Attachments(),
    connection: { connected: true },
    isKnown: false,
    underivable: undefined,
    policing: [],
    taps: [],
    virtualIps: [],
    steering: [],
    routing: [],
    dhcp: [],
  });
  expect(problems).toHaveLength(100);
  expect(problems[0]).toBe("romanad has not told about this host");
  expect(problems[1]).toHaveLength(1_000);
  expect(problems[99]).toBe("52 more problems");
});
