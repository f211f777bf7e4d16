import { expect, test } from "vitest";
import { AgentScene } from "../../test/support/agent-scene.ts";
import { hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import type { KnownPolicy, PolicyDamage } from "../model/index.ts";
import type { Stored } from "../schema/index.ts";
import { damagedPolicies } from "./damaged-policies.ts";

const WHOLE: Stored<KnownPolicy> = {
  id: "no-beta",
  tier: "standard",
  order: 1000,
  appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "acme" } }],
  isolates: [],
  rules: [
    {
      direction: "ingress",
      verdict: "drop",
      peers: [{ kind: "endpoints", tenant: { by: "name", name: "beta" } }],
      traffic: [{ protocol: 6 }],
      stateful: true,
    },
  ],
  established: "cut",
  revision: 7,
};
const LOST: Stored<KnownPolicy> = { ...WHOLE, appliedTo: [], rules: [], revision: 9, damage: "nothing" };
const ADVICE = "write it again with romana policy apply, or remove it with romana policy remove";

test.each<[PolicyDamage, string]>([
  ["earlier-version", "cannot be read from the store: what it said before is enforced"],
  [
    "targets-only",
    "cannot be read and this host has no earlier version: all traffic of those whom it is applied to is dropped",
  ],
  ["nothing", "cannot be read and this host has no earlier version: it is not enforced, and cannot be"],
])("damagedPolicies() tells of %s", (damage, sentence) => {
  const policies = [WHOLE, { ...WHOLE, id: "q", damage }];
  expect(damagedPolicies(policies)).toEqual([`Policy "q" ${sentence}; ${ADVICE}`]);
});

test.each(["in memory", "in its saved view"])(
  "an agent that holds a policy %s goes on enforcing it, and says so",
  async (place) => {
    const scene = new AgentScene({ romanad: new FakeRomanad(hostView({ policies: [WHOLE] })) });
    await scene.start();
    const good = scene.kernel.listTable("romana");
    if (place === "in memory") {
      const object = LOST as Stored<KnownPolicy> & { appliedTo: []; rules: []; isolates: [] };
      scene.romanad.change(hostView({ policies: [LOST] }), { kind: "policies", type: "put", object });
      await scene.timers.advance(2_000);
    } else {
      await scene.timers.advance(2_000);
      await scene.stop();
      scene.romanad.change(hostView({ policies: [LOST] }));
      await scene.start();
    }
    expect(scene.kernel.listTable("romana")).toBe(good);
    await scene.timers.advance(2_000);
    const problems = [
      `Policy "no-beta" cannot be read from the store: what it said before is enforced; ${ADVICE}`,
    ];
    expect(scene.romanad.reports.at(-1)).toMatchObject({ state: "degraded", problems });
    scene.romanad.change(hostView({ policies: [WHOLE] }), {
      kind: "policies",
      type: "put",
      object: WHOLE as Stored<KnownPolicy> & { appliedTo: []; rules: []; isolates: [] },
    });
    await scene.timers.advance(2_000);
    expect(scene.romanad.reports.at(-1)).toMatchObject({ state: "ok", problems: [] });
    expect(scene.kernel.listTable("romana")).toBe(good);
  },
);
