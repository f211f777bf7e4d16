import { describe, expect, test } from "vitest";
import type { Fabric } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import { FABRIC, NETWORK } from "./example-fabric.case.ts";
import { fabricFaults, rackFaults } from "./fabric-faults.ts";

const [SPINE, OTHER_SPINE] = FABRIC.spines as [Fabric["spines"][0], Fabric["spines"][0]];
const [RACK, OTHER_RACK] = FABRIC.racks as [Fabric["racks"][0], Fabric["racks"][0]];
const [LINK, ...LINKS] = FABRIC.links as [Fabric["links"][0], ...Fabric["links"]];

function link(a: string, left: string | undefined, b: string, right: string): Fabric["links"][0] {
  return {
    ends: [
      { device: a, ...(left !== undefined && { ipv4: parseAddress(left) }) },
      { device: b, ipv4: parseAddress(right) },
    ],
  };
}

const withLink = (one: Fabric["links"][0]): Partial<Fabric> => ({ links: [...FABRIC.links, one] });
const withSpine = (change: Partial<typeof SPINE>): Partial<Fabric> => ({
  spines: [SPINE, { ...OTHER_SPINE, ...change }],
});

describe("fabricFaults() names what does not go together", () => {
  test.each<[string, Partial<Fabric>, string[]]>([
    ["nothing", {}, []],
    [
      "a name twice",
      withSpine({ name: "leaf-1a" }),
      ['racks.0.leaves.0.name: device "leaf-1a" is there twice'],
    ],
    [
      "a router ID twice",
      withSpine({ routerId: SPINE.routerId }),
      ["spines.1.routerId: router ID 192.0.2.1 is there twice"],
    ],
    [
      "a rack twice",
      { racks: [RACK, { ...OTHER_RACK, group: ["rack-1"] }] },
      [
        'racks.1.group: group "rack-1" is there twice',
        "racks.1.leaves.0.asn: AS 65102, but the other leaves of the rack have AS 65101",
        "racks.1.leaves.1.asn: AS 65102, but the other leaves of the rack have AS 65101",
      ],
    ],
    [
      "an AS that nobody may be",
      { hostAsn: 23456 },
      ["hostAsn: 23456 is not an autonomous system that somebody may be"],
    ],
    [
      "hosts and spines of one AS",
      { hostAsn: 65000 },
      ["spines.0.asn: AS 65000 is that of hosts already", "spines.1.asn: AS 65000 is that of hosts already"],
    ],
    [
      "spines of two AS",
      withSpine({ asn: 65001 }),
      ["spines.1.asn: AS 65001, but the other spines have AS 65000"],
    ],
    [
      "BFD too fast",
      { bfd: { intervalMs: 1, multiplier: 1 } },
      ["bfd.intervalMs: 1 is not in 10..60000", "bfd.multiplier: 1 is not in 2..255"],
    ],
    [
      "two spines",
      withLink(link("spine-1", "172.30.0.0", "spine-2", "172.30.0.1")),
      ["links.10: two spines are linked"],
    ],
    [
      "two racks",
      withLink(link("leaf-1a", "172.30.0.0", "leaf-2a", "172.30.0.1")),
      ["links.10: leaves of two racks are linked"],
    ],
    [
      "itself",
      withLink(link("leaf-1a", "172.30.0.0", "leaf-1a", "172.30.0.1")),
      ['links.10: "leaf-1a" is linked with itself'],
    ],
    [
      "strangers",
      withLink(link("host-1", "172.30.0.0", "host-2", "172.30.0.1")),
      ['links.10: neither "host-1" nor "host-2" is a device of the fabric'],
    ],
    [
      "a host at a spine",
      withLink(link("spine-1", "172.30.0.0", "host-2", "172.30.0.1")),
      ['links.10: spine "spine-1" is linked with "host-2", which is no leaf'],
    ],
    [
      "an address twice",
      withLink(link("leaf-1a", "172.31.0.0", "host-1", "172.30.0.1")),
      ["links.10.ends.0.ipv4: address 172.31.0.0 is there twice"],
    ],
    [
      "half a link",
      withLink(link("leaf-1a", undefined, "host-1", "172.30.0.1")),
      ['links.10: "leaf-1a" has no ipv4 address, but the other end has one'],
    ],
    [
      "a leaf alone",
      { links: LINKS.filter(({ ends }) => ends[1].device !== "leaf-1a") },
      ['racks.0.leaves.0: leaf "leaf-1a" has no link to a spine'],
    ],
    ["one link less", { links: [...LINKS] }, []],
    [
      "the same link",
      { links: [LINK, LINK, ...LINKS] },
      [
        "links.1.ends.0.ipv4: address 172.31.0.0 is there twice",
        "links.1.ends.1.ipv4: address 172.31.0.1 is there twice",
      ],
    ],
  ])("%s", (_, change, outcome) => {
    const faults = fabricFaults({ ...FABRIC, ...change });
    expect(faults.map(({ path, reason }) => `${path}: ${reason}`)).toEqual(outcome);
  });

  test("graceful restart wants BFD", () => {
    const { bfd, ...rest } = FABRIC;
    expect(bfd).toBeDefined();
    expect(fabricFaults({ ...rest, gracefulRestart: true }).map(({ path }) => path)).toEqual([
      "gracefulRestart",
    ]);
    expect(fabricFaults(rest)).toEqual([]);
  });
});

test("rackFaults() names racks that no network has", () => {
  expect(rackFaults(FABRIC, [NETWORK])).toEqual([]);
  expect(rackFaults(FABRIC, [{ ...NETWORK, groups: NETWORK.groups.slice(0, 1) }])).toEqual([
    { path: "racks.1.group", reason: 'no network has an innermost group "rack-2"' },
  ]);
});
