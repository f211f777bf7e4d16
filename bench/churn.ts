import { setTimeout as wait } from "node:timers/promises";
import { AgentSite, type SiteHost } from "../test/support/agent-site.ts";
import type { BenchResult } from "./bench.ts";

const ENDPOINTS = 1_000;
const NAMESPACES = 40;
const AT_ONCE = 8;
/** Longer than anything that a host does a moment later. */
const REST = 2_000;

/**
 * What starting endpoints costs the other hosts: 1,000 starts in a segment that all hosts know, on one of three hosts,
 * while the watches and the kernels of the other two are listened to.
 */
export async function run(): Promise<BenchResult> {
  const site = await AgentSite.create({ hosts: 3 });
  try {
    await site.startAgents();
    const namespaces = Array.from({ length: NAMESPACES }, (_, index) => site.addNamespace(`e${index}`));
    const others = [site.host(2), site.host(3)];
    // Namespaces settle for a moment after they were made: link-local addresses become usable.
    await wait(2 * REST);
    const before = await Promise.all(others.map(messagesTo));
    const listeners = others.map(listen);
    const { agent } = site.host(1);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < ENDPOINTS) {
        const index = next++;
        const netns = namespaces[index % NAMESPACES] as string;
        const attach = { kind: "netns", netns, interface: `eth${Math.floor(index / NAMESPACES)}` } as const;
        await agent.call("createAttachment", {
          body: { name: `c${index}`, tenant: "acme", segment: "web", attach },
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await wait(REST);
    const changes = listeners.map((stop) => stop());
    const messages = await Promise.all(others.map(messagesTo));
    const row = (what: string, value: number): BenchResult["rows"][number] => ({
      what,
      value,
      unit: "",
      bar: { relation: "at most", value: 0 },
    });
    return {
      name: "churn",
      method: `${ENDPOINTS} endpoint starts in a known segment on host 1 of 3; events of the watches of hosts 2 and 3, and netlink and nftables events in their namespaces`,
      rows: [
        { what: "endpoints started on host 1", value: ENDPOINTS, unit: "" },
        ...others.flatMap(({ name }, index) => [
          row(`messages to ${name}`, (messages[index] as number) - (before[index] as number)),
          row(`kernel changes on ${name}`, changes[index] as number),
        ]),
      ],
    };
  } finally {
    await site.close();
  }
}

/** Events that the agent has received from romanad since it started. */
async function messagesTo({ agent }: SiteHost): Promise<number> {
  const request = { method: "GET", path: "/metrics", headers: {}, timeout: 5_000 } as const;
  const answer = await agent.transport.send(request);
  const text = await answer.body.text();
  const counts = [...text.matchAll(/^romana_agent_romanad_events_total\S+ (\d+)$/gm)];
  if (counts.length === 0) throw new Error("the agent does not count its events");
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Counts what changes in the networking of a host, until it is stopped. */
function listen({ kernel }: SiteHost): () => number {
  const abort = new AbortController();
  let count = 0;
  const events = kernel.events(abort.signal);
  void (async () => {
    for await (const _ of events) count += 1;
  })();
  return () => {
    abort.abort();
    return count;
  };
}

if (import.meta.main) console.log(JSON.stringify(await run(), null, 2));
