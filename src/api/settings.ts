import { readFileSync } from "node:fs";
import { invalidInput } from "../model/index.ts";
import { decodeRomanadConfig, readYamlMapping, type RomanadConfig } from "../schema/index.ts";

/** The configuration file that is read, when it is there, if none is named. */
export const DEFAULT_CONFIG_FILE = "/etc/romana/romanad.yaml";

/** What the command line says; it wins over the file. Absent keys are left to the file. */
export interface Flags {
  /** Configuration file; it must be there. */
  readonly config?: string;
  readonly listen?: string;
  readonly socket?: string;
  readonly data?: string;
  readonly logLevel?: string;
}

/**
 * The configuration out of file and command line.
 * @throws RomanaError `invalid-input` with every fault, or with the reason why the file cannot be read.
 */
export function loadSettings({ config: file, ...flags }: Flags): RomanadConfig {
  const what = `read configuration "${file ?? DEFAULT_CONFIG_FILE}"`;
  const document = readYamlMapping(readConfigFile(file, what), what);
  const config = decodeRomanadConfig({ ...document, ...flags }, what);
  if (config.socket !== null || config.listen !== null) return config;
  throw invalidInput(what, [
    { path: "listen", reason: "there is neither a socket nor an address to listen on" },
  ]);
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
