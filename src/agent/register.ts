/** Objects by their keys, and the list of them: the very same list until something changes. */
export class Register<T> {
  readonly #objects = new Map<string, T>();
  #list: readonly T[] | undefined;

  get byKey(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  get list(): readonly T[] {
    this.#list ??= [...this.#objects.values()];
    return this.#list;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  has(key: string): boolean {
    return this.#objects.has(key);
  }

  /** These take the place of all. */
  fill(objects: readonly T[], keyOf: (object: T) => string): void {
    this.#list = undefined;
    this.#objects.clear();
    for (const object of objects) this.#objects.set(keyOf(object), object);
  }

  /** One is there as it is now, or is gone. */
  take(key: string, type: "put" | "delete", object: T): void {
    this.#list = undefined;
    if (type === "put") this.#objects.set(key, object);
    else this.#objects.delete(key);
  }
}
