import type { AgentMetrics } from "./agent-metrics.ts";

/** Measures attaches and detaches while somebody waits for them. */
export class OperationTimer {
  readonly #metrics: AgentMetrics;
  #underWay = 0;

  constructor(metrics: AgentMetrics) {
    this.#metrics = metrics;
  }

  /** True while somebody waits. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** Runs one; how long it took counts when it works, and that it failed when it does not. */
  async time<T>(operation: "attach" | "detach", action: () => Promise<T>): Promise<T> {
    const start = performance.now();
    this.#underWay += 1;
    try {
      const result = await action();
      this.#metrics[operation].observe((performance.now() - start) / 1000);
      return result;
    } catch (error) {
      this.#metrics.failures.add(operation);
      throw error;
    } finally {
      this.#underWay -= 1;
    }
  }
}
