import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createTable,
  deviceChanges,
  type EndpointDevice,
  type FirewallInput,
  renderTable,
} from "../../src/firewall/index.ts";
import { parsePrefix } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { exampleWorld, host, network, SEED_IPV4, SEED_IPV6 } from "../support/example-world.ts";

const NAME = `romfw-${process.pid}-table`;
const NAMESPACE = namespacePath(NAME);

const STRIDED = {
  prefix: "172.16.0.0/16",
  numbering: "v1",
  hostBits: 4,
  tenantBits: 4,
  segmentBits: 4,
  endpointBits: 2,
  strideBits: 2,
} as const;

const INPUT: FirewallInput = {
  table: "romana",
  host: host(1),
  ...exampleWorld(),
  networks: [network("default", SEED_IPV4, SEED_IPV6), network("old", STRIDED)],
  devices: [],
  underlayDevices: [1],
  gatewayServices: [{ protocol: "udp", port: 53 }],
};

const DEVICES: readonly EndpointDevice[] = [
  ["rom0a01011b", 7, "10.1.1.27/32", "fd00:10:0:100:1:1:0:b/128"] as const,
  ["rom-first", 0x010203, "172.16.0.3/32"] as const,
  ["rom-block", 9, "172.16.0.4/30"] as const,
  ["tap0", undefined, "10.1.2.17/32"] as const,
].map(([name, index, ...owns]) => ({ name, index, owns: owns.map(parsePrefix) }));

/** Tables of somebody else, with a name, sets and counters that look like ours. */
const FOREIGN = `
table ip romana { chain forward { type filter hook forward priority 0; policy accept; counter drop; }; }
table inet other {
  set endpoint_devices { type ifname; elements = { "rom0a01011b" }; }
  counter isolation { packets 3 bytes 4 }
  map owners { type ipv4_addr : verdict; elements = { 10.1.1.27 : drop }; }
  chain forward { type filter hook forward priority -1; policy drop; ip saddr 10.1.1.27 counter name isolation accept; }
}
table ip6 nat { chain postrouting { type nat hook postrouting priority srcnat; masquerade; }; }
table arp filter { chain input { type filter hook input priority 0; policy accept; }; }
`;

let kernel: Kernel;
beforeEach(() => {
  createNamespace(NAME);
  kernel = createLinuxKernel({ namespace: NAMESPACE });
});
afterEach(() => {
  kernel.close();
  deleteNamespace(NAME);
});

const nft = (...words: string[]): Promise<string> =>
  runCommand({ argv: ["nft", ...words], namespace: NAMESPACE });

/** Everything that is not ours, as nft prints it; elements of sets have no order. */
async function foreignRules(): Promise<string> {
  const all = await nft("list", "ruleset");
  return all.replace(/^table inet romana \{\n[^]*?^\}\n/m, "");
}

/** The listing with the elements of each set in order. */
function sorted(listing: string | undefined): string {
  return (listing ?? "").replace(/elements = \{([^}]*)\}/g, (_, elements: string) =>
    elements
      .split(",")
      .map((element) => element.trim())
      .sort()
      .join(", "),
  );
}

describe("the table in the kernel", () => {
  test("foreign tables are byte-identical after loading, loading again and changing elements", async () => {
    await runCommand({ argv: ["nft", "-f", "-"], input: FOREIGN, namespace: NAMESPACE });
    const before = await foreignRules();
    expect(before).toContain("table inet other");
    for (const devices of [DEVICES, []]) {
      kernel.runNft(renderTable(createTable({ ...INPUT, devices })));
      expect(await foreignRules()).toBe(before);
    }
    kernel.changeSets(deviceChanges(INPUT, { add: DEVICES, remove: [] }));
    expect(await foreignRules()).toBe(before);
  });

  test("loading again replaces all: what somebody added is gone, nothing is there twice", async () => {
    const text = renderTable(createTable({ ...INPUT, devices: DEVICES }));
    kernel.runNft(text);
    const first = sorted(kernel.listTable("romana"));
    await nft("insert", "rule", "inet", "romana", "forward", "accept");
    await nft("add", "element", "inet", "romana", "open4", "{ 10.0.1.0 }");
    await nft("add", "chain", "inet", "romana", "mine");
    expect(sorted(kernel.listTable("romana"))).not.toBe(first);
    kernel.runNft(text);
    expect(sorted(kernel.listTable("romana"))).toBe(first);
  });

  test("a text that the kernel refuses leaves the table as it was", () => {
    kernel.runNft(renderTable(createTable({ ...INPUT, devices: DEVICES })));
    const before = kernel.listTable("romana");
    const broken = renderTable(createTable(INPUT)).replace("goto to_host", "goto nowhere");
    expect(() => kernel.runNft(broken)).toThrow("Cannot run nft text");
    expect(kernel.listTable("romana")).toBe(before);
  });

  test("raw keys are what nft makes of the text: one endpoint comes and goes without the table", () => {
    kernel.runNft(renderTable(createTable({ ...INPUT, devices: DEVICES })));
    const all = sorted(kernel.listTable("romana"));
    kernel.runNft(renderTable(createTable(INPUT)));
    const none = sorted(kernel.listTable("romana"));
    kernel.changeSets(deviceChanges(INPUT, { add: DEVICES, remove: [] }));
    expect(sorted(kernel.listTable("romana"))).toBe(all);
    kernel.changeSets(deviceChanges(INPUT, { add: [], remove: DEVICES }));
    expect(sorted(kernel.listTable("romana"))).toBe(none);
  });

  test("counters go on from the values that are given", () => {
    const table = createTable(INPUT);
    kernel.runNft(renderTable(table, new Map([["isolation", { packets: 7, bytes: 420 }]])));
    kernel.runNft(renderTable(table, kernel.counters("romana")));
    expect(kernel.counters("romana").get("isolation")).toEqual({ packets: 7, bytes: 420 });
    expect(kernel.counters("romana").get("to-host")).toEqual({ packets: 0, bytes: 0 });
  });

  test("1,000 endpoints have the rules of 10", () => {
    const count = (endpoints: number): { rules: number; bound: number } => {
      const devices = Array.from(
        { length: endpoints },
        (_, index): EndpointDevice => ({
          name: `rom${index}`,
          index: 10 + index,
          owns: [parsePrefix(`10.1.${1 + Math.floor(index / 15)}.${17 + (index % 15)}/32`)],
        }),
      );
      kernel.runNft(renderTable(createTable({ ...INPUT, devices })));
      const listing = kernel.listTable("romana") ?? "";
      const bound = /set bound4 \{[^}]*elements = \{([^}]*)\}/.exec(listing)?.[1] ?? "";
      return {
        rules: listing.match(/^\t\t.*(accept|drop|goto \S+)$/gm)?.length ?? 0,
        bound: bound.split(",").length,
      };
    };
    const [few, many] = [count(10), count(1000)];
    expect(few.rules).toBeGreaterThan(20);
    expect(many.rules).toBe(few.rules);
    expect([few.bound, many.bound]).toEqual([10, 1000]);
  });
});
