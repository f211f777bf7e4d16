import {
  codeFaults,
  hostPosition,
  segmentKey,
  segmentMask,
  segmentPrefix,
  tenantKey,
  tenantMask,
  tenantPrefix,
} from "../../addressing/index.ts";
import { type AddressPlan, plansOf } from "../../model/index.ts";
import {
  addressBits,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixMask,
} from "../../net/index.ts";
import type { Party } from "../../rules/index.ts";
import { type FirewallScope, ownPrefixes } from "../input.ts";

/** Addresses whose masked bits are these; the mask may have gaps. */
export interface Pattern {
  readonly family: Family;
  readonly value: bigint;
  readonly mask: bigint;
}

/** Which kind of party a side of the packet is known to be: where exceptions exist, they are asked for first. */
export type SideKind = "identity" | "exception";

/** What a rule asks of a side: nothing (`undefined`), or that its address is in a pattern. */
export type SideMatch = Pattern | undefined;

/**
 * The ways in which an own endpoint is the party, as prefixes under those of the host, whose bits are known; none when
 * it cannot be.
 */
export function subjectMatches(
  scope: FirewallScope,
  family: Family,
  kind: SideKind,
  party: Party,
): readonly SideMatch[] {
  const own = ownPrefixes(scope, family);
  switch (party.kind) {
    case "tenant":
      if (kind === "exception") return [];
      return own
        .filter(({ plan }) => hasTenant(plan, party.tenant))
        .map(({ network, plan }) =>
          prefixPattern(tenantPrefix(plan, hostPosition(network, scope.host), party.tenant)),
        );
    case "segment":
      if (kind === "exception") return [];
      return own
        .filter(({ plan }) => hasTenant(plan, party.tenant) && codeFaults(plan, party.code).length === 0)
        .map(({ network, plan }) =>
          prefixPattern(segmentPrefix(plan, hostPosition(network, scope.host), party.tenant, party.code)),
        );
    case "local":
      return kind === "exception" ? [] : own.map(({ prefix }) => prefixPattern(prefix));
    default:
      return addressMatches(family, kind, party);
  }
}

/** The ways in which an address from anywhere is the party. */
export function peerMatches(
  { networks }: FirewallScope,
  family: Family,
  kind: SideKind,
  party: Party,
): readonly SideMatch[] {
  const plans = networks.flatMap(plansOf).filter((plan) => plan.family === family);
  switch (party.kind) {
    case "tenant":
      if (kind === "exception") return [];
      return plans
        .filter((plan) => hasTenant(plan, party.tenant))
        .map((plan) => ({ family, value: tenantKey(plan, party.tenant), mask: tenantMask(plan) }));
    case "segment":
      if (kind === "exception") return [];
      return plans
        .filter((plan) => hasTenant(plan, party.tenant) && codeFaults(plan, party.code).length === 0)
        .map((plan) => ({
          family,
          value: segmentKey(plan, party.tenant, party.code),
          mask: segmentMask(plan, party.code.extraBits),
        }));
    case "local":
      return kind === "exception" ? [] : plans.map(({ prefix }) => prefixPattern(prefix));
    default:
      return addressMatches(family, kind, party);
  }
}

/** Parties that are about addresses. `host` and `machine` are not, and match none. */
function addressMatches(family: Family, kind: SideKind, party: Party): readonly SideMatch[] {
  if (party.kind === "any") return [undefined];
  if (party.kind === "block" && kind === "identity") return [];
  const prefix = party.kind === "block" ? party.block : party.kind === "prefix" ? party.prefix : undefined;
  if (prefix?.family !== family) return [];
  return [prefix.length === 0 ? undefined : prefixPattern(prefix)];
}

function hasTenant(plan: AddressPlan, tenant: number): boolean {
  return Number.isInteger(tenant) && tenant >= 0 && tenant < 2 ** plan.tenantBits;
}

/** The pattern of all addresses in a prefix. */
export function prefixPattern({ family, value, length }: Prefix): Pattern {
  return { family, value, mask: prefixMask(family, length) };
}

/** The prefix that the pattern is, if its mask has no gaps. */
export function patternPrefix({ family, value, mask }: Pattern): Prefix | undefined {
  const length = mask.toString(2).replaceAll("0", "").length;
  return prefixMask(family, length) === mask ? { family, value, length } : undefined;
}

/** As iptables takes it: `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`. */
export function formatPattern(pattern: Pattern): string {
  const prefix = patternPrefix(pattern);
  if (prefix !== undefined) return formatNet(prefix);
  return `${formatAddress(pattern)}/${formatAddress({ family: pattern.family, value: pattern.mask })}`;
}

/** As ipset takes it: `ADDRESS`, or `ADDRESS/LENGTH`. */
export function formatNet(prefix: Prefix): string {
  return prefix.length === addressBits(prefix.family) ? formatAddress(prefix) : formatPrefix(prefix);
}
