import { parseArgs } from "node:util";
import { startCluster } from "./cluster.ts";
import type { ProxyMode } from "./node.ts";

/**
 * Keeps a cluster up for people, until Ctrl-C: `node test/support/kubernetes/up.ts [--nodes 3] [--network none]
 * [--proxy iptables|nftables] [--image ARCHIVE]…`.
 */
const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "3" },
    network: { type: "string", default: "stand-in" },
    proxy: { type: "string" },
    image: { type: "string", multiple: true, default: [] },
  },
});
const said = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => said.resolve());

const started = performance.now();
const cluster = await startCluster({
  nodes: Number(values.nodes),
  network: values.network === "none" ? "none" : "stand-in",
  images: values.image,
  ...(values.proxy === undefined ? {} : { proxy: values.proxy as ProxyMode }),
});
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const enter = cluster.nodes.map(
  ({ name, machine }) => `  ${name}: nsenter --target ${machine.pid} --mount --net --uts --ipc --cgroup \\
    --pid=/proc/${machine.pid}/ns/pid_for_children sh\n    logs: ${machine.directory}/logs`,
);
process.stdout.write(`The cluster is up after ${seconds} s. Ctrl-C removes it.

export KUBECONFIG=${cluster.kubeconfig}
export PATH=${cluster.peers.kubectl.replace(/\/kubectl$/, "")}:$PATH

${enter.join("\n")}
`);
await said.promise;
await cluster.close();
