import { describe, expect, test } from "vitest";
import { hasCode, type Policy, type PolicyTarget } from "../model/index.ts";
import { formatPrefix, parsePrefix } from "../net/index.ts";
import type { Control } from "./control.ts";
import { createControl } from "./create.ts";
import type { PolicyTrial } from "./policy-control.ts";
import { addressOf, errorOf, findingsOf, seedControl, WEB } from "./seed.case.ts";

function endpoints(tenant: string, segment?: string): PolicyTarget {
  return {
    kind: "endpoints",
    tenant: { by: "name", name: tenant },
    ...(segment !== undefined && { segment: { by: "name", name: segment } }),
  };
}

function policy(id: string, change: Partial<Policy> = {}): Policy {
  return {
    id,
    tier: "standard",
    order: 1000,
    appliedTo: [endpoints("tenant-1", "web")],
    isolates: ["ingress"],
    rules: [
      {
        direction: "ingress",
        verdict: "accept",
        peers: [
          { kind: "prefix", prefix: parsePrefix("192.0.2.0/24"), except: [parsePrefix("192.0.2.8/29")] },
        ],
        traffic: [{ protocol: 6, ports: { first: 80, last: 80 } }],
        stateful: true,
      },
    ],
    established: "cut",
    ...change,
  };
}

const UNKNOWN = policy("later", { appliedTo: [endpoints("ghost"), endpoints("tenant-1", "db")] });

async function idsOf(control: Control): Promise<string[]> {
  return (await control.policies.list()).items.map(({ object }) => object.policy.id);
}

