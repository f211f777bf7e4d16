import type { z } from "zod";
import { portNumberSchema } from "./kubernetes-object.ts";

/** A port of a pod with its name. */
export interface ServedPort {
  readonly name: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: z.output<typeof portNumberSchema>;
}

/** How servers for probes name their ports, by convention of the tools that test NetworkPolicies. */
const SERVED = /^serve-([0-9]{1,5})-(tcp|udp|sctp)$/;

/** The ports that names of this convention stand for, wherever in the values they are. */
export function servedPorts(...values: readonly unknown[]): readonly ServedPort[] {
  const names = new Set(values.flatMap(textsIn));
  return [...names].sort().flatMap((name): ServedPort[] => {
    const [, port, protocol] = SERVED.exec(name) ?? [];
    const number = portNumberSchema.safeParse(Number(port));
    if (protocol === undefined || !number.success) return [];
    return [{ name, protocol: protocol.toUpperCase() as ServedPort["protocol"], port: number.data }];
  });
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
