import type { SegmentCode } from "../model/index.ts";
import type { Context } from "./context.ts";
import { codeText, PREFIX } from "./keys.ts";
import { decodeHostRecord, decodeNetworkRecord } from "./records.ts";
import { allRecords } from "./stored.ts";

/** Which endpoints: those of a host, of a network, of a tenant, or of some codes of a tenant. */
export interface Below {
  readonly host?: string;
  readonly network?: string;
  readonly tenant?: string;
  readonly codes?: readonly SegmentCode[];
}

/**
 * Starts of the keys (behind `endpoint/` or `cooling/`) under which the endpoints are, in the order of keys. Hosts and
 * networks are read now: what the caller has marked before cannot grow behind its back.
 */
export async function placesUnder(
  { store }: Context,
  { host, network, tenant, codes }: Below,
): Promise<string[]> {
  if (host !== undefined && network === undefined && tenant === undefined) return [`${host}/`];
  const hosts =
    host === undefined
      ? (await allRecords(store, PREFIX.host, decodeHostRecord)).map(({ record }) => record.host.name)
      : [host];
  const networks =
    network === undefined
      ? (await allRecords(store, PREFIX.network, decodeNetworkRecord)).map(
          ({ record }) => record.network.name,
        )
      : [network];
  const tail = tenant === undefined ? "" : `${tenant}/`;
  const ends = codes === undefined ? [""] : codes.map((code) => `${codeText(code)}/`);
  return hosts
    .flatMap((hostName) =>
      networks.flatMap((networkName) => ends.map((end) => `${hostName}/${networkName}/${tail}${end}`)),
    )
    .sort((a, b) => (a < b ? -1 : 1));
}
