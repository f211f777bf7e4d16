import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentSite, until } from "../support/agent-site.ts";
import { romana } from "../support/lab.ts";
import { Talker } from "../support/talker.ts";

const AGENT = join(import.meta.dirname, "../../bin/romana-agent.mjs");
const FAMILIES = ["iptables", "ip6tables"] as const;
const WEB = "10.1.20.11";
const WEB6 = "fd00:10:0:100:1:1:0:b";

let site: AgentSite;
let web: Talker;
let near: Talker;
let db: Talker;

beforeAll(async () => {
  site = await AgentSite.create({ agent: { firewall: "iptables" } });
  await site.client.call("createSegment", {
    params: { tenant: "acme" },
    body: { name: "db", codes: ["2"] },
  });
  for (const program of FAMILIES) {
    await host(program, "-A", "FORWARD", "-p", "udp", "--dport", "9", "-j", "DROP");
    await host(program, "-A", "INPUT", "-j", "ACCEPT");
  }
  await host("ipset", "create", "OTHER", "hash:ip");
  await site.startAgents();
  web = await attach(1, "web-1", 11, "web");
  near = await attach(2, "web-2", 12, "web");
  db = await attach(2, "db-2", 13, "db");
  await web.listen(80, 81);
});
afterAll(async () => {
  for (const talker of [web, near, db]) talker.close();
  await site.close();
});

async function attach(number: number, name: string, endpointId: number, segment: string): Promise<Talker> {
  const { attach: target } = await site.attach(number, name, { endpointId, segment });
  if (target?.kind !== "netns") throw new TypeError("not in a namespace");
  return new Talker(target.netns);
}

/** Runs a program on host 1. */
function host(...argv: string[]): Promise<string> {
  return site.run(site.host(1).namespace, ...argv);
}

async function policy(...words: string[]): Promise<void> {
  expect(await romana("policy", ...words, "--server", site.server)).toMatchObject({ status: 0, stderr: "" });
}

/** What `iptables-save` says of both families on host 1, without counters. */
async function saved(): Promise<string> {
  const texts = await Promise.all(FAMILIES.map((program) => host(`${program}-save`)));
  return texts.join("").replaceAll(/^#.*\n|(?<=^:.*) \[\d+:\d+\]$/gm, "");
}

describe("firewall: iptables", () => {
  test("keeps endpoints apart", async () => {
    await until("addresses are resolved", async () => {
      expect(await near.reaches(WEB, 80)).toBe("connected");
      expect(await near.reaches(WEB6, 80)).toBe("connected");
    });
    expect(await db.reaches(WEB, 80)).toBe("silent");
    expect(await db.reaches(WEB6, 80)).toBe("silent");
    expect(await host("nft", "list", "tables")).not.toContain("table inet romana");
  });

  test("opens what a policy allows, and closes it again", async () => {
    const file = join(site.directory, "policy.json");
    const peers = [{ tenant: "acme", segment: "db" }];
    writeFileSync(
      file,
      JSON.stringify({
        name: "db-to-web",
        direction: "ingress",
        applied_to: [{ tenant: "acme", segment: "web" }],
        ingress: [{ peers, rules: [{ protocol: "tcp", ports: [80] }] }],
      }),
    );
    await policy("add", file);
    await until("it is open", async () => {
      expect(await db.reaches(WEB, 80)).toBe("connected");
      expect(await db.reaches(WEB6, 80)).toBe("connected");
    });
    expect(await db.reaches(WEB, 81)).toBe("silent");
    const open = await db.open(WEB, 80);
    await policy("remove", "db-to-web");
    await until("it is cut", async () => expect(await open()).toBe(false));
    expect(await db.reaches(WEB, 80)).toBe("silent");
    expect(await db.reaches(WEB6, 80)).toBe("silent");
  });

  test("counts what is dropped", async () => {
    const { stdout } = await romana("agent", "counters", "--socket", site.agentSocket("host-1"));
    expect(stdout).toMatch(/^Dropped packets: .*[1-9]\d* isolation/m);
  });

  test.each([
    ["a flushed chain", ["iptables", "-F", "ROMANA-FORWARD"]],
    ["a jump that is gone", ["ip6tables", "-D", "FORWARD", "-j", "ROMANA-FORWARD"]],
    ["a rule in front", ["iptables", "-I", "FORWARD", "1", "-j", "ACCEPT"]],
  ])("%s is put back", async (_, argv) => {
    const before = await saved();
    await host(...argv);
    expect(await saved()).not.toBe(before);
    await until("it is back", async () => {
      const now = (await saved()).replace("-A FORWARD -j ACCEPT\n", (line, at, text: string) =>
        text.slice(0, at).endsWith("-A FORWARD -j ROMANA-FORWARD\n") ? "" : line,
      );
      expect(now.replaceAll("ROMANA-B", "ROMANA-A")).toBe(before.replaceAll("ROMANA-B", "ROMANA-A"));
    });
    if (argv.includes("-I")) await host("iptables", "-D", "FORWARD", "-j", "ACCEPT");
    expect(await db.reaches(WEB, 80)).toBe("silent");
    expect(await near.reaches(WEB, 80)).toBe("connected");
    await site.well(1);
  });

  test("a restart changes nothing", async () => {
    const sets = async (): Promise<string> =>
      (await host("ipset", "save")).replaceAll(/ packets \d+ bytes \d+/g, "");
    const before = [await saved(), await sets()];
    await site.stop("host-1");
    await site.startAgent(1);
    expect([await saved(), await sets()]).toEqual(before);
  });

  test("takes over from nftables, and the other way round", async () => {
    await site.stop("host-1");
    await site.startAgent(1, true, { firewall: "nftables" });
    await until("chains are gone", async () => expect(await saved()).not.toContain("ROMANA"));
    expect((await host("ipset", "list", "-name")).trim()).toBe("OTHER");
    expect(await db.reaches(WEB, 80)).toBe("silent");
    expect(await near.reaches(WEB, 80)).toBe("connected");
    await site.stop("host-1");
    await site.startAgent(1);
    await until("the table is gone", async () =>
      expect(await host("nft", "list", "tables")).not.toContain("table inet romana"),
    );
    expect(await saved()).toContain("-A FORWARD -j ROMANA-FORWARD");
    expect(await db.reaches(WEB, 80)).toBe("silent");
    expect(await near.reaches(WEB, 80)).toBe("connected");
  });

  test("a teardown leaves what is not ours", async () => {
    await site.stop("host-1");
    const stdout = await host(
      process.execPath,
      AGENT,
      "--teardown",
      "--config",
      join(site.directory, "host-1.yaml"),
    );
    expect(stdout).toContain(
      "removed chains of iptables\nremoved chains of ip6tables\nremoved sets of ipset\n",
    );
    const left = await saved();
    expect(left).not.toContain("ROMANA");
    expect(left.match(/-A FORWARD -p udp -m udp --dport 9 -j DROP/g)).toHaveLength(2);
    expect(left.match(/-A INPUT -j ACCEPT/g)).toHaveLength(2);
    expect((await host("ipset", "list", "-name")).trim()).toBe("OTHER");
  });
});
