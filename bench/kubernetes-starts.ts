import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { buildCni } from "../scripts/build-cni.ts";
import { type Address, parseAddress } from "../src/net/index.ts";
import { type BodyOf, CONTRACT } from "../src/schema/index.ts";
import { AgentSite, until } from "../test/support/agent-site.ts";
import { CniRuntime } from "../test/support/cni-driver.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";
import { Datagrams } from "./datagrams.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const STARTS = QUICK ? 60 : 1_000;
/** Each packet that is lost costs the patience; some show what there is to see. */
const EXCEPTIONS = QUICK ? 20 : 100;
const AT_ONCE = 4;
const PORT = 7000;
/** Time within which the first packet leaves after the plugin has ended, in milliseconds. */
const PROMPT = 1;
/** An allowed packet that has not arrived after so many milliseconds is lost. */
const PATIENCE = 2_000;
const HOSTS = [1, 2] as const;

/**
 * What pods are started as: in the segment of their class, or, when it has no code, in another one. Of those other hosts have
 * to hear, and nobody waits for them.
 */
const KINDS = {
  class: { segment: "web" },
  exception: { segment: "stranger", actsAs: "web" },
} as const;

/** Room for all pods in a segment of a host. */
const NETWORK = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 2, segmentBits: 2, endpointBits: 12 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/** Sends from other hosts may still arrive so long after the last start, in milliseconds. */
const REST = 500;

/** Segment `to` hears `from` at one port, and nobody else. */
function policy(to: string, from: string): BodyOf<(typeof CONTRACT)["createPolicy"]> {
  return {
    name: `${to}-from-${from}`,
    direction: "ingress",
    applied_to: [{ tenant: "acme", segment: to }],
    ingress: [{ peers: [{ tenant: "acme", segment: from }], rules: [{ protocol: "udp", ports: [PORT] }] }],
  };
}

/** web and friend hear each other, stranger hears only friend. */
const POLICIES = [policy("web", "friend"), policy("friend", "web"), policy("stranger", "friend")];

type Kind = keyof typeof KINDS;
type PeerName = "friend" | "stranger";

/** A pod that was there before. */
interface Peer {
  readonly name: PeerName;
  readonly datagrams: Datagrams;
  readonly addresses: readonly Address[];
}

/** A place where one pod lives at a time. */
interface Worker {
  readonly namespace: string;
  readonly datagrams: Datagrams;
  readonly runtime: CniRuntime;
}

/** What was seen of all starts of a kind. */
interface Tally {
  wronglyAllowed: number;
  wronglyDropped: number;
  /** Starts whose first packet has left within {@link PROMPT}. */
  prompt: number;
  /** From the plugin's end to the last packet sent, in milliseconds. */
  readonly delays: number[];
  /** Texts of allowed packets that have arrived and were not looked for yet. */
  readonly arrived: Set<string>;
}

/** Pods that the real plugin starts; the first packets from them and to them leave right after its end. */
export async function run(): Promise<BenchResult> {
  const site = await AgentSite.create({ network: NETWORK });
  const opened: Datagrams[] = [];
  const open = (namespace: string): Datagrams => {
    const datagrams = new Datagrams(namespace, PORT);
    opened.push(datagrams);
    return datagrams;
  };
  try {
    for (const [name, code] of [
      ["friend", "2"],
      ["stranger", "3"],
    ] as const) {
      await site.client.call("createSegment", { params: { tenant: "acme" }, body: { name, codes: [code] } });
    }
    for (const body of POLICIES) await site.client.call("createPolicy", { body });
    await site.startAgents();
    const peers: Peer[] = [];
    for (const number of HOSTS) {
      for (const name of ["friend", "stranger"] as const) {
        const netns = site.addNamespace(`${name}-${number}`);
        const attach = { kind: "netns", netns, interface: "eth0" } as const;
        const body = { name: `${name}-${number}`, tenant: "acme", segment: name, attach };
        const { endpoint } = await site.host(number).agent.call("createAttachment", { body });
        const { ipv4, ipv6 } = endpoint.addresses;
        const addresses = [ipv4, ipv6].filter((address) => address !== undefined);
        peers.push({ name, datagrams: open(netns), addresses });
      }
    }
    await until("the policies are enforced", async () => {
      const tables = await Promise.all(HOSTS.map((number) => site.tableText(number)));
      if (!tables.every((table) => table.includes("in4_standard"))) throw new Error("no sets of policies");
    });
    const directory = dirname(buildCni());
    const workers = Array.from({ length: AT_ONCE }, (_, index): Worker => {
      const host = site.host(HOSTS[index % HOSTS.length] as number);
      const plugins = [{ type: "romana-cni", socket: site.agentSocket(host.name) }];
      const network = { cniVersion: "1.0.0", name: "romana", plugins };
      const namespace = site.addNamespace(`w${index}`);
      const runtime = new CniRuntime(network, [directory], host.namespace);
      return { namespace, datagrams: open(namespace), runtime };
    });
    const rows: BenchRow[] = [];
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const tally: Tally = {
        wronglyAllowed: 0,
        wronglyDropped: 0,
        prompt: 0,
        delays: [],
        arrived: new Set(),
      };
      const starts = kind === "class" ? STARTS : EXCEPTIONS;
      let next = 0;
      await Promise.all(
        workers.map(async (worker) => {
          while (tally.prompt < starts) await live(site, kind, next++, worker, peers, tally);
        }),
      );
      await wait(REST);
      collect(peers, workers, tally);
      rows.push(...rowsOf(kind, tally));
    }
    return {
      name: "kubernetes-starts",
      method:
        `${STARTS} dual-stack pods of a class, and ${EXCEPTIONS} that act as another segment, ${AT_ONCE} at a time on two hosts, started by romana-cni; after its end one packet of ` +
        `each family to and from each of an allowed and a denied pod on either host`,
      rows,
    };
  } finally {
    for (const datagrams of opened) datagrams.close();
    await site.close();
  }
}

