import { readFileSync } from "node:fs";
import type { Agent } from "../agent/index.ts";
import { createMetadataProxy, listenWhenPossible } from "../metadata/index.ts";
import { invalidInput } from "../model/index.ts";
import { firstAddress, formatAddress } from "../net/index.ts";
import { METADATA, METADATA_PORT } from "../policy/index.ts";
import type { AgentConfig } from "../schema/index.ts";

/** Where failures are told. */
interface Warner {
  warn(fields: object, message: string): void;
}

/**
 * Answers guests of the agent with Nova's metadata, where that is configured. Returns what ends it.
 * @throws RomanaError `invalid-input` when the secret cannot be read.
 */
export function serveMetadata(
  agent: Pick<Agent, "guestAt">,
  { url, secretFile }: AgentConfig["metadata"],
  log: Warner,
): () => Promise<void> {
  if (url === undefined || secretFile === undefined) return () => Promise.resolve();
  const server = createMetadataProxy({
    url: new URL(url),
    secret: readSecret(secretFile),
    guestAt: (address) => agent.guestAt(address),
    onFailure: (reason) => {
      log.warn({ reason, url }, "cannot ask for metadata");
    },
  });
  const place = { host: formatAddress(firstAddress(METADATA)), port: METADATA_PORT };
  return listenWhenPossible(server, place, (reason) => {
    log.warn({ reason }, "cannot serve metadata yet");
  });
}

function readSecret(file: string): string {
  const refused = (reason: string): Error =>
    invalidInput("serve metadata", [{ path: "metadata.secretFile", reason }]);
  let secret: string;
  try {
    secret = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw refused((error as Error).message);
  }
  // Whoever knows the secret can read the metadata of everybody.
  if (secret === "") throw refused(`"${file}" is empty`);
  return secret;
}
