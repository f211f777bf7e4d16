import { formatSegmentCode } from "../addressing/index.ts";
import type { Exception, Segment, SegmentCode } from "../model/index.ts";
import { formatPrefix, type Prefix } from "../net/index.ts";
import type { Party, RuleEntry } from "./rule-model.ts";

/** A party with the text that stands for it in keys: equal parties have equal keys. */
export interface KeyedParty {
  readonly key: string;
  readonly party: Party;
}

/** Every address. */
export const ANY: KeyedParty = keyed({ kind: "any" });
/** Every address in the networks. */
export const LOCAL: KeyedParty = keyed({ kind: "local" });
/** The machine of the other side's endpoint. */
export const HOST: KeyedParty = keyed({ kind: "host" });

/** A tenant by its ID. */
export function tenantParty(tenant: number): KeyedParty {
  return keyed({ kind: "tenant", tenant });
}

/** One code of a segment. */
export function segmentParty(tenant: number, code: SegmentCode): KeyedParty {
  return keyed({ kind: "segment", tenant, code });
}

/** The blocks of an exception. */
export function blockParties({ blocks }: Exception): readonly KeyedParty[] {
  return blocks.map((block) => keyed({ kind: "block", block }));
}

/** Addresses inside a prefix. */
export function prefixParty(prefix: Prefix): KeyedParty {
  return keyed({ kind: "prefix", prefix });
}

/** This machine, over some of its interfaces and with some of its addresses. */
export function machineParty(
  interfaces: readonly string[] | undefined,
  addresses: readonly Prefix[] | undefined,
): KeyedParty {
  return keyed({ kind: "machine", ...(interfaces && { interfaces }), ...(addresses && { addresses }) });
}

function keyed(party: Party): KeyedParty {
  return { key: partyKey(party), party };
}

/** The text that stands for a party in keys. */
export function partyKey(party: Party): string {
  switch (party.kind) {
    case "any":
    case "local":
    case "host":
      return party.kind;
    case "tenant":
      return `t${party.tenant}`;
    case "segment":
      return `s${party.tenant}.${formatSegmentCode(party.code)}`;
    case "block":
      return `b${formatPrefix(party.block)}`;
    case "prefix":
      return `p${formatPrefix(party.prefix)}`;
    case "machine":
      return `m${JSON.stringify([party.interfaces, party.addresses?.map(formatPrefix)])}`;
  }
}

/** The ports of a segment with this name. */
export function namedPorts(segment: Segment, name: string, protocol: number): readonly number[] {
  const named = segment.ports?.filter((port) => port.name === name && port.protocol === protocol) ?? [];
  return named.map(({ port }) => port);
}

/** The text that stands for an entry's traffic in keys. */
function trafficKey({ family, ...kind }: RuleEntry["traffic"]): string {
  return family === undefined ? kindKey(kind) : `ipv${family}/${kindKey(kind)}`;
}

function kindKey({ protocol, ports, icmp }: RuleEntry["traffic"]): string {
  if (ports !== undefined) return `${protocol}:${ports.first}-${ports.last}`;
  if (icmp !== undefined) return `${protocol}/${icmp.type}.${icmp.code ?? "*"}`;
  return protocol === undefined ? "*" : `${protocol}`;
}

/** The text that stands for what an entry says, whoever says it. */
export function entryKey(
  subject: string,
  peer: string,
  traffic: RuleEntry["traffic"],
  stateful: boolean,
): string {
  return `${subject} ${peer} ${trafficKey(traffic)}${stateful ? "" : " stateless"}`;
}

/** The key of an entry of the rule model. */
export function keyOfEntry({ subject, peer, traffic, stateful }: RuleEntry): string {
  return entryKey(partyKey(subject), partyKey(peer), traffic, stateful);
}
