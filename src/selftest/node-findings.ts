import type { Finding } from "./step.ts";

/** A node as the API server tells of it. */
export interface ClusterNode {
  readonly name: string;
  readonly uid: string;
  readonly isReady: boolean;
  /** Addresses of the kind InternalIP. */
  readonly addresses: readonly string[];
  /** False when it is cordoned. */
  readonly isSchedulable: boolean;
}

/** A host as romanad knows it, with what its agent has reported last; undefined when that never reported. */
export interface KnownHost {
  readonly name: string;
  readonly externalId?: string | undefined;
  readonly report?: { readonly state: string; readonly problems: readonly string[] } | undefined;
}

/** What is wrong about nodes: each has a host in romanad, and an agent that is well. */
export function nodeFindings(
  nodes: readonly ClusterNode[],
  hosts: ReadonlyMap<string, KnownHost>,
): readonly Finding[] {
  return nodes.flatMap(({ name, uid, isReady }) => {
    const host = hosts.get(name);
    if (host === undefined) {
      const advice = "look at the log of romana-kubernetes, which makes hosts of nodes";
      return { reason: `romanad knows no host "${name}"`, advice };
    }
    if (host.externalId !== uid) {
      const advice = `if nothing runs on it, delete it (romana host delete ${name}); romana-kubernetes makes it anew`;
      return {
        reason: `host "${name}" of romanad is not this node but ${host.externalId ?? "nobody's"}`,
        advice,
      };
    }
    const { report } = host;
    if (report === undefined) {
      const advice = `is there a pod of romana-agent on "${name}", and does it reach romanad? See its log`;
      return { reason: `the agent of node "${name}" has never reported`, advice };
    }
    if (report.state !== "ok") {
      const why = report.problems.length === 0 ? "it does not say why" : report.problems.join("; ");
      const advice = `romana host show ${name}, and the log of romana-agent there`;
      return { reason: `the agent of node "${name}" is ${report.state}: ${why}`, advice };
    }
    if (!isReady) {
      const advice = `kubectl describe node ${name}; is the plugin installed, and configured in /etc/cni/net.d?`;
      return { reason: `node "${name}" is not ready`, advice };
    }
    return [];
  });
}
