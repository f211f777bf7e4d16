import { monitorEventLoopDelay } from "node:perf_hooks";
import { FlowCutter } from "../src/agent/flow-cutter.ts";
import { HostJudge } from "../src/agent/host-judge.ts";
import type { Policy } from "../src/model/index.ts";
import { parseAddress } from "../src/net/index.ts";
import { runCommand } from "../src/system/command.ts";
import type { Kernel } from "../src/system/kernel.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../src/system/namespace.ts";
import { openSocket } from "../src/system/sockets.ts";
import { exampleWorld } from "../test/support/example-world.ts";
import type { BenchResult, BenchRow } from "./bench.ts";

const FLOWS = 50_000;
/** One flow in so many is denied by the change. */
const DENIED = 10;
const POLICIES = [10, 1_000] as const;

/** Connections judged after a change of policies, all of which are about the destination. */
export async function run(): Promise<BenchResult> {
  const rows: BenchRow[] = [];
  for (const count of POLICIES) {
    const name = `rombench-${process.pid}c`;
    createNamespace(name);
    const namespace = namespacePath(name);
    const kernel = createLinuxKernel({ namespace });
    try {
      await makeFlows(kernel, namespace);
      rows.push(...(await cutRows(kernel, count)));
    } finally {
      kernel.close();
      deleteNamespace(name);
    }
  }
  const method = `${FLOWS} flows of one host, of which a change denies every ${DENIED}th`;
  return { name: "policy cut", method, rows };
}

async function makeFlows(kernel: Kernel, namespace: string): Promise<void> {
  const argv = ["ip", "route", "add", "local", "10.0.0.0/8", "dev", "lo"];
  kernel.apply([{ type: "set-link-up", link: 1 }]);
  await runCommand({ argv, namespace });
  kernel.runNft(
    "table inet bench { chain c { type filter hook output priority 0; ct state invalid drop; }; }\n",
  );
  const socket = openSocket("udp", 4, namespace);
  const bytes = Buffer.alloc(8);
  for (let index = 0; index < FLOWS; index++) {
    const address = parseAddress(`10.1.1.${17 + (index % 14)}`);
    const isDenied = index % DENIED === 0;
    socket.send(bytes, { address, port: (isDenied ? 10_000 : 20_000) + Math.floor(index / 14) });
  }
  socket.close();
}

/** The first accepts everything; of the others each is about some other port. */
function policies(count: number, first: Policy["rules"][number]["verdict"]): Policy[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `p${index}`,
    tier: "standard",
    order: index === 0 && first === "drop" ? 0 : 1000,
    appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "acme" } }],
    isolates: ["ingress"],
    rules: [
      {
        direction: "ingress",
        verdict: index === 0 ? first : "accept",
        peers: [{ kind: "any" }],
        traffic: [{ protocol: 17, ports: rangeOf(count, index, first) }],
        stateful: true,
      },
    ],
    established: "cut",
  }));
}

function rangeOf(count: number, index: number, first: string): { first: number; last: number } {
  if (index > 0) return index === count - 1 ? { first: 1, last: 65_535 } : { first: index, last: index };
  return first === "drop" ? { first: 10_000, last: 19_999 } : { first: 1, last: 65_535 };
}

async function cutRows(kernel: Kernel, count: number): Promise<BenchRow[]> {
  const judgeOf = (first: "accept" | "drop"): HostJudge =>
    new HostJudge({
      world: { ...exampleWorld(), policies: policies(count, first), exceptions: [] },
      host: "host-1",
      settings: {},
      addresses: () => [],
    });
  let finish: (outcome: { cut: number }) => void = () => {};
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const cutter = new FlowCutter({ kernel, log, onChecked: (outcome) => finish(outcome) });
  const check = async (first: "accept" | "drop"): Promise<{ cut: number; time: number; wait: number }> => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const judge = judgeOf(first);
    const done = new Promise<{ cut: number }>((resolve) => {
      finish = resolve;
    });
    delay.enable();
    const start = performance.now();
    cutter.check(judge);
    const { cut } = await done;
    return { cut, time: performance.now() - start, wait: delay.max / 1e6 };
  };
  const all = await check("accept");
  const some = await check("drop");
  const what = `${count} policies`;
  return [
    { what: `${what}: judge all`, value: all.time, unit: "ms", bar: { relation: "at most", value: 1_000 } },
    {
      what: `${what}: judge all, cut ${some.cut}`,
      value: some.time,
      unit: "ms",
      bar: { relation: "at most", value: 1_000 },
    },
    {
      what: `${what}: longest wait of others`,
      value: Math.max(all.wait, some.wait),
      unit: "ms",
      bar: { relation: "at most", value: 50 },
    },
  ];
}
