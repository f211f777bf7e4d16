import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAddress } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel, PacketLogEvent } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { openSocket } from "../../src/system/sockets.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

leaveHostNamespace();

const LOOPBACK = parseAddress("127.0.0.1");
const TABLE =
  'table inet log-test {\n  chain out {\n    type filter hook output priority 0\n    udp dport 9 log prefix "flood" group 5\n  }\n}\n';

describe("packets and flows in a namespace", () => {
  let number = 0;
  let name: string;
  let kernel: Kernel;

  beforeEach(() => {
    name = `romsys-${process.pid}-l${++number}`;
    createNamespace(name);
    kernel = createLinuxKernel({ namespace: namespacePath(name) });
    kernel.apply([{ type: "set-link-up", link: 1 }]);
  });
  afterEach(() => {
    kernel.close();
    deleteNamespace(name);
  });

  /** Sends datagrams to ports from the first on. */
  const send = (count: number, port: (index: number) => number): void => {
    const socket = openSocket("udp", 4, namespacePath(name));
    const bytes = Buffer.alloc(200);
    for (let index = 0; index < count; index++) {
      expect(socket.send(bytes, { address: LOOPBACK, port: port(index) })).toBeUndefined();
    }
    socket.close();
  };

  test("a flood is told as lost in full number, and others get their turn", async () => {
    kernel.runNft(TABLE);
    const abort = new AbortController();
    const events = kernel.loggedPackets(5, abort.signal);
    let sent = 200_000;
    send(sent, () => 9);
    const seen = { packets: 0, lost: 0, overruns: 0 };
    let turns = 0;
    const turn = (): void => {
      turns++;
      // The kernel takes packets again once everything was read, and tells the gap with the first of them.
      if (seen.overruns > 0 && seen.lost === 0) {
        send(1, () => 9);
        sent++;
      }
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const take = (event: PacketLogEvent): void => {
      if (event.type === "packet") seen.packets++;
      else if (event.packets === undefined) seen.overruns++;
      else seen.lost += event.packets;
    };
    for await (const event of events) {
      take(event);
      if (seen.packets + seen.lost === sent) abort.abort();
    }
    clearImmediate(next);
    expect(seen.overruns).toBeGreaterThan(0);
    expect(seen.lost).toBeGreaterThan(0);
    expect(turns).toBeGreaterThan(5);
  });

  test("flows are read and deleted by thousands", () => {
    kernel.runNft(
      "table inet track {\n  chain out {\n    type filter hook output priority 0\n    ct state invalid drop\n  }\n}\n",
    );
    const count = 5_000;
    send(count, (index) => 10_000 + index);
    const flows = kernel.listFlows();
    const ports = new Set(flows.map(({ original }) => original.destinationPort));
    expect(ports.size).toBe(count);
    const start = performance.now();
    expect(kernel.deleteFlows(flows)).toBe(count);
    expect(count / (performance.now() - start)).toBeGreaterThan(5);
    expect(kernel.listFlows()).toEqual([]);
  });
});

test("a packet log does not hold up the end of a process", async () => {
  const name = `romsys-${process.pid}-x`;
  createNamespace(name);
  const file = `${import.meta.dirname}/../../src/system/linux-kernel.ts`;
  const code = `
    import { createLinuxKernel } from ${JSON.stringify(file)};
    const events = createLinuxKernel().loggedPackets(5, new AbortController().signal);
    (async () => { for await (const event of events) void event; })();
    console.log("listens");`;
  try {
    const argv = [process.execPath, "--input-type=module", "--eval", code];
    expect(await runCommand({ argv, namespace: namespacePath(name), timeout: 5_000 })).toBe("listens\n");
  } finally {
    deleteNamespace(name);
  }
});
