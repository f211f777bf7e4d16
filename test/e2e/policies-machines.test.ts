import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AgentSite, until } from "../support/agent-site.ts";
import { type Run, romana } from "../support/lab.ts";
import { Talker } from "../support/talker.ts";

/** A host without endpoints, and another one that uses it. */
const MACHINE = "192.168.0.1";
const MACHINE_6 = "fd99::1";
let site: AgentSite;
let machine: Talker;
let other: Talker;
let file = "";

beforeAll(async () => {
  site = await AgentSite.create();
  await site.startAgents();
  machine = new Talker(site.host(1).namespace);
  other = new Talker(site.host(2).namespace);
  await machine.listen(22, 80, 443);
  file = join(site.directory, "machine.json");
  const https = {
    name: "machine-https",
    direction: "ingress",
    applied_to: [{ dest: "host", interfaces: ["eth0"] }],
    ingress: [{ peers: [{ peer: "any" }], rules: [{ protocol: "tcp", ports: [443] }] }],
  };
  writeFileSync(file, JSON.stringify(https));
});
afterAll(async () => {
  machine.close();
  other.close();
  await site.close();
});

function policy(...words: string[]): Promise<Run> {
  return romana("policy", ...words, "--server", site.server);
}

/** What the other host can connect to, by port. */
async function reachable(): Promise<string> {
  const results = await Promise.all(
    [MACHINE, MACHINE_6].flatMap((address) => [22, 80, 443].map((port) => other.reaches(address, port))),
  );
  return results.join(" ");
}

const OPEN = Array.from({ length: 6 }, () => "connected").join(" ");
const GUARDED = "connected silent connected connected silent connected";

test("a policy for machines closes what it does not allow, but for SSH, and is taken back without a confirmation", async () => {
  expect(await reachable()).toBe(OPEN);
  const plain = await other.open(MACHINE, 80);
  const secure = await other.open(MACHINE, 443);
  const applied = await policy("apply", file, "--confirm-within", "3s");
  expect(applied).toMatchObject({ status: 0 });
  await until("it is enforced", async () => expect(await reachable()).toBe(GUARDED));
  expect([await plain(), await secure()]).toEqual([false, true]);
  await until("it is taken back", async () => expect(await reachable()).toBe(OPEN));
  expect((await policy("list")).stdout).toContain("No policies");
});

test("a policy for machines that is confirmed stays, and the agent goes on to work", async () => {
  const applied = await policy("apply", file, "--confirm-within", "60s", "-o", "json");
  const { trial } = JSON.parse(applied.stdout) as { trial: { id: string } };
  expect(await policy("confirm", trial.id)).toMatchObject({ status: 0 });
  await until("it is enforced", async () => expect(await reachable()).toBe(GUARDED));
  await site.stop("host-1", "SIGKILL");
  expect(await reachable()).toBe(GUARDED);
  await site.startAgent(1);
  expect(await reachable()).toBe(GUARDED);
  await policy("remove", "machine-https");
  await until("it is open again", async () => expect(await reachable()).toBe(OPEN));
});
