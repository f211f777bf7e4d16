import { readFileSync } from "node:fs";
import { invalidInput } from "../model/index.ts";
import { type AgentConfig, decodeAgentConfig, readYamlMapping } from "../schema/index.ts";

/** The configuration file that is read, when it is there, if none is named. */
export const DEFAULT_CONFIG_FILE = "/etc/romana/agent.yaml";

/** What the command line says; it wins over the file. Absent keys are left to the file. */
export interface Flags {
  /** Configuration file; it must be there. */
  readonly config?: string;
  readonly host?: string;
  readonly server?: string;
  /** Directory of what must survive a restart. */
  readonly state?: string;
  readonly socket?: string;
  readonly logLevel?: string;
}

/**
 * The configuration out of file and command line.
 * @throws RomanaError `invalid-input` with every fault, or with the reason why the file cannot be read.
 */
export function loadSettings({ config: file, host, server, state, socket, logLevel }: Flags): AgentConfig {
  const what = `read configuration "${file ?? DEFAULT_CONFIG_FILE}"`;
  const document = readYamlMapping(readConfigFile(file, what), what);
  const flags = Object.entries({ host, server, stateDir: state, socket, logLevel });
  const given = Object.fromEntries(flags.filter(([, value]) => value !== undefined));
  return decodeAgentConfig({ ...document, ...given }, what);
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
