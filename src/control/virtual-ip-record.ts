import type { HostSelector, VirtualIp } from "../model/index.ts";
import { pairJson, readPair } from "./records.ts";

/** A virtual IP as JSON data: the way it looks outside, too. */
export function virtualIpJson({ name, addresses, hosts, externalId, holder, since }: VirtualIp): object {
  return {
    name,
    addresses: pairJson(addresses),
    hosts: hosts && selectorJson(hosts),
    externalId,
    holder,
    since,
  };
}

/** The value of a virtual IP's key. */
export function encodeVirtualIpRecord(virtualIp: VirtualIp): string {
  return JSON.stringify({ ...virtualIpJson(virtualIp), deleting: virtualIp.deleting });
}

/** Reads what {@link encodeVirtualIpRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeVirtualIpRecord(text: string): VirtualIp {
  const { name, addresses, hosts, externalId, holder, since, deleting } = JSON.parse(text) as {
    name: string;
    addresses: { ipv4?: string; ipv6?: string };
    hosts?: { names?: string[]; labels?: Extract<HostSelector, { by: "labels" }>["requirements"] };
    externalId?: string;
    holder?: string;
    since?: number;
    deleting?: boolean;
  };
  if (typeof name !== "string" || name === "") throw new SyntaxError("a name is missing");
  return {
    name,
    addresses: readPair(addresses),
    ...(hosts !== undefined && { hosts: readSelector(hosts) }),
    ...(externalId !== undefined && { externalId }),
    ...(holder !== undefined && { holder }),
    ...(since !== undefined && { since }),
    ...(deleting === true && { deleting }),
  };
}

function selectorJson(selector: HostSelector): object {
  return selector.by === "names" ? { names: selector.names } : { labels: selector.requirements };
}

/** What says neither selects nobody. */
function readSelector({
  names,
  labels,
}: {
  names?: readonly string[];
  labels?: Extract<HostSelector, { by: "labels" }>["requirements"];
}): HostSelector {
  return labels === undefined ? { by: "names", names: names ?? [] } : { by: "labels", requirements: labels };
}
