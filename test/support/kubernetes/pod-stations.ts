import type { Station } from "../../../src/lab/probe.ts";
import type { Cluster } from "./cluster.ts";
import type { RuntimeNode } from "./runtime-node.ts";

/** A pod as a place that probes of `runProbes` come from and go to, without a process inside. */
export interface PodStation extends Station {
  readonly node: RuntimeNode;
  readonly labels: Readonly<Record<string, string>>;
  /** Addresses, the main one first. */
  readonly addresses: readonly string[];
}

/** The part of a pod that is looked at. */
interface PodJson {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string; readonly podIPs?: readonly { readonly ip: string }[] };
}

/** The path by which processes of this machine reach the network namespace of a sandbox. @throws Error when it has none */
export async function sandboxNamespace(
  { machine, cri, name }: RuntimeNode,
  sandbox: string,
): Promise<string> {
  const { netns } = await cri.sandboxStatus(sandbox);
  if (netns === undefined) throw new Error(`sandbox ${sandbox} on ${name} has no network namespace`);
  return machine.path(netns);
}

/**
 * All running pods of some namespaces, as stations by `NAMESPACE/NAME`. They serve probes in the pod's namespace, whatever
 * its containers do.
 * @param namespaces default: all but those whose names begin with `kube-`
 */
export async function podStations(
  cluster: Cluster,
  namespaces?: readonly string[],
): Promise<ReadonlyMap<string, PodStation>> {
  const json = await cluster.kubectl(["get", "pods", "--all-namespaces", "-o", "json"]);
  const pods = (JSON.parse(json) as { items: readonly PodJson[] }).items.filter(
    ({ metadata: { namespace }, status }) =>
      status.phase === "Running" && (namespaces?.includes(namespace) ?? !namespace.startsWith("kube-")),
  );
  const sandboxes = new Map(
    await Promise.all(
      cluster.nodes.map(async (node) => [node.name, await node.cri.listSandboxes()] as const),
    ),
  );
  const stations = pods.map(async ({ metadata, spec, status }): Promise<[string, PodStation]> => {
    const name = `${metadata.namespace}/${metadata.name}`;
    const node = cluster.nodes.find((candidate) => candidate.name === spec.nodeName);
    const sandbox = node === undefined ? undefined : sandboxes.get(node.name)?.get(name);
    if (node === undefined || sandbox === undefined) throw new Error(`pod ${name} has no sandbox`);
    const namespace = await sandboxNamespace(node, sandbox);
    const addresses = (status.podIPs ?? []).map(({ ip }) => ip);
    return [name, { name, namespace, serves: true, node, labels: metadata.labels ?? {}, addresses }];
  });
  return new Map(await Promise.all(stations));
}
