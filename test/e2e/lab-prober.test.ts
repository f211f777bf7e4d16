import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Probe, Protocol, Station } from "../../src/lab/probe.ts";
import { runProbes } from "../../src/lab/prober.ts";
import { parseAddress } from "../../src/net/index.ts";
import type { Judgement } from "../../src/policy/index.ts";
import { runCommand } from "../../src/system/command.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";

const PREFIX = `lp${process.pid}`;
const NAMES = ["left", "right", "third"] as const;
const OPEN: Judgement = { verdict: "accept", reason: "same-segment" };
const SHUT: Judgement = { verdict: "drop", reason: "isolation" };
const SIGNAL = new AbortController().signal;

const stations = new Map<string, Station>(
  NAMES.map((name) => [name, { name, namespace: namespacePath(`${PREFIX}${name}`), serves: true }]),
);

async function inside(name: string, argv: string[], input = ""): Promise<void> {
  await runCommand({ argv, input, namespace: namespacePath(`${PREFIX}${name}`) });
}

/** The ports that the kernel chooses from. */
async function localPorts(name: string, first: number, last: number): Promise<void> {
  await inside(name, ["sh", "-c", `echo ${first} ${last} > /proc/sys/net/ipv4/ip_local_port_range`]);
}

async function rules(name: string, text: string): Promise<void> {
  await inside(name, ["nft", "-f", "-"], `flush ruleset\n${text}`);
}

function probes(protocols: readonly Protocol[], expected: Judgement, to = "right"): Probe[] {
  return ["192.0.2.2", "2001:db8::2"].flatMap((address) =>
    protocols.map((protocol) => ({
      from: stations.get("left") as Station,
      to: stations.get(to) as Station,
      protocol,
      address: parseAddress(address),
      expected,
    })),
  );
}

async function observe(list: readonly Probe[]): Promise<string[]> {
  const results = await runProbes(list, Math.floor(Math.random() * 2 ** 32), {
    signal: SIGNAL,
    patience: 300,
  });
  return results.map(({ protocol, address, observed }) => `${protocol}${address.family} ${observed}`).sort();
}

const ALL = ["icmp", "tcp", "udp"] as const;

describe("runProbes()", () => {
  beforeAll(async () => {
    for (const name of NAMES) createNamespace(`${PREFIX}${name}`);
    await inside("left", [
      "ip",
      "link",
      "add",
      "v0",
      "type",
      "veth",
      "peer",
      "name",
      "v0",
      "netns",
      `${PREFIX}right`,
    ]);
    for (const [name, number] of [
      ["left", 1],
      ["right", 2],
    ] as const) {
      await inside(
        name,
        ["ip", "-batch", "-"],
        `addr add 192.0.2.${number}/24 dev v0\naddr add 2001:db8::${number}/64 dev v0 nodad\nlink set v0 up\nlink set lo up\n`,
      );
    }
  });
  afterAll(() => {
    for (const name of NAMES) deleteNamespace(`${PREFIX}${name}`);
  });

  test("sees answers over every protocol and family", async () => {
    await rules("right", "");
    const answers = ["icmp4", "icmp6", "tcp4", "tcp6", "udp4", "udp6"].map((each) => `${each} answered`);
    // The kernel takes up to a second until it uses the IPv6 addresses of a new link.
    await expect.poll(() => observe(probes(ALL, OPEN)), { timeout: 10_000 }).toEqual(answers);
  });

  test("sees silence where packets are dropped, whatever was expected", async () => {
    await rules(
      "right",
      "table inet t { chain c { type filter hook input priority 0; icmpv6 type { 133-137 } accept; drop; }; }",
    );
    const silence = ["icmp4", "icmp6", "tcp4", "tcp6", "udp4", "udp6"].map((each) => `${each} silent`);
    expect(await observe(probes(ALL, SHUT))).toEqual(silence);
    expect(await observe(probes(ALL, OPEN))).toEqual(silence);
  });

  test("sees that the place itself refuses", async () => {
    await rules(
      "right",
      "table inet t { chain c { type filter hook input priority 0; meta l4proto tcp reject with tcp reset; }; }",
    );
    expect(await observe(probes(["tcp"], OPEN))).toEqual(["tcp4 refused", "tcp6 refused"]);
  });

  test("sees that there is no way", async () => {
    const list = probes(ALL, OPEN).map((probe) => ({ ...probe, address: parseAddress("198.51.100.1") }));
    expect(await observe(list.slice(0, 3))).toEqual([
      "icmp4 unreachable",
      "tcp4 unreachable",
      "udp4 unreachable",
    ]);
  });

  test("notices that somebody else answers", async () => {
    // Two stations in one namespace with two ports between them, and a rule that swaps the ports.
    await localPorts("right", 40_000, 40_001);
    stations.set("twin", { ...(stations.get("right") as Station), name: "twin" });
    const swap = [40_000, 40_001].map((port) => `tcp dport ${port} redirect to :${80_001 - port}`);
    await rules(
      "right",
      `table inet t { chain c { type nat hook prerouting priority -100; ${swap.join("; ")}; }; }`,
    );
    const list = [...probes(["tcp"], OPEN), ...probes(["tcp"], OPEN, "twin")];
    const seen = await observe(list);
    await localPorts("right", 32_768, 60_999);
    expect([...new Set(seen)]).toEqual(["tcp4 misrouted", "tcp6 misrouted"]);
  });

  test("tries again what should be answered: the first packets of a rate limit are lost", async () => {
    await rules(
      "right",
      "table inet t { chain c { type filter hook input priority 0; meta l4proto udp limit rate over 1/hour burst 1 packets accept; meta l4proto udp drop; }; }",
    );
    expect(await observe(probes(["udp"], OPEN).slice(0, 1))).toEqual(["udp4 answered"]);
  });

  test("ends when the user interrupts", async () => {
    await rules("right", "table inet t { chain c { type filter hook input priority 0; drop; }; }");
    const interrupted = AbortSignal.timeout(50);
    await expect(runProbes(probes(ALL, OPEN), 1, { signal: interrupted, patience: 60_000 })).rejects.toThrow(
      "interrupted",
    );
  });

  test("two stations in a crowd: three thousand probes at once", async () => {
    await rules("right", "");
    const crowd = Array.from({ length: 500 }, () => probes(ALL, OPEN)).flat();
    const results = await runProbes(crowd, 7, { signal: SIGNAL });
    expect(results.filter(({ observed }) => observed !== "answered")).toEqual([]);
    expect(results).toHaveLength(3000);
  });
});
