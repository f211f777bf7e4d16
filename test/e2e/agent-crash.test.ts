import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentSite, until } from "../support/agent-site.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.create({ hosts: 1 });
  await site.startAgents();
});
afterAll(async () => {
  await site.close();
});

/** Everything that attaches leave on either side: devices, routes, elements, allocations. */
async function traces(): Promise<unknown> {
  const { namespace, agent } = site.host(1);
  const links = await site.run(namespace, "ip", "-br", "link");
  const { items } = await site.client.call("listEndpoints", { query: { limit: 1000 } });
  const { items: attachments } = await agent.call("listAttachments", {});
  return {
    devices: links
      .split("\n")
      .flatMap((line) => /^rom[0-9a-f]{8}/.exec(line) ?? [])
      .toSorted(),
    network: await site.networkText(1),
    table: await site.tableText(1),
    endpoints: items.map(({ name }) => name ?? "").toSorted(),
    attachments: attachments.map(({ endpoint }) => endpoint.name ?? "").toSorted(),
  };
}

describe("an agent that is killed", () => {
  test.each([20, 40, 80])(
    "in the middle of 100 attaches at once, after %i answers, leaks nothing",
    async (answers) => {
      const before = await traces();
      const netns = site.addNamespace(`crash-${answers}`);
      const { agent } = site.host(1);
      const attached: string[] = [];
      const { promise: enough, resolve } = Promise.withResolvers<void>();
      const attaching = Array.from({ length: 100 }, async (_, index) => {
        const name = `crash-${answers}-${index}`;
        const attach = { kind: "netns", netns, interface: `eth${index}` } as const;
        try {
          await agent.call("createAttachment", { body: { name, tenant: "acme", segment: "web", attach } });
          attached.push(name);
          if (attached.length === answers) resolve();
        } catch {
          // It was killed before it answered.
        }
      });
      await enough;
      await site.stop("host-1", "SIGKILL");
      await Promise.all(attaching);
      await site.startAgent(1, false);
      // What was answered is kept; of what was not, all or nothing.
      const kept = await until("nothing is half done", async () => {
        const { items } = await agent.call("listAttachments", {});
        const names = items.map(({ endpoint }) => endpoint.name ?? "").toSorted();
        const now = (await traces()) as { endpoints: string[]; devices: string[] };
        expect(now.endpoints).toEqual(names);
        expect(now.devices).toEqual(items.map(({ device }) => device).toSorted());
        expect(items.every(({ state }) => state === "attached")).toBe(true);
        return names;
      });
      expect(kept).toEqual(expect.arrayContaining(attached));
      await site.well(1);
      await Promise.all(kept.map((ref) => agent.call("deleteAttachment", { params: { ref } })));
      expect(await traces()).toEqual(before);
    },
  );

  test("while it applies changes comes back to the same state", async () => {
    await until("all is well", () => site.well(1));
    const before = await traces();
    const kills = 6;
    for (let kill = 0; kill < kills; kill++) {
      const names = Array.from({ length: 15 }, (_, index) => `extra-${kill}-${index}`);
      const creating = names.map((name, index) => {
        const underlay = { ipv4: `192.168.${kill + 1}.${index + 1}`, ipv6: `fd99::${kill + 1}:${index + 1}` };
        return site.client.call("createHost", { body: { name, underlay } });
      });
      await creating[kill * 2];
      await site.stop("host-1", "SIGKILL");
      await Promise.all(creating);
      await site.startAgent(1, false);
      for (const host of names) await site.client.call("deleteHost", { params: { host } });
    }
    await until("all is as before", async () => expect(await traces()).toEqual(before));
    await site.well(1);
  });
});
