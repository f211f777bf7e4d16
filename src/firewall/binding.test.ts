import { describe, expect, test } from "vitest";
import { host, network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import { parsePrefix } from "../net/index.ts";
import { deviceChanges } from "./binding.ts";
import type { EndpointDevice, FirewallScope } from "./input.ts";
import type { RawElement } from "./key.ts";

const V1 = {
  prefix: "172.16.0.0/16",
  numbering: "v1",
  hostBits: 4,
  tenantBits: 4,
  segmentBits: 2,
  endpointBits: 4,
  strideBits: 2,
} as const;

const SCOPE: FirewallScope = {
  table: "romana",
  networks: [network("default", SEED_IPV4, SEED_IPV6), network("old", V1)],
  host: host(1),
};

function device(name: string, index: number | undefined, ...owns: string[]): EndpointDevice {
  return { name, index, owns: owns.map(parsePrefix) };
}

/** Changes with their keys in hexadecimal. */
function changes(add: readonly EndpointDevice[], remove: readonly EndpointDevice[]) {
  const hex = (elements: readonly RawElement[]) =>
    elements.map(({ key }) => Buffer.from(key).toString("hex"));
  return deviceChanges(SCOPE, { add, remove }).map((change) => ({
    table: change.table,
    set: change.set,
    add: hex(change.add),
    remove: hex(change.remove),
  }));
}

describe("deviceChanges()", () => {
  test("an endpoint with an address of each family comes", () => {
    expect(changes([device("rom0a01011b", 7, "10.1.1.27/32", "fd00:10:0:100:1:1:0:b/128")], [])).toEqual([
      { table: "romana", set: "endpoint_devices", add: ["726f6d30613031303131620000000000"], remove: [] },
      { table: "romana", set: "bound4", add: ["070000000a01011b"], remove: [] },
      { table: "romana", set: "bound6", add: ["07000000fd0000100000010000010001" + "0000000b"], remove: [] },
    ]);
  });

  test("a device that does not exist yet is only blocked", () => {
    expect(changes([device("tap0", undefined, "10.1.1.27/32")], [])).toEqual([
      { table: "romana", set: "endpoint_devices", add: ["74617030000000000000000000000000"], remove: [] },
    ]);
  });

  test("blocks of a stride, and the one address of endpoint 0 of a v1 plan", () => {
    expect(changes([device("tap0", 1, "172.16.0.68/30"), device("tap1", 2, "172.16.0.67/32")], [])).toEqual([
      {
        table: "romana",
        set: "endpoint_devices",
        add: ["74617030000000000000000000000000", "74617031000000000000000000000000"],
        remove: [],
      },
      { table: "romana", set: "bound4_block2", add: ["01000000ac100044"], remove: [] },
      { table: "romana", set: "bound4", add: ["02000000ac100043"], remove: [] },
    ]);
  });

  test("a device was made anew: its old index goes, its new one comes", () => {
    expect(changes([device("tap0", 8, "10.1.1.27/32")], [device("tap0", 7, "10.1.1.27/32")])).toContainEqual({
      table: "romana",
      set: "bound4",
      add: ["080000000a01011b"],
      remove: ["070000000a01011b"],
    });
  });

  test.each([
    ["tap0", "10.2.1.27/32", 'owns: 10.2.1.27/32 is not in a prefix of host "host-1"'],
    ["tap0", "10.1.1.24/30", "owns: 10.1.1.24/30 is not a block of 0 stride bits"],
    ["tap0", "172.16.0.0/29", "owns: 172.16.0.0/29 is not a block of 2 stride bits"],
    ['x" ; drop', "10.1.1.27/32", "name: must be 1 to 15 printable ASCII characters without blanks"],
    ["tap*", "10.1.1.27/32", "name: must be"],
    ["", "10.1.1.27/32", "name: must be"],
    ["sixteen-letters-", "10.1.1.27/32", "name: must be"],
  ])("%j with %s is refused", (name, owns, reason) => {
    expect(() => changes([device(name, 1, owns)], [])).toThrow(`Cannot bind device "${name}": ${reason}`);
  });
});
