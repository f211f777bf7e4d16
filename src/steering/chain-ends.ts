import { segmentKey, segmentMask, tenantKey, tenantMask } from "../addressing/index.ts";
import type { AddressPlan, ChainEnd, Exception, Segment, Tenant } from "../model/index.ts";
import { comparePrefixes, type Prefix, prefixContainsPrefix, prefixMask } from "../net/index.ts";

/** Addresses that are `key` under `mask`. */
export interface AddressPattern {
  readonly mask: bigint;
  readonly key: bigint;
}

/** The addresses of one family that a chain's end stands for. */
export interface EndAddresses {
  /** Any of these; one of mask 0 is everybody. */
  readonly patterns: readonly AddressPattern[];
  /** Blocks of those that act as the segment though they were born in another. */
  readonly joined: readonly Prefix[];
  /** Blocks of those that were born in the segment and act as another. */
  readonly left: readonly Prefix[];
}

/** Who exists, as far as a chain's ends name it. */
export interface KnownIdentities {
  readonly tenants: readonly Tenant[];
  readonly segments: readonly Segment[];
  readonly exceptions: readonly Exception[];
}

/** The end's addresses in the plan; nobody where a name is not known. */
export function endAddresses(end: ChainEnd, plan: AddressPlan, known: KnownIdentities): EndAddresses {
  switch (end.kind) {
    case "any":
      return only([{ mask: 0n, key: 0n }]);
    case "cidr": {
      const { family, length, value } = end.prefix;
      return only(family === plan.family ? [{ mask: prefixMask(family, length), key: value }] : []);
    }
    case "tenant": {
      const tenant = known.tenants.find(({ name }) => name === end.tenant);
      return only(tenant === undefined ? [] : [{ mask: tenantMask(plan), key: tenantKey(plan, tenant.id) }]);
    }
    case "segment":
      return segmentAddresses(end, plan, known);
  }
}

function only(patterns: readonly AddressPattern[]): EndAddresses {
  return { patterns, joined: [], left: [] };
}

function segmentAddresses(
  { tenant: owner, segment: name }: Extract<ChainEnd, { kind: "segment" }>,
  plan: AddressPlan,
  { tenants, segments, exceptions }: KnownIdentities,
): EndAddresses {
  const tenant = tenants.find((candidate) => candidate.name === owner);
  const codes = segments.find((segment) => segment.tenant === owner && segment.name === name)?.codes ?? [];
  if (tenant === undefined) return only([]);
  const patterns = codes.map((code) => ({
    mask: segmentMask(plan, code.extraBits),
    key: segmentKey(plan, tenant.id, code),
  }));
  const others = exceptions.flatMap((exception) =>
    exception.blocks
      .filter((block) => block.family === plan.family && prefixContainsPrefix(plan.prefix, block))
      .map((block) => ({ block, isMember: exception.tenant === owner && exception.segment === name })),
  );
  const isBorn = ({ value }: Prefix): boolean => patterns.some(({ mask, key }) => (value & mask) === key);
  const blocks = (isMember: boolean): readonly Prefix[] =>
    others
      .filter((other) => other.isMember === isMember && isBorn(other.block) !== isMember)
      .map(({ block }) => block)
      .toSorted(comparePrefixes);
  return { patterns, joined: blocks(true), left: blocks(false) };
}
