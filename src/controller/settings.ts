import { readFileSync } from "node:fs";
import { invalidInput } from "../model/index.ts";
import { decodeKubernetesConfig, type KubernetesConfig, readYamlMapping } from "../schema/index.ts";

/** The configuration file that is read, when it is there, if none is named. */
export const DEFAULT_CONFIG_FILE = "/etc/romana/kubernetes.yaml";

/** What the command line says; it wins over the file. Absent keys are left to the file. */
export interface Flags {
  /** Configuration file; it must be there. */
  readonly config?: string;
  readonly server?: string;
  readonly kubeconfig?: string;
  readonly listen?: string;
  readonly logLevel?: string;
}

/**
 * The configuration out of file and command line.
 * @throws RomanaError `invalid-input` with every fault, or with the reason why the file cannot be read.
 */
export function loadSettings({ config: file, ...flags }: Flags): KubernetesConfig {
  const what = `read configuration "${file ?? DEFAULT_CONFIG_FILE}"`;
  const document = readYamlMapping(readConfigFile(file, what), what);
  return decodeKubernetesConfig({ ...document, ...flags }, what);
}

function readConfigFile(file: string | undefined, what: string): string {
  try {
    return readFileSync(file ?? DEFAULT_CONFIG_FILE, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (file === undefined && code === "ENOENT") return "";
    throw invalidInput(what, [{ path: "", reason: message }]);
  }
}
