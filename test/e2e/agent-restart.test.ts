import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inNamespace } from "../../src/system/namespace.ts";
import { AgentSite, until } from "../support/agent-site.ts";

let site: AgentSite;
let near = "";
let far = "";
beforeAll(async () => {
  site = await AgentSite.create();
  await site.startAgents();
  const [one, two] = await Promise.all([
    site.attach(1, "near", { endpointId: 11 }),
    site.attach(2, "far", { endpointId: 12 }),
  ]);
  near = one.attach?.kind === "netns" ? one.attach.netns : "";
  far = two.attach?.kind === "netns" ? two.attach.netns : "";
});
afterAll(async () => {
  await site.close();
});

const TARGETS = ["10.2.20.12", "fd00:10:0:200:1:1:0:c"];

/** Pings every 10 ms, both families, while the action runs; then tells how many were sent and lost. */
async function pingDuring(action: () => Promise<void>): Promise<{ sent: number; lost: number }> {
  const pings = TARGETS.map((target) => {
    const child = inNamespace(near, () =>
      spawn("ping", ["-q", "-i", "0.01", "-W", "1", target], { stdio: ["ignore", "pipe", "inherit"] }),
    );
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    return { child, ended: new Promise<string>((resolve) => child.once("close", () => resolve(text))) };
  });
  try {
    await action();
  } finally {
    for (const { child } of pings) child.kill("SIGINT");
  }
  const texts = await Promise.all(pings.map(({ ended }) => ended));
  const counts = texts.map((text) => /(\d+) packets transmitted, (\d+) received/.exec(text));
  const sum = (index: number): number => counts.reduce((total, match) => total + Number(match?.[index]), 0);
  // The last one of each may still be under way.
  return { sent: sum(1), lost: Math.max(0, sum(1) - sum(2) - TARGETS.length) };
}

async function state(): Promise<readonly string[]> {
  return [
    await site.networkText(1),
    await site.tableText(1),
    await site.networkText(2),
    await site.tableText(2),
  ];
}

describe("no packet is lost", () => {
  test("while agents end and start again", async () => {
    const before = await state();
    const { sent, lost } = await pingDuring(async () => {
      for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM", "SIGKILL"] as const) {
        await site.stop("host-1", signal);
        await site.startAgent(1);
        await site.stop("host-2", signal);
        await site.startAgent(2);
      }
    });
    expect(sent).toBeGreaterThan(100);
    expect(lost).toBe(0);
    expect(await state()).toEqual(before);
  });

  test("while tables are replaced: a network comes and goes", async () => {
    const table = await site.tableText(1);
    const { sent, lost } = await pingDuring(async () => {
      const plan = { prefix: "172.16.0.0/12", hostBits: 8, tenantBits: 4, segmentBits: 2, endpointBits: 6 };
      for (let round = 0; round < 40; round++) {
        await site.client.call("createNetwork", { body: { name: "second", plans: { ipv4: plan } } });
        await until("the table knows it", async () =>
          expect(await site.tableText(1)).toContain("172.16.0.0/12"),
        );
        await site.client.call("deleteNetwork", { params: { network: "second" } });
        await until("the table forgot it", async () => expect(await site.tableText(1)).toBe(table));
      }
    });
    expect(sent).toBeGreaterThan(100);
    expect(lost).toBe(0);
  });

  test("while romanad is away and an agent starts without it", async () => {
    const before = await state();
    // What an agent has learnt is on disk a second later.
    const file = join(site.host(1).stateDir, "view.json");
    await until("its view is on disk", () => expect(readFileSync(file, "utf8")).not.toContain("second"));
    const { lost } = await pingDuring(async () => {
      await site.stop("romanad", "SIGKILL");
      await site.stop("host-1", "SIGKILL");
      await site.startAgent(1, false);
      await site.run(site.host(1).namespace, "nft", "flush", "ruleset");
      await until("the table is back", async () => expect(await state()).toEqual(before));
    });
    expect(lost).toBe(0);
    const { agent } = site.host(1);
    expect(await agent.call("getAgentStatus", {})).toMatchObject({ romanad: { connected: false } });
    const body = { name: "near", tenant: "acme", segment: "web" };
    const again = await agent.callWithStatus("createAttachment", {
      body: { ...body, attach: { kind: "netns", netns: near, interface: "eth0" } },
    });
    expect(again).toMatchObject({ status: 200, result: { state: "attached" } });
    const other = {
      ...body,
      name: "new",
      attach: { kind: "netns", netns: near, interface: "eth7" },
    } as const;
    await expect(agent.call("createAttachment", { body: other })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^Cannot attach endpoint: romanad cannot be asked/),
    });
    await site.startRomanad();
    await site.well(1);
    await site.well(2);
  });

  test("while an agent loses its memory", async () => {
    const before = await state();
    await site.stop("host-1", "SIGKILL");
    const { stateDir, agent, log } = site.host(1);
    writeFileSync(join(stateDir, "journal.db"), "not a journal");
    writeFileSync(join(stateDir, "view.json"), '{"revision":');
    const { lost } = await pingDuring(async () => {
      await site.startAgent(1, false);
      await until("it has found its endpoint", async () => {
        const { items } = await agent.call("listAttachments", {});
        expect(items).toMatchObject([{ state: "attached", device: "rom0a01140b" }]);
      });
    });
    expect(lost).toBe(0);
    expect(await state()).toEqual(before);
    const { problems } = await agent.call("getAgentStatus", {});
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^State was damaged and moved to .*journal.db.damaged-/);
    expect(log()).toContain("state was damaged and moved aside");
    expect(readdirSync(stateDir).filter((name) => name.includes("damaged")).length).toBeGreaterThanOrEqual(2);
  });
});

test("a detach while romanad is away frees the address when it is back", async () => {
  await site.stop("romanad");
  const ref = "far";
  const detached = await site.host(2).agent.call("deleteAttachment", { params: { ref } });
  expect(detached).toEqual({ detached: true, released: false });
  expect(await site.run(far, "ip", "-br", "link")).not.toContain("eth0");
  await site.stop("host-2", "SIGKILL");
  await site.startAgent(2, false);
  await site.startRomanad();
  await until("romanad has released it", async () => {
    await expect(site.client.call("getEndpoint", { params: { ref } })).rejects.toMatchObject({
      code: "not-found",
    });
  });
  await until("the agent has forgotten it", async () => {
    const { items } = await site.host(2).agent.call("listAttachments", {});
    expect(items).toEqual([]);
  });
});

test("a second agent for the same state is refused", async () => {
  const program = join(import.meta.dirname, "../../bin/romana-agent.mjs");
  const argv = [process.execPath, program, "--host", "host-2", "--state", site.host(2).stateDir];
  await expect(site.run(site.host(2).namespace, ...argv)).rejects.toThrow("another process has it open");
});
