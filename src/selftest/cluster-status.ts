import { type ClusterNode, nodeFindings } from "./node-findings.ts";
import type { ReportedHost } from "./read-hosts.ts";
import type { Finding } from "./step.ts";

/** A pod of Romana's own programs. */
export interface ProgramPod {
  /** What `app.kubernetes.io/name` says: `romanad`, `romana-kubernetes` or `romana-agent`. */
  readonly program: string;
  readonly name: string;
  readonly node: string;
  readonly isReady: boolean;
  readonly image: string;
  readonly restarts: number;
}

/** Who leads of several controllers. */
export interface Leader {
  /** Pod or machine and a number, as the Lease has it; empty when nobody leads. */
  readonly identity: string;
  /** Milliseconds since 1970 UTC, by the leader's clock. */
  readonly renewedAt: number;
  /** Milliseconds without renewal after which another one takes over. */
  readonly duration: number;
}

/** A condition of an object that says `False`. */
export interface FalseCondition {
  readonly kind: string;
  /** `NAMESPACE/NAME`, or the name where there are no namespaces. */
  readonly name: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** What is known of an installed cluster. */
export interface ClusterFacts {
  readonly nodes: readonly ClusterNode[];
  readonly hosts: ReadonlyMap<string, ReportedHost>;
  readonly programs: readonly ProgramPod[];
  /** Undefined: there is no Lease. */
  readonly leader: Leader | undefined;
  readonly conditions: readonly FalseCondition[];
  readonly policies: readonly {
    readonly id: string;
    readonly state: "active" | "pending" | "damaged";
    readonly missing: readonly string[];
  }[];
  /** Segments that nobody can be born in, as `TENANT/SEGMENT`. */
  readonly withoutCodes: readonly string[];
  /** Whom endpoints act as, as `TENANT/SEGMENT`, once for each endpoint. */
  readonly exceptions: readonly string[];
  /** Revision of romanad. */
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
}

/** A node, its host and its agent. */
export interface NodeStatus {
  readonly node: string;
  readonly ready: boolean;
  /** ID of its host; absent: romanad knows none of that name. */
  readonly host?: number;
  readonly agent: "ok" | "degraded" | "silent" | "missing" | "not ready";
  readonly attachments?: number;
  readonly revision?: number;
  /** Milliseconds since 1970 UTC: agents report what has changed. */
  readonly reportedAt?: number;
  readonly version?: string;
  readonly problems: readonly string[];
}

/** How an installed cluster is. */
export interface ClusterStatus {
  readonly ok: boolean;
  readonly revision: number;
  readonly nodes: readonly NodeStatus[];
  readonly programs: readonly ProgramPod[];
  readonly leader?: { readonly identity: string; readonly renewedAt: number };
  readonly policies: {
    readonly count: number;
    readonly pending: readonly { readonly id: string; readonly missing: readonly string[] }[];
    readonly damaged: readonly string[];
  };
  readonly conditions: readonly FalseCondition[];
  readonly withoutCodes: readonly string[];
  /** How many endpoints act as another segment, by `TENANT/SEGMENT`. */
  readonly exceptions: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

/** Clocks of machines may differ by so much, in milliseconds, before a leader looks dead. */
const CLOCK_SLACK = 60_000;

const AGENT = "romana-agent";

/** What an operator asks first, out of what is known. Only what somebody should do something about is a finding. */
export function judgeCluster(facts: ClusterFacts): ClusterStatus {
  const { leader, policies, conditions, withoutCodes, programs, revision } = facts;
  const findings = [
    ...nodeFindings(facts.nodes, facts.hosts),
    ...programFindings(facts),
    ...leaderFindings(facts),
    ...conditions.map(({ kind, name, type, reason, message }) => ({
      reason: `${kind} "${name}" is not ${type}: ${reason}, ${message}`,
      advice: `kubectl describe ${kind.toLowerCase()} ${name.split("/").at(-1)}; docs/kubernetes.md says what the reason means`,
    })),
    ...policies
      .filter(({ state }) => state === "damaged")
      .map(({ id }) => ({
        reason: `policy "${id}" cannot be read by this romanad; it is enforced as it was`,
        advice: `write it again: romana policy show ${id}`,
      })),
  ];
  return {
    ok: findings.length === 0,
    revision,
    nodes: facts.nodes.map((node) => nodeStatus(node, facts)),
    programs,
    ...(leader && { leader: { identity: leader.identity, renewedAt: leader.renewedAt } }),
    policies: {
      count: policies.length,
      pending: policies
        .filter(({ state }) => state === "pending")
        .map(({ id, missing }) => ({ id, missing })),
      damaged: policies.filter(({ state }) => state === "damaged").map(({ id }) => id),
    },
    conditions,
    withoutCodes,
    exceptions: countOf(facts.exceptions),
    findings,
  };
}

function nodeStatus({ name, isReady }: ClusterNode, { hosts, programs }: ClusterFacts): NodeStatus {
  const host = hosts.get(name);
  const report = host?.report;
  const pod = programs.find(({ program, node }) => program === AGENT && node === name);
  return {
    node: name,
    ready: isReady,
    ...(host && { host: host.id }),
    agent: pod === undefined ? "missing" : pod.isReady ? (report?.state ?? "silent") : "not ready",
    ...(report && {
      attachments: report.attachments,
      revision: report.observedRevision,
      reportedAt: report.reportedAt,
      version: report.version,
    }),
    problems: report?.problems ?? [],
  };
}

function programFindings({ nodes, programs }: ClusterFacts): readonly Finding[] {
  const missing = ["romanad", "romana-kubernetes"]
    .filter((wanted) => programs.every(({ program }) => program !== wanted))
    .map((wanted) => ({
      reason: `there is no pod of ${wanted}`,
      advice: `is it installed? For romanad a node needs the label romana.io/romanad`,
    }));
  const bare = nodes
    .filter(({ name }) => programs.every(({ program, node }) => program !== AGENT || node !== name))
    .map(({ name }) => ({
      reason: `there is no pod of ${AGENT} on node "${name}"`,
      advice: "kubectl describe its DaemonSet; what the agent has set up on the node goes on as it was",
    }));
  const sick = programs
    .filter(({ isReady }) => !isReady)
    .map(({ name, node, restarts }) => ({
      reason: `pod ${name} on node "${node}" is not ready${restarts > 0 ? ` after ${restarts} restarts` : ""}`,
      advice: `kubectl describe pod ${name}, and its log`,
    }));
  return [...missing, ...bare, ...sick];
}

function leaderFindings({ leader, now }: ClusterFacts): readonly Finding[] {
  const advice = "see the logs of romana-kubernetes: without a leader no new pod starts";
  if (leader === undefined || leader.identity === "") return [{ reason: "no controller leads", advice }];
  const silence = now - leader.renewedAt;
  if (silence <= leader.duration + CLOCK_SLACK) return [];
  const reason = `controller ${leader.identity} leads, but was heard of ${Math.round(silence / 1000)} s ago`;
  return [{ reason, advice }];
}

function countOf(names: readonly string[]): Readonly<Record<string, number>> {
  const groups = Map.groupBy(names.toSorted(), (name) => name);
  return Object.fromEntries([...groups].map(([name, all]) => [name, all.length]));
}
