import { type Attachment, askAgent, attachmentPath } from "./agent-calls.ts";
import { badConfiguration, CniError } from "./cni-error.ts";
import type { Configuration } from "./configuration.ts";
import { isObject, type JsonObject } from "./json-value.ts";
import type { Port } from "./port.ts";
import { attachmentToken, tokenPrefix } from "./token.ts";

/** The key with the attachments that the runtime still knows, and how libcni called it at first. */
const VALID_ATTACHMENTS = "cni.dev/valid-attachments";
const OLDER_KEY = "cni.dev/attachments";

/** GC: detaches everything of this network that the runtime does not list, and goes on over errors. */
export async function collectGarbage(port: Port, { socket, name, json }: Configuration): Promise<undefined> {
  const valid = validTokens(json, name);
  const { body } = await askAgent(port, socket, "GET", attachmentPath());
  const items = Array.isArray(body["items"]) ? (body["items"] as readonly Attachment[]) : [];
  const stale = items
    .map(({ endpoint }) => endpoint.requestToken ?? "")
    .filter((token) => token.startsWith(tokenPrefix(name)) && !valid.has(token));
  const failures: CniError[] = [];
  for (const token of stale) {
    try {
      await askAgent(port, socket, "DELETE", attachmentPath(token));
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      failures.push(error);
    }
  }
  const first = failures[0];
  if (first === undefined) return undefined;
  const details = failures.map(({ message, details: more }) => more ?? message).join("; ");
  throw new CniError(first.code, `${failures.length} of ${stale.length} could not be removed`, details);
}

/** Tokens of what must stay. Without the list nothing is known to be stale; `null` is how Go writes an empty one. */
function validTokens(json: JsonObject, network: string): ReadonlySet<string> {
  const given = json[VALID_ATTACHMENTS] === undefined ? json[OLDER_KEY] : json[VALID_ATTACHMENTS];
  const list = given === null ? [] : given;
  if (!Array.isArray(list)) throw badConfiguration(`${VALID_ATTACHMENTS} is no list`);
  return new Set(
    list.map((item: unknown) => {
      const { containerID, ifname } = isObject(item) ? item : ({} as JsonObject);
      if (typeof containerID === "string" && typeof ifname === "string") {
        return attachmentToken(network, containerID, ifname);
      }
      throw badConfiguration(`${VALID_ATTACHMENTS} has an item without containerID or ifname`);
    }),
  );
}
