import { askAgent } from "./agent-calls.ts";
import { CNI_CODE, CniError } from "./cni-error.ts";
import { type Configuration, readWishes } from "./configuration.ts";
import { isObject, type JsonObject } from "./json-value.ts";
import type { Port } from "./port.ts";

/**
 * STATUS: whether ADD can be served. Code 50 when the agent is away; code 51 when it is there but cannot ask romanad,
 * so that containers cannot reach what has come up meanwhile.
 */
export async function status(port: Port, configuration: Configuration): Promise<undefined> {
  readWishes(configuration);
  const { romanad } = await agentStatus(port, configuration.socket);
  const { connected, error } = isObject(romanad) ? romanad : ({} as JsonObject);
  if (connected === true) return undefined;
  const reason = typeof error === "string" ? error : "it cannot ask romanad";
  throw new CniError(CNI_CODE.limited, "romanad is away, and connectivity may be limited", reason);
}

async function agentStatus(port: Port, socket: string): Promise<JsonObject> {
  try {
    return (await askAgent(port, socket, "GET", "/v1/status")).body;
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(CNI_CODE.unavailable, error.message, error.details);
  }
}
