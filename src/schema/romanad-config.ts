import { z } from "zod";
import { decodeWith, oneOf, patterned, quote, strict } from "./decode.ts";

/** Longest path of a unix socket that Linux takes, in bytes. */
const MAX_SOCKET_PATH = 107;

const pathSchema = patterned(/^\/[^\0]*[^\0/]$/, "an absolute path");

/** A TCP address to listen on. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`. */
export const listenSchema = z
  .string()
  .meta({ examples: ["127.0.0.1:9600", "[::1]:9600"] })
  .transform((text, context): ListenAddress => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]+)):([0-9]{1,5})$/.exec(text);
    const port = Number(match?.[3]);
    if (match !== null && port <= 65535) return { host: (match[1] ?? match[2]) as string, port };
    const message = `${quote(text)} is not HOST:PORT, such as 127.0.0.1:9600 or [::1]:9600`;
    context.addIssue({ code: "custom", message, input: text });
    return z.NEVER;
  });

/** Everything that romanad can be told; every key has a default. */
export const romanadConfigSchema = strict({
  socket: pathSchema
    .refine((path) => Buffer.byteLength(path) <= MAX_SOCKET_PATH, {
      error: `is longer than the ${MAX_SOCKET_PATH} bytes that a socket's path may have`,
    })
    .nullable()
    .default("/run/romana/romanad.sock")
    .meta({ description: "Unix socket to listen on, for root only (mode 0600); null for none." }),
  listen: listenSchema.nullable().prefault(null).meta({
    description:
      "TCP address to listen on, such as 127.0.0.1:9600; null for none. There is no authentication: whoever reaches it may do everything.",
  }),
  store: oneOf(["sqlite", "memory"]).default("sqlite").meta({
    description: "`sqlite`: durable, in `data`; `memory`: gone when romanad ends, for trying things out.",
  }),
  data: pathSchema
    .default("/var/lib/romana/romanad")
    .meta({ description: "Directory of the store; made when it is missing (mode 0700)." }),
  coolDown: z
    .number()
    .min(0)
    .max(86_400)
    .default(60)
    .meta({ description: "Seconds that a released address rests before it is used again." }),
  maxRelocations: z.int().min(0).max(100_000).default(1_000).meta({
    description: "Most endpoints of a network that may be on another host than their address says.",
  }),
  heartbeat: z.number().min(1).max(30).default(15).meta({
    description: "Seconds between two signs of life on a watch; clients give up after 45 s of silence.",
  }),
  watchStall: z
    .number()
    .min(1)
    .max(3600)
    .default(30)
    .meta({ description: "Seconds after which a watcher that does not read is cut off; it may resume." }),
  maxConnections: z.int().min(1).max(1_000_000).default(16_000).meta({
    description: "Open connections per listener; more are closed at once. Each needs a file descriptor.",
  }),
  requestTimeout: z
    .number()
    .min(1)
    .max(3600)
    .default(10)
    .meta({ description: "Seconds in which the head and the body of a request must have arrived." }),
  slowRequest: z
    .number()
    .min(0)
    .max(3600)
    .default(1)
    .meta({ description: "Seconds from which on a request is logged as slow." }),
  logLevel: oneOf(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .meta({ description: "What is logged; `debug` has a line for each request." }),
});

/** What romanad was told, with the defaults. */
export type RomanadConfig = z.output<typeof romanadConfigSchema>;

/**
 * Reads the configuration of romanad; `what` starts the message: `Cannot <what>: …`.
 * @throws RomanaError `invalid-input` with all faults.
 */
export function decodeRomanadConfig(value: unknown, what = "read romanad configuration"): RomanadConfig {
  return decodeWith(romanadConfigSchema, what, value);
}
