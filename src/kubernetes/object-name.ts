/** What stands in front of the UID of an object, in the external ID of what was made for it. */
const MARK = "romana.io/";

/** What is made in romanad for an object of a namespace is called `NAMESPACE.NAME`: no namespace has a dot. */
export function namespacedName(namespace: string, name: string): string {
  return `${namespace}.${name}`;
}

/** `NAMESPACE/NAME` of the object that something in romanad was made for; undefined when its name is not that of one. */
export function keyOfNamespacedName(name: string): string | undefined {
  const dot = name.indexOf(".");
  return dot < 1 ? undefined : `${name.slice(0, dot)}/${name.slice(dot + 1)}`;
}

/** The external ID of what is made for an object of `romana.io`, which nobody else gives. */
export function externalIdOf(uid: string): string {
  return `${MARK}${uid}`;
}

/** True for what was made for an object of `romana.io`, of today or of before. */
export function isMadeForObject({ externalId }: { readonly externalId?: string }): boolean {
  return externalId?.startsWith(MARK) === true;
}
