/** Where the servers of pods listen. */
export const SERVER_PORT = 8080;

/** Labels that tell the pods of the check apart. */
export const ROLE_LABEL = "romana-check/role";

/** What a pod is there for: it is connected to, it may connect, it may not, or it is its node. */
export type Role = "server" | "client" | "stranger" | "node";

/** What all objects of one check share. */
export interface CheckScene {
  readonly namespace: string;
  readonly image: string;
  /** Port of the pods that are in their node's network. */
  readonly nodePort: number;
}

/** Name of a role's pod on a node; nodes are numbered, since their names may be too long to be a part of another. */
export function podName(role: Role, number: number): string {
  return `${role}-${number}`;
}

/** A pod that says its name at a port and can be told to connect elsewhere. */
export function checkPod(scene: CheckScene, role: Role, number: number, nodeName: string): object {
  const name = podName(role, number);
  const port = role === "node" ? scene.nodePort : SERVER_PORT;
  return {
    metadata: { name, labels: { [ROLE_LABEL]: role } },
    spec: {
      nodeName,
      hostNetwork: role === "node",
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: "Exists" }],
      containers: [
        {
          name: "prober",
          image: scene.image,
          imagePullPolicy: "IfNotPresent",
          command: ["romana", "kubernetes", "probe-server", "--name", name, "--port", String(port)],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 1, timeoutSeconds: 2 },
          resources: { requests: { cpu: "10m", memory: "48Mi" } },
        },
      ],
    },
  };
}

/** A service of all servers, in every family that the cluster has. */
export function checkService(): object {
  return {
    metadata: { name: "servers" },
    spec: {
      selector: { [ROLE_LABEL]: "server" },
      ipFamilyPolicy: "PreferDualStack",
      ports: [{ port: SERVER_PORT, protocol: "TCP" }],
    },
  };
}

/** Nobody may connect to servers; with a role, pods of this role may. */
export function serverPolicy(allowed?: Role): object {
  const from = [{ podSelector: { matchLabels: { [ROLE_LABEL]: allowed } } }];
  const ports = [{ protocol: "TCP", port: SERVER_PORT }];
  return {
    metadata: { name: allowed === undefined ? "servers-nobody" : `servers-from-${allowed}` },
    spec: {
      podSelector: { matchLabels: { [ROLE_LABEL]: "server" } },
      policyTypes: ["Ingress"],
      ...(allowed !== undefined && { ingress: [{ from, ports }] }),
    },
  };
}

/** API of cluster-wide policies (network-policy-api). */
export const CLUSTER_POLICY_API = {
  group: "policy.networking.k8s.io",
  version: "v1alpha2",
  plural: "clusternetworkpolicies",
} as const;

/** An administrator's policy: clients of this namespace may not connect to its servers, whatever other policies say. */
export function clusterPolicy(name: string, namespace: string): object {
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
  const pods = (role: Role): object => ({
    pods: { namespaceSelector, podSelector: { matchLabels: { [ROLE_LABEL]: role } } },
  });
  return {
    apiVersion: `${CLUSTER_POLICY_API.group}/${CLUSTER_POLICY_API.version}`,
    kind: "ClusterNetworkPolicy",
    metadata: { name },
    spec: {
      tier: "Admin",
      priority: 0,
      subject: pods("server"),
      ingress: [{ name: "clients", action: "Deny", from: [pods("client")] }],
    },
  };
}
