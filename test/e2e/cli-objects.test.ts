import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { createPlace, type Place } from "./romanad-process.case.ts";

let place: Place;

beforeAll(async () => {
  place = createPlace();
  await place.start();
});

afterAll(() => place[Symbol.asyncDispose]());

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line of `romana` in this process, against the romanad of this test. */
async function romana(line: string, env: Record<string, string> = {}): Promise<Run> {
  let [out, err] = ["", ""];
  const status = await main({
    words: line.split(" "),
    version: "0",
    env: { ROMANA_SERVER: `unix://${place.socket}`, COLUMNS: "120", LANG: "C.UTF-8", ...env },
    stdout: {
      write: (text) => {
        out += text;
      },
    },
    stderr: {
      write: (text) => {
        err += text;
      },
    },
    signal: new AbortController().signal,
  });
  return { status, out, err };
}

function file(name: string, text: string): string {
  const path = join(place.directory, name);
  writeFileSync(path, text);
  return path;
}

describe("nouns from creation to deletion", () => {
  test.each<[string, string[]]>([
    [
      "network create main --ipv4 10.0.0.0/8 --ipv4-bits host=8,tenant=8,segment=4,endpoint=4 --ipv6 fd00:10::/48 --ipv6-bits host=16,tenant=16,segment=16,endpoint=32",
      [
        "RESULT   NAME  PREFIXES                  BITS                                                                            NUMBERING",
        "created  main  10.0.0.0/8, fd00:10::/48  host=8,tenant=8,segment=4,endpoint=4; host=16,tenant=16,segment=16,endpoint=32  literal",
      ],
    ],
    [
      "host create host-1 --underlay 192.0.2.1",
      [
        "RESULT   NAME    ID  GROUP  PREFIXES                       UNDERLAY",
        "created  host-1   1  -      10.1.0.0/16, fd00:10:0:1::/64  192.0.2.1",
      ],
    ],
    [
      "host create host-1 --underlay 192.0.2.1",
      [
        "RESULT     NAME    ID  GROUP  PREFIXES                       UNDERLAY",
        "unchanged  host-1   1  -      10.1.0.0/16, fd00:10:0:1::/64  192.0.2.1",
      ],
    ],
    [
      "tenant create shop --quota 100",
      ["RESULT   NAME  ID  ISOLATION  QUOTA", "created  shop   1  segment      100"],
    ],
    ["segment create shop/web", ["RESULT   TENANT  NAME  CODES", "created  shop    web   1"]],
    [
      "segment create shop/db --code 2 --code 12+1",
      ["RESULT   TENANT  NAME  CODES", "created  shop    db    2, 12+1"],
    ],
    [
      "endpoint allocate --host 1 --tenant 1 --segment 1 --id 11",
      [
        "RESULT   NAME  IPV4       IPV6                 HOST    TENANT  SEGMENT  ID",
        "created  -     10.1.1.27  fd00:10:0:1:1:1:0:b  host-1  shop    web      11",
      ],
    ],
    [
      "endpoint create web-1 --host host-1 --tenant shop --segment web",
      [
        "RESULT   NAME   IPV4       IPV6                 HOST    TENANT  SEGMENT  ID",
        "created  web-1  10.1.1.17  fd00:10:0:1:1:1:0:1  host-1  shop    web       1",
      ],
    ],
    [
      "segment list --tenant shop",
      [
        "TENANT  NAME  CODES    EXCEPTIONS",
        "shop    db    2, 12+1           0",
        "shop    web   1                 0",
      ],
    ],
    ["segment update shop/web --add-code 3", ["RESULT   TENANT  NAME  CODES", "updated  shop    web   1, 3"]],
    ["segment update shop/web --remove-code 3", ["RESULT   TENANT  NAME  CODES", "updated  shop    web   1"]],
    [
      "segment create shop/canary --no-codes",
      ["RESULT   TENANT  NAME    CODES", "created  shop    canary  -"],
    ],
    [
      "workload put 6f1c --segment shop/web --acts-as canary --name pod-1",
      ["RESULT   ID    NAME   TENANT  SEGMENT  ACTS AS", "created  6f1c  pod-1  shop    web      canary"],
    ],
    [
      "endpoint create --host host-1 --workload 6f1c",
      [
        "RESULT   NAME   IPV4       IPV6                 HOST    TENANT  SEGMENT  ID",
        "created  pod-1  10.1.1.18  fd00:10:0:1:1:1:0:2  host-1  shop    web       2",
      ],
    ],
    [
      "segment list",
      [
        "TENANT  NAME    CODES    EXCEPTIONS",
        "shop    canary  -                 1",
        "shop    db      2, 12+1           0",
        "shop    web     1                 0",
      ],
    ],
    [
      "workload put 6f1c --segment shop/web",
      ["RESULT   ID    NAME  TENANT  SEGMENT  ACTS AS", "updated  6f1c  -     shop    web      -"],
    ],
    [
      "workload list --tenant shop",
      ["ID    NAME  TENANT  SEGMENT  ACTS AS", "6f1c  -     shop    web      -"],
    ],
    ["workload delete 6f1c", ['workload "6f1c" deleted']],
    ["segment delete shop/canary", ['segment "shop/canary" deleted']],
    [
      "vip create www --address 203.0.113.80 --address 2001:db8::80 --host host-9",
      [
        "RESULT   NAME  ADDRESSES                   HOLDER  STATE   REASON",
        "created  www   203.0.113.80, 2001:db8::80  -       vacant  no host is a candidate",
      ],
    ],
    [
      "vip update www --label role=edge",
      [
        "RESULT   NAME  ADDRESSES                   HOLDER  STATE   REASON",
        "updated  www   203.0.113.80, 2001:db8::80  -       vacant  no host is a candidate",
      ],
    ],
    [
      "vip list -o wide",
      [
        "NAME  ADDRESSES                   HOLDER  STATE   REASON                  CANDIDATES    SINCE  EXTERNAL ID  REVISION",
        "www   203.0.113.80, 2001:db8::80  -       vacant  no host is a candidate  role In edge  -      -                  20",
      ],
    ],
    ["vip delete www", ['virtual IP "www" deleted']],
    [
      "network update main --services 172.20.0.0/16 --services fd20::/112",
      [
        "RESULT   NAME  PREFIXES                  BITS                                                                            NUMBERING",
        "updated  main  10.0.0.0/8, fd00:10::/48  host=8,tenant=8,segment=4,endpoint=4; host=16,tenant=16,segment=16,endpoint=32  literal",
      ],
    ],
    [
      "service create web --segment shop/web --port http=tcp/80:8080 --check http:8080/ready",
      [
        "RESULT   NAME  ADDRESSES            PORTS             SEGMENT",
        "created  web   172.20.0.1, fd20::1  http=tcp/80:8080  shop/web",
      ],
    ],
    [
      "service update web --affinity client --no-check",
      [
        "RESULT   NAME  ADDRESSES            PORTS             SEGMENT",
        "updated  web   172.20.0.1, fd20::1  http=tcp/80:8080  shop/web",
      ],
    ],
    [
      "service list",
      [
        "NAME  ADDRESSES            PORTS             SEGMENT   HEALTHY",
        "web   172.20.0.1, fd20::1  http=tcp/80:8080  shop/web      0/0",
      ],
    ],
    ["service delete web", ['service "web" deleted']],
    ["endpoint delete pod-1", ['endpoint "pod-1" deleted']],
    [
      "tenant update shop --isolation tenant --no-quota",
      ["RESULT   NAME  ID  ISOLATION  QUOTA", "updated  shop   1  tenant         -"],
    ],
    [
      "endpoint show 10.1.1.17",
      [
        "name      web-1",
        "IPv4      10.1.1.17",
        "IPv6      fd00:10:0:1:1:1:0:1",
        "host      host-1",
        "tenant    shop",
        "segment   web",
        "id        1",
        "network   main",
        "code      1",
        expect.stringMatching(/^created   20\d\d-.*Z$/) as unknown as string,
        expect.stringMatching(/^revision  \d+$/) as unknown as string,
      ],
    ],
    [
      "tenant delete shop --cascade --dry-run",
      [
        'endpoint "web-1" would be deleted',
        'endpoint "10.1.1.27" would be deleted',
        'segment "shop/db" would be deleted',
        'segment "shop/web" would be deleted',
        'tenant "shop" would be deleted',
        "5 objects",
      ],
    ],
    ["endpoint delete web-1", ['endpoint "web-1" deleted']],
  ])("romana %s", async (line, expected) => {
    const { status, out, err } = await romana(line);
    expect({ err, status }).toEqual({ err: "", status: 0 });
    expect(out.trimEnd().split("\n")).toEqual(expected);
  });
});

