import { CHAIN_LIMITS, type Chain, type ChainFunction, type ChainPlaces } from "../model/index.ts";

/** How many places a chain needs: one before each function and one behind the last, in each direction. */
export function placesWanted({ through, direction }: Pick<Chain, "through" | "direction">): number {
  return (through.length + 1) * (direction === "both" ? 2 : 1);
}

/** All numbers of a chain's places. */
export function placesOf({ forward, reverse = [] }: ChainPlaces): readonly number[] {
  return [...forward, ...reverse];
}

/**
 * Chooses the lowest numbers that no other chain has. A chain whose functions or direction change gets others than its
 * own as far as there are any: a host that has heard of the change drops what one that has not yet still sends, and
 * does not take it for something else. Undefined when there are not enough.
 */
export function choosePlaces(
  chain: Pick<Chain, "through" | "direction">,
  taken: ReadonlySet<number>,
  before?: Pick<Chain, "through" | "direction" | "places">,
): ChainPlaces | undefined {
  if (before !== undefined && isSameWay(chain, before)) return before.places;
  const own = new Set(before === undefined ? [] : placesOf(before.places));
  const free = Array.from({ length: CHAIN_LIMITS.places }, (_, index) => index + 1).filter(
    (place) => !taken.has(place),
  );
  const wanted = placesWanted(chain);
  if (free.length < wanted) return undefined;
  const chosen = [
    ...free.filter((place) => !own.has(place)),
    ...free.filter((place) => own.has(place)),
  ].slice(0, wanted);
  const length = chain.through.length + 1;
  return {
    forward: chosen.slice(0, length),
    ...(chain.direction === "both" && { reverse: chosen.slice(length) }),
  };
}

function isSameWay(
  a: Pick<Chain, "through" | "direction">,
  b: Pick<Chain, "through" | "direction">,
): boolean {
  const wayOf = (through: readonly ChainFunction[]): string =>
    through.map(({ tenant, segment }) => `${tenant}/${segment}`).join();
  return a.direction === b.direction && wayOf(a.through) === wayOf(b.through);
}
