import { parseServer } from "../client/index.ts";
import type { SafetyNet } from "../firewall/index.ts";
import { addressPrefix, isAddress, type Prefix, parseAddress } from "../net/index.ts";
import { SAFETY_NET, type SafeTraffic } from "../policy/index.ts";
import type { AgentConfig } from "../schema/index.ts";

const TCP = 6;
const HTTP_PORT = 80;

/**
 * What policies cannot take from this machine: what its configuration says, and the way to romanad. A romanad that is
 * known by name is let through at any address: names are looked up later, and elsewhere.
 * @throws RomanaError `invalid-input` when the server is none.
 */
export function agentSafetyNet({ safetyNet, server }: Pick<AgentConfig, "safetyNet" | "server">): SafetyNet {
  const { origin, socketPath } = parseServer(server);
  if (socketPath !== undefined) return safetyNet;
  const { hostname, port } = new URL(origin);
  const prefix = prefixOfHost(hostname);
  const romanad = {
    protocol: TCP,
    port: port === "" ? HTTP_PORT : Number(port),
    ...(prefix && { prefix }),
  };
  return { ...safetyNet, destinations: [...safetyNet.destinations, romanad] };
}

/** The same in the words of the evaluator, with DHCP, which the rules always have. */
export function safeTraffic({ services, destinations }: SafetyNet): readonly SafeTraffic[] {
  return [
    ...SAFETY_NET.filter(({ protocol }) => protocol !== TCP),
    ...services.map(({ protocol, port }): SafeTraffic => ({ direction: "ingress", protocol, port })),
    ...destinations.map((destination): SafeTraffic => ({ direction: "egress", ...destination })),
  ];
}

function prefixOfHost(hostname: string): Prefix | undefined {
  const text = /^\[(.*)\]$/.exec(hostname)?.[1] ?? hostname;
  return isAddress(text) ? addressPrefix(parseAddress(text)) : undefined;
}
