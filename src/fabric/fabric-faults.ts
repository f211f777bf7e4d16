import type { Fabric, FabricBfd, FabricDevice, FabricPort, Fault, Network } from "../model/index.ts";
import { type Address, formatAddress } from "../net/index.ts";
import { rackPath } from "./fabric-map.ts";
import { createParts } from "./rack-hosts.ts";

/** Autonomous systems that nobody may be (RFC 7607, RFC 6793, RFC 7300). */
const RESERVED_ASNS: ReadonlySet<number> = new Set([0, 23456, 65535, 4294967295]);
const LAST_ASN = 4294967295;
/** BIRD and FRR take no shorter and no longer ones. */
const BFD_LIMITS = { interval: [10, 60_000], multiplier: [2, 255] } as const;

/** A device with the place of it in the document. */
interface Listed {
  readonly device: FabricDevice;
  readonly path: string;
  /** Undefined for a spine. */
  readonly rack?: string;
}

/** What is wrong with a fabric in itself; that its groups exist is known only beside the networks. */
export function fabricFaults(fabric: Fabric): readonly Fault[] {
  const listed: readonly Listed[] = [
    ...fabric.spines.map((device, index) => ({ device, path: `spines.${index}` })),
    ...fabric.racks.flatMap(({ group, leaves }, index) =>
      leaves.map((device, leaf) => ({
        device,
        path: `racks.${index}.leaves.${leaf}`,
        rack: rackPath(group),
      })),
    ),
  ];
  return [
    ...twice(listed.map(({ device, path }) => [`${path}.name`, `device "${device.name}"`])),
    ...twice(
      listed.map(({ device, path }) => [`${path}.routerId`, `router ID ${formatAddress(device.routerId)}`]),
    ),
    ...twice(fabric.racks.map(({ group }, index) => [`racks.${index}.group`, `group "${rackPath(group)}"`])),
    ...twice(addressesOf(fabric)),
    ...asnFaults(fabric, listed),
    ...linkFaults(fabric, listed),
    ...spinelessFaults(fabric, listed),
    ...bfdFaults(fabric),
  ];
}

/** Racks that no network has a group for: they would carry nothing. */
export function rackFaults(fabric: Fabric, networks: readonly Network[]): readonly Fault[] {
  const parts = createParts(fabric, networks);
  return fabric.racks.flatMap(({ group }, index) => {
    const path = rackPath(group);
    const isKnown = parts.some(({ rackPrefixes }) => rackPrefixes.has(path));
    const reason = `no network has an innermost group "${path}"`;
    return isKnown ? [] : [{ path: `racks.${index}.group`, reason }];
  });
}

/** What a fabric may not share with others, and with hosts: names of devices, router IDs and racks. */
export function fabricsFaults(
  fabric: Fabric,
  others: readonly Fabric[],
  hosts: ReadonlySet<string>,
): readonly Fault[] {
  const own = distinctWords(fabric);
  return [
    ...own.flatMap(({ path, device }) =>
      device !== undefined && hosts.has(device) ? [{ path, reason: `"${device}" is a host` }] : [],
    ),
    ...others.flatMap((other) => {
      const taken = new Set(distinctWords(other).map(({ words }) => words));
      return own.flatMap(({ path, words }) =>
        taken.has(words) ? [{ path, reason: `${words} is of fabric "${other.name}"` }] : [],
      );
    }),
  ];
}

function distinctWords({
  spines,
  racks,
}: Fabric): readonly { readonly path: string; readonly words: string; readonly device?: string }[] {
  const wordsOf = ({ name, routerId }: FabricDevice, path: string) => [
    { path: `${path}.name`, words: `device "${name}"`, device: name },
    { path: `${path}.routerId`, words: `router ID ${formatAddress(routerId)}` },
  ];
  return [
    ...spines.flatMap((spine, index) => wordsOf(spine, `spines.${index}`)),
    ...racks.flatMap(({ group, leaves }, index) => [
      { path: `racks.${index}.group`, words: `group "${rackPath(group)}"` },
      ...leaves.flatMap((leaf, number) => wordsOf(leaf, `racks.${index}.leaves.${number}`)),
    ]),
  ];
}

/** The second and later entries with the same text. */
function twice(entries: readonly (readonly [path: string, what: string])[]): Fault[] {
  const seen = new Set<string>();
  return entries.flatMap(([path, what]) => {
    if (seen.has(what)) return [{ path, reason: `${what} is there twice` }];
    seen.add(what);
    return [];
  });
}

/** All addresses of devices: each stands for one port. */
function addressesOf({ racks, links }: Fabric): readonly (readonly [string, string])[] {
  const entries: [string, string][] = [];
  const note = (path: string, pair: { readonly ipv4?: Address; readonly ipv6?: Address }): void => {
    for (const key of ["ipv4", "ipv6"] as const) {
      const address = pair[key];
      if (address !== undefined) entries.push([`${path}.${key}`, `address ${formatAddress(address)}`]);
    }
  };
  for (const [index, { leaves }] of racks.entries()) {
    for (const [leaf, { segment }] of leaves.entries())
      note(`racks.${index}.leaves.${leaf}.segment`, segment ?? {});
  }
  for (const [index, { ends }] of links.entries()) {
    for (const [end, port] of ends.entries()) note(`links.${index}.ends.${end}`, port);
  }
  return entries;
}

