import { z } from "zod";
import { HEALTH_DEFAULTS, type HealthCheck, HIGHEST } from "../model/index.ts";
import { oneOf, patterned, quote, strict } from "./decode.ts";
import { portNameSchema } from "./named-port.ts";

/** Longest time between two probes, and longest time that one may take, in milliseconds. */
const MAX_TIME = 60_000;
/** Shortest ones: a host probes each of its endpoints so often. */
const MIN_TIME = 100;
/** Most probes in a row that change what an endpoint counts as. */
const MAX_COUNT = 100;

/** A port by its number, or by the name that it has in the segment. */
export const portReferenceSchema = z
  .union([z.int().min(1).max(HIGHEST.port), portNameSchema], {
    error: ({ input }) => `${quote(input)} is neither a port in 1..${HIGHEST.port} nor the name of one`,
  })
  .meta({ description: "A number, or the name of a port of the segment.", examples: [8080, "http"] });

const time = (initial: number, description: string): z.ZodDefault<z.ZodInt> =>
  z.int().min(MIN_TIME).max(MAX_TIME).default(initial).meta({ description });
const count = (initial: number, description: string): z.ZodDefault<z.ZodInt> =>
  z.int().min(1).max(MAX_COUNT).default(initial).meta({ description });

/** How the host of an endpoint finds out whether it works. */
export const healthCheckSchema = strict({
  protocol: oneOf(["tcp", "http", "icmp"]).meta({
    description: "A connection, an answer of 200 to 399 to GET, or an echo.",
  }),
  port: portReferenceSchema.exactOptional(),
  path: patterned(/^\/[\x21-\x7e]{0,1023}$/, "a path of a URL, such as /healthz")
    .exactOptional()
    .meta({ description: "Of an HTTP request; default /." }),
  interval: time(HEALTH_DEFAULTS.interval, "From one probe to the next, in milliseconds."),
  timeout: time(HEALTH_DEFAULTS.timeout, "A probe without an answer fails after so many milliseconds."),
  failures: count(HEALTH_DEFAULTS.failures, "So many failures in a row make an endpoint unhealthy."),
  successes: count(HEALTH_DEFAULTS.successes, "So many successes in a row make it healthy again."),
})
  .check(({ value, issues }) => {
    const { protocol, port, path } = value;
    const refuse = (field: string, message: string): void => {
      issues.push({ code: "custom", path: [field], message, input: value });
    };
    if (protocol === "icmp" && port !== undefined) refuse("port", "icmp has no ports");
    if (protocol !== "icmp" && port === undefined) refuse("port", `is missing: ${protocol} wants one`);
    if (protocol !== "http" && path !== undefined) refuse("path", "only http has a path");
  })
  .meta({ id: "HealthCheck", description: "How the host of an endpoint finds out whether it works." });

/** A health check as JSON. */
export function encodeHealthCheck(check: HealthCheck): z.input<typeof healthCheckSchema> {
  return { ...check };
}
