/**
 * Lets actions that share a key run one after another, in the order in which they came; others run side by side.
 */
export class KeyedLock {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs the action once every earlier one with any of its keys has ended, however it ended. */
  async run<T>(keys: readonly string[], action: () => Promise<T>): Promise<T> {
    const { promise: done, resolve: end } = Promise.withResolvers<void>();
    // All keys are taken at once, without a wait between them: so nobody can wait in a circle.
    const earlier = keys.flatMap((key) => this.#last.get(key) ?? []);
    for (const key of keys) this.#last.set(key, done);
    try {
      await Promise.all(earlier);
      return await action();
    } finally {
      end();
      for (const key of keys) if (this.#last.get(key) === done) this.#last.delete(key);
    }
  }
}
