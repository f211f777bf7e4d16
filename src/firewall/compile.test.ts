import { describe, expect, test } from "vitest";
import { codes, exampleWorld, host } from "../../test/support/example-world.ts";
import type { Segment, Tenant } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { createTable } from "./compile.ts";
import type { EndpointDevice, FirewallInput } from "./input.ts";
import type { Table } from "./table.ts";

const INPUT: FirewallInput = {
  table: "romana",
  host: host(1),
  ...exampleWorld(),
  devices: [],
  underlayDevices: [2],
  gatewayServices: [],
};

/** Endpoints of host 1 in segment 1 of the first tenants, 15 in each. */
function devices(count: number): EndpointDevice[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `rom${index}`,
    index: 10 + index,
    owns: [parsePrefix(`10.1.${1 + Math.floor(index / 15)}.${17 + (index % 15)}/32`)],
  }));
}

function countRules({ chains }: Table): number {
  return chains.reduce((sum, { rules }) => sum + rules.length, 0);
}

/** Elements by set, where there are any. */
function countElements({ sets }: Table): Record<string, number> {
  return Object.fromEntries(
    sets.filter((set) => set.elements.length > 0).map((set) => [set.name, set.elements.length]),
  );
}

describe("createTable()", () => {
  test("1,000 endpoints need the rules of 10: only the sets of devices and sources grow", () => {
    const [few, many] = [10, 1000].map((count) => createTable({ ...INPUT, devices: devices(count) }));
    expect(countRules(many as Table)).toBe(countRules(few as Table));
    expect(countElements(few as Table)).toMatchObject({ endpoint_devices: 10, bound4: 10 });
    expect(countElements(many as Table)).toEqual({
      ...countElements(few as Table),
      endpoint_devices: 1000,
      bound4: 1000,
    });
  });

  test("200 tenants with 10 segments each need the rules of one with one: only identities grow", () => {
    const tenants = Array.from(
      { length: 200 },
      (_, index): Tenant => ({
        name: `tenant-${index}`,
        id: index + 1,
        isolation: "segment",
      }),
    );
    const segments = tenants.flatMap(({ name }) =>
      Array.from(
        { length: 10 },
        (_, code): Segment => ({ tenant: name, name: `${code}`, codes: codes(`${code}`) }),
      ),
    );
    const few = createTable({ ...INPUT, tenants: tenants.slice(0, 1), segments: segments.slice(0, 1) });
    const many = createTable({ ...INPUT, tenants, segments });
    expect(countRules(many)).toBe(countRules(few));
    expect(countElements(few)).toEqual({ same_segment4: 1, same_segment6: 1 });
    expect(countElements(many)).toEqual({ same_segment4: 2000, same_segment6: 2000 });
  });

  test("the order of tenants, segments, codes and devices does not show", () => {
    const turned = createTable({
      ...INPUT,
      tenants: INPUT.tenants.toReversed(),
      segments: INPUT.segments
        .toReversed()
        .map((segment) => ({ ...segment, codes: segment.codes.toReversed() })),
      devices: devices(3).toReversed(),
    });
    expect(turned).toEqual(createTable({ ...INPUT, devices: devices(3) }));
  });

  test("without known devices of the underlay only the shortest way is missing", () => {
    const forward = (table: Table) => table.chains.find(({ hook }) => hook === "forward")?.rules;
    const rest = forward(createTable(INPUT))?.filter(({ matches }) => matches[0]?.kind !== "input-device");
    expect(forward(createTable({ ...INPUT, underlayDevices: [] }))).toEqual(rest);
  });
});
