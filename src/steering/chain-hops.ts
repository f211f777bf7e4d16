import { type Address, formatAddress } from "../net/index.ts";
import { NOWHERE } from "./chain-marks.ts";

/** Where packets go next on their way through a chain. */
export interface NextHop {
  /** The function endpoint itself, or the underlay address of its host. */
  readonly gateway: Address;
  /** Name of the function's device; absent: the gateway is in a link of the underlay. */
  readonly device?: string;
}

/** A next hop with the number that stands in the packet mark. */
export interface NumberedHop extends NextHop {
  readonly number: number;
}

/** The text that names a next hop, which the kernel's routes can be read back as. */
export function hopKey({ gateway, device = "" }: NextHop): string {
  return `${formatAddress(gateway)} ${device}`;
}

/**
 * Gives every hop a number. One that has a number keeps it, and no number that is in use gets another meaning, so that packets that were
 * marked a moment ago are not sent elsewhere.
 * @returns hops in the order of their numbers; those beyond the last number are left out
 */
export function numberHops(
  hops: readonly NextHop[],
  inUse: ReadonlyMap<string, number>,
): readonly NumberedHop[] {
  const wanted = new Map(hops.map((hop) => [hopKey(hop), hop]));
  const taken = new Set(inUse.values());
  let free = 1;
  const numbered: NumberedHop[] = [];
  for (const [key, hop] of [...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    let number = inUse.get(key);
    if (number === undefined) {
      while (taken.has(free)) free++;
      number = free++;
    }
    if (number < NOWHERE) numbered.push({ ...hop, number });
  }
  return numbered.toSorted((a, b) => a.number - b.number);
}
