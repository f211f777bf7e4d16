import { describe, expect, test } from "vitest";
import {
  codes,
  exampleWorld,
  host,
  network,
  SEED_IPV4,
  SEED_IPV6,
} from "../../test/support/example-world.ts";
import { parsePrefix } from "../net/index.ts";
import { createTable } from "./compile.ts";
import type { EndpointDevice, FirewallInput } from "./input.ts";
import { renderTable } from "./nft.ts";

function device(name: string, index: number | undefined, ...owns: string[]): EndpointDevice {
  return { name, index, owns: owns.map(parsePrefix) };
}

const EXAMPLE: FirewallInput = {
  table: "romana",
  host: host(1),
  ...exampleWorld(),
  devices: [
    device("rom0a01011b", 7, "10.1.1.27/32", "fd00:10:0:100:1:1::b/128"),
    device("tap0", undefined, "10.1.2.17/32"),
  ],
  underlayDevices: [2],
  gatewayServices: [
    { protocol: "udp", port: 53 },
    { protocol: "tcp", port: 53 },
  ],
};

const TWO_NETWORKS: FirewallInput = {
  ...EXAMPLE,
  networks: [
    network("default", SEED_IPV4),
    network("v1", {
      prefix: "172.16.0.0/16",
      numbering: "v1",
      hostBits: 4,
      tenantBits: 4,
      segmentBits: 2,
      endpointBits: 4,
      strideBits: 2,
    }),
    network("wide", undefined, { ...SEED_IPV6, endpointBits: 16, strideBits: 16 }),
  ],
  tenants: [{ id: 1, name: "acme", isolation: "segment" }],
  segments: [{ tenant: "acme", name: "db", codes: codes("2", "13+2") }],
  devices: [
    device("rom0a01011b", 7, "10.1.1.27/32"),
    device("rom-first", 8, "172.16.1.3/32"),
    device("rom-second", 9, "172.16.1.4/30"),
    device("rom-wide", 10, "fd00:10:0:100:1:1:5::/112"),
  ],
  gatewayServices: [],
};

describe("renderTable()", () => {
  test.each([
    ["example", EXAMPLE],
    ["two-networks", TWO_NETWORKS],
  ])("%s", async (name, input) => {
    await expect(renderTable(createTable(input))).toMatchFileSnapshot(`testdata/${name}.nft`);
  });

  test("counters go on from given values", () => {
    const text = renderTable(createTable(EXAMPLE), new Map([["isolation", { packets: 3, bytes: 180 }]]));
    expect(text).toContain("counter isolation {\n    packets 3 bytes 180\n  }");
    expect(text).toContain("counter to-host {\n    packets 0 bytes 0\n  }");
  });
});
