import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Address, parseAddress } from "../src/net/index.ts";
import { type NetworkSocket, openSocket } from "../src/system/sockets.ts";
import { AgentSite, until } from "../test/support/agent-site.ts";
import { postAttachment } from "./agent-socket.ts";
import { type BenchResult, type BenchRow, median } from "./bench.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const STARTS = QUICK ? 200 : 10_000;
const AT_ONCE = 4;
const PORT = 7000;
/** Time within which the first packets leave after the answer, in milliseconds. */
const PROMPT = 1;
/** An allowed packet that has not arrived after so many milliseconds is lost. */
const PATIENCE = 2_000;
const HOSTS = [1, 2] as const;
const FAMILIES = [4, 6] as const;

/** Room for all endpoints in a segment of a host. */
const NETWORK = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 2, segmentBits: 2, endpointBits: 12 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/** Web accepts its friends at one port, and nobody else. */
const POLICY = {
  name: "web-from-friends",
  direction: "ingress",
  applied_to: [{ tenant: "acme", segment: "web" }],
  ingress: [{ peers: [{ tenant: "acme", segment: "friend" }], rules: [{ protocol: "udp", ports: [PORT] }] }],
};

type Sender = "friend" | "stranger";
type Sockets = Readonly<Record<(typeof FAMILIES)[number], NetworkSocket>>;

/** Senders of both kinds, on each host. */
type Senders = Readonly<Record<Sender, readonly Sockets[]>>;

/** What was seen of all starts. */
interface Tally {
  wronglyAllowed: number;
  wronglyDropped: number;
  late: number;
  /** From the answer to the last packet sent, in milliseconds. */
  readonly delays: number[];
}

/** Starts in a policed segment: the first packets from who may and from who may not, right after each answer. */
export async function run(): Promise<BenchResult> {
  const site = await AgentSite.create({ network: NETWORK });
  const opened: NetworkSocket[] = [];
  try {
    for (const [name, code] of [
      ["friend", "2"],
      ["stranger", "3"],
    ] as const) {
      await site.client.call("createSegment", { params: { tenant: "acme" }, body: { name, codes: [code] } });
    }
    await site.client.call("createPolicy", { body: POLICY });
    await site.startAgents();
    const open = (namespace: string): Sockets => {
      const sockets = { 4: openSocket("udp", 4, namespace), 6: openSocket("udp", 6, namespace) };
      opened.push(...Object.values(sockets));
      return sockets;
    };
    const senders: Senders = {
      friend: await senderOf(site, "friend", open),
      stranger: await senderOf(site, "stranger", open),
    };
    await until("the policy is enforced", async () => {
      if (!(await site.tableText(1)).includes("in4_standard")) throw new Error("no set of the policy");
    });
    const tally: Tally = { wronglyAllowed: 0, wronglyDropped: 0, late: 0, delays: [] };
    const begun = performance.now();
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, worker) => {
        const namespace = site.addNamespace(`w${worker}`);
        const sockets = open(namespace);
        for (const family of FAMILIES) {
          sockets[family].bind({ address: { family, value: 0n }, port: PORT });
        }
        while (next < STARTS) await start(site, next++, namespace, sockets, senders, tally);
      }),
    );
    const seconds = (performance.now() - begun) / 1000;
    return {
      name: "policy-starts",
      method:
        `${STARTS} dual-stack endpoints, ${AT_ONCE} at a time, through the real agent; after each answer one packet of ` +
        `each family from a denied and from an allowed segment, from the same and the other host in turns`,
      rows: rowsOf(tally, seconds),
    };
  } finally {
    for (const socket of opened) socket.close();
    await site.close();
  }
}

async function senderOf(
  site: AgentSite,
  segment: Sender,
  open: (namespace: string) => Sockets,
): Promise<readonly Sockets[]> {
  const sockets: Sockets[] = [];
  for (const number of HOSTS) {
    const name = `${segment}-${number}`;
    const netns = site.addNamespace(name);
    const attach = { kind: "netns", netns, interface: "eth0" } as const;
    const body = { name, tenant: "acme", segment, attach };
    await site.host(number).agent.call("createAttachment", { body });
    sockets.push(open(netns));
  }
  return sockets;
}

/** One life of an endpoint: attached, sent to, detached. */
async function start(
  site: AgentSite,
  index: number,
  namespace: string,
  sockets: Sockets,
  senders: Senders,
  tally: Tally,
): Promise<void> {
  const name = `e${index}`;
  const answer = await postAttachment(join(site.directory, "host-1.sock"), name, namespace, "eth0");
  const answered = performance.now();
  if (answer.status !== 201) throw new Error(`attach ${index} was answered with ${answer.status}`);
  const addresses = addressesOf(answer.text);
  for (const kind of ["stranger", "friend"] as const) {
    const from = senders[kind][index % HOSTS.length] as Sockets;
    for (const address of addresses) {
      const errno = from[address.family].send(Buffer.from(`${kind} ${index}`), { address, port: PORT });
      if (errno !== undefined) throw new Error(`cannot send to endpoint ${index}: ${errno}`);
    }
  }
  const delay = performance.now() - answered;
  tally.delays.push(delay);
  if (delay > PROMPT) tally.late++;
  const wanted = new Set(addresses.map(({ family }) => family));
  while (wanted.size > 0 && performance.now() - answered < PATIENCE) {
    for (const family of FAMILIES) {
      for (const text of received(sockets[family])) {
        if (text.startsWith("stranger")) tally.wronglyAllowed++;
        else if (text === `friend ${index}`) wanted.delete(family);
      }
    }
    await wait(1);
  }
  tally.wronglyDropped += wanted.size;
  await site.host(1).agent.call("deleteAttachment", { params: { ref: name } });
}

function received(socket: NetworkSocket): readonly string[] {
  const texts: string[] = [];
  for (;;) {
    const found = socket.receive();
    if (found.type !== "data") return texts;
    texts.push(found.bytes.toString());
  }
}

function addressesOf(text: string): readonly Address[] {
  const { ipv4, ipv6 } = (
    JSON.parse(text) as { readonly endpoint: { readonly addresses: { ipv4: string; ipv6: string } } }
  ).endpoint.addresses;
  return [ipv4, ipv6].map(parseAddress);
}

function rowsOf(
  { wronglyAllowed, wronglyDropped, late, delays }: Tally,
  seconds: number,
): readonly BenchRow[] {
  const none = { relation: "at most", value: 0 } as const;
  return [
    { what: "packets wrongly allowed", value: wronglyAllowed, unit: "packets", bar: none },
    { what: "first packets wrongly dropped", value: wronglyDropped, unit: "packets", bar: none },
    { what: "packets of each kind", value: FAMILIES.length * delays.length, unit: "packets" },
    { what: "from the answer to the last packet, median", value: median(delays), unit: "ms" },
    { what: `starts whose packets left later than ${PROMPT} ms`, value: late, unit: "starts" },
    { what: "starts, probed and detached", value: delays.length / seconds, unit: "/s" },
  ];
}
