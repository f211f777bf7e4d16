import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { AgentSite, until } from "../test/support/agent-site.ts";
import type { BenchResult } from "./bench.ts";

const HOSTS = 1_000;
const ENDPOINTS = 200;
const AT_ONCE = 8;
/** Until the agent has come to rest, in milliseconds: it gives memory back when it is not busy. */
const REST = 15_000;
/** Room for a thousand hosts in IPv4, too. */
const NETWORK = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 10, tenantBits: 3, segmentBits: 2, endpointBits: 9 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/** Resident memory of an agent that knows 1,000 hosts and has 200 endpoints: after it has grown, and after a restart. */
export async function run(): Promise<BenchResult> {
  const site = await AgentSite.create({ hosts: 1, network: NETWORK });
  try {
    await site.startAgents();
    await inParallel(HOSTS - 1, async (index) => {
      const id = index + 2;
      const underlay = { ipv4: `192.168.${id >> 8}.${id & 255}`, ipv6: `fd99::${id.toString(16)}` };
      await site.client.call("createHost", { body: { name: `host-${id}`, id, underlay } });
    });
    const netns = site.addNamespace("endpoints");
    const { agent } = site.host(1);
    await inParallel(ENDPOINTS, async (index) => {
      const attach = { kind: "netns", netns, interface: `eth${index}` } as const;
      await agent.call("createAttachment", {
        body: { name: `e${index}`, tenant: "acme", segment: "web", attach },
      });
    });
    await knowsAll(site);
    const grown = memoryOf(site.pid("host-1"));
    await site.stop("host-1");
    await site.startAgent(1);
    await knowsAll(site);
    const restarted = memoryOf(site.pid("host-1"));
    const bar = { relation: "at most", value: 100 } as const;
    return {
      name: "agent-memory",
      method: `VmRSS of the real agent with ${HOSTS} dual-stack hosts known and ${ENDPOINTS} endpoints of its own`,
      rows: [
        { what: "resident memory, all of it learnt while running", value: grown.resident, unit: "MB", bar },
        { what: "resident memory after a restart", value: restarted.resident, unit: "MB", bar },
        { what: "of it its own (not files)", value: restarted.own, unit: "MB" },
      ],
    };
  } finally {
    await site.close();
  }
}

/** Waits until the agent has a route to every host, and has come to rest. */
async function knowsAll(site: AgentSite): Promise<void> {
  const { agent } = site.host(1);
  await until("the agent knows all hosts", async () => {
    const { routes, attachments } = await agent.call("getAgentStatus", {});
    const present = routes.filter(({ state }) => state === "present").length;
    if (present < 2 * HOSTS || attachments < ENDPOINTS)
      throw new Error(`${present} routes, ${attachments} endpoints`);
  });
  await wait(REST);
}

function memoryOf(pid: number): { resident: number; own: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string): number =>
    (Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024) / 1e6;
  return { resident: megabytes("VmRSS"), own: megabytes("RssAnon") };
}

async function inParallel(count: number, action: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

if (import.meta.main) console.log(JSON.stringify(await run(), null, 2));
