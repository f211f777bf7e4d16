import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Address, formatAddress } from "../../src/net/index.ts";
import { AgentSite, until } from "../support/agent-site.ts";
import { romana } from "../support/lab.ts";
import { Talker } from "../support/talker.ts";

let site: AgentSite;
const talkers: Talker[] = [];

const POD = { tenant: "acme", segment: "web", name: "pod-1.acme" };
const POLICY = {
  name: "db-to-class",
  direction: "ingress",
  applied_to: [{ tenant: "acme", segment: "class" }],
  ingress: [{ peers: [{ tenant: "acme", segment: "db" }], rules: [{ protocol: "tcp", ports: [80] }] }],
};

describe.each(["nftables", "iptables"])("firewall: %s", (firewall) => {
  beforeAll(async () => {
    site = await AgentSite.create({ agent: { firewall } });
    const params = { tenant: "acme" };
    await site.client.call("createSegment", { params, body: { name: "db", codes: ["2"] } });
    await site.client.call("createSegment", { params, body: { name: "class", codes: [] } });
    await site.startAgents();
    const file = join(site.directory, "policy.json");
    writeFileSync(file, JSON.stringify(POLICY));
    expect(await romana("policy", "add", file, "--server", site.server)).toMatchObject({ status: 0 });
  });
  afterAll(async () => {
    for (const talker of talkers.splice(0)) talker.close();
    await site.close();
  });

  /** Attaches and returns who talks from there. */
  async function station(host: number, name: string, change: object): Promise<Talker> {
    const { attach } = await site.attach(host, name, change);
    if (attach?.kind !== "netns") throw new TypeError("not in a namespace");
    const talker = new Talker(attach.netns);
    talkers.push(talker);
    return talker;
  }

  /** What romanad counts. */
  async function metricsText(): Promise<string> {
    const request = get({ socketPath: site.server.replace("unix://", ""), path: "/metrics" });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return text(response);
  }

  function put(change: object): Promise<unknown> {
    return site.client.call("putWorkload", { params: { workload: "uid-1" }, body: { ...POD, ...change } });
  }

  test("an attach waits for its workload, and the endpoint never is who its address says", async () => {
    const db = await station(2, "db-2", { segment: "db" });
    const web = await station(2, "web-2", { segment: "web" });
    const attaching = station(1, "pod", {
      name: undefined,
      tenant: undefined,
      segment: undefined,
      workload: "uid-1",
      requestToken: "cni/net/c1/eth0",
    });
    await until("the agent waits", async () => {
      expect(await metricsText()).toMatch(/romana_allocations_total\{outcome="not-found"\} [1-9]/);
    });
    await put({ actsAs: "class" });
    const pod = await attaching;
    await Promise.all([pod.listen(80), web.listen(80)]);
    const { addresses, actsAs } = await site.client.call("getEndpoint", { params: { ref: "pod-1.acme" } });
    expect(actsAs).toBe("class");
    const ref = formatAddress(addresses.ipv4 as Address);
    expect(await pod.reaches("10.2.20.12", 80)).toBe("silent");
    expect(await web.reaches(ref, 80)).toBe("silent");
    await until("host 2 lets out", async () => expect(await db.reaches(ref, 80)).toBe("connected"));

    await put({});
    await until("it is one of web", async () => expect(await web.reaches(ref, 80)).toBe("connected"));
    await until("it is none of class", async () => expect(await db.reaches(ref, 80)).toBe("silent"));
    await site.host(1).agent.call("deleteAttachment", { params: { ref: "cni/net/c1/eth0" } });
    expect(await site.client.call("checkIpam", { body: {} })).toMatchObject({ clean: true });
  });
});