/** Spines are one autonomous system, so are the leaves of a rack, so are hosts: a route never comes back to one. */
function asnFaults(fabric: Fabric, listed: readonly Listed[]): Fault[] {
  const faults: Fault[] = [];
  const owners = new Map<number, string>();
  const judge = (path: string, asn: number, owner: string): void => {
    if (!Number.isInteger(asn) || asn < 0 || asn > LAST_ASN || RESERVED_ASNS.has(asn)) {
      faults.push({ path, reason: `${asn} is not an autonomous system that somebody may be` });
      return;
    }
    const other = owners.get(asn) ?? owner;
    owners.set(asn, other);
    if (other !== owner) faults.push({ path, reason: `AS ${asn} is that of ${other} already` });
  };
  judge("hostAsn", fabric.hostAsn, "hosts");
  for (const { device, path, rack } of listed)
    judge(`${path}.asn`, device.asn, rack === undefined ? "spines" : `rack "${rack}"`);
  const same = (list: readonly Listed[], what: string): void => {
    const [first] = list;
    for (const { device, path } of list) {
      if (device.asn !== first?.device.asn)
        faults.push({
          path: `${path}.asn`,
          reason: `AS ${device.asn}, but ${what} have AS ${first?.device.asn}`,
        });
    }
  };
  same(
    listed.filter(({ rack }) => rack === undefined),
    "the other spines",
  );
  for (const path of new Set(fabric.racks.map(({ group }) => rackPath(group))))
    same(
      listed.filter(({ rack }) => rack === path),
      "the other leaves of the rack",
    );
  return faults;
}

function linkFaults({ links }: Fabric, listed: readonly Listed[]): Fault[] {
  const known = new Map(listed.map((one) => [one.device.name, one]));
  return links.flatMap(({ ends: [first, second] }, index) => {
    const path = `links.${index}`;
    const [a, b] = [known.get(first.device), known.get(second.device)];
    const faults = familyFaults(path, first, second);
    if (first.device === second.device)
      faults.push({ path, reason: `"${first.device}" is linked with itself` });
    else if (a === undefined && b === undefined)
      faults.push({
        path,
        reason: `neither "${first.device}" nor "${second.device}" is a device of the fabric`,
      });
    else if (a === undefined || b === undefined) {
      const [device, other] = a === undefined ? [b as Listed, first.device] : [a, second.device];
      if (device.rack === undefined)
        faults.push({
          path,
          reason: `spine "${device.device.name}" is linked with "${other}", which is no leaf`,
        });
    } else if (a.rack === undefined && b.rack === undefined)
      faults.push({ path, reason: "two spines are linked" });
    else if (a.rack !== undefined && b.rack !== undefined && a.rack !== b.rack)
      faults.push({ path, reason: "leaves of two racks are linked" });
    return faults;
  });
}

function familyFaults(path: string, first: FabricPort, second: FabricPort): Fault[] {
  const faults: Fault[] = [];
  for (const key of ["ipv4", "ipv6"] as const) {
    if ((first[key] === undefined) === (second[key] === undefined)) continue;
    const lacking = first[key] === undefined ? first.device : second.device;
    faults.push({ path, reason: `"${lacking}" has no ${key} address, but the other end has one` });
  }
  if (first.ipv4 === undefined && first.ipv6 === undefined && faults.length === 0)
    faults.push({ path, reason: "it has no addresses" });
  return faults;
}

/** With more than one rack, a leaf without a spine can reach no other. */
function spinelessFaults({ racks, links, spines }: Fabric, listed: readonly Listed[]): Fault[] {
  if (racks.length < 2) return [];
  const names = new Set(spines.map(({ name }) => name));
  const linked = new Set(
    links.flatMap(({ ends: [a, b] }) => [
      ...(names.has(a.device) ? [b.device] : []),
      ...(names.has(b.device) ? [a.device] : []),
    ]),
  );
  return listed
    .filter(({ device, rack }) => rack !== undefined && !linked.has(device.name))
    .map(({ device, path }) => ({ path, reason: `leaf "${device.name}" has no link to a spine` }));
}

function bfdFaults({ bfd, gracefulRestart }: Fabric): Fault[] {
  if (bfd === undefined) {
    const reason = "needs BFD: without it, routes of a neighbour that died silently would be kept";
    return gracefulRestart ? [{ path: "gracefulRestart", reason }] : [];
  }
  const outside = (
    value: number,
    [least, most]: readonly [number, number],
    path: keyof FabricBfd,
  ): Fault[] =>
    Number.isInteger(value) && value >= least && value <= most
      ? []
      : [{ path: `bfd.${path}`, reason: `${value} is not in ${least}..${most}` }];
  return [
    ...outside(bfd.intervalMs, BFD_LIMITS.interval, "intervalMs"),
    ...outside(bfd.multiplier, BFD_LIMITS.multiplier, "multiplier"),
  ];
}
