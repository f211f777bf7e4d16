import { parseAddress } from "../src/net/index.ts";
import type { Kernel, SetElement } from "../src/system/kernel.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../src/system/namespace.ts";
import { openSocket } from "../src/system/sockets.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";

const ELEMENTS = 10_000;
const FLOWS = 50_000;
const ROUNDS = 5;

/** The sets that policies look into, one for each way in which the kernel keeps them; all have counters. */
const SETS = [
  { set: "keys", type: "ipv4_addr . inet_proto . inet_service", title: "hashed keys" },
  { set: "bounds", type: "ipv4_addr", title: "single ranges" },
  { set: "ranges", type: "ipv4_addr . inet_proto . inet_service", title: "concatenated ranges" },
] as const;

type SetKind = (typeof SETS)[number]["set"];

/** Changes of large sets, and tracked flows. */
export async function run(): Promise<BenchResult> {
  const name = `rombench-${process.pid}s`;
  createNamespace(name);
  const kernel = createLinuxKernel({ namespace: namespacePath(name) });
  try {
    const rows = SETS.flatMap(({ set, title }) => setRows(kernel, set, title));
    rows.push(...flowRows(kernel, namespacePath(name)));
    const method = `medians of ${ROUNDS} rounds; sets of ${ELEMENTS} elements with counters, ${FLOWS} flows once`;
    return { name: "kernel sets", method, rows };
  } finally {
    kernel.close();
    deleteNamespace(name);
  }
}

function setRows(kernel: Kernel, set: SetKind, title: string): BenchRow[] {
  const elements = Array.from({ length: ELEMENTS }, (_, index) => elementOf(set, index));
  const more = elementOf(set, ELEMENTS);
  const change = (add: readonly SetElement[], remove: readonly SetElement[]): void =>
    kernel.changeSets([{ table: "bench", set, add, remove }]);
  const steps: [string, () => void, number?][] = [
    [`${title}: add ${ELEMENTS}`, () => change(elements, []), 200],
    [`${title}: add one more`, () => change([more], []), 5],
    [`${title}: read all counters`, () => kernel.readSetCounters("bench", set)],
    [`${title}: remove the last one`, () => change([], [more])],
  ];
  const times = steps.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    kernel.runNft(tableText());
    for (const [index, [, work]] of steps.entries()) {
      const start = performance.now();
      work();
      times[index]?.push(performance.now() - start);
    }
  }
  return steps.map(([what, , most], index) => ({
    what,
    value: median(times[index] ?? []),
    unit: "ms",
    ...(most === undefined ? {} : { bar: { relation: "at most", value: most } }),
  }));
}

/** Element N: a block of 16 addresses, of which sets of keys take the first. */
function elementOf(set: SetKind, index: number): SetElement {
  const first = Buffer.alloc(set === "bounds" ? 4 : 12);
  first.writeUInt32BE(0x0a00_0000 + 16 * index, 0);
  if (set !== "bounds") first.set([6, 0, 0, 0, index >> 8, index & 255], 4);
  if (set === "keys") return { key: first };
  const last = Buffer.from(first);
  last[3] = (first[3] as number) + 15;
  return { key: first, keyEnd: last };
}

function tableText(): string {
  const sets = SETS.map(
    ({ set, type }) => `  set ${set} { type ${type}; ${set === "keys" ? "" : "flags interval; "}counter; }`,
  );
  return [
    "add table inet bench",
    "delete table inet bench",
    "table inet bench {",
    ...sets,
    "  chain c { type filter hook output priority 0; ct state invalid drop; }",
    "}\n",
  ].join("\n");
}

function flowRows(kernel: Kernel, namespace: string): BenchRow[] {
  kernel.runNft(tableText());
  kernel.apply([{ type: "set-link-up", link: 1 }]);
  const socket = openSocket("udp", 4, namespace);
  const bytes = Buffer.alloc(8);
  for (let index = 0; index < FLOWS; index++) {
    const address = parseAddress(`127.0.0.${1 + (index >> 14)}`);
    socket.send(bytes, { address, port: 1_000 + (index & 0x3fff) });
  }
  socket.close();
  const start = performance.now();
  const flows = kernel.listFlows();
  const listed = performance.now();
  const deleted = kernel.deleteFlows(flows);
  const end = performance.now();
  return [
    { what: `list ${flows.length} flows`, value: listed - start, unit: "ms" },
    { what: `delete ${deleted} flows`, value: end - listed, unit: "ms" },
  ];
}
