import fc from "fast-check";
import { expect, test } from "vitest";
import { randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw, type Draw } from "../../test/support/random-world.ts";
import { decodePolicyRecord, encodePolicyRecord } from "../control/policy-record.ts";
import { decodePolicy, encodePolicy } from "../schema/index.ts";
import { createSeed, createTestApp } from "./test-app.case.ts";

const WRONG = [null, "", "x", "ingress", "any", 0, -1, 0.5, 70_000, true, [], {}, "10.0.0.0/8", "a b"];

/** All objects and lists inside a value, itself included. */
function holdersIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(holdersIn)];
}

/** Changes, adds or takes away something somewhere. */
function damage(draw: Draw, policy: unknown): void {
  const holder = draw.pick(holdersIn(policy));
  const keys = Object.keys(holder);
  const key = keys.length === 0 ? "x" : draw.pick(keys);
  const way = draw.between(0, 3);
  if (way === 0) delete holder[key];
  else if (way === 1) holder[`${key}x`] = draw.pick(WRONG);
  else holder[key] = draw.pick(WRONG);
}

test("what can be read of the store can be told to everybody, and means the same there", () => {
  const counts = { read: 0, damaged: 0 };
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const draw = createDraw(seed);
      for (const policy of randomPolicyWorld(draw).policies) {
        const value = JSON.parse(encodePolicyRecord(policy)) as unknown;
        damage(draw, value);
        let read: ReturnType<typeof decodePolicyRecord>;
        try {
          read = decodePolicyRecord(policy.id, JSON.stringify(value));
        } catch {
          counts.damaged++;
          continue;
        }
        counts.read++;
        expect(decodePolicy(JSON.parse(JSON.stringify(encodePolicy(read))))).toEqual(read);
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(counts.read, counts.damaged)).toBeGreaterThan(100);
});

test("a policy and a trial that cannot be read are shown, and can be ended", async () => {
  await using app = await createTestApp();
  await createSeed(app);
  const target = '"appliedTo":[{"kind":"endpoints","tenant":{"by":"name","name":"t1"}}]';
  const bad: [string, string][] = [
    ["policy/lost", "{"],
    ["policy/half", `{${target},"ru`],
    ["policy-trial/7", "{"],
  ];
  await app.store.transact(
    [],
    bad.map(([key, value]) => ({ type: "put", key, value }) as const),
  );
  await new Promise((resolve) => setImmediate(resolve));
  const { body } = await app.request("GET", "/v1/policies");
  expect(body.items).toMatchObject([
    { id: "half", state: "damaged", damage: "targets-only" },
    { id: "lost", state: "damaged", damage: "nothing", appliedTo: [], rules: [] },
  ]);
  expect((await app.request("GET", "/v1/hosts/h1/view")).body.policies).toMatchObject([
    { id: "half", damage: "targets-only" },
    { id: "lost", damage: "nothing" },
  ]);
  expect((await app.request("GET", "/v1/policies/lost")).body).toMatchObject({ state: "damaged" });
  expect((await app.request("DELETE", "/v1/policies/lost")).status).toBe(200);
  expect((await app.request("DELETE", "/v1/policies/half")).status).toBe(200);
  const trial = { id: "7", deadline: 0, policies: [], damaged: true };
  expect((await app.request("GET", "/v1/policy-trials")).body).toEqual({ items: [trial] });
  expect((await app.request("POST", "/v1/policy-trials/7/confirm")).body).toEqual(trial);
  expect((await app.request("POST", "/v1/ipam/check", {})).body).toMatchObject({ clean: true });
});