/** One life of a pod: known, started, talking, stopped, forgotten. */
async function live(
  site: AgentSite,
  kind: Kind,
  index: number,
  worker: Worker,
  peers: readonly Peer[],
  tally: Tally,
): Promise<void> {
  const id = `${kind}-${index}`;
  const params = { workload: id };
  await site.client.call("putWorkload", { params, body: { tenant: "acme", ...KINDS[kind], name: id } });
  const place = { containerId: id, netns: worker.namespace, ifname: "eth0" };
  const { ips } = await worker.runtime.add({ ...place, args: `IgnoreUnknown=1;K8S_POD_UID=${id}` });
  const ended = performance.now();
  const own = ips.map(({ address }) => parseAddress(address.split("/")[0] as string));
  const wanted = new Set<string>();
  let first: number | undefined;
  const send = (from: Datagrams, address: Address, { name }: Peer, text: string): void => {
    const marked = `${name} ${text}`;
    if (name === "friend") wanted.add(marked);
    from.send(address, marked);
    first ??= performance.now() - ended;
  };
  for (const [number, peer] of peers.entries()) {
    for (const address of peer.addresses) {
      send(worker.datagrams, address, peer, `${number} hears ${id} by ${address.family}`);
    }
    for (const address of own) {
      send(peer.datagrams, address, peer, `${number} tells ${id} by ${address.family}`);
    }
  }
  tally.delays.push(performance.now() - ended);
  if (first !== undefined && first <= PROMPT) tally.prompt++;
  while (wanted.size > 0 && performance.now() - ended < PATIENCE) {
    collect(peers, [worker], tally);
    for (const text of wanted) if (tally.arrived.delete(text)) wanted.delete(text);
    await wait(1);
  }
  tally.wronglyDropped += wanted.size;
  await worker.runtime.delete(place);
  await site.client.call("deleteWorkload", { params });
}

/** Takes what has arrived anywhere; whoever waits for it looks for it. */
function collect(peers: readonly Peer[], workers: readonly Worker[], tally: Tally): void {
  for (const { datagrams } of [...peers, ...workers]) {
    for (const text of datagrams.take()) {
      if (text.startsWith("friend ")) tally.arrived.add(text);
      else tally.wronglyAllowed++;
    }
  }
}

function rowsOf(kind: Kind, { wronglyAllowed, wronglyDropped, prompt, delays }: Tally): readonly BenchRow[] {
  const none = kind === "class" ? { bar: { relation: "at most", value: 0 } as const } : {};
  return [
    { what: `${kind}: packets wrongly allowed`, value: wronglyAllowed, unit: "packets", ...none },
    { what: `${kind}: packets wrongly dropped`, value: wronglyDropped, unit: "packets", ...none },
    { what: `${kind}: first packet within ${PROMPT} ms of the plugin's end`, value: prompt, unit: "pods" },
    { what: `${kind}: pods`, value: delays.length, unit: "pods" },
    { what: `${kind}: from the plugin's end to the last packet, median`, value: median(delays), unit: "ms" },
  ];
}
