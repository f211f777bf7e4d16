import { expect, test } from "vitest";
import type { HostCounters, HostStatus } from "../model/index.ts";
import { seedControl } from "./seed.case.ts";

function report(counters?: HostCounters): HostStatus {
  return {
    observedRevision: 1,
    state: "ok",
    problems: [],
    routes: [],
    attachments: 0,
    ...(counters && { counters }),
    version: "1",
    reportedAt: 1,
  };
}

test("counters of all hosts are summed by policy and rule", async () => {
  const { control } = await seedControl();
  const [first, second] = (await control.hosts.list()).items.map(({ object }) => object.name) as [
    string,
    string,
  ];
  const { status } = control;
  expect(await status.counters()).toEqual({ hosts: 0, omitted: 0, policies: [], drops: [] });
  await status.put(
    first,
    report({
      rules: [
        { policy: "b", rule: 1, packets: 5, bytes: 50 },
        { policy: "a", packets: 1, bytes: 10 },
        { policy: "a", rule: 0, packets: 2, bytes: 20 },
      ],
      omitted: 3,
      drops: [{ reason: "denied", packets: 4, bytes: 40 }],
    }),
  );
  await status.put(
    second,
    report({
      rules: [{ policy: "a", rule: 0, packets: 100, bytes: 1000 }],
      omitted: 1,
      drops: [
        { reason: "denied", packets: 1, bytes: 1 },
        { reason: "isolation", packets: 7, bytes: 70 },
      ],
    }),
  );
  const drops = [
    { reason: "denied", packets: 5, bytes: 41 },
    { reason: "isolation", packets: 7, bytes: 70 },
  ];
  const a = {
    policy: "a",
    rules: [
      { packets: 1, bytes: 10 },
      { rule: 0, packets: 102, bytes: 1020 },
    ],
  };
  const b = { policy: "b", rules: [{ rule: 1, packets: 5, bytes: 50 }] };
  expect(await status.counters()).toEqual({ hosts: 2, omitted: 4, policies: [a, b], drops });
  expect((await status.counters("b")).policies).toEqual([b]);
  await status.put(second, report());
  expect(await status.counters("a")).toMatchObject({
    hosts: 1,
    policies: [{ policy: "a", rules: [{ packets: 1 }, { packets: 2 }] }],
  });
});
