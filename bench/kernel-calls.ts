import { spawnSync } from "node:child_process";
import { parseAddress, parsePrefix } from "../src/net/index.ts";
import type { Kernel } from "../src/system/kernel.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, inNamespace, namespacePath } from "../src/system/namespace.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";

const ROUNDS = 50;
/** Elements of the table that a new endpoint meets. */
const ELEMENTS = 1_000;

/** What one attach asks of the kernel, beside the same through child processes, taking turns. */
export async function run(): Promise<BenchResult> {
  const name = `rombench-${process.pid}`;
  createNamespace(`${name}h`);
  createNamespace(`${name}p`);
  const [host, peer] = [namespacePath(`${name}h`), namespacePath(`${name}p`)];
  const kernel = createLinuxKernel({ namespace: host });
  try {
    kernel.runNft(tableText());
    return {
      name: "kernel calls",
      method: `medians of ${ROUNDS} alternating rounds; a table with ${ELEMENTS} elements`,
      rows: [...(await vethRows(kernel, host, peer)), ...(await nftRows(kernel, host))],
    };
  } finally {
    kernel.close();
    deleteNamespace(`${name}h`);
    deleteNamespace(`${name}p`);
  }
}

/** A pair with two addresses, four routes and all sysctls, and the same as two batches of `ip`, without sysctls. */
async function vethRows(kernel: Kernel, host: string, peer: string): Promise<BenchRow[]> {
  const times = await compare(
    async () => {
      await kernel.createVeth({
        name: "rom0",
        peer: {
          namespace: peer,
          name: "eth0",
          addresses: [parsePrefix("10.1.1.27/32"), parsePrefix("fd00:1::27/128")],
          gateways: [parseAddress("10.1.0.1"), parseAddress("fd00:1::1")],
        },
      });
      return () => kernel.apply([{ type: "delete-link", name: "rom0" }]);
    },
    () => {
      const other = peer.split("/").at(-1) as string;
      ip(host, `link add rom0 type veth peer name eth0 netns ${other}\nlink set rom0 up\n`);
      ip(
        peer,
        "link set eth0 up\naddr add 10.1.1.27/32 dev eth0\naddr add fd00:1::27/128 dev eth0 nodad\n" +
          "route add 10.1.0.1 dev eth0\nroute add default via 10.1.0.1 dev eth0\n" +
          "route add fd00:1::1 dev eth0\nroute add default via fd00:1::1 dev eth0\n",
      );
      return () => kernel.apply([{ type: "delete-link", name: "rom0" }]);
    },
  );
  return [row("createVeth()", times.ours), row("the same by two `ip -batch`", times.theirs)];
}

async function nftRows(kernel: Kernel, host: string): Promise<BenchRow[]> {
  const text = "add element inet bench s { 192.0.2.1 }\n";
  const key = Buffer.from([192, 0, 2, 1]);
  const none = { table: "bench", set: "s", add: [], remove: [] };
  const undo = (): void => kernel.changeSets([{ ...none, remove: [key] }]);
  const element = await compare(
    () => {
      kernel.changeSets([{ ...none, add: [key] }]);
      return undo;
    },
    () => {
      nft(host, text);
      return undo;
    },
  );
  const library = await compare(
    () => {
      kernel.runNft(text);
      return undo;
    },
    () => {
      kernel.listTable("bench");
      return undo;
    },
  );
  const table = await compare(
    () => {
      kernel.runNft(tableText());
      return () => {};
    },
    () => {
      nft(host, tableText());
      return () => {};
    },
  );
  return [
    row("changeSets() of one element", element.ours),
    row("runNft() of one element", library.ours),
    row("the same by `nft -f -`", element.theirs),
    row("runNft() of the whole table", table.ours),
    row("the same by `nft -f -`", table.theirs),
    row("listTable()", library.theirs),
  ];
}

function tableText(): string {
  const elements = Array.from({ length: ELEMENTS }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  return [
    "add table inet bench",
    "delete table inet bench",
    "table inet bench {",
    `  set s { type ipv4_addr; elements = { ${elements.join(", ")} }; }`,
    "  chain c { type filter hook forward priority 0; ip saddr @s accept; }",
    "}\n",
  ].join("\n");
}

type Work = () => (() => void) | Promise<() => void>;

/** Runs both, taking turns; each returns how to undo it, which is not measured. Milliseconds. */
async function compare(ours: Work, theirs: Work): Promise<{ ours: number[]; theirs: number[] }> {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [which, work] of [["ours", ours] as const, ["theirs", theirs] as const]) {
      const start = performance.now();
      const undo = await work();
      times[which].push(performance.now() - start);
      undo();
    }
  }
  return times;
}

function row(what: string, values: readonly number[]): BenchRow {
  return { what, value: median(values), unit: "ms" };
}

function ip(namespace: string, input: string): void {
  spawned(namespace, ["ip", "-batch", "-"], input);
}

function nft(namespace: string, input: string): void {
  spawned(namespace, ["nft", "-f", "-"], input);
}

function spawned(
  namespace: string,
  [program, ...words]: readonly [string, ...string[]],
  input: string,
): void {
  const result = inNamespace(namespace, () => spawnSync(program, words, { input }));
  if (result.status !== 0) throw new Error(`${program} failed: ${String(result.stderr)}`);
}
