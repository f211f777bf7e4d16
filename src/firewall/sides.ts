import { segmentKey, segmentMask, tenantKey, tenantMask } from "../addressing/index.ts";
import { type AddressPlan, hasCode } from "../model/index.ts";
import { addressBits, type Family, lastAddress, type Prefix, prefixMask } from "../net/index.ts";
import type { Party } from "../rules/index.ts";

/**
 * Whom a side can be about. Identities are read from bits, blocks are single exceptions, addresses may be either;
 * machines are no addresses at all.
 */
export type SideClass = "identity" | "block" | "address" | "host" | "machine";

/** One side of an entry in one family: which bits of the address are compared, and with what. */
export interface Side {
  readonly class: SideClass;
  /** `none`: not looked at. */
  readonly form: "none" | "masked" | "range";
  /** Of `masked`: the bits that are compared. */
  readonly mask: bigint;
  readonly first: bigint;
  /** Of `range`. */
  readonly last: bigint;
  /** Of a machine as the subject. */
  readonly interfaces?: readonly string[];
  readonly addresses?: readonly Prefix[];
}

const NOTHING = { form: "none", mask: 0n, first: 0n, last: 0n } as const;

/** A party in one family: one side for each plan that it has bits in, none when it has no such address. */
export function sidesOf(party: Party, family: Family, plans: readonly AddressPlan[]): readonly Side[] {
  switch (party.kind) {
    case "any":
      return [{ ...NOTHING, class: "address" }];
    case "host":
      return [{ ...NOTHING, class: "host" }];
    case "machine":
      return machineSides(party, family);
    case "local":
      return plans.map(({ prefix }) => masked(prefixMask(family, prefix.length), prefix.value));
    case "tenant":
      return ifItFits(plans, (plan) => masked(tenantMask(plan), tenantKey(plan, party.tenant)));
    case "segment":
      return ifItFits(plans, (plan) =>
        masked(segmentMask(plan, party.code.extraBits), segmentKey(plan, party.tenant, party.code)),
      );
    case "block":
      if (party.block.family !== family) return [];
      return [{ ...masked(prefixMask(family, party.block.length), party.block.value), class: "block" }];
    case "prefix":
      return party.prefix.family === family ? [prefixSide(party.prefix)] : [];
  }
}

function machineSides(party: Extract<Party, { kind: "machine" }>, family: Family): readonly Side[] {
  const addresses = party.addresses?.filter((prefix) => prefix.family === family);
  if (addresses?.length === 0) return [];
  const { interfaces } = party;
  return [
    { ...NOTHING, class: "machine", ...(interfaces && { interfaces }), ...(addresses && { addresses }) },
  ];
}

function prefixSide(prefix: Prefix): Side {
  if (prefix.length === 0) return { ...NOTHING, class: "address" };
  const side = { class: "address", first: prefix.value } as const;
  return prefix.length === addressBits(prefix.family)
    ? { ...side, form: "masked", mask: prefixMask(prefix.family, prefix.length), last: prefix.value }
    : { ...side, form: "range", mask: 0n, last: lastAddress(prefix).value };
}

function masked(mask: bigint, key: bigint): Side {
  return { class: "identity", form: "masked", mask, first: key, last: key };
}

/** IDs that are wider than a plan have no addresses in it. */
function ifItFits(plans: readonly AddressPlan[], sideIn: (plan: AddressPlan) => Side): readonly Side[] {
  return plans.flatMap((plan) => {
    try {
      return [sideIn(plan)];
    } catch (error) {
      if (hasCode(error, "invalid-input")) return [];
      throw error;
    }
  });
}
