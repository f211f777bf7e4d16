import { z } from "zod";
import { HIGHEST, type NamedPort, PORT_NAME_PATTERN, PROTOCOLS_WITH_PORTS } from "../model/index.ts";
import { patterned, strict } from "./decode.ts";
import { encodeProtocol, protocolSchema } from "./protocol.ts";

/** The name of a port of a segment. */
export const portNameSchema = patterned(
  PORT_NAME_PATTERN,
  'a port name: 1 to 63 letters, digits, "_" or "-", the first a letter or digit',
).meta({ description: "Name of a port.", examples: ["http"] });

/** A port number. */
export const portSchema = z.int().min(0).max(HIGHEST.port);

/** A port with a name; only protocols with ports have one. */
const namedPortSchema = strict({
  name: portNameSchema,
  protocol: protocolSchema,
  port: portSchema.min(1),
}).refine(({ protocol }) => PROTOCOLS_WITH_PORTS.has(protocol), {
  error: "this protocol has no ports",
  path: ["protocol"],
});

/** The ports of a segment that policies may name; one per name and protocol. */
export const namedPortsSchema = z
  .array(namedPortSchema)
  .max(100)
  .refine(
    (ports) => new Set(ports.map(({ name, protocol }) => `${name}/${protocol}`)).size === ports.length,
    { error: "has two ports of the same name and protocol" },
  )
  .meta({ description: "Ports that policies may name." });

/** Ports with names as JSON. */
export function encodeNamedPorts(ports: readonly NamedPort[]): z.input<typeof namedPortsSchema> {
  return ports.map(({ name, protocol, port }) => ({ name, protocol: encodeProtocol(protocol), port }));
}
