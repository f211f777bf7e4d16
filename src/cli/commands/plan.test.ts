import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createPlan } from "../../addressing/index.ts";
import type { Client } from "../../client/index.ts";
import type { Host, Network, Segment, Tenant } from "../../model/index.ts";
import { parsePrefix } from "../../net/index.ts";
import type { Context } from "../command.ts";
import type { Screen } from "../format.ts";
import { main } from "../main.ts";
import { parseCommandLine } from "../program.ts";
import { plan } from "./plan.ts";

const ROOT = join(import.meta.dirname, "../../..");
const EXAMPLES = join(ROOT, "examples/networks");
const SCREEN: Screen = { wide: false, columns: 100, unicode: false, paint: (_, text) => text };

/** Runs `romana plan …` as a process would; words are separated by spaces. */
async function romana(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main({
    words: ["plan", ...line.split(" ")],
    version: "0",
    env: {},
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

/** Lines with runs of spaces as one. */
function lines(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +/g, " ").trim());
}

describe("plan show", () => {
  test("the seed's plan", async () => {
    const { code, stdout } = await romana("show");
    expect(code).toBe(0);
    expect(stdout).toBe(
      `IPv4 10.0.0.0/8, literal numbering
LEVEL     BITS  LENGTH  MASK       IDS     COUNT  EXAMPLE
network      8      /8  255.0.0.0  -           1  10.0.0.0/8
host         8     /16  0.255.0.0  1..255    255  1 = 10.1.0.0/16
tenant       8     /24  0.0.255.0  1..255    255  1 = 10.1.1.0/24
segment      4     /28  0.0.0.240  1..15      15  1 = 10.1.1.16/28
endpoint     4     /32  0.0.0.15   1..15      15  11 = 10.1.1.27
`,
    );
  });

  test("two families, groups, a stride and wide columns", async () => {
    const { stdout } = await romana(`show --plan ${join(EXAMPLES, "stride.yaml")} -o wide`);
    expect(lines(stdout)).toContain(
      "stride 64 /128 ::ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff - 2^64 fd00:0:1001:10b::",
    );
    expect(lines(stdout).filter((line) => line.startsWith("IPv"))).toEqual([
      "IPv4 10.0.0.0/8, literal numbering",
      "IPv6 fd00::/20, literal numbering",
    ]);
  });

  test("as JSON", async () => {
    const { stdout } = await romana(
      "show --prefix 10.0.0.0/8 --bits host=8,tenant=4,segment=4,endpoint=8 --numbering v1 -o json",
    );
    const { plans } = JSON.parse(stdout) as { plans: { ipv4: { numbering: string; levels: unknown[] } } };
    expect(plans.ipv4.numbering).toBe("v1");
    expect(plans.ipv4.levels.at(-1)).toEqual({
      level: "endpoint",
      bits: 8,
      prefixLength: 32,
      mask: "0.0.0.255",
      netmask: "255.255.255.255",
      ids: { first: 0, last: 252 },
      count: 253,
      example: { id: 11, prefix: "10.0.17.14/32" },
    });
  });
});

describe("plan encode", () => {
  const file = (name: string): string => `--plan ${join(EXAMPLES, name)}`;
  test.each([
    ["--host 1 --tenant 1 --segment 1 --endpoint 11", ["10.1.1.27"]],
    ["--host 2 --tenant 1 --segment 1 --endpoint 11", ["10.2.1.27"]],
    ["--host 1", ["10.1.0.0/16"]],
    ["--host 1 --tenant 2", ["10.1.2.0/24"]],
    ["--host 1 --tenant 1 --segment 1", ["10.1.1.16/28"]],
    ["--host 1 --tenant 1 --segment 5+2 --endpoint 3", ["10.1.1.23"]],
    ["--host 1 --tenant 1 --segment 1 --endpoint 11 -o wide", ["10.1.1.27 10.1.1.27/32"]],
    [`--host 2 --tenant 1 --segment 1 --endpoint 0 ${file("v1.yaml")}`, ["10.1.17.3"]],
    [`--host 1 --tenant 1 --segment 1 --endpoint 11 ${file("ipv6.yaml")}`, ["fd00:1234:5678:1:1:1:0:b"]],
    [
      `--host 1 --tenant 1 --segment 1 --endpoint 11 ${file("dual-stack.yaml")}`,
      ["10.1.1.27", "fd00:10::100:10:10:b"],
    ],
    [
      `--host 1 --tenant 1 --segment 1 --endpoint 11 ${file("stride.yaml")} -o wide`,
      ["10.4.17.176 10.4.17.176/28", "fd00:0:1001:10b:: fd00:0:1001:10b::/64"],
    ],
    [`--group zone-b ${file("racks.yaml")}`, ["10.64.0.0/10"]],
    [`--group zone-b/rack-1 --host 3 ${file("racks.yaml")}`, ["10.64.192.0/18"]],
    [`--group 1/0 --host 3 ${file("racks.yaml")}`, ["10.64.192.0/18"]],
    [`--host 1 --tenant 1 --segment 1-2 ${file("wide-codes.yaml")}`, ["10.2.20.0/22"]],
    [`--host 1 --tenant 1 --segment 8 ${file("wide-codes.yaml")}`, ["10.2.24.0/24"]],
    [`--host 1 --tenant 1 --segment 145+4 ${file("wide-codes.yaml")}`, ["10.2.25.16/28"]],
    [
      "--host 1 --prefix fd00:1234:5678::/48 --bits host=24,tenant=20,segment=16,endpoint=20",
      ["fd00:1234:5678:0:100::/72"],
    ],
  ])("%s", async (options, outcome) => {
    const { code, stdout, stderr } = await romana(`encode ${options}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lines(stdout)).toEqual(outcome);
  });

  test("as JSON: addresses and blocks, or prefixes", async () => {
    const endpoint = await romana("encode --host 1 --tenant 1 --segment 1 --endpoint 11 -o json");
    expect(JSON.parse(endpoint.stdout)).toEqual({
      addresses: { ipv4: "10.1.1.27" },
      blocks: { ipv4: "10.1.1.27/32" },
    });
    const host = await romana(`encode --host 1 ${file("dual-stack.yaml")} -o json`);
    expect(JSON.parse(host.stdout)).toEqual({
      prefixes: { ipv4: "10.1.0.0/16", ipv6: "fd00:10:0:0:100::/72" },
    });
  });

  test.each([
    ["--host 256", "Cannot encode host: host: ID 256 is not in 0..255"],
    [
      "--host 1 --tenant 1 --segment 16 --endpoint 16",
      "Cannot encode address: segment: code 16 is not in 0..15 (4 bits)",
    ],
    ["--host one", 'Cannot run "romana plan encode": --host: "one" is not a whole number'],
    [
      "--host 1 --tenant 1 --segment x",
      'Cannot read the command line: --segment: "x" is not a segment code such as 5, 5+2 or 5-2',
    ],
    ["--tenant 1", "Cannot read the command line: --host: is missing beside --tenant"],
    ["--host 1 --endpoint 1", "Cannot read the command line: --tenant: is missing beside --endpoint"],
    ["-o json", "Cannot read the command line: --host: is missing: no level is given"],
    ["--host 1 --group zone-a", 'Cannot find group "zone-a"'],
    ["--host 1 --plan nowhere.yaml", 'Cannot read file "nowhere.yaml": ENOENT'],
    [
      "--host 1 --plan p.yaml --network n",
      "Cannot read the command line: --network: cannot be used together with --plan",
    ],
    [
      "--host 1 --plan p.yaml --prefix 10.0.0.0/8",
      "Cannot read the command line: --prefix: cannot be used together with --plan",
    ],
    ["--host 1 --prefix 10.0.0.0/8", "Cannot read the command line: --bits: is missing beside --prefix"],
    [
      "--host 1 --numbering v1",
      "Cannot read the command line: --prefix: is missing beside --bits and --numbering",
    ],
    [
      "--host 1 --prefix 10.0.0.0/8 --bits host=8,tenant=8,segment=4,endpoint=5",
      "Cannot read network: plans.ipv4: bits must add up to exactly 32, but prefix 8 + groups 0 + host 8 + tenant 8 + segment 4 + endpoint 5 + stride 0 = 33 (1 too many)",
    ],
  ])("%s is refused", async (options, message) => {
    const { code, stdout, stderr } = await romana(`encode ${options}`);
    expect(stderr).toContain(`romana: ${message}`);
    expect({ code, stdout }).toEqual({ code: message.startsWith("Cannot find") ? 3 : 2, stdout: "" });
  });
});

describe("plan decode", () => {
  test.each([
    [
      "10.1.1.27",
      ["host 1 10.1.0.0/16", "tenant 1 10.1.1.0/24", "segment 1 10.1.1.16/28", "endpoint 11 10.1.1.27"],
    ],
    [
      "10.1.0.1",
      [
        "host 1 10.1.0.0/16",
        "tenant 0 10.1.0.0/24",
        "segment 0 10.1.0.0/28",
        "endpoint 1 10.1.0.1",
        "",
        "It is the gateway address of host 1",
      ],
    ],
    [
      "10.1.0.9",
      [
        "host 1 10.1.0.0/16",
        "tenant 0 10.1.0.0/24",
        "segment 0 10.1.0.0/28",
        "endpoint 9 10.1.0.9",
        "",
        "Tenant 0 is the infrastructure tenant",
      ],
    ],
    [
      "10.1.1.16",
      [
        "host 1 10.1.0.0/16",
        "tenant 1 10.1.1.0/24",
        "segment 1 10.1.1.16/28",
        "endpoint 0 10.1.1.16",
        "",
        "Endpoint 0 is reserved",
      ],
    ],
    [
      "10.1.1.23 --code 5+2 --code 9",
      ["host 1 10.1.0.0/16", "tenant 1 10.1.1.0/24", "segment 5+2 10.1.1.20/30", "endpoint 3 10.1.1.23"],
    ],
    [
      `10.0.17.2 --plan ${join(EXAMPLES, "v1.yaml")}`,
      [
        "host 1 10.0.0.0/16",
        "tenant 1 10.0.16.0/20",
        "segment 1 10.0.17.0/24",
        "endpoint - 10.0.17.0/24",
        "",
        "v1 numbering gives this address to no endpoint",
      ],
    ],
    [
      `fd00:0:1001:10b::7 --plan ${join(EXAMPLES, "stride.yaml")}`,
      [
        "host 1 fd00:0:1000::/36",
        "tenant 1 fd00:0:1001::/48",
        "segment 1 fd00:0:1001:100::/56",
        "endpoint 11 fd00:0:1001:10b::/64",
        "",
        "It is +7 from the endpoint's own address, in its block",
      ],
    ],
  ])("%s", async (words, outcome) => {
    const { code, stdout } = await romana(`decode ${words}`);
    expect(code).toBe(0);
    expect(lines(stdout)).toEqual(["LEVEL ID PREFIX", ...outcome]);
  });

  test("names of groups", async () => {
    const { stdout } = await romana(`decode 10.64.193.27 --plan ${join(EXAMPLES, "racks.yaml")}`);
    expect(lines(stdout).slice(0, 4)).toEqual([
      "LEVEL ID NAME PREFIX",
      "zone 1 zone-b 10.64.0.0/10",
      "rack 0 rack-1 10.64.0.0/13",
      "host 3 - 10.64.192.0/18",
    ]);
  });

  test("as JSON", async () => {
    const { stdout } = await romana("decode 10.1.1.27 -o json");
    expect(JSON.parse(stdout)).toMatchObject({
      address: "10.1.1.27",
      network: "seed",
      host: 1,
      tenant: 1,
      segment: "1",
      endpoint: 11,
      levels: [
        { level: "host", id: "1", prefix: "10.1.0.0/16" },
        { level: "tenant", id: "1", prefix: "10.1.1.0/24" },
        { level: "segment", id: "1", prefix: "10.1.1.16/28" },
        { level: "endpoint", id: "11", prefix: "10.1.1.27" },
      ],
      notes: [],
    });
  });

  test.each([
    ["11.0.0.1", 'Cannot decode address "11.0.0.1": it is not in 10.0.0.0/8'],
    ["fd00::1", 'Cannot decode address "fd00::1": network "seed" has no IPv6 plan'],
    ["010.0.0.1", 'Cannot decode address "010.0.0.1": it is not an IP address'],
    [
      "10.1.1.27 --code 5+9",
      "Cannot read the command line: --code: 5+9 takes 9 bits, but the plan has 4 endpoint bits",
    ],
    [
      "10.1.1.27 --code +5",
      'Cannot read the command line: --code: "+5" is not a segment code such as 5, 5+2 or 5-2',
    ],
  ])("%s is refused", async (words, message) => {
    const { code, stderr } = await romana(`decode ${words}`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: `romana: ${message}\n` });
  });
});

describe("plan with a network of romanad", () => {
  const network: Network = {
    name: "main",
    plans: {
      ipv4: createPlan({
        prefix: parsePrefix("10.0.0.0/8"),
        groupLevels: [{ name: "rack", bits: 2 }],
        hostBits: 6,
        tenantBits: 8,
        segmentBits: 4,
        endpointBits: 4,
      }),
    },
    groups: [{ name: "rack-1", id: 1, router: {}, groups: [] }],
  };
  const objects: Record<string, unknown> = {
    getNetwork: network,
    listHosts: {
      items: [
        { name: "other", id: 1, group: ["rack-0"], underlay: {} },
        { name: "host-2", id: 2, group: ["rack-1"], underlay: {} },
        { name: "host-1", id: 1, group: ["rack-1"], underlay: {} },
      ] satisfies Host[],
    },
    listTenants: { items: [{ name: "constructor", id: 1, isolation: "segment" }] satisfies Tenant[] },
    listAllSegments: {
      items: [
        {
          tenant: "constructor",
          name: "web",
          codes: [
            { code: 1, extraBits: 0 },
            { code: 9, extraBits: 1 },
          ],
        },
        { tenant: "other", name: "db", codes: [{ code: 3, extraBits: 0 }] },
      ] satisfies Segment[],
    },
  };
  const context = {
    client: () =>
      Promise.resolve({
        call: (operation: string) => Promise.resolve(objects[operation]),
      } as unknown as Client),
  } as Context;

  test.each([
    [
      "decode 10.65.1.27",
      [
        "rack 1 rack-1 10.64.0.0/10",
        "host 1 host-1 10.65.0.0/16",
        "tenant 1 constructor 10.65.1.0/24",
        "segment 1 web 10.65.1.16/28",
        "endpoint 11 - 10.65.1.27",
      ],
    ],
    [
      "decode 10.65.1.75",
      [
        "rack 1 rack-1 10.64.0.0/10",
        "host 1 host-1 10.65.0.0/16",
        "tenant 1 constructor 10.65.1.0/24",
        "segment 9+1 web 10.65.1.72/29",
        "endpoint 3 - 10.65.1.75",
      ],
    ],
    [
      "decode 10.130.2.75",
      [
        "rack 2 10.128.0.0/10",
        "host 2 10.130.0.0/16",
        "tenant 2 10.130.2.0/24",
        "segment 4 10.130.2.64/28",
        "endpoint 11 10.130.2.75",
      ],
    ],
  ])("%s", async (line, outcome) => {
    const invocation = await parseCommandLine(
      [{ name: "plan", summary: "", load: () => Promise.resolve(plan) }],
      ["plan", ...line.split(" "), "--network", "main"],
    );
    if (invocation.type !== "run") throw new Error("not a command");
    const result = await invocation.command.run(invocation.input, context);
    const rows = lines(result.text(SCREEN)).slice(1);
    expect(rows).toEqual(outcome);
  });
});

describe("plan propose", () => {
  const wanted = "--hosts 100 --tenants 40 --segments 8 --endpoints 12";

  test("prints what is left of each level", async () => {
    const { code, stdout } = await romana(`propose --prefix 10.0.0.0/8 ${wanted}`);
    expect(code).toBe(0);
    expect(stdout).toBe(
      `PROPOSAL   HOST               TENANT            SEGMENT           ENDPOINT
balanced   8 bits, 155 left   7 bits, 87 left   4 bits, 7 left    5 bits, 19 left
hosts      10 bits, 923 left  6 bits, 23 left   4 bits, 7 left    4 bits, 3 left
endpoints  7 bits, 27 left    6 bits, 23 left   4 bits, 7 left    7 bits, 115 left
segments   7 bits, 27 left    6 bits, 23 left   7 bits, 119 left  4 bits, 3 left
tenants    7 bits, 27 left    9 bits, 471 left  4 bits, 7 left    4 bits, 3 left
`,
    );
  });

  test("wide: room and factor; large numbers are short", async () => {
    const { stdout } = await romana(
      `propose --prefix fd00:1234:5678::/48 ${wanted} --group rack=6 --stride 8 -o wide`,
    );
    expect(lines(stdout)[1]).toBe(
      "balanced 13 bits, 8186 left 17 bits, 130k left 15 bits, 32727 left 13 bits, 8183 left 14 bits, 16371 left 8192 (1365.3x) 131071 (1310.7x) 32767 (819.1x) 8191 (1023.8x) 16383 (1365.2x)",
    );
  });

  test("large numbers are rounded down", async () => {
    const { stdout } = await romana(
      "propose --prefix fd00:1234:5678::/48 --hosts 5000 --tenants 2000 --segments 200 --endpoints 100",
    );
    expect(lines(stdout).slice(1, 3)).toEqual([
      "balanced 23 bits, 8.3M left 22 bits, 4.1M left 18 bits, 261k left 17 bits, 130k left",
      "hosts 32 bits, 4.2G left 19 bits, 522k left 15 bits, 32567 left 14 bits, 16283 left",
    ]);
  });

  test("a chosen one is a network document", async () => {
    const { stdout } = await romana(
      `propose --prefix 10.0.0.0/8 ${wanted} --choose hosts --name main -o json`,
    );
    expect(JSON.parse(stdout)).toEqual({
      name: "main",
      plans: {
        ipv4: {
          prefix: "10.0.0.0/8",
          numbering: "literal",
          groupLevels: [],
          hostBits: 10,
          tenantBits: 6,
          segmentBits: 4,
          endpointBits: 4,
          strideBits: 0,
          reservedEndpoints: [0],
        },
      },
      groups: [],
    });
    const bits = await romana(`propose --prefix 10.0.0.0/8 ${wanted} --choose hosts`);
    expect(bits.stdout).toBe("host=10,tenant=6,segment=4,endpoint=4\n");
  });

  test.each([
    [
      "--prefix 10.0.0.0/8 --hosts 1000 --tenants 1000 --segments 15 --endpoints 15",
      "Cannot propose address plan: prefix: host 10 (for 1000) + tenant 10 (for 1000) + segment 4 (for 15) + endpoint 4 (for 15) = 28 bits, but 10.0.0.0/8 leaves 24 (4 missing); a /4 or an IPv6 prefix would do",
    ],
    [
      `--prefix 10.0.0.1/8 ${wanted}`,
      'Cannot read the command line: --prefix: "10.0.0.1/8" has bits set behind its length; did you mean 10.0.0.0/8?',
    ],
    [
      `--prefix 10.0.0.0/8 ${wanted} --group rack`,
      'Cannot read the command line: --group: "rack" is not LEVEL=NUMBER',
    ],
    [
      "--prefix 10.0.0.0/8 --hosts 255 --tenants 255 --segments 15 --endpoints 15 --choose hosts",
      'Cannot read the command line: --choose: "hosts" is the same as one of balanced here',
    ],
  ])("%s is refused", async (options, message) => {
    const { code, stderr } = await romana(`propose ${options}`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: `romana: ${message}\n` });
  });
});

test("every example network can be shown", async () => {
  for (const file of readdirSync(EXAMPLES)) {
    const { code, stdout } = await romana(`show --plan ${join(EXAMPLES, file)}`);
    expect({ file, code }).toEqual({ file, code: 0 });
    expect(stdout).toMatch(/^IPv[46] .* numbering\nLEVEL /);
  }
});

describe("docs/address-plan.md shows what is printed by", () => {
  const page = readFileSync(join(ROOT, "docs/address-plan.md"), "utf8");
  const blocks = [...page.matchAll(/^```console\n([\s\S]*?)^```/gm)].map((match) => match[1] as string);
  const transcripts = blocks.flatMap((block) =>
    block
      .split(/^\$ romana plan /m)
      .slice(1)
      .map((part): [string, string] => {
        const end = part.indexOf("\n");
        return [part.slice(0, end), part.slice(end + 1)];
      }),
  );
  test.each(transcripts)("romana plan %s", async (line, printed) => {
    const { stdout, stderr } = await romana(line.replace("examples/networks", EXAMPLES));
    expect(stdout + stderr).toBe(printed);
  });
  test("many commands", () => {
    expect(transcripts.length).toBeGreaterThan(15);
  });
});
