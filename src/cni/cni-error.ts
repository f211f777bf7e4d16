import type { ErrorCode } from "../model/index.ts";
import type { CniVersion } from "./versions.ts";

/** Error codes of the specification, section "Error", and of STATUS. */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  inputOutput: 5,
  undecodable: 6,
  badConfiguration: 7,
  tryAgain: 11,
  unavailable: 50,
  limited: 51,
} as const;

/** Own codes besides those of {@link CODE_OF_REFUSAL}. */
export const OWN_CODE = {
  /** The interface of an ADD is there already. */
  interfaceExists: 120,
  /** CHECK has found something wrong. */
  checkFailed: 121,
  /** An attachment that CHECK asks for is not there. */
  notAttached: 122,
  /** The plugin or the agent does what it never should. */
  internal: 199,
} as const;

/** What the plugin's error says for every code that the agent and romanad refuse with. */
export const CODE_OF_REFUSAL: Readonly<Record<ErrorCode, number>> = {
  "invalid-input": CNI_CODE.badConfiguration,
  unavailable: CNI_CODE.tryAgain,
  timeout: CNI_CODE.tryAgain,
  aborted: CNI_CODE.tryAgain,
  "not-found": 101,
  conflict: 102,
  "in-use": 103,
  "revision-mismatch": 104,
  "pool-exhausted": 105,
  "quota-exceeded": 106,
  compacted: 107,
  unauthenticated: 108,
  forbidden: 109,
  "command-failed": 110,
  "kernel-refused": 111,
  unsupported: 112,
  internal: OWN_CODE.internal,
};

/** Why the plugin fails; becomes the specification's error object. */
export class CniError extends Error {
  readonly code: number;
  /** A longer sentence. */
  readonly details: string | undefined;

  constructor(code: number, message: string, details?: string) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The error object of the specification, as JSON text. */
export function renderError({ code, message, details }: CniError, cniVersion: CniVersion): string {
  return JSON.stringify({ cniVersion, code, msg: message, ...(details !== undefined && { details }) });
}

/** A configuration that lacks or misstates something. */
export function badConfiguration(details: string): CniError {
  return new CniError(CNI_CODE.badConfiguration, "Invalid network configuration", details);
}
