import { type Counter, type Histogram, Metrics } from "./metrics.ts";
import type { DriftKind } from "./network-diff.ts";

/** What the agent counts while it works. */
export interface AgentMetrics {
  readonly registry: Metrics;
  readonly events: Counter;
  readonly news: Counter;
  readonly looks: Counter;
  readonly repairs: Counter;
  readonly refusals: Counter;
  readonly operations: Counter;
  readonly failures: Counter;
  readonly flows: Counter;
  readonly packets: Counter;
  readonly virtualIps: Counter;
  readonly look: Histogram;
  readonly attach: Histogram;
  readonly detach: Histogram;
}

const DRIFT_KINDS = [
  "link",
  "address",
  "route",
  "neighbour",
  "sysctl",
  "table",
] as const satisfies readonly DriftKind[];

/** Metrics of one agent. */
export function createAgentMetrics(): AgentMetrics {
  const registry = new Metrics();
  const counter = (name: string, help: string, label: string, labels: readonly string[]): Counter =>
    registry.counter(`romana_agent_${name}`, help, label, labels);
  return {
    registry,
    events: counter("kernel_events_total", "Events from the kernel.", "type", [
      "link",
      "address",
      "route",
      "netconf",
      "table",
      "overrun",
    ]),
    news: counter("romanad_events_total", "Events from romanad's watch.", "about", ["topology", "endpoint"]),
    looks: counter("reconciles_total", "Comparisons of the kernel with what should be.", "cause", [
      "desired",
      "drift",
    ]),
    repairs: counter("repairs_total", "Changes by others that were mended.", "kind", DRIFT_KINDS),
    refusals: counter("refusals_total", "Changes that the kernel refused.", "cause", ["desired", "drift"]),
    operations: counter("operations_total", "Attachments that came or went.", "operation", [
      "attach",
      "repeat",
      "detach",
      "drop",
    ]),
    failures: counter("failures_total", "Operations that failed.", "operation", ["attach", "detach"]),
    flows: counter(
      "denied_flows_total",
      "Connections that a change of policies no longer allowed.",
      "outcome",
      ["cut", "kept"],
    ),
    packets: counter("logged_packets_total", "Packets that rules logged.", "outcome", ["told", "lost"]),
    virtualIps: counter("virtual_ip_events_total", "Addresses of virtual IPs that came or went.", "event", [
      "taken",
      "given-up",
      "lapsed",
      "refused",
    ]),
    look: registry.histogram("romana_agent_reconcile_seconds", "Duration of a comparison with its repairs."),
    attach: registry.histogram("romana_agent_attach_seconds", "Duration of an attach that worked."),
    detach: registry.histogram("romana_agent_detach_seconds", "Duration of a detach."),
  };
}

/** Where gauges are read from when they are asked for. */
export interface GaugeSources {
  readonly attached: () => number;
  readonly unsettled: () => number;
  readonly isConnected: () => boolean;
  readonly revision: () => number;
  readonly counters: () => ReadonlyMap<string, { readonly packets: number }>;
  readonly chainCounters: () => ReadonlyMap<string, { readonly packets: number }>;
  readonly virtualIps: () => number;
}

/** Adds what is read, not counted. */
export function addGauges(registry: Metrics, sources: GaugeSources): void {
  const { attached, unsettled, isConnected, revision, counters, chainCounters, virtualIps } = sources;
  registry.gauge("romana_agent_attachments", "Attached endpoints.", attached);
  registry.gauge("romana_agent_unsettled", "Endpoints that are still to be released at romanad.", unsettled);
  registry.gauge("romana_agent_connected", "Whether romanad can be reached.", () => Number(isConnected()));
  registry.gauge("romana_agent_virtual_ips", "Addresses of virtual IPs that are here.", virtualIps);
  registry.gauge("romana_agent_revision", "Revision of romanad that the agent has seen.", revision);
  registry.gauge(
    "romana_agent_dropped_packets",
    "Packets that the agent's table dropped since it was made.",
    () => new Map([...counters()].map(([reason, { packets }]) => [reason, packets])),
    "reason",
  );
  registry.gauge(
    "romana_agent_chain_dropped_packets",
    "Packets of chains that were dropped since there are any.",
    () => new Map([...chainCounters()].map(([reason, { packets }]) => [reason, packets])),
    "reason",
  );
}
