import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { commandLine, findLabProcesses } from "../../../src/lab/processes.ts";
import { runCommand } from "../../../src/system/command.ts";
import { clusterCgroups } from "./cluster-directory.ts";

/** Places of the real machine that Kubernetes, containerd and network plugins write to when they are not kept from it. */
const PLACES = [
  "/etc/cni",
  "/etc/kubernetes",
  "/opt/cni",
  "/run/containerd",
  "/run/netns",
  "/usr/libexec/kubernetes",
  "/var/lib/cni",
  "/var/lib/containerd",
  "/var/lib/kubelet",
  "/var/lib/romana",
  "/var/log/containers",
  "/var/log/pods",
];

/** What is there on this machine of the things that no cluster may change, as text, for a comparison before and after. */
export async function machineState(): Promise<readonly string[]> {
  const links = await runCommand({ argv: ["ip", "-o", "link"] });
  const settings = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"];
  return [
    ...links.split("\n").map((line) => line.split(":").slice(0, 2).join(":")),
    ...settings.map((name) => `${name} ${readFileSync(`/proc/sys/${name}`, "utf8").trim()}`),
    // Other tests come and go with their own network namespaces.
    ...PLACES.filter((path) => path !== "/run/netns").flatMap(filesOf),
    ...filesOf("/run/netns").filter((path) => path.includes("/cni-")),
  ];
}

/** What is left of a cluster: processes, cgroups, mounts, files. */
export function clusterLeftovers(directory: string): readonly string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...findLabProcesses(directory, []).map(({ pid }) => `process ${pid}: ${commandLine(pid).join(" ")}`),
    ...clusterCgroups(basename(directory)),
    ...mounts.filter((line) => line.includes(directory)),
    ...(existsSync(directory) ? [directory] : []),
  ];
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  return [path, ...readdirSync(path).map((name) => `${path}/${name}`)];
}
