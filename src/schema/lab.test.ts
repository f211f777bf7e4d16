import { describe, expect, test } from "vitest";
import { RomanaError } from "../model/index.ts";
import { decodeLab } from "./lab.ts";

const NETWORK = {
  name: "main",
  plans: { ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 } },
};

function lab(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "seed",
    network: NETWORK,
    hosts: [{ name: "host-1" }, { name: "host-2", id: 7, group: "zone-a/rack-1" }],
    tenants: [
      {
        name: "one",
        segments: [
          { name: "web", id: 3 },
          { name: "db", codes: ["4", "5+1"] },
        ],
      },
    ],
    endpoints: [{ name: "web-1", host: "host-1", tenant: "one", segment: "web", id: 11 }],
    ...change,
  };
}

function faultsOf(document: unknown): string[] {
  try {
    decodeLab(document);
    return [];
  } catch (error) {
    if (!(error instanceof RomanaError) || error.failure.code !== "invalid-input") throw error;
    return error.failure.faults.map(({ path, reason }) => `${path}: ${reason}`);
  }
}

describe("decodeLab()", () => {
  test("reads one network or a list of them", () => {
    expect(decodeLab(lab()).network.map(({ name }) => name)).toEqual(["main"]);
    expect(decodeLab(lab({ network: [NETWORK, { ...NETWORK, name: "two" }] })).network).toHaveLength(2);
  });
  test("completes groups, codes and isolation", () => {
    const { hosts, tenants } = decodeLab(lab());
    expect(hosts.map(({ group }) => group)).toEqual([[], ["zone-a", "rack-1"]]);
    expect(tenants).toEqual([
      {
        name: "one",
        isolation: "segment",
        segments: [
          { name: "web", codes: [{ code: 3, extraBits: 0 }] },
          {
            name: "db",
            codes: [
              { code: 4, extraBits: 0 },
              { code: 5, extraBits: 1 },
            ],
          },
        ],
      },
    ]);
  });
  test("takes names that objects have by nature", () => {
    const tenants = [{ name: "__proto__", segments: [{ name: "constructor" }] }];
    const endpoints = [{ name: "toString", host: "host-1", tenant: "__proto__", segment: "constructor" }];
    expect(decodeLab(lab({ tenants, endpoints })).endpoints[0]?.tenant).toBe("__proto__");
  });

  const one = { name: "web-1", host: "host-1", tenant: "one", segment: "web" };
  test.each<[string, Record<string, unknown>, string[]]>([
    [
      "a name of a lab with a dot",
      { name: "a.b" },
      [
        'name: "a.b" is not a name of a lab: 1 to 16 lower-case letters, digits or "-", the first a letter or digit',
      ],
    ],
    ["no host", { hosts: [], endpoints: [] }, ["hosts: has fewer than 1 items"]],
    [
      "two hosts of one name",
      { hosts: [{ name: "host-1" }, { name: "host-1" }] },
      ['hosts.1.name: "host-1" is there twice'],
    ],
    [
      "a host name that no socket's path has room for",
      { hosts: [{ name: "host-1" }, { name: "h".repeat(41) }] },
      ["hosts.1.name: has more than 40 characters (a lab keeps sockets under it)"],
    ],
    [
      "an unknown host",
      { endpoints: [{ ...one, host: "host-9" }] },
      ['endpoints.0.host: there is no host "host-9"'],
    ],
    [
      "an unknown tenant",
      { endpoints: [{ ...one, tenant: "constructor" }] },
      ['endpoints.0.tenant: there is no tenant "constructor"'],
    ],
    [
      "a segment of another tenant",
      { endpoints: [{ ...one, segment: "mail" }] },
      ['endpoints.0.segment: tenant "one" has no segment "mail"'],
    ],
    [
      "an endpoint named like a host",
      { endpoints: [{ ...one, name: "host-1" }] },
      ['endpoints.0.name: a host is called "host-1" too'],
    ],
    [
      "an underlay that is too small",
      { underlay: { ipv4: "192.0.2.0/24" } },
      ["underlay.ipv4: must be a /16, got a /24"],
    ],
    [
      "a network without a plan",
      { network: { name: "main", plans: {} } },
      ["network.0.plans: wants an ipv4 plan, an ipv6 plan or both"],
    ],
    [
      "id and codes",
      { tenants: [{ name: "one", segments: [{ name: "web", id: 1, codes: [2] }] }] },
      ["tenants.0.segments.0.id: says the same as codes: leave one of them out"],
    ],
  ])("refuses %s", (_, change, faults) => {
    expect(faultsOf(lab(change))).toEqual(faults);
  });
});
