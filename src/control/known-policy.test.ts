import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomFlow, randomMachineTraffic, randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw } from "../../test/support/random-world.ts";
import type { KnownPolicy, Policy } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { evaluateEndpoint, evaluateMachine } from "../policy/index.ts";
import type { FakeClock, Store } from "../store/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import { knownPolicy } from "./known-policy.ts";
import { encodePolicyRecord } from "./policy-record.ts";
import { errorOf, findingsOf, seedControl } from "./seed.case.ts";

const POLICY: Policy = {
  id: "p",
  description: 'not "appliedTo":[] and not ]',
  tier: "standard",
  order: 7,
  appliedTo: [{ kind: "endpoints", tenant: { by: "external-id", externalId: 'a"]b\\' } }],
  isolates: [],
  rules: [
    {
      direction: "ingress",
      verdict: "drop",
      peers: [{ kind: "prefix", prefix: parsePrefix("192.0.2.0/24"), except: [] }],
      traffic: [{}],
      stateful: true,
    },
  ],
  established: "keep",
};
const TEXT = encodePolicyRecord(POLICY);
const BROKEN_RULE = TEXT.replace('"drop"', '"deny"');
const CUT = TEXT.slice(0, TEXT.indexOf('"rules"') + 20);
const EVERYTHING = ["ingress", "egress"].map((direction) => ({
  direction,
  verdict: "drop",
  peers: [{ kind: "any" }, { kind: "host" }],
  traffic: [{}],
  stateful: true,
}));
const DENIED: object = {
  id: "p",
  tier: "admin",
  order: -1,
  appliedTo: POLICY.appliedTo,
  isolates: [],
  rules: EVERYTHING,
  established: "cut",
  damage: "targets-only",
};
const NOTHING: object = { ...DENIED, appliedTo: [], rules: [], damage: "nothing" };
const EARLIER: object = { ...POLICY, damage: "earlier-version" };

describe("knownPolicy()", () => {
  const cases: [string, string, KnownPolicy | undefined, object][] = [
    ["what can be read", TEXT, { ...POLICY, order: 8 }, POLICY],
    ["a broken rule, before: known", BROKEN_RULE, POLICY, EARLIER],
    ["nothing at all, before: known", "", POLICY, EARLIER],
    ["damaged again", "{", EARLIER as KnownPolicy, EARLIER],
    ["a broken rule, before: unknown", BROKEN_RULE, undefined, DENIED],
    ["half of it, before: unknown", CUT, undefined, DENIED],
    ["half of it, before: as damaged", CUT, NOTHING as KnownPolicy, DENIED],
    ["a broken target", TEXT.replace('"endpoints"', '"endpoint"'), undefined, NOTHING],
    ["half a target", TEXT.slice(0, TEXT.indexOf('"by"')), undefined, NOTHING],
    ["targets in the wrong place", '{"appliedTo":[', undefined, NOTHING],
    ["nothing, before: unknown", "", undefined, NOTHING],
    ["null", "null", undefined, NOTHING],
  ];
  test.each(cases)("%s", (_, value, before, expected) => {
    expect(knownPolicy("p", value, before)).toEqual(expected);
  });

  test("nobody can be told of an ID that no policy has", () => {
    expect(knownPolicy("a/b", "", undefined)).toBeUndefined();
  });

  test("what stands for a policy lets nothing pass that it would not have let pass", () => {
    let denied = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        if (world.policies.length === 0) return;
        const lost = draw.pick(world.policies);
        const standIn = knownPolicy(lost.id, encodePolicyRecord(lost).slice(0, -1), undefined);
        expect(standIn?.damage).toBe("targets-only");
        const policies = world.policies.map((one) => (one === lost ? (standIn as Policy) : one));
        for (let count = 0; count < 20; count++) {
          const [flow, machine] = [randomFlow(draw, world), randomMachineTraffic(draw, world)];
          const direction = draw.pick(["ingress", "egress"] as const);
          const ownHost = draw.pick([true, false]);
          const judge = (now: typeof world): string[] => [
            evaluateEndpoint(now, direction, flow, { ownHost }).verdict,
            evaluateMachine(now, direction, machine).verdict,
          ];
          const after = judge({ ...world, policies });
          for (const [index, verdict] of judge(world).entries()) {
            if (verdict !== "accept") expect(after[index]).toBe(verdict);
            else if (after[index] !== "accept") denied++;
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(denied).toBeGreaterThan(0);
  });
});

/** A romanad with a policy, and what damages the stored value of one. */
interface Bench {
  readonly control: Control;
  readonly store: Store;
  readonly clock: FakeClock;
  readonly damage: (value?: string, key?: string) => Promise<void>;
}

const DENY: Policy = {
  ...POLICY,
  appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "tenant-1" } }],
};