describe("refusals", () => {
  test.each<[string, number, string]>([
    ["host show host-9", 3, 'romana: Cannot find host "host-9"; see "romana host list"\n'],
    ["tenant delete shop", 4, "delete what uses it first, or add --cascade"],
    ["host create host-1 --id 7", 4, 'see "romana host list" for what is there'],
    ["host create host-7 --id 256", 2, "256"],
    ["tenant update shop --isolation tenant --revision 1", 4, "look at it again and repeat"],
    ["host create --id 7", 2, "name: is missing; give one, or a file with -f"],
    ["host create h -f x.yaml", 2, "cannot both say what to create"],
    ["segment update shop/web --remove-code 9", 2, "the segment has no code 9; it has 1"],
    ["host list --server unix:///nowhere.sock", 75, "--help says how to name another place"],
    ["host list --server ftp://x", 2, "it reads neither unix:///PATH nor http://HOST:PORT"],
  ])("romana %s", async (line, status, message) => {
    const run = await romana(line);
    expect(run.status).toBe(status);
    expect(run.out).toBe("");
    expect(run.err).toContain(message);
    expect(run.err.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("files", () => {
  test("several documents create several objects, and the same file again changes nothing", async () => {
    const path = file("hosts.yaml", "name: a\nid: 21\n---\n- {name: b, id: 22}\n- {name: c, id: 23}\n");
    const first = await romana(`host create -f ${path}`);
    expect(first.out.match(/created/g)).toHaveLength(3);
    const second = await romana(`host create -f ${path} -o json`);
    expect(JSON.parse(second.out).map(({ id }: { id: number }) => id)).toEqual([21, 22, 23]);
  });
  test("an unknown field is refused with the nearest known one", async () => {
    const { status, err } = await romana(`host create -f ${file("bad.yaml", "name: d\nunderly: {}\n")}`);
    expect(status).toBe(2);
    expect(err).toContain('did you mean "underlay"?');
  });
  test("a segment's document names its tenant", async () => {
    const path = file("segments.yaml", "{tenant: shop, name: mail, codes: [7]}");
    expect((await romana(`segment create -f ${path}`)).out).toContain("created  shop    mail  7");
    const { status, err } = await romana(`segment create -f ${file("none.yaml", "{name: mail}")}`);
    expect(status).toBe(2);
    expect(err).toContain("tenant: is missing in a document of a segment");
  });
});

describe("policies", () => {
  const WEB = `
name: web
direction: ingress
applied_to: [{ tenant: shop, segment: web }]
ingress: [{ peers: [{ tenant: guest }], rules: [{ protocol: tcp, ports: [80] }] }]
`;

  test("are checked, refused, added as pending, changed on trial, confirmed and removed", async () => {
    const path = file("web.yaml", WEB);
    expect((await romana(`policy check ${path}`)).out.split("\n").slice(0, 4)).toEqual([
      'policy "web", tier standard, order 1000',
      '  applies to segment "web" of tenant "shop"',
      "  of ingress, only what some policy accepts reaches them",
      '  accepts tcp 80 from tenant "guest"',
    ]);
    expect(await romana(`policy add ${path}`)).toMatchObject({
      status: 2,
      err: 'romana: Cannot create policy "web": rules.0.peers.0.tenant: there is no tenant "guest"\n',
    });
    expect((await romana(`policy add ${path} --pending`)).out).toMatch(/^created  web  pending  ingress/m);
    const changed = file("changed.yaml", `${WEB}order: 7\n`);
    const dry = await romana(`policy apply ${changed} --pending --dry-run`);
    expect(dry.out).toBe(
      'policy "web" would be changed\n  - policy "web", tier standard, order 1000\n  + policy "web", tier standard, order 7\n',
    );
    const applied = await romana(`policy apply ${changed} --pending --confirm-within 5m`);
    const trial = /romana policy confirm (\d+)\n$/.exec(applied.out)?.[1];
    expect((await romana("policy trials")).out).toContain(`\n${trial} `);
    expect((await romana(`policy confirm ${trial}`)).out).toBe("1 policy confirmed: web\n");
    expect((await romana("policy trials")).out).toBe("No changes are on trial\n");
    expect((await romana("policy show web")).out).toContain('  waits: there is no tenant "guest"\n');
    expect((await romana("policy remove web")).out).toBe('policy "web" deleted\n');
    expect((await romana("policy list")).out).toBe("No policies\n");
  });

  test("take an endpoint for a member of another segment", async () => {
    await romana("host create pol-1 --id 31");
    await romana("segment create shop/quarantine");
    await romana("endpoint create sick --host pol-1 --tenant shop --segment web");
    expect((await romana("endpoint update sick --acts-as quarantine")).status).toBe(0);
    expect((await romana("segment list --tenant shop")).out).toMatch(/^shop +quarantine +\d+ +1$/m);
    expect((await romana("endpoint update sick --acts-as none")).status).toBe(0);
    expect((await romana("segment list --tenant shop")).out).toMatch(/^shop +quarantine +\d+ +0$/m);
    await romana("host delete pol-1 --cascade");
    await romana("segment delete shop/quarantine");
  });
});

describe("output", () => {
  test("-o yaml and -o json say the same", async () => {
    const { parse } = await import("yaml");
    const json = JSON.parse((await romana("tenant list -o json")).out);
    expect(parse((await romana("tenant list -o yaml")).out)).toEqual(json);
    expect(json).toMatchObject([{ name: "shop", id: 1, isolation: "tenant" }]);
  });
  test("lists of any length come whole", async () => {
    const documents = Array.from({ length: 1050 }, (_, index) => `{name: "t${index}"}`).join("\n---\n");
    const plan = "--ipv4 10.0.0.0/8 --ipv4-bits host=4,tenant=12,segment=4,endpoint=4";
    await romana("tenant delete shop --cascade");
    await romana("host delete host-1 a b c");
    await romana("network delete main");
    await romana(`network create big ${plan}`);
    expect((await romana(`tenant create -f ${file("tenants.yaml", documents)}`)).err).toBe("");
    const { out } = await romana("tenant list -o json");
    expect(JSON.parse(out)).toHaveLength(1050);
  });
  test("groups of a network come and go by a file", async () => {
    const bits = "rack=4,host=4,tenant=12,segment=4,endpoint=4";
    await romana(`network create racks --ipv4 16.0.0.0/4 --ipv4-bits ${bits}`);
    const { status } = await romana(
      `network update racks -f ${file("groups.yaml", "groups: [{name: r1, id: 1}]")}`,
    );
    expect(status).toBe(0);
    expect((await romana("network list -o wide")).out).toMatch(/racks .* r1 /);
    expect((await romana("network delete racks")).out).toBe('network "racks" deleted\n');
  });
});

describe("ipam and routes", () => {
  test("usage draws bars, with unicode and without", async () => {
    await romana("host create h1 --underlay 192.0.2.1");
    await romana("segment create t0/s");
    await romana("endpoint create e --host h1 --tenant t0 --segment s");
    const fine = await romana("ipam usage --host h1");
    expect(fine.out).toMatch(/^t0\/s +on h1 +1 +15 +7 % {2}█/m);
    const coarse = await romana("ipam usage --host h1", { LANG: "C" });
    expect(coarse.out).toMatch(/^t0\/s +on h1 +1 +15 +7 % {2}#/m);
  });
  test("check says clean", async () => {
    const { status, out } = await romana("ipam check");
    expect(out).toMatch(/^clean: 1 endpoint, \d+ keys, no findings\n$/);
    expect(status).toBe(0);
  });
  test("routes of hosts without an agent are known, and said to be not reported", async () => {
    await romana("host create h2 --underlay 192.0.2.2");
    const { out } = await romana("route list --host h1");
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/ {2,}/).join(" ")),
    ).toEqual([
      "HOST DESTINATION TYPE GATEWAY DEVICE FOR STATE",
      "h1 10.16.0.0/12 blackhole - - - unknown",
      "h1 10.32.0.0/12 unicast 192.0.2.2 - - unknown",
      "",
      "1 host without a report: h1",
    ]);
    expect((await romana("route summary")).out).toMatch(/^hosts +2\n/);
  });
});
