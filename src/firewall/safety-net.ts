import type { SafetyNet } from "./input.ts";
import type { Match, Rule } from "./table.ts";

const UDP = 17;
/** BOOTP and DHCP (RFC 2131), DHCPv6 (RFC 8415): port of the server, port of the client. */
const DHCP_PORTS = [
  { server: 67, client: 68 },
  { server: 547, client: 546 },
] as const;

/** SSH, and nothing else, when nothing is said. */
export const DEFAULT_SAFETY_NET: SafetyNet = { services: [{ protocol: 6, port: 22 }], destinations: [] };

/** What comes before all policies for the machine itself. */
export function safetyNetRules({ services, destinations }: SafetyNet = DEFAULT_SAFETY_NET): {
  readonly incoming: readonly Rule[];
  readonly outgoing: readonly Rule[];
} {
  return {
    incoming: [
      accept({ kind: "neighbour-discovery" }),
      accept({ kind: "router-discovery" }),
      ...DHCP_PORTS.map(({ client }) => accept({ kind: "protocol-port", protocol: UDP, port: client })),
      ...services.map(({ protocol, port }) => accept({ kind: "protocol-port", protocol, port })),
    ],
    outgoing: [
      accept({ kind: "neighbour-discovery" }),
      accept({ kind: "router-discovery" }),
      ...DHCP_PORTS.map(({ server }) => accept({ kind: "protocol-port", protocol: UDP, port: server })),
      ...destinations.map(({ prefix, protocol, port }) =>
        accept(...(prefix ? [{ kind: "destination", prefix } as const] : []), {
          kind: "protocol-port",
          protocol,
          port,
        }),
      ),
    ],
  };
}

function accept(...matches: readonly Match[]): Rule {
  return { matches, verdict: { kind: "accept" } };
}
