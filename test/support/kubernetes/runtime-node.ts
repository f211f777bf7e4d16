import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runIp } from "../../../src/lab/command.ts";
import { until } from "../until.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { CriClient } from "./cri-client.ts";
import { PAUSE_IMAGE } from "./images.ts";
import { type Daemon, type Machine, startMachine } from "./machine.ts";
import { linkLines, nodeLines, UNDERLAY } from "./underlay.ts";

/** Where containerd listens, in the machine. */
const SOCKET = "/run/containerd/containerd.sock";

/** Where the runtime looks for a network, in the machine. */
const NETWORK_DIRECTORY = "/etc/cni/net.d";

/**
 * containerd 1.6. Processes here may not make themselves less likely to be killed than they are, hence `restrict_oom_score_adj`;
 * snapshotters that this machine lacks only cost time.
 */
const CONTAINERD_CONFIG = `version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "${NETWORK_DIRECTORY}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
`;

/** A machine of the cluster that runs containers. */
export interface RuntimeNode {
  readonly name: string;
  /** 1, 2, … */
  readonly number: number;
  readonly machine: Machine;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly containerd: Daemon;
  readonly cri: CriClient;
  /** Imports images from an archive of this machine, for pods of the node. */
  importImages(path: string): Promise<void>;
  /** Writes the configuration of a network, which the runtime takes up at once, and `kubectl` sees the node become ready. */
  configureNetwork(file: string, configuration: object): Promise<void>;
  /** Runs lines of `ip -batch` on it. */
  ip(lines: readonly string[]): Promise<void>;
}

/** Name of a node by its number. */
export function nodeName(number: number): string {
  return `node-${number}`;
}

/** Starts a node with containerd and images, joined to the others, without a network for pods. */
export async function startRuntimeNode(
  directory: ClusterDirectory,
  control: Machine,
  number: number,
  images: readonly string[],
): Promise<RuntimeNode> {
  const name = nodeName(number);
  const machine = await startMachine(directory, name);
  await runIp(control.netns, linkLines(number, machine.pid));
  await runIp(machine.netns, nodeLines(number));
  const config = join(machine.directory, "containerd.toml");
  writeFileSync(config, CONTAINERD_CONFIG);
  const containerd = machine.start("containerd", ["containerd", "-c", config]);
  await until(`containerd of ${name} answers`, async () => {
    containerd.check();
    await machine.run(["ctr", "version"]);
  });
  const importImages = async (path: string): Promise<void> => {
    await machine.run(["ctr", "--namespace", "k8s.io", "images", "import", path], { timeout: 120_000 });
  };
  for (const path of images) await importImages(path);
  return {
    name,
    number,
    machine,
    ipv4: UNDERLAY.ipv4.node(number),
    ipv6: UNDERLAY.ipv6.node(number),
    containerd,
    cri: new CriClient(machine.path(SOCKET)),
    importImages,
    async configureNetwork(file, configuration) {
      const path = join(NETWORK_DIRECTORY, file);
      const script = 'mkdir -p "$(dirname "$1")" && cat > "$1.new" && mv "$1.new" "$1"';
      await machine.run(["sh", "-c", script, "sh", path], { input: JSON.stringify(configuration) });
    },
    ip: (lines) => runIp(machine.netns, lines),
  };
}
