import { askAgent, attachmentPath } from "./agent-calls.ts";
import type { Configuration } from "./configuration.ts";
import type { Call } from "./environment.ts";
import type { Port } from "./port.ts";
import { tokenOf } from "./token.ts";

/**
 * DEL: detaches the container, as often as it is called, with or without namespace and earlier result. Only when the
 * agent is away it fails, with code 11: nobody else knows what is to be released, and the runtime comes again.
 */
export async function remove(port: Port, call: Call, { socket, name }: Configuration): Promise<undefined> {
  await askAgent(port, socket, "DELETE", attachmentPath(tokenOf(name, call)));
}
