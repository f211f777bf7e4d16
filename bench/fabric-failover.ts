import type { RoutingDaemonKind } from "../src/model/index.ts";
import { formatAddress } from "../src/net/index.ts";
import type { AttachmentResource } from "../src/schema/index.ts";
import { createFabricSite, type FabricSite } from "../test/support/fabric-site.ts";
import type { BenchResult, BenchRow } from "./bench.ts";

const ROUNDS = 3;
/** Milliseconds between two packets of a flow, of which there is one in each family to every host of the other rack. */
const INTERVAL = 10;
const PACKETS = 500;
/** Packets before something breaks. */
const BEFORE = 100;
/** BFD misses a neighbour after 0.3 s. */
const BAR = { relation: "at most", value: 500 } as const;
const NO_GAP = { relation: "at most", value: 0 } as const;

interface Case {
  readonly what: string;
  readonly bar: NonNullable<BenchRow["bar"]>;
  readonly breaks: (fabric: FabricSite) => Promise<void>;
  readonly mends: (fabric: FabricSite) => Promise<void>;
}

const CASES: readonly Case[] = [
  cable("the cable of a host loses its carrier", "setCarrier", ["leaf-1a", "host-1"], false),
  cable("the cable of a host goes silent", "setSilent", ["leaf-1a", "host-1"], true),
  cable("a cable of a leaf loses its carrier", "setCarrier", ["spine-1", "leaf-1a"], false),
  cable("a cable of a leaf goes silent", "setSilent", ["spine-1", "leaf-1a"], true),
  {
    what: "the agent is killed",
    bar: NO_GAP,
    breaks: ({ site }) => site.stop("host-1", "SIGKILL"),
    mends: (fabric) => fabric.startAgent(1),
  },
];

/** How long flows between racks are interrupted when a part of the fabric dies, with each daemon on the hosts. */
export async function run(): Promise<BenchResult> {
  const rows: BenchRow[] = [];
  for (const [ofHosts, ofFabric] of [
    ["bird", "frr"],
    ["frr", "bird"],
  ] as const) {
    rows.push(...(await measure(ofHosts, ofFabric)));
  }
  return {
    name: "fabric-failover",
    method: `two spines, four leaves, eight hosts with agents; pings every ${INTERVAL} ms from one host to those of the other rack, IPv4 and IPv6; the longest gap of all flows in ${ROUNDS} rounds`,
    rows,
  };
}

async function measure(
  ofHosts: RoutingDaemonKind,
  ofFabric: RoutingDaemonKind,
): Promise<readonly BenchRow[]> {
  const fabric = await createFabricSite(ofHosts, ofFabric);
  const rows: BenchRow[] = [];
  try {
    for (const { what, bar, breaks, mends } of CASES) {
      const gaps: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await settled(fabric);
        gaps.push(await longestGap(fabric, breaks));
        await mends(fabric);
      }
      rows.push({ what: `${ofHosts} on hosts: ${what}`, value: Math.max(...gaps), unit: "ms", bar });
    }
  } finally {
    await fabric.close();
  }
  return rows;
}

/** Waits until all sessions of the first host are up and no packet is lost any more. */
async function settled({ site, attachments }: FabricSite): Promise<void> {
  for (let calm = 0; calm < 2; ) {
    await site.well(1);
    const losses = await Promise.all(flows(attachments).map((to) => gapOf(site, attachments, to, 50)));
    calm = Math.max(...losses) === 0 ? calm + 1 : 0;
  }
}

async function longestGap(fabric: FabricSite, breaks: Case["breaks"]): Promise<number> {
  const { site, attachments } = fabric;
  const gaps = flows(attachments).map((to) => gapOf(site, attachments, to, PACKETS));
  await new Promise((resolve) => setTimeout(resolve, BEFORE * INTERVAL));
  await breaks(fabric);
  return Math.max(...(await Promise.all(gaps)));
}

function flows(attachments: readonly AttachmentResource[]): readonly string[] {
  return attachments
    .slice(4)
    .flatMap(({ endpoint: { addresses } }) =>
      [addresses.ipv4, addresses.ipv6].flatMap((address) => (address ? [formatAddress(address)] : [])),
    );
}

/** Milliseconds of the longest run of packets without an answer. */
async function gapOf(
  site: FabricSite["site"],
  [from]: readonly AttachmentResource[],
  to: string,
  packets: number,
): Promise<number> {
  if (from?.attach?.kind !== "netns") throw new Error("it is in no namespace");
  const words = ["ping", "-n", "-i", `${INTERVAL / 1000}`, "-c", `${packets}`, "-W", "1", to];
  // ping ends with 1 when no packet at all was answered.
  const printed = await site.run(from.attach.netns, "sh", "-c", `${words.join(" ")} || true`);
  const answered = [
    0,
    ...[...printed.matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1])),
    packets + 1,
  ];
  return (
    Math.max(...answered.map((sequence, index) => sequence - (answered[index - 1] ?? 0) - 1), 0) * INTERVAL
  );
}

function cable(
  what: string,
  way: "setCarrier" | "setSilent",
  [first, second]: readonly [string, string],
  broken: boolean,
): Case {
  return {
    what,
    bar: BAR,
    breaks: ({ routers }) => routers[way](first, second, broken),
    mends: ({ routers }) => routers[way](first, second, !broken),
  };
}
