import { KubeConfig } from "@kubernetes/client-node";
import { invalidInput } from "../model/index.ts";

/**
 * Where the API server is and who we are: out of a kubeconfig file, or of the service account of the pod that this
 * process runs in.
 * @throws RomanaError `invalid-input` when there is neither, or the file names no cluster.
 */
export function loadKubeConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): KubeConfig {
  const config = new KubeConfig();
  const what = "find the Kubernetes API server";
  if (file === undefined) {
    if ((env["KUBERNETES_SERVICE_HOST"] ?? "") === "") {
      const reason = "this is not a pod of a cluster; name a file";
      throw invalidInput(what, [{ path: "kubeconfig", reason }]);
    }
    config.loadFromCluster();
    return config;
  }
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw invalidInput(what, [{ path: "kubeconfig", reason: (error as Error).message }]);
  }
  if (config.getCurrentCluster() !== null) return config;
  throw invalidInput(what, [{ path: "kubeconfig", reason: `"${file}" has no current context` }]);
}