async function bench(): Promise<Bench> {
  const { control, store, clock } = await seedControl();
  await control.policies.create(DENY);
  const damage = async (value = "{", key = "policy/p"): Promise<void> => {
    await store.transact([], [{ type: "put", key, value }]);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { control, store, clock, damage };
}

/** The same store with a romanad that has never seen it whole. */
async function restart({ control, store, clock }: Bench): Promise<Control> {
  await control.close();
  return await createControl({ store, clock });
}

describe("a policy whose value is damaged", () => {
  test("is what it was for all hosts, and marked", async () => {
    const { control, damage } = await bench();
    const before = (await control.view("host-1")).policies[0];
    await damage();
    const object = { ...DENY, damage: "earlier-version" };
    expect((await control.view("host-1")).policies).toEqual([{ object, revision: before?.revision }]);
    expect((await control.policies.list()).items).toMatchObject([{ object: { policy: object } }]);
    expect((await control.policies.get("p")).object.policy).toEqual(object);
    expect(await findingsOf(control)).toEqual(["unparsable-value policy/p"]);
  });

  test.each([
    ["{", { appliedTo: [], rules: [], damage: "nothing" }],
    [
      encodePolicyRecord(DENY).replace('"drop"', '"deny"'),
      { appliedTo: DENY.appliedTo, rules: EVERYTHING, damage: "targets-only" },
    ],
  ])("after a restart is what is left of %s", async (value, expected) => {
    const scene = await bench();
    await scene.damage(value);
    const control = await restart(scene);
    expect((await control.view("host-1")).policies).toMatchObject([{ object: { id: "p", ...expected } }]);
    expect((await control.policies.list()).items).toMatchObject([{ object: { policy: expected } }]);
  });

  test("is told by the watch when it happens, when a watch begins, and when it goes", async () => {
    const scene = await bench();
    const told = async (control: Control, act: () => Promise<unknown>, after: number): Promise<object[]> => {
      const stop = new AbortController();
      const seen: object[] = [];
      await act();
      for await (const { changes } of control.watch({ kinds: ["policies"], after, signal: stop.signal })) {
        for (const { type, object } of changes) {
          seen.push([type, "damage" in object ? object.damage : "whole"]);
          if (type === "delete") stop.abort();
        }
      }
      return seen;
    };
    const first = await scene.control.revision();
    await scene.damage();
    const control = await restart(scene);
    expect(await told(control, () => control.policies.delete("p"), first - 1)).toEqual([
      ["put", "whole"],
      ["put", "nothing"],
      ["delete", "nothing"],
    ]);
    const again = await bench();
    const next = await again.control.revision();
    await again.damage();
    const other = await restart(again);
    const watching = told(other, async () => {}, next + 1);
    await new Promise((resolve) => setImmediate(resolve));
    await other.policies.delete("p");
    expect(await watching).toEqual([
      ["put", "nothing"],
      ["delete", "nothing"],
    ]);
  });

  const ways: [string, (control: Control) => Promise<unknown>, Policy[]][] = [
    ["is removed", (control) => control.policies.delete("p"), []],
    ["is created anew", (control) => control.policies.create(POLICY, { pending: true }), [POLICY]],
    ["is replaced", (control) => control.policies.replace("p", DENY), [DENY]],
    ["is applied anew", (control) => control.policies.apply({ policies: [DENY] }), [DENY]],
  ];
  test.each(
    ways.flatMap(([name, mend, left]) => [true, false].map((isCold) => ({ name, mend, left, isCold }))),
  )("is well when it $name (after a restart: $isCold)", async ({ mend, left, isCold }) => {
    const scene = await bench();
    await scene.damage();
    const control = isCold ? await restart(scene) : scene.control;
    await mend(control);
    expect((await control.view("host-1")).policies.map(({ object }) => object)).toEqual(left);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("changes without saying what it was", async () => {
    const { control, damage } = await bench();
    await damage();
    const { changes } = await control.policies.apply({ policies: [DENY] });
    expect(changes).toEqual([{ id: "p", action: "changed", after: DENY }]);
  });

  test("is not changed on trial, because it could not be put back", async () => {
    const { control, damage } = await bench();
    await damage();
    expect(await errorOf(control.policies.apply({ policies: [DENY], confirmWithin: 1000 }))).toBe(
      "invalid-input: Cannot apply policies: policies.0: what is stored cannot be read, and could not be put back: apply it without a trial",
    );
  });
});

describe("a trial whose record is damaged", () => {
  const other: Policy = { ...DENY, order: 8 };

  test.each(["{", '{"id":"7","deadline":5,"before":[{"id":"p","policy":{}}]}'])(
    "takes nothing back, is named, ends when it is confirmed, and is in nobody's way: %s",
    async (value) => {
      const troubles: unknown[] = [];
      const { control, store, clock } = await seedControl({ onTrouble: (error) => troubles.push(error) });
      const { trial } = await control.policies.apply({ policies: [DENY], confirmWithin: 1000 });
      const id = trial?.id ?? "";
      const key = `policy-trial/${id}`;
      await store.transact([], [{ type: "put", key, value }]);
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(5000);
      expect(troubles.map(String)).toEqual([
        `RomanaError: Cannot read policy trial "${id}": its stored value is damaged; see "romana ipam check"`,
      ]);
      const damaged = { id, deadline: 0, policies: [], damaged: true };
      expect(await control.policies.trials()).toEqual([damaged]);
      expect(await findingsOf(control)).toEqual([`unparsable-value ${key}`]);
      const next = await control.policies.apply({ policies: [other], confirmWithin: 1000 });
      expect((await control.policies.trials()).map((one) => one.id)).toEqual([id, next.trial?.id]);
      expect(await control.policies.confirm(id)).toEqual(damaged);
      expect(await findingsOf(control)).toEqual([]);
    },
  );
});
