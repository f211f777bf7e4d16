import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AgentSite, until } from "../support/agent-site.ts";
import { type Run, romana } from "../support/lab.ts";
import { Talker } from "../support/talker.ts";

const DENY = {
  name: "no-80",
  direction: "ingress",
  action: "deny",
  applied_to: [{ tenant: "acme" }],
  ingress: [{ peers: [{ tenant: "acme" }], rules: [{ protocol: "tcp", ports: [80] }] }],
};
/** acme/web on either host. */
const WEB_1 = "10.1.20.11";
const WEB_2 = "10.2.20.12";
const ADVICE = "write it again with romana policy apply, or remove it with romana policy remove";

let site: AgentSite;
let one: Talker;
let two: Talker;

beforeAll(async () => {
  site = await AgentSite.create();
  await site.startAgents();
  const attach = async (host: number, id: number): Promise<Talker> => {
    const { attach: target } = await site.attach(host, `web-${host}`, { endpointId: id });
    if (target?.kind !== "netns") throw new TypeError("not in a namespace");
    return new Talker(target.netns);
  };
  one = await attach(1, 11);
  two = await attach(2, 12);
  await Promise.all([one.listen(80, 81), two.listen(80, 81)]);
});
afterAll(async () => {
  one.close();
  two.close();
  await site.close();
});

function policy(...words: string[]): Promise<Run> {
  return romana("policy", ...words, "--server", site.server);
}

/** What reaches host 1 on ports 80 and 81, then host 2. */
async function reached(): Promise<string[]> {
  return [
    await two.reaches(WEB_1, 80),
    await two.reaches(WEB_1, 81),
    await one.reaches(WEB_2, 80),
    await one.reaches(WEB_2, 81),
  ];
}

/** Changes a word of the policy in the store's file; the rest stays as it is. */
function damageFile(): void {
  const database = new DatabaseSync(join(site.directory, "romanad/romanad.db"));
  const changed = [
    database.prepare(`UPDATE entry SET value = replace(value, '"drop"', '"deny"') WHERE key LIKE 'policy/%'`),
    database.prepare(`UPDATE log SET changes = replace(changes, '\\"drop\\"', '\\"deny\\"')`),
  ].map((statement) => Number(statement.run().changes));
  database.close();
  expect(Math.max(...changed)).toBeGreaterThan(0);
}

async function problemsOf(host: number): Promise<readonly string[]> {
  return (await site.host(host).agent.call("getAgentStatus", {})).problems;
}

test("a policy that was damaged in the store's file goes on denying, and is named by everybody", async () => {
  const file = join(site.directory, "policy.json");
  writeFileSync(file, JSON.stringify(DENY));
  expect(await reached()).toEqual(["connected", "connected", "connected", "connected"]);
  expect(await policy("add", file)).toMatchObject({ status: 0 });
  await until("it is enforced", async () =>
    expect(await reached()).toEqual(["silent", "connected", "silent", "connected"]),
  );

  await site.stop("romanad");
  damageFile();
  await site.startRomanad();
  const kept = `Policy "no-80" cannot be read from the store: what it said before is enforced; ${ADVICE}`;
  await until("host 2 hears of it", async () => expect(await problemsOf(2)).toEqual([kept]));
  // Host 1 has it from the file of its last life only.
  await site.stop("host-1", "SIGKILL");
  await site.startAgent(1, false);
  await until("host 1 hears of it", async () => expect(await problemsOf(1)).toEqual([kept]));
  expect(await reached()).toEqual(["silent", "connected", "silent", "connected"]);

  expect((await policy("list")).stdout).toMatch(/^no-80 +damaged /m);
  expect((await policy("show", "no-80")).stdout).toContain(
    'policy "no-80" cannot be read from the store: hosts',
  );
  const check = await romana("ipam", "check", "--server", site.server);
  expect(check.stdout).toContain("policy/no-80");

  // A host that has never had it denies everything to whom it is applied to.
  await site.stop("host-1", "SIGKILL");
  rmSync(join(site.host(1).stateDir, "view.json"));
  await site.startAgent(1, false);
  await until("host 1 denies all", async () =>
    expect(await reached()).toEqual(["silent", "silent", "silent", "silent"]),
  );
  expect(await problemsOf(1)).toEqual([
    'Policy "no-80" cannot be read and this host has no earlier version: ' +
      `all traffic of those whom it is applied to is dropped; ${ADVICE}`,
  ]);

  expect(await policy("apply", file)).toMatchObject({ status: 0 });
  await Promise.all([site.well(1), site.well(2)]);
  await until("all is as it was", async () =>
    expect(await reached()).toEqual(["silent", "connected", "silent", "connected"]),
  );
  expect((await policy("list")).stdout).toMatch(/^no-80 +active /m);
  expect(await policy("remove", "no-80")).toMatchObject({ status: 0 });
  await until("nothing is denied", async () =>
    expect(await reached()).toEqual(["connected", "connected", "connected", "connected"]),
  );
});
