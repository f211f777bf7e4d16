import { spawnSync } from "node:child_process";
import { type Family, formatPrefix, parseAddress } from "../src/net/index.ts";
import { type Kernel, type KernelChange, MAIN_TABLE, ROMANA_PROTOCOL } from "../src/system/kernel.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, inNamespace, namespacePath } from "../src/system/namespace.ts";
import { type BenchResult, type BenchRow, median, pairedRatio } from "./bench.ts";

const ROUTES = 10_000;
/** The agent hands over no more at once, so that it can do other things in between. */
const CHUNK = 1_000;
const ROUNDS = 11;
const BAR = 0.6;
const DEVICE = "rom0";

/** 10,000 routes through netlink against `ip -batch` with the same routes, taking turns. */
export async function run(): Promise<BenchResult> {
  const name = `rombench-${process.pid}`;
  createNamespace(`${name}h`);
  createNamespace(`${name}p`);
  const kernel = createLinuxKernel({ namespace: namespacePath(`${name}h`) });
  try {
    const peer = { namespace: namespacePath(`${name}p`), name: "eth0", addresses: [], gateways: [] };
    const { host } = await kernel.createVeth({ name: DEVICE, peer });
    const rows = ([4, 6] as const).flatMap((family) =>
      compare(kernel, namespacePath(`${name}h`), family, host.index),
    );
    return {
      name: "routes",
      method: `${ROUTES} routes to a device, ${ROUNDS} alternating rounds, medians; ratio: median of the rounds' ratios`,
      rows,
    };
  } finally {
    kernel.close();
    deleteNamespace(`${name}h`);
    deleteNamespace(`${name}p`);
  }
}

function compare(kernel: Kernel, namespace: string, family: Family, device: number): BenchRow[] {
  const changes = routeChanges(family, device);
  const adding = batchText(changes);
  const times: Record<"apply" | "longest" | "dump" | "delete" | "batch", number[]> = {
    apply: [],
    longest: [],
    dump: [],
    delete: [],
    batch: [],
  };
  const ours = (): void => {
    const chunks = applyInChunks(kernel, changes);
    times.apply.push(chunks.reduce((sum, time) => sum + time, 0));
    times.longest.push(Math.max(...chunks));
    times.dump.push(timed(() => expectRoutes(kernel, ROUTES)));
    const deletions = changes.map((change): KernelChange => ({ ...change, type: "delete-route" }));
    times.delete.push(applyInChunks(kernel, deletions).reduce((sum, time) => sum + time, 0));
    expectRoutes(kernel, 0);
  };
  const theirs = (): void => {
    times.batch.push(timed(() => ipBatch(namespace, family, adding)));
    expectRoutes(kernel, ROUTES);
    ipBatch(namespace, family, adding.replaceAll("route add", "route delete"));
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const half of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) half();
  }
  const row = (what: string, values: readonly number[]): BenchRow => ({
    what: `IPv${family}: ${what}`,
    value: median(values),
    unit: "ms",
  });
  return [
    row("apply", times.apply),
    row(`longest chunk of ${CHUNK}`, times.longest),
    row("ip -batch", times.batch),
    {
      what: `IPv${family}: apply / ip -batch`,
      value: pairedRatio(times.apply, times.batch),
      unit: "×",
      bar: { relation: "at most", value: BAR },
    },
    row("read back", times.dump),
    row("delete", times.delete),
  ];
}

type RouteChange = Extract<KernelChange, { type: "replace-route" }>;

function routeChanges(family: Family, device: number): RouteChange[] {
  const first = parseAddress(family === 4 ? "10.0.0.0" : "fd00::");
  return Array.from({ length: ROUTES }, (_, index) => ({
    type: "replace-route",
    route: {
      destination: { family, value: first.value + BigInt(index), length: family === 4 ? 32 : 128 },
      type: "unicast",
      device,
      table: MAIN_TABLE,
      metric: 0,
      protocol: ROMANA_PROTOCOL,
    },
  }));
}

function batchText(changes: readonly RouteChange[]): string {
  const lines = changes.map(
    ({ route }) => `route add ${formatPrefix(route.destination)} dev ${DEVICE} proto ${ROMANA_PROTOCOL}\n`,
  );
  return lines.join("");
}

/** Times of the chunks in milliseconds. */
function applyInChunks(kernel: Kernel, changes: readonly KernelChange[]): number[] {
  return Array.from({ length: Math.ceil(changes.length / CHUNK) }, (_, index) => {
    const chunk = changes.slice(index * CHUNK, (index + 1) * CHUNK);
    return timed(() => {
      const failures = kernel.apply(chunk);
      if (failures.length > 0) throw new Error(`${failures.length} changes failed: ${failures[0]?.errno}`);
    });
  });
}

function ipBatch(namespace: string, family: Family, input: string): void {
  const result = inNamespace(namespace, () => spawnSync("ip", [`-${family}`, "-batch", "-"], { input }));
  if (result.status !== 0) throw new Error(`ip -batch failed: ${String(result.stderr)}`);
}

function expectRoutes(kernel: Kernel, count: number): void {
  const found = kernel.routes(MAIN_TABLE, ROMANA_PROTOCOL).length;
  if (found !== count) throw new Error(`${found} routes instead of ${count}`);
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
