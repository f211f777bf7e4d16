import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VIRTUAL_IP_TIMES } from "../../src/model/index.ts";
import { addressBits, formatAddress, isSameAddress, parseAddress } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel, Link } from "../../src/system/kernel.ts";
import { createLinkNeighbours } from "../../src/system/link-neighbours.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";
import { until } from "../support/until.ts";

leaveHostNamespace();

const name = `romsys-${process.pid}-v`;
const [near, far] = [namespacePath(`${name}n`), namespacePath(`${name}f`)];
const ip = (namespace: string, ...argv: string[]): Promise<string> =>
  runCommand({ argv: ["ip", ...argv], namespace });
let kernel: Kernel;
let link: Link;

beforeAll(async () => {
  createNamespace(`${name}n`);
  createNamespace(`${name}f`);
  await ip(near, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", `${name}f`);
  for (const [namespace, number] of [
    [near, 1],
    [far, 2],
  ] as const) {
    await ip(namespace, "link", "set", "eth0", "up");
    await ip(namespace, "addr", "add", `192.0.2.${number}/24`, "dev", "eth0");
    await ip(namespace, "addr", "add", `fd00:2::${number}/64`, "dev", "eth0", "nodad");
  }
  kernel = createLinuxKernel({ namespace: near });
  link = underlay();
});
afterAll(() => {
  kernel.close();
  deleteNamespace(`${name}n`);
  deleteNamespace(`${name}f`);
});

function underlay(): Link {
  const found = kernel.links().find((other) => other.name === "eth0");
  if (found === undefined) throw new Error("eth0 is gone");
  return found;
}

describe("a leased address", () => {
  test("ends by itself when its lifetime is over, of both families, at most kernelDelay late", async () => {
    const { lifetime, kernelDelay } = VIRTUAL_IP_TIMES;
    const leased = Array.from({ length: 20 }, (_, index) =>
      [`192.0.2.${100 + index}`, `fd00:2::${(256 + index).toString(16)}`].map(parseAddress),
    ).flat();
    const lives = await Promise.all(
      leased.map(async (address, index) => {
        await new Promise((resolve) => setTimeout(resolve, (index * 997) % 1500));
        const before = performance.now();
        const place = { link: link.index, address, prefixLength: addressBits(address.family) };
        expect(kernel.apply([{ type: "lease-address", address: place, seconds: lifetime }])).toEqual([]);
        const after = performance.now();
        await until(`${formatAddress(address)} is gone`, () => {
          if (kernel.addresses().some((other) => isSameAddress(other.address, address)))
            throw new Error("there");
        });
        return { atMost: performance.now() - before, atLeast: performance.now() - after };
      }),
    );
    expect(Math.min(...lives.map(({ atMost }) => atMost))).toBeGreaterThan(lifetime * 1000 - 100);
    expect(Math.max(...lives.map(({ atLeast }) => atLeast))).toBeLessThan(lifetime * 1000 + kernelDelay);
  });

  test("is not what packets are sent from", async () => {
    const address = parseAddress("fd00:2::99");
    const place = { link: link.index, address, prefixLength: 128 };
    expect(kernel.apply([{ type: "lease-address", address: place, seconds: 5 }])).toEqual([]);
    expect(await ip(near, "-6", "route", "get", "fd00:2::2")).toContain("src fd00:2::1 ");
    kernel.apply([{ type: "delete-address", address: place }]);
  });
});

describe.each([
  [4, "192.0.2.50", "192.0.2.2"],
  [6, "fd00:2::50", "fd00:2::2"],
] as const)("of IPv%i", (family, free, taken) => {
  const neighbours = createLinkNeighbours(near);

  test("whoHas() finds the host that has an address, and nobody for a free one", async () => {
    const other = createLinuxKernel({ namespace: far });
    const { mac } = other.links().find((its) => its.name === "eth0") ?? {};
    other.close();
    expect(await neighbours.whoHas(link, parseAddress(taken))).toBe(mac);
    expect(await neighbours.whoHas(link, parseAddress(free))).toBeUndefined();
  });

  test("announce() makes others send to this host at once", async () => {
    // Somebody else has it, as far as they know.
    await ip(far, "neigh", "replace", free, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "reachable");
    neighbours.announce(link, parseAddress(free));
    await until("the neighbour is known anew", async () => {
      expect(await ip(far, `-${family}`, "neigh", "show", free)).toContain(link.mac);
    });
  });
});

test("neighbours are those whose MAC address is known", async () => {
  const add = (address: string, ...state: string[]): Promise<string> =>
    ip(near, "neigh", "replace", address, "dev", "eth0", ...state);
  await add("192.0.2.60", "lladdr", "02:00:00:00:00:60", "nud", "stale");
  await add("fd00:2::60", "lladdr", "02:00:00:00:00:61", "nud", "permanent");
  await add("192.0.2.61", "nud", "failed");
  const known = kernel.neighbours();
  const { index } = underlay();
  expect(known).toEqual(
    expect.arrayContaining([
      { link: index, address: parseAddress("192.0.2.60"), mac: "02:00:00:00:00:60" },
      { link: index, address: parseAddress("fd00:2::60"), mac: "02:00:00:00:00:61" },
    ]),
  );
  expect(known.map(({ address }) => formatAddress(address))).not.toContain("192.0.2.61");
});

test("a device without a carrier says so", async () => {
  await ip(far, "link", "set", "eth0", "down");
  expect(underlay()).toMatchObject({ up: true, hasNoCarrier: true });
  await ip(far, "link", "set", "eth0", "up");
  await until("the carrier is back", () => {
    expect(underlay()).not.toHaveProperty("hasNoCarrier");
  });
});
