/** Keeps what was worked out of an object as long as the object lives; the same object and key give the same value. */
export type RouteMemory = <T>(holder: object, key: string, make: () => T) => T;

/** An empty memory. */
export function createRouteMemory(): RouteMemory {
  const known = new WeakMap<object, Map<string, unknown>>();
  return <T>(holder: object, key: string, make: () => T): T => {
    const values = known.get(holder) ?? new Map<string, unknown>();
    known.set(holder, values);
    if (!values.has(key)) values.set(key, make());
    return values.get(key) as T;
  };
}
