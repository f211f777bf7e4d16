import type { Noun } from "./command.ts";

/** A noun as the top-level help shows it; its commands are loaded when they are needed. */
export interface NounEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Noun>;
}

/** All nouns, in the order of the help. */
export const NOUNS: readonly NounEntry[] = [
  {
    name: "plan",
    summary: "Address plans: show, encode, decode, propose",
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  {
    name: "network",
    summary: "Address spaces: their plans for IPv4 and IPv6, their topology groups",
    load: async () => (await import("./commands/network.ts")).network,
  },
  {
    name: "host",
    summary: "Machines with an agent: IDs, prefixes, underlay addresses",
    load: async () => (await import("./commands/host.ts")).host,
  },
  {
    name: "tenant",
    summary: "Owners: IDs, isolation, quotas",
    load: async () => (await import("./commands/tenant.ts")).tenant,
  },
  {
    name: "segment",
    summary: "Microservices inside a tenant: their codes, labels and ports",
    load: async () => (await import("./commands/segment.ts")).segment,
  },
  {
    name: "endpoint",
    summary: "What has an address: allocate, look up, release",
    load: async () => (await import("./commands/endpoint.ts")).endpoint,
  },
  {
    name: "workload",
    summary: "What an orchestrator is about to run: whose it will be, before it has an address",
    load: async () => (await import("./commands/workload.ts")).workload,
  },
  {
    name: "vip",
    summary: "Virtual IPs: addresses on the underlay, each on one healthy host at a time",
    load: async () => (await import("./commands/vip.ts")).vip,
  },
  {
    name: "service",
    summary: "Services: stable addresses in front of segments",
    load: async () => (await import("./commands/service.ts")).service,
  },
  {
    name: "chain",
    summary: "Chains: functions that traffic passes, in order",
    load: async () => (await import("./commands/chain.ts")).chain,
  },
  {
    name: "fabric",
    summary: "The routers around the hosts: spines, leaves, cables",
    load: async () => (await import("./commands/fabric.ts")).fabric,
  },
  {
    name: "policy",
    summary: "Who may talk to whom: check, apply, on trial too",
    load: async () => (await import("./commands/policy.ts")).policy,
  },
  {
    name: "why",
    summary: "Whether one may talk to another, and which policy and rule decide it",
    load: async () => (await import("./commands/why.ts")).why,
  },
  {
    name: "state",
    summary: "Everything that decides about traffic, as one file",
    load: async () => (await import("./commands/state.ts")).state,
  },
  {
    name: "route",
    summary: "Routes of every device: what they should be, what they are, what a change would do",
    load: async () => (await import("./commands/route.ts")).route,
  },
  {
    name: "ipam",
    summary: "How full the address space is, and whether all of it is accounted for",
    load: async () => (await import("./commands/ipam.ts")).ipam,
  },
  {
    name: "agent",
    summary: "The agent of this host: how it is, what it does, attach and detach",
    load: async () => (await import("./commands/agent.ts")).agent,
  },
  {
    name: "kubernetes",
    summary: "A Kubernetes cluster: whether Romana does in it what it should",
    load: async () => (await import("./commands/kubernetes.ts")).kubernetes,
  },
  {
    name: "lab",
    summary: "Several hosts on this machine, as network namespaces with the real programs",
    load: async () => (await import("./commands/lab.ts")).lab,
  },
  {
    name: "completion",
    summary: "Print a script that makes a shell complete commands, options and names",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
  {
    name: "version",
    summary: "Show the version of this program",
    load: async () => (await import("./commands/version.ts")).version,
  },
];
