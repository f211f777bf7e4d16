import { z } from "zod";
import { formatSegmentCode, parseSegmentCode } from "../addressing/index.ts";
import {
  type AddressPair,
  EXTERNAL_ID_PATTERN,
  NAME_PATTERN,
  type SegmentCode,
  WORKLOAD_ID_PATTERN,
} from "../model/index.ts";
import {
  type Address,
  formatAddress,
  formatPrefix,
  isAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../net/index.ts";
import { patterned, quote, strict, textOf } from "./decode.ts";

/** What endpoints may be called; besides, an endpoint's name must not read as an address. */
export const ENDPOINT_NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}$/;

/** The name of a network, host, tenant, segment or group. */
export const nameSchema = patterned(
  NAME_PATTERN,
  'a name: 1 to 63 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
).meta({ id: "Name", description: "Name of a network, host, tenant, segment or group.", examples: ["web"] });

/** An address that stays text. */
export const addressTextSchema = z
  .string()
  .refine(isAddress, { error: ({ input }) => `${quote(input)} is no IPv4 or IPv6 address` });

/** The name of an endpoint. */
export const endpointNameSchema = patterned(
  ENDPOINT_NAME_PATTERN,
  'an endpoint name: 1 to 253 letters, digits, "_", ".", ":" or "-", the first a letter, digit or "_"',
)
  .refine((text) => !isAddress(text), {
    error: ({ input }) => `${quote(input)} reads as an address and cannot be a name`,
  })
  .meta({
    id: "EndpointName",
    description: "Name of an endpoint, unique over all endpoints.",
    examples: ["web-1"],
  });

/** What makes an allocation idempotent: the same token always gets the same endpoint. */
export const requestTokenSchema = patterned(
  /^[\x21-\x7e]{1,255}$/,
  "a request token: 1 to 255 printable ASCII characters without spaces",
).meta({ id: "RequestToken", description: "Same token, same endpoint.", examples: ["6f1c2a9e/eth0"] });

/** The identifier of an object in the orchestrator. */
export const externalIdSchema = patterned(
  EXTERNAL_ID_PATTERN,
  "an external ID: 1 to 255 characters without control characters",
).meta({
  id: "ExternalId",
  description: "Identifier of the object in the orchestrator.",
  examples: ["ns/shop"],
});

/** What a hypervisor calls a VM. */
export const instanceSchema = patterned(
  EXTERNAL_ID_PATTERN,
  "an instance ID: 1 to 255 characters without control characters",
).meta({
  id: "InstanceId",
  description: "What the hypervisor calls the VM of an endpoint, such as the UUID of a Nova instance.",
  examples: ["0d2c4a6e-2b7d-4a0e-9a53-9b7e4f1c6d10"],
});

/** The name of a network device. Linux takes more characters; nft text and sysctl names are safe with these. */
export const deviceNameSchema = patterned(
  /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$/,
  'a device name: 1 to 15 letters, digits, "_", ".", "@" or "-", the first a letter, digit or "_"',
).meta({ id: "DeviceName", description: "Name of a network device.", examples: ["eth0"] });

/** A unicast MAC address. */
export const macSchema = patterned(
  /^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$/,
  "a unicast MAC address such as 02:00:00:00:00:01",
).meta({ id: "MacAddress", examples: ["02:00:00:00:00:01"] });

/** The ID of a workload: the orchestrator's own identifier. */
export const workloadIdSchema = patterned(
  WORKLOAD_ID_PATTERN,
  'a workload ID: 1 to 253 letters, digits, "_", ".", ":" or "-", the first a letter, digit or "_"',
).meta({
  id: "WorkloadId",
  description: "The orchestrator's identifier of a workload, such as the UID of a pod.",
  examples: ["6f1c2a9e-52d4-4e0b-9a37-1f6c0d9d8b11"],
});

/** An IPv4 or IPv6 address. */
export const addressSchema = textOf(parseAddress, {
  description: "An IPv4 or IPv6 address in strict text form.",
  examples: ["10.1.1.27"],
});

/** A prefix such as `10.0.0.0/8`; no bit may be set behind its length. */
export const prefixSchema = textOf(parsePrefix, {
  description: "A prefix; no bit is set behind its length.",
  examples: ["10.0.0.0/8"],
});

/** An address of IPv4. */
export const ipv4AddressSchema = textOf((text) => ofFamily(parseAddress(text), 4, text), {
  description: "An IPv4 address.",
  format: "ipv4",
});

/** An address of IPv6. */
export const ipv6AddressSchema = textOf((text) => ofFamily(parseAddress(text), 6, text), {
  description: "An IPv6 address.",
  format: "ipv6",
});

/** A prefix of IPv4. */
export const ipv4PrefixSchema = textOf((text) => ofFamily(parsePrefix(text), 4, text), {
  description: "An IPv4 prefix.",
  examples: ["10.0.0.0/8"],
});

/** A prefix of IPv6. */
export const ipv6PrefixSchema = textOf((text) => ofFamily(parsePrefix(text), 6, text), {
  description: "An IPv6 prefix.",
  examples: ["fd00::/48"],
});

/** At most one address per family. */
export const addressPairSchema = strict({
  ipv4: ipv4AddressSchema.exactOptional(),
  ipv6: ipv6AddressSchema.exactOptional(),
});

/** At most one prefix per family. */
export const prefixPairSchema = strict({
  ipv4: ipv4PrefixSchema.exactOptional(),
  ipv6: ipv6PrefixSchema.exactOptional(),
});

/** A segment code as a number (`5`) or as text with its extra bits (`"5"`, `"5+2"`, `"5-2"`). */
export const segmentCodeSchema = z
  .union([z.int(), z.string()], { error: ({ input }) => notACode(input) })
  .meta({
    id: "SegmentCode",
    description: "A segment code; +N or -N says that it is N bits longer or shorter than the plan's.",
    examples: ["5", "5+2", 5],
  })
  .transform((input, context): SegmentCode => {
    try {
      return parseSegmentCode(String(input));
    } catch {
      context.addIssue({ code: "custom", message: notACode(input), input });
      return z.NEVER;
    }
  });

/** A revision of the store. */
export const revisionSchema = z
  .int()
  .min(0)
  .meta({ id: "Revision", description: "Revision of the store; grows with every change.", examples: [42] });

/** A segment code as JSON: its text. */
export function encodeSegmentCode(code: SegmentCode): string {
  return formatSegmentCode(code);
}

/** The addresses of a pair as text. */
export function encodeAddressPair(pair: AddressPair): { ipv4?: string; ipv6?: string } {
  return {
    ...(pair.ipv4 && { ipv4: formatAddress(pair.ipv4) }),
    ...(pair.ipv6 && { ipv6: formatAddress(pair.ipv6) }),
  };
}

/** The prefixes of a pair as text. */
export function encodePrefixPair(pair: { readonly ipv4?: Prefix; readonly ipv6?: Prefix }): {
  ipv4?: string;
  ipv6?: string;
} {
  return {
    ...(pair.ipv4 && { ipv4: formatPrefix(pair.ipv4) }),
    ...(pair.ipv6 && { ipv6: formatPrefix(pair.ipv6) }),
  };
}

function ofFamily<T extends Address | Prefix>(value: T, family: 4 | 6, text: string): T {
  if (value.family !== family) throw new SyntaxError(`"${text}" is IPv${value.family}, not IPv${family}`);
  return value;
}

function notACode(input: unknown): string {
  return `${quote(input)} is not a segment code such as 5, "5+2" or "5-2"`;
}
