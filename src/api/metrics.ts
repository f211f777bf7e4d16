import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Bounds of request durations, in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What romanad counts about itself. */
export interface Metrics {
  /** One answered request; the duration is in milliseconds. */
  request(operation: string, status: number, duration: number): void;
  /** One allocation: `created`, `existing`, or the code of the error. */
  allocation(outcome: string): void;
  watcherOpened(): void;
  watcherClosed(reason: WatchEnd): void;
  /** Everything in the text format of Prometheus. */
  render(): Promise<string>;
}

/** Why a watch ended. */
export type WatchEnd = "client" | "stalled" | "error" | "shutdown";

/** What is asked when metrics are rendered. */
export interface MetricSources {
  revision(): Promise<number>;
  exceptions(): number;
  /** How many there are by network. */
  relocations(): ReadonlyMap<string, number>;
  virtualIps(): { readonly states: Readonly<Record<string, number>>; readonly moves: number };
  backends(): { readonly members: number; readonly healthy: number; readonly writes: number };
}

/** Metrics of one romanad. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "romana_http_request_duration_seconds",
    help: "Time from the arrival of a request's head to the end of the answer.",
    labelNames: ["operation", "status"] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const allocations = new Counter({
    name: "romana_allocations_total",
    help: "Allocations by outcome: created, existing, or the error code.",
    labelNames: ["outcome"] as const,
    registers,
  });
  const watchers = new Gauge({ name: "romana_watchers", help: "Open watches.", registers });
  const watchesEnded = new Counter({
    name: "romana_watches_ended_total",
    help: "Watches that ended, by reason.",
    labelNames: ["reason"] as const,
    registers,
  });
  const storeRevision = new Gauge({
    name: "romana_store_revision",
    help: "Revision of the store; absent when the store cannot be reached.",
    registers,
  });
  const exceptions = new Gauge({
    name: "romana_exceptions",
    help: "Endpoints that act as another segment than their address says.",
    registers,
  });
  const relocations = new Gauge({
    name: "romana_relocations",
    help: "Endpoints that are on another host than their address says, by network: each is a route on every host.",
    labelNames: ["network"] as const,
    registers,
  });
  const virtualIps = new Gauge({
    name: "romana_virtual_ips",
    help: "Virtual IPs by state: held, moving, vacant.",
    labelNames: ["state"] as const,
    registers,
  });
  const moves = new Counter({
    name: "romana_virtual_ip_moves_total",
    help: "How often a virtual IP got another holder.",
    registers,
  });
  const backends = new Gauge({
    name: "romana_backends",
    help: "Endpoints of segments that flows are steered to, by state: healthy, unhealthy.",
    labelNames: ["state"] as const,
    registers,
  });
  const backendWrites = new Counter({
    name: "romana_backend_writes_total",
    help: "How often the healthy endpoints of a segment were written.",
    registers,
  });
  return {
    request: (operation, status, duration) => requests.observe({ operation, status }, duration / 1000),
    allocation: (outcome) => allocations.inc({ outcome }),
    watcherOpened: () => watchers.inc(),
    watcherClosed(reason) {
      watchers.dec();
      watchesEnded.inc({ reason });
    },
    async render() {
      storeRevision.reset();
      exceptions.set(sources.exceptions());
      relocations.reset();
      for (const [network, count] of sources.relocations()) relocations.set({ network }, count);
      const known = sources.virtualIps();
      for (const [state, count] of Object.entries(known.states)) virtualIps.set({ state }, count);
      const { members, healthy, writes } = sources.backends();
      backends.set({ state: "healthy" }, healthy);
      backends.set({ state: "unhealthy" }, Math.max(0, members - healthy));
      backendWrites.reset();
      backendWrites.inc(writes);
      moves.reset();
      moves.inc(known.moves);
      const current = await sources.revision().catch(() => undefined);
      if (current === undefined) storeRevision.remove();
      else storeRevision.set(current);
      return await registry.metrics();
    },
  };
}
