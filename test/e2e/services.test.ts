import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inNamespace } from "../../src/system/namespace.ts";
import { AgentSite, until } from "../support/agent-site.ts";

const ADDRESS = { ipv4: "172.30.0.10", ipv6: "fd30::10" };
/** So many milliseconds after its last answer a member gets no flows any more, on a machine at rest. */
const CHECK = {
  protocol: "http",
  port: "http",
  path: "/",
  interval: 200,
  timeout: 500,
  failures: 2,
  successes: 1,
} as const;
/** Patience with a busy machine, in milliseconds. */
const PATIENCE = 60_000;

let site: AgentSite;
const servers = new Map<string, ChildProcess>();
const namespaces = new Map<string, string>();

/** Answers HTTP with its name on port 8080. */
async function serve(name: string): Promise<void> {
  const program = `require("node:http").createServer((_, response) => response.end(${JSON.stringify(name)}))
    .listen(8080, "::", () => console.log("listening"));`;
  const child = inNamespace(namespaces.get(name) as string, () =>
    spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  servers.set(name, child);
  await new Promise((resolve) => child.stdout?.once("data", resolve));
}

async function kill(name: string): Promise<void> {
  const child = servers.get(name);
  servers.delete(name);
  const ended = new Promise((resolve) => child?.once("close", resolve));
  child?.kill("SIGKILL");
  await ended;
}

/** Who answers so many requests to the service. */
async function ask(from: string, address: string, requests = 12): Promise<string[]> {
  const url = address.includes(":") ? `http://[${address}]/` : `http://${address}/`;
  const program = `Promise.all(Array.from({ length: ${requests} }, () => new Promise((resolve) =>
    require("node:http").get(${JSON.stringify(url)}, { agent: false, timeout: 10000 }, (response) => {
      let text = "";
      response.on("data", (chunk) => { text += chunk; });
      response.on("end", () => resolve(text));
    }).on("error", (error) => resolve(error.code))))).then((all) => console.log(JSON.stringify(all)));`;
  return JSON.parse(await site.run(from, process.execPath, "-e", program)) as string[];
}

/** Waits until exactly these answer, from everywhere. */
async function answering(names: readonly string[]): Promise<void> {
  for (const from of [namespaces.get("client") as string, site.host(2).namespace]) {
    for (const address of Object.values(ADDRESS)) {
      await until(
        `${names.join()} answer at ${address}`,
        async () => expect([...new Set(await ask(from, address))].toSorted()).toEqual(names),
        PATIENCE,
      );
    }
  }
}

beforeAll(async () => {
  site = await AgentSite.create({
    hosts: 3,
    network: {
      name: "default",
      plans: {
        ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 4, segmentBits: 2, endpointBits: 10 },
        ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
      },
      services: { ipv4: "172.30.0.0/24", ipv6: "fd30::/112" },
    },
  });
  await site.client.call("createSegment", {
    params: { tenant: "acme" },
    body: { name: "front", codes: ["2"] },
  });
  await site.client.call("updateTenant", { params: { tenant: "acme" }, body: { isolation: "none" } });
  await site.client.call("updateSegment", {
    params: { tenant: "acme", segment: "web" },
    body: { ports: [{ name: "http", protocol: "tcp", port: 8080 }] },
  });
  await site.startAgents();
  for (const [name, host, segment] of [
    ["web1", 1, "web"],
    ["web2", 2, "web"],
    ["web3", 3, "web"],
    ["client", 1, "front"],
  ] as const) {
    const { attach } = await site.attach(host, name, { segment });
    if (attach?.kind !== "netns") throw new Error("no namespace");
    namespaces.set(name, attach.netns);
  }
  for (const name of ["web1", "web2", "web3"]) await serve(name);
  await site.client.call("createService", {
    body: {
      name: "www",
      tenant: "acme",
      segment: "web",
      addresses: ADDRESS,
      ports: [{ protocol: "tcp", port: 80, targetPort: "http" }],
      health: CHECK,
    },
  });
});
afterAll(async () => {
  for (const name of servers.keys()) await kill(name);
  await site?.close();
});

describe("a service", () => {
  test("is answered for by all members, for endpoints and hosts, over both families", async () => {
    await answering(["web1", "web2", "web3"]);
  });

  test("does without a member whose server was killed, and takes it back", async () => {
    await kill("web2");
    await answering(["web1", "web3"]);
    await serve("web2");
    await answering(["web1", "web2", "web3"]);
  });

  test("loses nobody when an agent or romanad is started anew", async () => {
    const backends = async (): Promise<number> => {
      const { items } = await site.client.call("listBackends", {});
      return items.flatMap(({ backends: some }) => some).length;
    };
    const least = { backends: await backends() };
    const watch = setInterval(() => {
      void backends().then(
        (count) => {
          least.backends = Math.min(least.backends, count);
        },
        () => {},
      );
    }, 20);
    await site.stop("host-3", "SIGKILL");
    await site.startAgent(3);
    await site.stop("romanad", "SIGKILL");
    await site.startRomanad();
    await site.well(3);
    await answering(["web1", "web2", "web3"]);
    clearInterval(watch);
    expect(least.backends).toBe(3);
  });

  test("is mended on hosts where somebody has deleted its table", async () => {
    for (const { namespace } of site.hosts)
      await site.run(namespace, "nft", "delete", "table", "inet", "romana_services");
    await answering(["web1", "web2", "web3"]);
    for (const number of [1, 2, 3]) await site.well(number);
  });

  test("does without a member that was detached", async () => {
    await site.host(3).agent.call("deleteAttachment", { params: { ref: "web3" } });
    await answering(["web1", "web2"]);
  });

  test("refuses at once when nobody is healthy", async () => {
    await kill("web1");
    await kill("web2");
    await answering(["ECONNREFUSED"]);
  });

  test("leaves nothing behind on hosts when service and prefixes are gone", async () => {
    await site.client.call("deleteService", { params: { name: "www" } });
    await site.client.call("updateNetwork", { params: { network: "default" }, body: { services: null } });
    await until("tables and routes are gone", async () => {
      for (const { namespace } of site.hosts) {
        expect(await site.run(namespace, "nft", "list", "tables")).not.toContain("romana_services");
        expect(await site.run(namespace, "ip", "route")).not.toContain("172.30.");
      }
    });
  });
});