/** Waits until no change is on trial. */
async function settled(control: Control): Promise<void> {
  while ((await control.policies.trials()).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe("policies", () => {
  test("are created once, read, listed, replaced and deleted", async () => {
    const { control } = await seedControl();
    const first = await control.policies.create(policy("p"));
    expect(first).toMatchObject({ created: true, object: { policy: policy("p"), missing: [] } });
    expect(await control.policies.create(policy("p"))).toMatchObject({
      created: false,
      revision: first.revision,
    });
    expect(await errorOf(control.policies.create(policy("p", { order: 1 })))).toBe(
      'conflict: Cannot create policy "p": it is there already, and different',
    );
    const next = await control.policies.replace("p", policy("p", { order: 1 }), {
      expectedRevision: first.revision,
    });
    expect(await control.policies.get("p")).toEqual(next);
    expect(next.object.policy.order).toBe(1);
    expect(
      await errorOf(control.policies.replace("p", policy("p"), { expectedRevision: first.revision })),
    ).toBe(
      `revision-mismatch: Cannot replace policy "p": it has changed and is at revision ${next.revision}`,
    );
    expect(await idsOf(control)).toEqual(["p"]);
    expect(await control.policies.delete("p", { dryRun: true })).toMatchObject({ dryRun: true, count: 1 });
    await control.policies.delete("p");
    expect(await errorOf(control.policies.get("p"))).toBe('not-found: Cannot find policy "p"');
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each<[string, (control: Control) => Promise<unknown>, string]>([
    [
      "an unknown tenant and segment",
      (control) => control.policies.create(UNKNOWN),
      'invalid-input: Cannot create policy "later": appliedTo.0.tenant: there is no tenant "ghost"; ' +
        'appliedTo.1.segment: there is no segment "db" in tenant "tenant-1"',
    ],
    [
      "an unknown peer",
      (control) =>
        control.policies.create(
          policy("p", {
            rules: [
              { ...policy("p").rules[0]!, peers: [{ kind: "endpoints", tenant: { by: "id", id: 77 } }] },
            ],
          }),
        ),
      'invalid-input: Cannot create policy "p": rules.0.peers.0.tenant: there is no tenant with ID 77',
    ],
    [
      "another ID",
      (control) => control.policies.replace("p", policy("q")),
      'invalid-input: Cannot replace policy "p": id: "q" is another one; an ID does not change',
    ],
    [
      "the replacement of none",
      (control) => control.policies.replace("p", policy("p")),
      'not-found: Cannot find policy "p"',
    ],
  ])("refuse %s", async (_, call, error) => {
    const { control } = await seedControl();
    expect(await errorOf(call(control))).toBe(error);
  });

  test("wait for who is not there, and wait again when it goes", async () => {
    const { control } = await seedControl();
    const created = await control.policies.create(UNKNOWN, { pending: true });
    const both = ['there is no tenant "ghost"', 'there is no segment "db" in tenant "tenant-1"'];
    expect(created.object.missing).toEqual(both);
    await control.tenants.create({ name: "ghost" });
    await control.segments.create({ tenant: "tenant-1", name: "db" });
    expect((await control.policies.get("later")).object.missing).toEqual([]);
    await control.tenants.delete("ghost");
    expect((await control.policies.get("later")).object.missing).toEqual(both.slice(0, 1));
  });

  test("select by external ID and code as well", async () => {
    const { control } = await seedControl();
    await control.tenants.create({ name: "x", externalId: "f00" });
    await control.segments.create({ tenant: "x", name: "s" });
    const selector = { kind: "endpoints", tenant: { by: "external-id", externalId: "f00" } } as const;
    const known = policy("p", { appliedTo: [{ ...selector, segment: { by: "id", id: 1 } }] });
    const unknown = policy("q", { appliedTo: [{ ...selector, segment: { by: "id", id: 2 } }] });
    expect((await control.policies.create(known)).object.missing).toEqual([]);
    expect(await errorOf(control.policies.create(unknown))).toContain(
      'there is no segment with ID 2 in tenant with external ID "f00"',
    );
  });

  test("are in the view of every host and in the watch", async () => {
    const { control } = await seedControl();
    const { revision } = await control.policies.create(policy("p"));
    expect((await control.view("host-2")).policies).toEqual([{ object: policy("p"), revision }]);
    await control.policies.delete("p");
    const stop = new AbortController();
    const types: string[] = [];
    for await (const { changes } of control.watch({
      kinds: ["policies"],
      after: revision - 1,
      signal: stop.signal,
    })) {
      for (const { type, object } of changes) {
        expect(object).toEqual(policy("p"));
        types.push(type);
      }
      if (types.length === 2) stop.abort();
    }
    expect(types).toEqual(["put", "delete"]);
  });
});

describe("apply()", () => {
  const changed = policy("a", { order: 5 });

  test("changes all or says what it would change", async () => {
    const { control } = await seedControl();
    await control.policies.create(policy("a"));
    await control.policies.create(policy("c"));
    const policies = [changed, policy("b"), policy("c")];
    const rehearsal = await control.policies.apply({ policies, dryRun: true });
    expect(rehearsal).toEqual({
      dryRun: true,
      changes: [
        { id: "a", action: "changed", before: policy("a"), after: changed },
        { id: "b", action: "created", after: policy("b") },
        { id: "c", action: "unchanged", before: policy("c"), after: policy("c") },
      ],
    });
    expect(await idsOf(control)).toEqual(["a", "c"]);
    const { changes } = await control.policies.apply({ policies });
    expect(changes).toEqual(rehearsal.changes);
    expect(await idsOf(control)).toEqual(["a", "b", "c"]);
    expect(await control.policies.trials()).toEqual([]);
  });

  test("changes nothing when one is refused", async () => {
    const { control } = await seedControl();
    const error = await errorOf(control.policies.apply({ policies: [policy("a"), UNKNOWN, policy("a")] }));
    expect(error).toBe(
      'invalid-input: Cannot apply policies: policies.1.appliedTo.0.tenant: there is no tenant "ghost"; ' +
        'policies.1.appliedTo.1.segment: there is no segment "db" in tenant "tenant-1"; policies.2.id: "a" is there twice',
    );
    expect(await idsOf(control)).toEqual([]);
  });

  test("on trial is taken back at the deadline", async () => {
    const takenBack: PolicyTrial[] = [];
    const { control, clock } = await seedControl({ onRollBack: (ended) => takenBack.push(ended) });
    await control.policies.create(policy("a"));
    const { trial } = await control.policies.apply({
      policies: [changed, policy("b")],
      confirmWithin: 60_000,
    });
    expect(trial).toEqual({ id: trial?.id, deadline: 60_000, policies: ["a", "b"] });
    expect(await control.policies.trials()).toEqual([trial]);
    clock.advance(59_999);
    expect(await idsOf(control)).toEqual(["a", "b"]);
    clock.advance(1);
    await settled(control);
    expect(await idsOf(control)).toEqual(["a"]);
    expect(takenBack).toEqual([trial]);
    expect((await control.policies.get("a")).object.policy).toEqual(policy("a"));
    expect(await findingsOf(control)).toEqual([]);
  });

  test("on trial stays when it is confirmed in time", async () => {
    const { control, clock } = await seedControl();
    const { trial } = await control.policies.apply({ policies: [policy("b")], confirmWithin: 1000 });
    expect(await control.policies.confirm(trial?.id ?? "")).toEqual(trial);
    clock.advance(5000);
    expect(await idsOf(control)).toEqual(["b"]);
    expect(await errorOf(control.policies.confirm(trial?.id ?? ""))).toBe(
      `not-found: Cannot find policy trial "${trial?.id}"`,
    );
  });

  test("on trial is taken back by the next romanad when this one dies", async () => {
    const { control, clock, store } = await seedControl();
    await control.policies.apply({ policies: [policy("b")], confirmWithin: 1000 });
    await control.close();
    clock.advance(5000);
    const next = await createControl({ store, clock });
    clock.advance(0);
    await settled(next);
    expect(await idsOf(next)).toEqual([]);
  });

  test("leaves alone what somebody has changed during the trial", async () => {
    const { control, clock } = await seedControl();
    await control.policies.apply({ policies: [policy("a"), policy("b")], confirmWithin: 1000 });
    await control.policies.replace("a", changed);
    clock.advance(1000);
    await settled(control);
    expect(await idsOf(control)).toEqual(["a"]);
    expect((await control.policies.get("a")).object.policy).toEqual(changed);
  });
});

describe("an endpoint that acts as another segment", () => {
  async function acting(): Promise<
    { control: Control; address: string } & Awaited<ReturnType<typeof seedControl>>
  > {
    const bench = await seedControl();
    await bench.control.segments.create({ tenant: "tenant-1", name: "db" });
    const { object } = await bench.control.endpoints.allocate({ ...WEB, name: "e" });
    await bench.control.endpoints.update("e", { actsAs: "db" });
    return { ...bench, address: addressOf(object) };
  }

  async function exceptionsOf(control: Control): Promise<string[]> {
    const { items } = await control.exceptions.list();
    return items.map(
      ({ object }) => `${object.blocks.map(formatPrefix).join()} ${object.tenant}/${object.segment}`,
    );
  }

  test("is an exception that every host learns of", async () => {
    const { control, address } = await acting();
    expect((await control.endpoints.get("e")).object).toMatchObject({ segment: "web", actsAs: "db" });
    expect(await exceptionsOf(control)).toEqual([`${address}/32 tenant-1/db`]);
    expect(control.exceptions.count()).toBe(1);
    const { exceptions } = await control.view("host-2");
    expect(exceptions.map(({ object }) => object.segment)).toEqual(["db"]);
    expect(await findingsOf(control)).toEqual([]);
  });

  test.each<[string, (control: Control) => Promise<unknown>]>([
    ["takes it back", (control) => control.endpoints.update("e", { actsAs: null })],
    ["is to act as its own segment", (control) => control.endpoints.update("e", { actsAs: "web" })],
    ["is released", (control) => control.endpoints.release("e")],
    ["goes with its segment", (control) => control.segments.delete("tenant-1", "web", { cascade: true })],
  ])("is none any more when it %s", async (_, end) => {
    const { control } = await acting();
    await end(control);
    expect(await exceptionsOf(control)).toEqual([]);
    expect(control.exceptions.count()).toBe(0);
    expect(await findingsOf(control)).toEqual([]);
  });

  test("needs the segment", async () => {
    const { control } = await acting();
    const error = await control.endpoints
      .update("e", { actsAs: "nothing" })
      .catch((reason: unknown) => reason);
    expect(hasCode(error, "not-found") && error.message).toBe('Cannot find segment "tenant-1/nothing"');
  });

  test.each([
    ["goes on acting", false],
    ["goes on acting after a restart", true],
  ])("%s when its exception is damaged", async (_, isCold) => {
    const { control, store, clock, address } = await acting();
    const key = "exception/host-1/main/tenant-1/0000000001/0000000001";
    await store.transact([], [{ type: "put", key, value: "{" }]);
    await new Promise((resolve) => setImmediate(resolve));
    const next = isCold ? await createControl({ store, clock }) : control;
    const exceptions = async (): Promise<string[]> =>
      (await next.view("host-2")).exceptions.map(
        ({ object }) => `${object.blocks.map(formatPrefix).join()} ${object.tenant}/${object.segment}`,
      );
    expect(await exceptions()).toEqual([`${address}/32 tenant-1/db`]);
    expect(await findingsOf(next)).toEqual([`stale-index ${key}`]);
    const { revision } = await next.view("host-2");
    const stop = new AbortController();
    const told = next.watch({ kinds: ["exceptions"], after: revision, signal: stop.signal });
    await next.endpoints.update("e", { actsAs: null });
    for await (const { changes } of told) {
      // Its damaged value says nothing of it, but hosts must know whose exception goes.
      expect(changes).toMatchObject([
        { type: "delete", object: { blocks: [parsePrefix(`${address}/32`)], tenant: "tenant-1" } },
      ]);
      break;
    }
    expect(await exceptions()).toEqual([]);
  });

  test("is mended by the check when endpoint and exception disagree", async () => {
    const { control, store, clock } = await acting();
    const spot = "host-1/main/tenant-1/0000000001/0000000001";
    const stray = "exception/host-1/main/tenant-1/0000000001/0000000007";
    const value = (await store.get(`exception/${spot}`))?.value ?? "";
    await store.transact(
      [],
      [
        { type: "delete", key: `exception/${spot}` },
        { type: "put", key: stray, value },
        { type: "put", key: "policy/broken", value: "{" },
      ],
    );
    const next = await createControl({ store, clock });
    expect((await findingsOf(next)).toSorted()).toEqual([
      `missing-index exception/${spot}`,
      `stale-index ${stray}`,
      "unparsable-value policy/broken",
    ]);
    await next.ipam.check({ repair: true });
    expect(await findingsOf(next)).toEqual(["unparsable-value policy/broken"]);
    expect((await store.get(`exception/${spot}`))?.value).toBe(value);
    await control.close();
  });
});
