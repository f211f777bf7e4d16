import { z } from "zod";
import { type Address, parseAddress, parsePrefix } from "../net/index.ts";
import { decodeWith, patterned, strict, textOf } from "./decode.ts";
import { allocationShape, encodeEndpoint, endpointResourceSchema, wantOwner } from "./endpoint.ts";
import {
  addressPairSchema,
  deviceNameSchema,
  encodeAddressPair,
  macSchema,
  prefixSchema,
  requestTokenSchema,
} from "./text.ts";

const mtuSchema = z.int().min(1280).max(65535).meta({ description: "MTU in bytes; default 1500." });

const netnsSchema = strict({
  kind: z.literal("netns"),
  netns: patterned(/^\/[^\0]{1,4000}$/, "an absolute path of a network namespace").meta({
    description: "Path of the network namespace.",
    examples: ["/run/netns/web-1", "/proc/4711/ns/net"],
  }),
  interface: deviceNameSchema.meta({ description: "Name of the device to make inside the namespace." }),
  mac: macSchema.exactOptional(),
  mtu: mtuSchema.exactOptional(),
});

const tapSchema = strict({
  kind: z.literal("tap"),
  device: deviceNameSchema.meta({
    description: "The tap device that is there already, such as a hypervisor's.",
  }),
  mac: macSchema.exactOptional().meta({ description: "The guest's MAC address, for the record." }),
});

/** Where an endpoint is wired to: a new device in a network namespace, or a tap that is there already. */
export const attachTargetSchema = z
  .discriminatedUnion("kind", [netnsSchema, tapSchema], {
    error: ({ input }) => (input === undefined ? "is missing" : 'wants the kind "netns" or "tap"'),
  })
  .meta({ id: "AttachTarget" });

const { host: _ownHost, tap: _ownTap, ...ownShape } = allocationShape;

/** What is asked of an agent: an endpoint on its host, and where to wire it to. */
export const attachmentRequestSchema = wantOwner(strict({ ...ownShape, attach: attachTargetSchema })).meta({
  id: "AttachmentRequest",
  description: "What the endpoint shall be, what is left out is chosen; and where it is wired to.",
});

/** An endpoint wired to its host. */
export const attachmentSchema = strict({
  endpoint: endpointResourceSchema,
  attach: attachTargetSchema
    .exactOptional()
    .meta({ description: "Absent when the agent lost its memory and found the endpoint in the kernel." }),
  state: z.enum(["attached", "device-missing", "releasing"]).meta({
    description:
      "`device-missing`: its namespace or tap is gone, the address is kept until it is detached; `releasing`: detached, and romanad is yet to be told.",
  }),
  device: deviceNameSchema.meta({ description: "The device on the host." }),
  interface: deviceNameSchema.exactOptional().meta({ description: "The device in the network namespace." }),
  mac: z.string().exactOptional().meta({ description: "MAC address of the endpoint, where it is known." }),
  mtu: z.int(),
  gateways: addressPairSchema.meta({ description: "The endpoint's default gateway, per family." }),
}).meta({ id: "Attachment", description: "An endpoint wired to its host." });

/** An address of an interface with its prefix length, such as 10.1.0.5/32. @throws SyntaxError */
function parseInterfaceAddress(text: string): { readonly address: Address; readonly prefixLength: number } {
  const slash = text.lastIndexOf("/");
  const address = parseAddress(text.slice(0, slash));
  const { length } = parsePrefix(`${address.family === 4 ? "0.0.0.0" : "::"}${text.slice(slash)}`);
  return { address, prefixLength: length };
}

/** What an attachment is checked for. */
export const attachmentCheckSchema = strict({
  attach: strict({ netns: netnsSchema.shape.netns, interface: deviceNameSchema })
    .exactOptional()
    .meta({ description: "Where it should be; absent: where it was attached." }),
  addresses: z
    .array(
      textOf(parseInterfaceAddress, {
        description: "An address of an interface, with its prefix length.",
        examples: ["10.1.1.27/32"],
      }),
    )
    .max(100)
    .exactOptional()
    .meta({ description: "What the interface should have; absent: the endpoint's addresses." }),
  routes: z.array(prefixSchema).max(1000).exactOptional().meta({
    description:
      "Destinations that should be there, of which those are looked for that the attach made; absent: all of these.",
  }),
}).meta({ id: "AttachmentCheck", description: "What an attachment is checked for." });

/** A name, an address or a request token of an attachment; names and addresses are of the form of tokens. */
export const attachmentRefSchema = requestTokenSchema;

/** Where an endpoint is wired to. */
export type AttachTarget = z.output<typeof attachTargetSchema>;

/** What is asked of an agent. */
export type AttachmentRequest = z.output<typeof attachmentRequestSchema>;

/** What is asked of an agent, as JSON. */
export type AttachmentRequestJson = z.input<typeof attachmentRequestSchema>;

/** An endpoint wired to its host. */
export type AttachmentResource = z.output<typeof attachmentSchema>;

/** An endpoint wired to its host, as JSON. */
export type AttachmentJson = z.input<typeof attachmentSchema>;

/** What an attachment is checked for. */
export type AttachmentCheck = z.output<typeof attachmentCheckSchema>;

/** Reads what an attachment is checked for. @throws RomanaError `invalid-input` with all faults. */
export function decodeAttachmentCheck(value: unknown): AttachmentCheck {
  return decodeWith(attachmentCheckSchema, "check attachment", value);
}

/** Reads what is asked of an agent. @throws RomanaError `invalid-input` with all faults. */
export function decodeAttachmentRequest(value: unknown): AttachmentRequest {
  return decodeWith(attachmentRequestSchema, "attach endpoint", value);
}

/** An attachment as JSON. */
export function encodeAttachment({ endpoint, gateways, ...rest }: AttachmentResource): AttachmentJson {
  return {
    endpoint: { ...encodeEndpoint(endpoint), revision: endpoint.revision },
    ...rest,
    gateways: encodeAddressPair(gateways),
  };
}
