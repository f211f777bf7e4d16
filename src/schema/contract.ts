import { CHAIN_OPERATIONS } from "./contract-chains.ts";
import { DAEMON_OPERATIONS } from "./contract-daemon.ts";
import { FABRIC_OPERATIONS } from "./contract-fabrics.ts";
import { NOUN_OPERATIONS } from "./contract-nouns.ts";
import { POLICY_OPERATIONS } from "./contract-policies.ts";
import { SERVICE_OPERATIONS } from "./contract-services.ts";
import { VIRTUAL_IP_OPERATIONS } from "./contract-virtual-ips.ts";

/**
 * Every operation of the API by its ID. Server, client, CLI and OpenAPI are made from this table; there is no
 * second list.
 */
export const CONTRACT = {
  ...NOUN_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...VIRTUAL_IP_OPERATIONS,
  ...SERVICE_OPERATIONS,
  ...CHAIN_OPERATIONS,
  ...FABRIC_OPERATIONS,
  ...DAEMON_OPERATIONS,
};

/** The ID of an operation. */
export type Operation = keyof typeof CONTRACT;
