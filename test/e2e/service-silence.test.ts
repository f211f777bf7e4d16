import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentSite, until } from "../support/agent-site.ts";

/** Patience with a busy machine, in milliseconds. */
const PATIENCE = 60_000;

let site: AgentSite;

/** Hosts of the backends of the only service. */
async function hosts(): Promise<string[]> {
  const { items } = await site.client.call("listBackends", {});
  return items.flatMap(({ backends }) => backends.map(({ host }) => host));
}

beforeAll(async () => {
  site = await AgentSite.create({
    hosts: 3,
    network: {
      name: "default",
      plans: {
        ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 4, segmentBits: 2, endpointBits: 10 },
      },
      services: { ipv4: "172.30.0.0/24" },
    },
  });
  await site.startAgents();
  for (const number of [1, 2, 3]) await site.attach(number, `web${number}`, { segment: "web" });
  const ports = [{ protocol: "tcp", port: 80 } as const];
  await site.client.call("createService", {
    body: { name: "www", tenant: "acme", segment: "web", ports },
  });
});
afterAll(async () => {
  await site?.close();
});

describe("a host whose agent is killed", () => {
  test("loses its endpoints, the others keep theirs", async () => {
    await until(
      "all hosts are heard of",
      async () => expect(await hosts()).toEqual(["host-1", "host-2", "host-3"]),
      PATIENCE,
    );
    await site.stop("host-3", "SIGKILL");
    await until("host 3 is out", async () => expect(await hosts()).toEqual(["host-1", "host-2"]), PATIENCE);
  });

  test("is no reason to think less of others when romanad starts anew and hears nobody", async () => {
    await site.stop("romanad", "SIGKILL");
    for (const name of ["host-1", "host-2"]) await site.stop(name, "SIGKILL");
    await site.startRomanad();
    expect(await hosts()).toEqual(["host-1", "host-2"]);
    await site.startAgent(2);
    // Host 1 had its time to speak, and host 2 was heard of meanwhile.
    await until("host 1 is out", async () => expect(await hosts()).toEqual(["host-2"]), PATIENCE);
    await site.startAgent(1);
    await until("host 1 is back", async () => expect(await hosts()).toEqual(["host-1", "host-2"]), PATIENCE);
  });
});
