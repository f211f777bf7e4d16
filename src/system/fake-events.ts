import type { KernelEvent } from "./kernel.ts";

/** Events on their way to one subscriber. */
export class FakeSubscription implements AsyncIterable<KernelEvent> {
  readonly #queue: KernelEvent[] = [];
  #wake: () => void = () => {};
  #closed = false;

  push(event: KernelEvent): void {
    if (this.#closed) return;
    this.#queue.push(event);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<KernelEvent, void, undefined> {
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
