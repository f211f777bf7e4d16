import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentSite, until } from "../support/agent-site.ts";
import { type Run, romana } from "../support/lab.ts";
import { Talker } from "../support/talker.ts";

let site: AgentSite;
/** acme/web on either host, acme/db on host 2. */
const WEB_1 = { name: "web-1", address: "10.1.20.11" };
const WEB_2 = { name: "web-2", address: "10.2.20.12" };
const DB = { name: "db-2", address: "10.2.24.13" };
let web1: Talker;
let web2: Talker;
let db: Talker;
const talkers: Talker[] = [];

function talk(namespace: string): Talker {
  const talker = new Talker(namespace);
  talkers.push(talker);
  return talker;
}

describe.each(["nftables", "iptables"])("firewall: %s", (firewall) => {
  beforeAll(async () => {
    site = await AgentSite.create({ agent: { firewall, packetLog: { drops: true } } });
    await site.client.call("createSegment", {
      params: { tenant: "acme" },
      body: { name: "db", codes: ["2"] },
    });
    await site.startAgents();
    const attach = async (host: number, name: string, id: number, segment: string): Promise<Talker> => {
      const { attach: target } = await site.attach(host, name, { endpointId: id, segment });
      if (target?.kind !== "netns") throw new TypeError("not in a namespace");
      return talk(target.netns);
    };
    web1 = await attach(1, WEB_1.name, 11, "web");
    web2 = await attach(2, WEB_2.name, 12, "web");
    db = await attach(2, DB.name, 13, "db");
    await Promise.all([web1.listen(80, 81), web1.pour(90), web2.listen(80)]);
  });
  afterAll(async () => {
    for (const talker of talkers.splice(0)) talker.close();
    await site.close();
  });

  /** `romana policy …` at this site's romanad. */
  function policy(...words: string[]): Promise<Run> {
    return romana("policy", ...words, "--server", site.server);
  }

  /** The rules of host 1. */
  async function rulesText(): Promise<string> {
    if (firewall === "nftables") return site.tableText(1);
    return site.run(site.host(1).namespace, "iptables-save");
  }

  async function addPolicy(document: object): Promise<void> {
    const file = join(site.directory, "policy.json");
    writeFileSync(file, JSON.stringify(document));
    expect(await policy("add", file)).toMatchObject({ status: 0, stderr: "" });
  }

  async function removePolicy(name: string): Promise<void> {
    expect(await policy("remove", name)).toMatchObject({ status: 0, stderr: "" });
  }

  const DB_TO_WEB = {
    name: "db-to-web",
    direction: "ingress",
    applied_to: [{ tenant: "acme", segment: "web" }],
    ingress: [{ peers: [{ tenant: "acme", segment: "db" }], rules: [{ protocol: "tcp", ports: [80, 90] }] }],
  };

  /** Log lines of a host about packets, as data. */
  function packetLines(host: number): Record<string, unknown>[] {
    return site
      .host(host)
      .log()
      .split("\n")
      .filter((line) => line.startsWith("{") && line.includes('"reason"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  describe("a policy", () => {
    test("is enforced on all hosts; without it the connections that it allowed are cut", async () => {
      expect(await db.reaches(WEB_1.address, 80)).toBe("silent");
      expect(await db.reaches(WEB_2.address, 80)).toBe("silent");
      await addPolicy(DB_TO_WEB);
      await until("host 1 lets in", async () =>
        expect(await db.reaches(WEB_1.address, 80)).toBe("connected"),
      );
      await until("host 2 lets in", async () =>
        expect(await db.reaches(WEB_2.address, 80)).toBe("connected"),
      );
      expect(await db.reaches(WEB_1.address, 81)).toBe("silent");
      const far = await db.open(WEB_1.address, 80);
      const near = await db.open(WEB_2.address, 80);
      const same = await web2.open(WEB_1.address, 80);
      // Whoever goes on sending after the cut must not bring the connection back as one of his own.
      const pouring = await db.open(WEB_1.address, 90);
      expect([await far(), await near(), await same(), await pouring()]).toEqual([true, true, true, true]);
      await removePolicy("db-to-web");
      await until("all are cut", async () =>
        expect([await far(), await near(), await pouring()]).toEqual([false, false, false]),
      );
      expect(await same()).toBe(true);
      expect(await db.reaches(WEB_1.address, 80)).toBe("silent");
      expect(site.host(1).log()).toContain("cut connections that are not allowed any more");
    });

    test("with established: keep lets the connections live that it allowed", async () => {
      await addPolicy({ ...DB_TO_WEB, established: "keep" });
      await until("it is enforced", async () =>
        expect(await db.reaches(WEB_1.address, 80)).toBe("connected"),
      );
      const kept = await db.open(WEB_1.address, 80);
      await removePolicy("db-to-web");
      await until("it is enforced no more", async () =>
        expect(await db.reaches(WEB_1.address, 80)).toBe("silent"),
      );
      expect(await kept()).toBe(true);
      // Another change does not cut it either.
      await addPolicy({
        ...DB_TO_WEB,
        ingress: [{ peers: [{ tenant: "acme", segment: "db" }], rules: [{ protocol: "udp", ports: [9] }] }],
      });
      await until("host 1 has it", async () => expect(await rulesText()).toMatch(/_accept|--dport 9 /));
      expect(await kept()).toBe(true);
      await removePolicy("db-to-web");
    });

    test("tells who was dropped, and why", async () => {
      await addPolicy({
        name: "no-db",
        direction: "ingress",
        action: "deny",
        applied_to: [{ tenant: "acme" }],
        ingress: [{ peers: [{ tenant: "acme", segment: "db" }], rules: [{ protocol: "tcp", ports: [81] }] }],
      });
      const line = await until("a line says so", async () => {
        expect(await db.reaches(WEB_1.address, 81)).toBe("silent");
        const found = packetLines(1).find(({ policy: id }) => id === "no-db");
        if (found === undefined) throw new Error(JSON.stringify(packetLines(1)));
        return found;
      });
      expect(line).toMatchObject({
        level: 30,
        msg: 'dropped: policy "no-db" rules[0] denies it',
        reason: "denied",
        direction: "ingress",
        policy: "no-db",
        rule: 0,
        from: { address: DB.address, host: "host-2", tenant: "acme", segment: "db" },
        to: { address: WEB_1.address, host: "host-1", tenant: "acme", segment: "web", endpoint: "web-1" },
        protocol: "tcp",
        port: 81,
        in: "eth0",
      });
      await removePolicy("no-db");
    });

    test("counts what its rules decide, summed over the hosts", async () => {
      await addPolicy(DB_TO_WEB);
      await until("it is enforced", async () => {
        expect(await db.reaches(WEB_1.address, 80)).toBe("connected");
        expect(await db.reaches(WEB_2.address, 80)).toBe("connected");
      });
      const here = await romana("agent", "counters", "--socket", site.agentSocket("host-2"));
      expect(here.stdout).toMatch(/^db-to-web +rules\[0\] +[1-9]/m);
      const counted = await until("romanad has heard of it", async () => {
        const { stdout } = await policy("show", "db-to-web", "--counters", "-o", "json");
        const { counters } = JSON.parse(stdout) as {
          counters: { rule: number; packets: number; bytes: number }[];
        };
        const [first] = counters;
        if ((first?.packets ?? 0) < 2) throw new Error(stdout);
        return first;
      });
      expect(counted).toMatchObject({ rule: 0 });
      expect(counted?.bytes).toBeGreaterThanOrEqual(2 * 40);
      const list = await policy("list", "--counters");
      expect(list.stdout).toMatch(/^db-to-web +active .* [1-9]\d* +[1-9]\d*$/m);
      expect(list.stdout).toMatch(/^Dropped packets: .*[1-9]\d* (isolation|not-allowed)/m);
      await removePolicy("db-to-web");
    });
  });
});
