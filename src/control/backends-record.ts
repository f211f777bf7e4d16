import type { Backend, SegmentBackends } from "../model/index.ts";
import { formatAddress, parseAddress } from "../net/index.ts";

/** A backend as it is stored: its host, then its addresses, IPv4 first. Segments may have thousands. */
type BackendRow = readonly [host: string, ...addresses: string[]];

/** The value of the key of a segment's backends. */
export function encodeBackendsRecord({ network, tenant, segment, backends }: SegmentBackends): string {
  return JSON.stringify({ network, tenant, segment, backends: backends.map(rowOf) });
}

/** Reads what {@link encodeBackendsRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeBackendsRecord(text: string): SegmentBackends {
  const { network, tenant, segment, backends } = JSON.parse(text) as Omit<SegmentBackends, "backends"> & {
    readonly backends: readonly BackendRow[];
  };
  for (const word of [network, tenant, segment]) {
    if (typeof word !== "string" || word === "") throw new SyntaxError("a name is missing");
  }
  return { network, tenant, segment, backends: backends.map(readRow) };
}

function rowOf({ host, addresses: { ipv4, ipv6 } }: Backend): BackendRow {
  return [host, ...(ipv4 ? [formatAddress(ipv4)] : []), ...(ipv6 ? [formatAddress(ipv6)] : [])];
}

function readRow([host, ...texts]: BackendRow): Backend {
  const addresses = texts.map((text) => parseAddress(text));
  const ipv4 = addresses.find(({ family }) => family === 4);
  const ipv6 = addresses.find(({ family }) => family === 6);
  if (typeof host !== "string" || addresses.length === 0) throw new SyntaxError("a backend is incomplete");
  return { host, addresses: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) } };
}
