import { expect, test } from "vitest";
import type { CounterValue } from "../firewall/index.ts";
import { DropTotals } from "./drop-totals.ts";

function saved(ipv4: number, ipv6: number): Parameters<DropTotals["see"]>[0] {
  const drops = (packets: number): { drops: Map<string, CounterValue> } => ({
    drops: new Map([["isolation", { packets, bytes: packets * 60 }]]),
  });
  return { 4: drops(ipv4), 6: drops(ipv6) };
}

test("both families count together", () => {
  const totals = new DropTotals();
  totals.see(saved(2, 3));
  totals.see(saved(4, 3));
  expect([...totals.totals]).toEqual([["isolation", { packets: 7, bytes: 420 }]]);
});

test("what a replacement lost is added", () => {
  const totals = new DropTotals();
  totals.see(saved(2, 3));
  totals.startFrom(saved(2, 0));
  expect(totals.totals.get("isolation")?.packets).toBe(5);
  totals.see(saved(2, 2));
  totals.startFrom(saved(3, 0));
  expect([...totals.totals]).toEqual([["isolation", { packets: 8, bytes: 480 }]]);
});

test("nothing is counted before anything was seen", () => {
  expect([...new DropTotals().totals]).toEqual([]);
});
