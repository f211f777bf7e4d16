import { describe, expect, test } from "vitest";
import { exampleWorld, host } from "../../test/support/example-world.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { createTable } from "./compile.ts";
import type { FirewallInput } from "./input.ts";
import { interpret, type KernelPacket } from "./interpret.ts";
import { renderTable } from "./nft.ts";

const INPUT: FirewallInput = {
  table: "romana",
  host: host(1),
  ...exampleWorld(),
  devices: [{ name: "rom1", index: 7, owns: [parsePrefix("10.1.2.17/32")] }],
  underlayDevices: [2],
  gatewayServices: [],
};
const STEERED = { mask: 0x30000000, passing: 0x10000000, arrived: 0x20000000 };

/** From a function's device on this host, with the address of somebody on host 2. */
function packet(destination: string, mark: number, state: KernelPacket["state"] = "new"): KernelPacket {
  return {
    source: parseAddress("10.2.1.17"),
    destination: parseAddress(destination),
    traffic: { kind: "tcp", port: 80 },
    state,
    arrival: { from: "endpoint", owns: INPUT.devices[0]?.owns ?? [] },
    delivery: "forward",
    device: { name: "rom1", index: 7 },
    mark,
  };
}

describe("packets that are steered", () => {
  const table = createTable({ ...INPUT, steered: STEERED });
  test("are told in front of everything else in the forward hook", () => {
    expect(renderTable(table)).toContain(
      [
        "    type filter hook forward priority filter; policy accept;",
        "    meta mark & 0x30000000 == 0x10000000 accept",
        "    meta mark & 0x30000000 == 0x20000000 goto arrived",
      ].join("\n"),
    );
    expect(renderTable(table)).toContain(
      [
        "  chain arrived {",
        "    ct state established,related accept",
        "    ip daddr 10.1.0.0/16 goto to_endpoint4",
        "    ip6 daddr fd00:10:0:100::/56 goto to_endpoint6",
        "  }",
      ].join("\n"),
    );
  });

  const { passing, arrived } = STEERED;
  test.each<[string, string, number, KernelPacket["state"], string]>([
    ["passing is asked nothing", "10.1.1.17", passing, "new", "accept"],
    ["arrived is judged by who talks to whom", "10.1.1.18", arrived, "new", "accept"],
    ["arrived is judged by who talks to whom", "10.1.2.18", arrived, "new", "drop isolation"],
    ["arrived of a known flow", "10.1.2.18", arrived, "established", "accept"],
    ["without a mark it is a forgery", "10.1.1.18", 0, "new", "drop spoofed-source"],
    ["with both marks it is a forgery", "10.1.1.18", passing | arrived, "new", "drop spoofed-source"],
    ["other bits do not count", "10.1.1.18", passing | 0x40ff0000, "new", "accept"],
  ])("%s: to %s", (_, destination, mark, state, expected) => {
    const { verdict, counter } = interpret(table, packet(destination, mark, state));
    expect([verdict, counter].filter((word) => word !== undefined).join(" ")).toBe(expected);
  });

  test("are nobody where there are no chains", () => {
    const outcome = interpret(createTable(INPUT), packet("10.1.1.18", passing));
    expect(outcome).toEqual({ verdict: "drop", counter: "spoofed-source" });
    expect(renderTable(createTable(INPUT))).not.toContain("mark");
  });
});
