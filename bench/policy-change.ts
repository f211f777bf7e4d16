import { rawChange } from "../src/agent/listing.ts";
import { createTable, type FirewallInput, PolicyRules, renderTable } from "../src/firewall/index.ts";
import type { Policy } from "../src/model/index.ts";
import { parsePrefix } from "../src/net/index.ts";
import { PROTOCOL } from "../src/policy/index.ts";
import { PolicyCompiler } from "../src/rules/index.ts";
import { createLinuxKernel } from "../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../src/system/namespace.ts";
import { host } from "../test/support/example-world.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";
import { mixedWorld, policyOf, selectorOf } from "./mixed-policies.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const POLICIES = 10_000;
const CHANGES = QUICK ? 10 : 100;
const WARMUP = 10;

const COMPUTED_BAR = { relation: "at most", value: 10 } as const;
const KERNEL_BAR = { relation: "at most", value: 50 } as const;

/** The policies that change, for sets of each kind; every round differs from the one before. */
const KINDS: readonly { readonly title: string; readonly policy: (round: number) => Policy }[] = [
  {
    title: "exact keys",
    policy: (round) =>
      policyOf(0, selectorOf(7, 2), [selectorOf(8, 3)], {
        protocol: PROTOCOL.tcp,
        ports: { first: 4000 + round, last: 4000 + round },
      }),
  },
  {
    title: "ranges",
    policy: (round) =>
      policyOf(
        1,
        selectorOf(9, 2),
        [`198.18.${round}.0/24`, `2001:db8:ffff:${round.toString(16)}::/64`].map((text) => ({
          kind: "prefix",
          prefix: parsePrefix(text),
          except: [],
        })),
        { protocol: PROTOCOL.tcp, ports: { first: 443, last: 443 } },
      ),
  },
];

/** One policy of many changes: what is worked out, and what the kernel's sets take. */
export async function run(): Promise<BenchResult> {
  const name = `rombench-${process.pid}p`;
  createNamespace(name);
  const kernel = createLinuxKernel({ namespace: namespacePath(name) });
  try {
    const world = mixedWorld(POLICIES);
    const compiler = new PolicyCompiler(world);
    const start = performance.now();
    compiler.change(world.policies);
    const rules = new PolicyRules(world.networks, compiler.model());
    const compiled = performance.now();
    const input: FirewallInput = {
      table: "romana",
      ...world,
      host: host(1),
      devices: [],
      gatewayServices: [],
      underlayDevices: [],
      policyRules: rules,
    };
    const text = renderTable(createTable(input));
    const rendered = performance.now();
    kernel.runNft(text);
    const loaded = performance.now();
    const rows = KINDS.flatMap(({ title, policy }) => {
      const computed: number[] = [];
      const applied: number[] = [];
      for (let round = 0; round < WARMUP + CHANGES; round++) {
        const changed = policy(round);
        const begun = performance.now();
        if (!rules.change(compiler.change([changed]))) throw new Error("the change is none of elements");
        const changes = rules.takeDifferences().map((difference) => rawChange("romana", difference));
        const known = performance.now();
        if (changes.length === 0) throw new Error("nothing has changed");
        kernel.changeSets(changes);
        const done = performance.now();
        if (round < WARMUP) continue;
        computed.push(known - begun);
        applied.push(done - known);
      }
      return [
        ...rowsOf(`${title}: worked out`, computed, COMPUTED_BAR),
        ...rowsOf(`${title}: in the kernel`, applied, KERNEL_BAR),
      ];
    });
    return {
      name: "policy-change",
      method:
        `${POLICIES} policies for both directions and families, 70 % with segments, 20 % with prefixes, 10 % with ` +
        `port ranges; one of them changes, ${CHANGES} times for sets of each kind`,
      rows: [
        ...rows,
        { what: "all of them from the start", value: compiled - start, unit: "ms" },
        { what: "table and text of all", value: rendered - compiled, unit: "ms" },
        { what: "nft loads all", value: loaded - rendered, unit: "ms" },
      ],
    };
  } finally {
    kernel.close();
    deleteNamespace(name);
  }
}

function rowsOf(
  what: string,
  times: readonly number[],
  bar: NonNullable<BenchRow["bar"]>,
): readonly BenchRow[] {
  const sorted = times.toSorted((a, b) => a - b);
  const p99 = sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN;
  return [
    { what: `${what}, median`, value: median(times), unit: "ms", bar },
    { what: `${what}, p99`, value: p99, unit: "ms", bar },
  ];
}
