import { add } from "./add.ts";
import { check } from "./check.ts";
import { CNI_CODE, CniError, OWN_CODE, renderError } from "./cni-error.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { type Configuration, parseInput, readConfiguration, versionOf } from "./configuration.ts";
import { type Call, type Command, readCall } from "./environment.ts";
import type { JsonObject } from "./json-value.ts";
import type { Port } from "./port.ts";
import { remove } from "./remove.ts";
import { status } from "./status.ts";
import { type CniVersion, isSince, NEWEST_VERSION, SUPPORTED_VERSIONS } from "./versions.ts";

type Operation = (port: Port, call: Call, configuration: Configuration) => Promise<JsonObject | undefined>;

const OPERATIONS: Readonly<Record<Exclude<Command, "VERSION">, Operation>> = {
  ADD: add,
  DEL: remove,
  CHECK: check,
  GC: (port, _, configuration) => collectGarbage(port, configuration),
  STATUS: (port, _, configuration) => status(port, configuration),
};

/** Since which version of the specification there is an operation; the others always were. */
const FIRST_VERSION: { readonly [command in Command]?: CniVersion } = {
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};

/**
 * Serves one call of a container runtime, as the CNI specification says: environment and standard input in, a result or
 * an error object out. Returns the exit code.
 */
export async function runPlugin(port: Port): Promise<number> {
  let version: CniVersion = NEWEST_VERSION;
  const outcome = async (): Promise<JsonObject | undefined> => {
    const call = readCall(port);
    const input = await readInput(port);
    // A runtime that only asks for versions may have nothing to say.
    const json = call.command === "VERSION" && input.trim() === "" ? {} : parseInput(input);
    version = versionOf(json);
    if (call.command === "VERSION") {
      return { cniVersion: json["cniVersion"] ?? NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS };
    }
    const configuration = readConfiguration(json);
    checkOperation(call.command, configuration.version);
    return OPERATIONS[call.command](port, call, configuration);
  };
  try {
    const result = await outcome();
    if (result !== undefined) port.writeOutput(`${JSON.stringify(result)}\n`);
    return 0;
  } catch (error) {
    return fail(port, asCniError(error), version);
  }
}

function checkOperation(command: Command, version: CniVersion): void {
  const first = FIRST_VERSION[command];
  if (first === undefined || isSince(version, first)) return;
  const details = `${command} is there since ${first}, and the configuration has ${version}`;
  throw new CniError(CNI_CODE.incompatibleVersion, "Incompatible CNI version", details);
}

async function readInput(port: Port): Promise<string> {
  try {
    return await port.readInput();
  } catch (error) {
    throw new CniError(CNI_CODE.inputOutput, "Cannot read standard input", String(error));
  }
}

function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  return new CniError(OWN_CODE.internal, "Something went wrong inside the plugin", String(error));
}

/** Nobody is left to tell when standard output is closed. */
function fail(port: Port, error: CniError, version: CniVersion): number {
  try {
    port.writeOutput(`${renderError(error, version)}\n`);
  } catch {
    return 1;
  }
  return 1;
}
