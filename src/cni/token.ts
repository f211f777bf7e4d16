import { badEnvironment, type Call } from "./environment.ts";

const MAX_TOKEN = 255;

/** Starts the request tokens of all attachments of a network. */
export function tokenPrefix(network: string): string {
  return `cni/${network}/`;
}

/** What an attachment is known by: the key that the specification names. */
export function attachmentToken(network: string, containerId: string, interfaceName: string): string {
  return `${tokenPrefix(network)}${containerId}/${interfaceName}`;
}

/** The token of the call's attachment. @throws CniError code 4 when the container's ID is too long for it. */
export function tokenOf(network: string, { containerId, interfaceName }: Call): string {
  const token = attachmentToken(network, containerId, interfaceName);
  if (token.length <= MAX_TOKEN) return token;
  const rest = MAX_TOKEN - (token.length - containerId.length);
  throw badEnvironment(
    ["CNI_CONTAINERID"],
    `CNI_CONTAINERID has more than the ${rest} characters that the network's name leaves for it`,
  );
}
