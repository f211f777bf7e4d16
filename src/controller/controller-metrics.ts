import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What the controller counts. */
export interface ControllerMetrics {
  /** One key that was worked on: `done`, or the code of the error; the duration is in milliseconds. */
  handled(kind: string, outcome: string, duration: number): void;
  /** One watch that has ended with an error. */
  watchFailed(kind: string, reason: string): void;
  /** Everything in the text format of Prometheus. */
  render(): Promise<string>;
}

/** What is asked when metrics are rendered. */
export interface MetricSources {
  isLeading(): boolean;
  /** Objects in the caches, by kind. */
  objects(): ReadonlyMap<string, number>;
  waiting(): number;
  failing(): number;
  namespacesWithoutCodes(): number;
}

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Metrics of one controller. */
export function createControllerMetrics(sources: MetricSources): ControllerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const handled = new Histogram({
    name: "romana_kubernetes_work_duration_seconds",
    help: "Time to make what a key names right in romanad, by kind and outcome: done, or the error code.",
    labelNames: ["kind", "outcome"] as const,
    buckets: BUCKETS,
    registers,
  });
  const failures = new Counter({
    name: "romana_kubernetes_watch_failures_total",
    help: "Lists and watches of the API server that failed, by kind and error code.",
    labelNames: ["kind", "reason"] as const,
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `romana_kubernetes_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge("leading", "1 while this controller leads.", () => Number(sources.isLeading()));
  gauge("waiting", "Keys that wait or are worked on.", () => sources.waiting());
  gauge("failing", "Keys that have failed and are tried again.", () => sources.failing());
  gauge("namespaces_without_codes", "Namespaces in which new classes of pods find no segment code.", () =>
    sources.namespacesWithoutCodes(),
  );
  new Gauge({
    name: "romana_kubernetes_objects",
    help: "Objects in the caches, by kind.",
    labelNames: ["kind"] as const,
    registers,
    collect() {
      for (const [kind, count] of sources.objects()) this.set({ kind }, count);
    },
  });
  return {
    handled: (kind, outcome, duration) => handled.observe({ kind, outcome }, duration / 1000),
    watchFailed: (kind, reason) => failures.inc({ kind, reason }),
    render: () => registry.metrics(),
  };
}
