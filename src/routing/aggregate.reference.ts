import { formatPrefix, type Prefix, prefixContains, prefixContainsPrefix, prefixOf } from "../net/index.ts";

/** A destination and where it leads. */
export interface Way {
  readonly destination: Prefix;
  readonly way: string;
}

/** The slow obvious twin of aggregation: apply either rule to any routes until neither applies. */
export function aggregateReference(routes: readonly Way[]): readonly Way[] {
  for (;;) {
    const found = routes.find((route) => coverOf(routes, route)?.way === route.way);
    if (found !== undefined) {
      routes = routes.filter((route) => route !== found);
      continue;
    }
    const halves = routes.flatMap((lower) => {
      const upper = routes.find((other) => areHalves(lower.destination, other.destination));
      return upper?.way === lower.way ? [[lower, upper] as const] : [];
    })[0];
    if (halves === undefined) return routes;
    const [lower, upper] = halves;
    const whole = prefixOf(lower.destination, lower.destination.length - 1);
    routes = [
      ...routes.filter(
        (route) =>
          route !== lower && route !== upper && formatPrefix(route.destination) !== formatPrefix(whole),
      ),
      { destination: whole, way: lower.way },
    ];
  }
}

/** Where longest match leads an address; undefined when no route covers it. */
export function wayOfAddress(routes: readonly Way[], value: bigint): string | undefined {
  return longest(routes.filter(({ destination }) => prefixContains(destination, { family: 4, value })))?.way;
}

function coverOf(routes: readonly Way[], { destination }: Way): Way | undefined {
  return longest(
    routes.filter(
      (route) =>
        route.destination.length < destination.length && prefixContainsPrefix(route.destination, destination),
    ),
  );
}

function longest(routes: readonly Way[]): Way | undefined {
  return routes.toSorted((a, b) => b.destination.length - a.destination.length)[0];
}

function areHalves(lower: Prefix, upper: Prefix): boolean {
  return (
    lower.length === upper.length &&
    lower.length > 0 &&
    lower.value < upper.value &&
    prefixOf(lower, lower.length - 1).value === prefixOf(upper, upper.length - 1).value
  );
}
