import type { BodyOf, CONTRACT } from "../schema/index.ts";
import { wrongInput } from "./input.ts";

type Body = BodyOf<typeof CONTRACT.createService>;

/** A number, or the name of a port; the API says whether it is one. */
function portOf(text: string): number | string {
  return /^[0-9]+$/.test(text) ? Number(text) : text;
}

/**
 * Ports of options, `[NAME=]PROTOCOL/PORT[:TARGET]`, as the API takes them; undefined when none is given.
 * @throws RomanaError `invalid-input`.
 */
export function servicePortsOf(texts: readonly string[]): Body["ports"] | undefined {
  if (texts.length === 0) return undefined;
  return texts.map((text) => {
    const match = /^(?:([^=/:]+)=)?(tcp|udp|sctp)\/([0-9]{1,5})(?::([^=/:]+))?$/.exec(text);
    if (match === null) {
      throw wrongInput("--port", `"${text}" is not [NAME=]PROTOCOL/PORT[:TARGET], such as http=tcp/80:8080`);
    }
    const [, name, protocol, port, target] = match;
    return {
      ...(name !== undefined && { name }),
      protocol: protocol as "tcp" | "udp" | "sctp",
      port: Number(port),
      ...(target !== undefined && { targetPort: portOf(target) }),
    };
  });
}

/** A port as {@link servicePortsOf} reads it. */
export function servicePortText({ name, protocol, port, targetPort }: Body["ports"][number]): string {
  const target = targetPort === undefined || targetPort === port ? "" : `:${targetPort}`;
  return `${name === undefined ? "" : `${name}=`}${protocol}/${port}${target}`;
}

/**
 * A health check of an option, `tcp:PORT`, `http:PORT[/PATH]` or `icmp`, as the API takes it; undefined when there is none.
 * @throws RomanaError `invalid-input`.
 */
export function healthCheckOf(text: string | undefined): Body["health"] {
  if (text === undefined) return undefined;
  const match = /^(tcp|http|icmp)(?::([^/]+))?(\/.*)?$/.exec(text);
  if (match === null) throw wrongInput("--check", `"${text}" is not tcp:PORT, http:PORT[/PATH] or icmp`);
  const [, protocol, port, path] = match;
  return {
    protocol: protocol as "tcp" | "http" | "icmp",
    ...(port !== undefined && { port: portOf(port) }),
    ...(path !== undefined && { path }),
  };
}

/** A health check as {@link healthCheckOf} reads it; its times are not told. */
export function healthCheckText({ protocol, port, path }: NonNullable<Body["health"]>): string {
  return `${protocol}${port === undefined ? "" : `:${port}`}${path ?? ""}`;
}
