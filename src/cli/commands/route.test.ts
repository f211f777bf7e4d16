import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { main } from "../main.ts";

const FABRICS = join(import.meta.dirname, "../../../examples/fabrics");
const STATE = `--state ${FABRICS}/leaf-spine-state.yaml`;
const SITE = `--fabric ${FABRICS}/leaf-spine.yaml ${STATE}`;
const DIRECTORY = mkdtempSync(join(tmpdir(), "romana-route-"));
afterAll(() => rmSync(DIRECTORY, { recursive: true }));

/** A file with the text; answers its path. */
function file(name: string, text: string): string {
  const path = join(DIRECTORY, name);
  writeFileSync(path, text);
  return path;
}

/** Runs `romana route …` as a process would; words are separated by spaces. */
async function romana(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main({
    words: ["route", ...line.split(" ")],
    version: "0",
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

describe("route show", () => {
  test("counts the routes and sessions of every device", async () => {
    const { code, stdout } = await romana(`show ${SITE}`);
    expect(code).toBe(0);
    expect(stdout).toContain("leaf-2a  leaf   rack-2       8        10         0\n");
  });
  test("without a fabric, of hosts by themselves", async () => {
    const { stdout } = await romana(`show host-1 ${STATE}`);
    expect(stdout).toContain("10.33.0.0/16             host       host-3  host-3 (172.17.0.1)      agent\n");
  });
  test("of a device that is not there", async () => {
    expect(await romana(`show spine-9 ${SITE}`)).toMatchObject({
      code: 3,
      stderr: 'romana: Cannot find device "spine-9"\n',
    });
  });
});

describe("route trace", () => {
  test.each([
    [`host-1 host-4 ${SITE}`, 0, "  3  leaf-2b  10.34.0.0/16  host       host-4  leaf-2a (172.31.2.0)\n"],
    [`10.17.0.9 fd00:1234:5678:202::1 ${SITE}`, 0, "arrives: its own prefix\n"],
    [`host-1 host-4 --family 6 ${SITE}`, 0, "host-1 to fd00:1234:5678:202::1\n"],
    [`host-1 10.47.0.1 ${SITE}`, 1, "dropped: no host of the rack has the address\n"],
    [`host-1 10.200.0.1 ${SITE}`, 1, "dropped: it has no route\n"],
  ])("%s", async (line, exit, text) => {
    const { code, stdout } = await romana(`trace ${line}`);
    expect([code, stdout]).toEqual([exit, expect.stringContaining(text)]);
  });
  test("to an endpoint that is on another host than its address says", async () => {
    const text = readFileSync(join(FABRICS, "leaf-spine-state.yaml"), "utf8").replace(
      "endpoints: []",
      `endpoints:
  - network: default
    host: host-1
    locatedOn: host-2
    tenant: acme
    segment: web
    code: "1"
    endpointId: 1
    addresses: {ipv4: 10.17.1.17, ipv6: "fd00:1234:5678:101:0:100:100:1"}
    name: web-1
    createdAt: 1750000000000`,
    );
    const state = `--state ${file("relocated.yaml", text)}`;
    const here = "10.17.1.17/32  relocation  host-2  arrives: it is here, whatever its address says";
    const stepsOf = async (site: string): Promise<readonly string[]> => {
      const { code, stdout } = await romana(`trace host-3 web-1 ${site}`);
      expect(code).toBe(0);
      return stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "  "));
    };
    expect(await stepsOf(state)).toEqual([
      "host-3 to 10.17.1.17",
      "HOP  DEVICE  ROUTE  KIND  OF  THEN",
      "0  host-3  10.17.1.17/32  relocation  host-2  host-2 (172.16.1.12)",
      `1  host-2  ${here}`,
      "",
    ]);
    // Routers know prefixes only.
    const throughFabric = await stepsOf(`--fabric ${FABRICS}/leaf-spine.yaml ${state}`);
    expect(throughFabric.slice(-3)).toEqual([
      "4  host-1  10.17.1.17/32  relocation  host-2  host-2 (172.16.1.12)",
      `5  host-2  ${here}`,
      "",
    ]);
    expect((await romana(`trace web-1 host-3 ${state}`)).stdout).toMatch(/^host-2 to /);
    expect((await romana(`show host-2 ${state}`)).stdout).toContain("10.17.1.17/32");
    const fromNeighbour = await romana(`trace host-2 10.17.1.18 ${state}`);
    expect(fromNeighbour.stdout).toContain("arrives: its own prefix");
  });
  test("of somebody who is not there", async () => {
    const { code, stderr } = await romana(`trace host-1 nobody ${SITE}`);
    expect([code, stderr]).toEqual([3, 'romana: Cannot find host or endpoint "nobody"\n']);
  });
});

describe("route plan", () => {
  test.each([
    [
      `--add-host host-9 --underlay 172.16.1.19 --underlay 2001:db8:1::19 ${SITE}`,
      ['host host-9: group "rack-1", ID 3\n', "18 routes on 3 hosts, 2 leaves\n"],
    ],
    [`--add-host host-9 --group rack-2 ${SITE}`, ['leaf-2a: default IPv4: it has no way to host "host-9"\n']],
    [`--remove-host host-4 ${SITE}`, ["remove  10.34.0.0/16", "10 routes on 1 host, 2 leaves\n"]],
    [
      `--add-host host-9 --id 9 --underlay 172.16.1.19 ${STATE}`,
      ['group "rack-1", ID 9\n', "add     10.25.0.0/16"],
    ],
  ])("%s", async (line, texts) => {
    const { code, stdout } = await romana(`plan ${line}`);
    expect(code).toBe(0);
    for (const text of texts) expect(stdout).toContain(text);
  });
  test.each([
    [SITE, 2, "wants --add-host, --remove-host, --new-network or --new-fabric"],
    [`--add-host host-1 ${SITE}`, 2, "it is there already"],
    [`--add-host host-9 --id 1 ${SITE}`, 2, 'group "rack-1" has a host with ID 1'],
    [
      `--add-host host-9 --group rack-7 ${SITE}`,
      3,
      'Cannot place host in group "rack-7": networks have no such group',
    ],
    [`--remove-host host-9 ${SITE}`, 3, 'Cannot find host "host-9"'],
  ])("refuses %s", async (line, exit, text) => {
    expect(await romana(`plan ${line}`)).toMatchObject({ code: exit, stderr: expect.stringContaining(text) });
  });
});

describe("route export", () => {
  const passwords = `--passwords ${file("passwords.yaml", "fabric: s3cret\n")}`;
  test.each([
    ["", "router id 192.0.2.11;\n"],
    ["--format frr", " bgp router-id 192.0.2.11\n"],
    ["--format json", '  "routerId": "192.0.2.11",\n'],
    [`--template ${file("own.conf", "# mine\n{{sessions}}\n")}`, "# mine\ntemplate bgp neighbour {\n"],
  ])("%s", async (options, text) => {
    const { code, stdout } = await romana(`export leaf-1a ${SITE} ${passwords} ${options}`.trim());
    expect([code, stdout]).toEqual([0, expect.stringContaining(text)]);
    expect(stdout).toContain("s3cret");
  });
  test.each([
    [SITE, 'passwordName: the password "fabric" is not given'],
    [STATE, "--fabric: is missing"],
    [`${SITE} --passwords ${file("odd.yaml", "fabric: 1\n")}`, "fabric: expected a string"],
    [`${SITE} ${passwords} --template ${file("bad.conf", "{{all}}\n")}`, '"{{all}}" means nothing'],
    [
      `--fabric ${file("bad.yaml", "name: x\nhostAsn: 1\nracks:\n- group: [x]\n  leaves: [{name: l, asn: 1, routerId: 192.0.2.1}]\n")} ${STATE}`,
      'AS 1 is that of hosts already; racks.0.group: no network has an innermost group "x"',
    ],
  ])("refuses %s", async (options, text) => {
    expect(await romana(`export leaf-1a ${options}`)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining(text),
    });
  });
});
