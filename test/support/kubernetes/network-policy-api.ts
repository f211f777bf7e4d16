import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { readYaml } from "../../../src/schema/index.ts";
import { runCommand } from "../../../src/system/command.ts";

/** The first release that has ClusterNetworkPolicy, as v1alpha2. */
const VERSION = "0.2.0";
const MODULE = `sigs.k8s.io/network-policy-api@v${VERSION}`;

/** The channel with all peers, those that may still change included. */
const FILE = "config/crd/experimental/policy.networking.k8s.io_clusternetworkpolicies.yaml";

/** Milliseconds that Go may take to fetch it. */
const TIMEOUT = 120_000;

/**
 * The definition of ClusterNetworkPolicy as its own project publishes it, out of its Go module when it is not in the cache of
 * this user.
 * @throws RomanaError `command-failed` when there is neither a cache nor Go that reaches its modules
 */
export async function clusterNetworkPolicyDefinition(): Promise<object> {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const path = join(cache, "romana", `network-policy-api-${VERSION}`, "clusternetworkpolicies.yaml");
  if (!existsSync(path)) {
    const download = ["go", "mod", "download", "-json", MODULE];
    const { Dir } = JSON.parse(await runCommand({ argv: download, timeout: TIMEOUT })) as { Dir: string };
    mkdirSync(dirname(path), { recursive: true });
    const own = `${path}.${process.pid}`;
    copyFileSync(join(Dir, FILE), own);
    renameSync(own, path);
  }
  return readYaml(readFileSync(path, "utf8"), path) as object;
}
