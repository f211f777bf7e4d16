import { z } from "zod";
import { decodeWith, oneOf, patterned, strict } from "./decode.ts";
import { safeDestinationSchema, safeServiceSchema } from "./safety-net.ts";
import { addressTextSchema, nameSchema } from "./text.ts";

const pathSchema = patterned(/^\/[^\0]*[^\0/]$/, "an absolute path of a file or directory");

/** Linux keeps 15 characters of a device's name. */
const gatewayInterfaceSchema = patterned(
  /^(?!rom[0-9a-f]{8}([0-9a-f]{4})?$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/,
  'a device name of 1 to 15 letters, digits, "_", "." or "-" that no endpoint\'s device can have',
);

/** Tables of the agent's beside the one that has a name of its own; two keepers of one table would take each other's rules away. */
const OTHER_TABLES: readonly string[] = ["romana_services", "romana_chains"];

const tableSchema = patterned(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, "a table name: letters, digits and _").refine(
  (name) => !OTHER_TABLES.includes(name),
  { error: "is another table of the agent's" },
);

/** What of the kernel enforces rules. */
export const firewallSchema = oneOf(["nftables", "iptables"]);

const gatewayServiceSchema = strict({
  protocol: oneOf(["tcp", "udp"]),
  port: z.int().min(1).max(65535),
});

const packetLogSchema = strict({
  drops: z.boolean().default(false),
  group: z.int().min(1).max(65535).default(64),
  perSecond: z.int().min(1).max(1000).default(10),
});

const safetyNetSchema = strict({
  services: z.array(safeServiceSchema).max(100).prefault(["tcp/22"]),
  destinations: z.array(safeDestinationSchema).max(100).default([]),
});

const dhcpSchema = strict({
  enabled: z.boolean().default(false),
  directory: pathSchema.default("/run/romana-dhcp"),
  dns: z.array(addressTextSchema).max(8).default([]),
  domain: patterned(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "a domain name").exactOptional(),
  leaseTime: z.int().min(120).max(2_592_000).default(86_400),
});

const metadataSchema = strict({
  url: patterned(
    /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/,
    "http:// or https:// with a host, without user, query or fragment",
  ).exactOptional(),
  secretFile: pathSchema.exactOptional(),
}).refine(({ url, secretFile }) => (url === undefined) === (secretFile === undefined), {
  error: "url and secretFile need each other",
});

const routingSchema = strict({
  daemon: oneOf(["none", "bird", "frr"]).default("none"),
  directory: pathSchema.default("/run/romana-routing"),
  passwords: pathSchema.exactOptional(),
  template: pathSchema.exactOptional(),
});

/** Everything that an agent can be told; every key has a default. */
export const agentConfigSchema = strict({
  host: nameSchema
    .exactOptional()
    .meta({ description: "Name of this host in romanad; default: the hostname." }),
  server: z
    .string()
    .min(1)
    .default("unix:///run/romana/romanad.sock")
    .meta({ description: "Where romanad is: unix:///PATH or http://HOST:PORT." }),
  stateDir: pathSchema
    .default("/var/lib/romana/agent")
    .meta({ description: "Directory of what the agent must remember over restarts." }),
  socket: pathSchema
    .default("/run/romana/agent.sock")
    .meta({ description: "Unix socket for attach and detach; only root may use it." }),
  gatewayInterface: gatewayInterfaceSchema
    .default("romana-gw")
    .meta({ description: "Device that carries the host's gateway addresses." }),
  table: tableSchema
    .default("romana")
    .meta({ description: "Name of the agent's own nftables table (inet)." }),
  firewall: firewallSchema.default("nftables").meta({
    description:
      "What enforces: `nftables`, or `iptables` (with `ipset`) for hosts without it; that one replaces all rules with each change.",
  }),
  gatewayServices: z
    .array(gatewayServiceSchema)
    .default([])
    .meta({ description: "Ports of the gateway address that endpoints may use, such as DNS." }),
  dhcp: dhcpSchema
    .prefault({ enabled: false, directory: "/run/romana-dhcp", dns: [], leaseTime: 86_400 })
    .meta({
      description:
        "Addresses for guests behind taps, by dnsmasq with its files in `directory`; `dns` and `domain` are what guests hear, `leaseTime` is in seconds.",
    }),
  metadata: metadataSchema.prefault({}).meta({
    description:
      "Nova's metadata service (`url`) for guests, which find it at 169.254.169.254; `secretFile` has what Nova calls `metadata_proxy_shared_secret`. Without them: off.",
  }),
  routing: routingSchema.prefault({ daemon: "none", directory: "/run/romana-routing" }).meta({
    description:
      "A routing daemon (`bird` or `frr`) that the agent keeps for this host when romanad has a fabric, with its files in `directory`; `passwords` is a file of names and passwords of sessions, `template` one with the frame of the configuration.",
  }),
  packetLog: packetLogSchema.prefault({ drops: false, group: 64, perSecond: 10 }).meta({
    description:
      "Log lines for packets: those that policies log, and with `drops` each that is dropped, at most so many a second per reason; `group` is the netlink log group that carries them.",
  }),
  safetyNet: safetyNetSchema.prefault({ services: ["tcp/22"], destinations: [] }).meta({
    description:
      "What policies cannot take from the machine itself: `services` (tcp/22) that it offers, `destinations` (10.0.0.1:9600/tcp, [fd00::1]:9600/tcp, udp/123) that it uses. romanad's own address and port are always among them.",
  }),
  endpointMtu: z.int().min(1280).max(65535).default(1500).meta({ description: "MTU of new endpoints." }),
  workloadWait: z
    .number()
    .min(0)
    .max(600)
    .default(10)
    .meta({ description: "Seconds that an attach waits for a workload that romanad does not know yet." }),
  resyncInterval: z
    .number()
    .min(1)
    .max(86400)
    .default(60)
    .meta({ description: "Seconds between two looks at everything, besides the kernel's events." }),
  logLevel: oneOf(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .meta({ description: "What is logged." }),
});

/** What an agent was told, with the defaults. */
export type AgentConfig = z.output<typeof agentConfigSchema>;

/** Reads the configuration of an agent. @throws RomanaError `invalid-input`; `what` starts the message: `Cannot <what>: …`. */
export function decodeAgentConfig(value: unknown, what: string): AgentConfig {
  return decodeWith(agentConfigSchema, what, value);
}
