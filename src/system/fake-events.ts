import type { KernelEvent } from "./kernel.ts";

/** Events on their way to one subscriber. */
export class FakeSubscription<T = KernelEvent> implements AsyncIterable<T> {
  readonly #queue: T[] = [];
  #wake: () => void = () => {};
  #closed = false;
  readonly #onClose: () => void;

  /** @param onClose called once, when it ends */
  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  push(event: T): void {
    if (this.#closed) return;
    this.#queue.push(event);
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      while (!this.#closed) {
        const event = this.#queue.shift();
        if (event !== undefined) {
          yield event;
          continue;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      this.close();
    }
  }
}
