import { join } from "node:path";
import { AgentSite, until } from "../test/support/agent-site.ts";
import { postAttachment } from "./agent-socket.ts";
import type { BenchResult } from "./bench.ts";

const ENDPOINTS = 1_000;
const AT_ONCE = 8;
const WARMUP = 40;
const KILLED = 100;
/** Room for all of them in one segment of a host. */
const NETWORK = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 2, segmentBits: 2, endpointBits: 12 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/**
 * Attaches on one host: the real romanad and the real agent, each endpoint in a network namespace of its own. Then
 * an agent is killed in the middle of many attaches, and both sides are compared.
 */
export async function run(): Promise<BenchResult> {
  // Not in /tmp, which may be in memory: every attach shall reach a disk.
  const site = await AgentSite.create({ hosts: 1, network: NETWORK, directory: import.meta.dirname });
  try {
    await site.startAgents();
    const namespaces = Array.from({ length: WARMUP + ENDPOINTS }, (_, index) =>
      site.addNamespace(`e${index}`),
    );
    const socket = join(site.directory, "host-1.sock");
    const attach = async (index: number): Promise<number> =>
      (await postAttachment(socket, `e${index}`, namespaces[index] as string, "eth0")).status;
    await inParallel(WARMUP, attach);
    const rulesBefore = await countRules(site);
    const latencies: number[] = [];
    const start = performance.now();
    await inParallel(ENDPOINTS, async (index) => {
      const asked = performance.now();
      const status = await attach(WARMUP + index);
      if (status !== 201) throw new Error(`attach ${index} was answered with ${status}`);
      latencies.push(performance.now() - asked);
    });
    const seconds = (performance.now() - start) / 1000;
    latencies.sort((a, b) => a - b);
    const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] as number;
    const rules = (await countRules(site)) - rulesBefore;
    const leaks = await killHalfWay(site, socket, namespaces);
    return {
      name: "attach",
      method: `${ENDPOINTS} dual-stack endpoints on one host, ${AT_ONCE} at a time: allocation through REST, veth into a namespace of its own, route, rule, durable on both sides`,
      rows: [
        {
          what: "attaches",
          value: ENDPOINTS / seconds,
          unit: "/s",
          bar: { relation: "at least", value: 200 },
        },
        { what: "p99 of an attach", value: at(0.99), unit: "ms", bar: { relation: "at most", value: 50 } },
        { what: "p50 of an attach", value: at(0.5), unit: "ms" },
        { what: "slowest attach", value: at(1), unit: "ms" },
        {
          what: `rules more with ${WARMUP + ENDPOINTS} endpoints than with ${WARMUP}`,
          value: rules,
          unit: "rules",
          bar: { relation: "at most", value: 0 },
        },
        {
          what: `leaks after the agent was killed in the middle of ${KILLED} attaches`,
          value: leaks,
          unit: "objects",
          bar: { relation: "at most", value: 0 },
        },
      ],
    };
  } finally {
    await site.close();
  }
}

/** Kills the agent while it attaches, starts it again, and counts what one side has and another does not. */
async function killHalfWay(site: AgentSite, socket: string, namespaces: readonly string[]): Promise<number> {
  let answered = 0;
  const { promise: half, resolve } = Promise.withResolvers<void>();
  const attaching = Array.from({ length: KILLED }, async (_, index) => {
    try {
      await postAttachment(socket, `killed-${index}`, namespaces[index] as string, "eth1");
      if (++answered === KILLED / 2) resolve();
    } catch {
      // The agent was killed before it answered.
    }
  });
  await half;
  await site.stop("host-1", "SIGKILL");
  await Promise.all(attaching);
  await site.startAgent(1, false);
  const { agent, namespace, name } = site.host(1);
  let leaks = Number.NaN;
  await until("nothing is half done", async () => {
    const { items } = await agent.call("listAttachments", {});
    const attached = new Set(items.map(({ device }) => device));
    const links = await site.run(namespace, "ip", "-br", "link");
    const devices = new Set(links.split("\n").flatMap((line) => /^rom[0-9a-f]{8}/.exec(line) ?? []));
    const routes = (await site.run(namespace, "ip", "-4", "route", "show", "proto", "114"))
      .split("\n")
      .filter((line) => line.includes(" dev rom")).length;
    const bound = (await site.tableText(1)).match(/^[^"]*"rom[0-9a-f]{8}" \. [0-9.]+,?/gm)?.length ?? 0;
    let allocated = 0;
    let cursor: string | undefined;
    do {
      const query = { host: name, limit: 1000, ...(cursor !== undefined && { cursor }) };
      const page = await site.client.call("listEndpoints", { query });
      allocated += page.items.length;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    const both = new Set([...attached, ...devices]).size;
    const counts = [2 * both - attached.size - devices.size, routes, bound, allocated];
    leaks = counts
      .slice(1)
      .reduce((sum, count) => sum + Math.abs(count - attached.size), counts[0] as number);
    if (leaks > 0) throw new Error(`${attached.size} attachments, but ${counts.join(", ")}`);
  }).catch((error: unknown) => {
    console.error((error as Error).message);
  });
  return leaks;
}

/** Rules of the agent's table: what is in its chains. */
async function countRules(site: AgentSite): Promise<number> {
  const chains = (await site.tableText(1)).match(/^\tchain [^}]*^\t\}/gm) ?? [];
  return chains.reduce((sum, chain) => sum + chain.split("\n").length, 0);
}

async function inParallel(count: number, action: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

if (import.meta.main) console.log(JSON.stringify(await run(), null, 2));
