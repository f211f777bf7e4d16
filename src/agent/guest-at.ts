import { isAddress } from "../net/index.ts";
import type { Attachments } from "./attachments.ts";
import { endpointKey, type HostKnowledge } from "./host-knowledge.ts";

/** Who asks for metadata, as Nova knows it. */
export interface MetadataGuest {
  /** ID of the instance. */
  readonly instance: string;
  /** ID of its project: the tenant's external ID. */
  readonly tenant: string;
}

/** Who has the address on this host. Undefined for everybody whose instance or project is not known. */
export function guestAt(
  address: string,
  attachments: Pick<Attachments, "find">,
  knowledge: Pick<HostKnowledge, "endpoints" | "tenants"> | undefined,
): MetadataGuest | undefined {
  const attachment = isAddress(address) ? attachments.find(address) : undefined;
  if (attachment === undefined || attachment.isReleasing || knowledge === undefined) return undefined;
  const endpoint = knowledge.endpoints.get(endpointKey(attachment.endpoint)) ?? attachment.endpoint;
  const tenant = knowledge.tenants.find(({ name }) => name === endpoint.tenant)?.externalId;
  const { instance } = endpoint;
  return instance === undefined || tenant === undefined ? undefined : { instance, tenant };
}
