/** What networks, hosts, tenants, segments and groups may be called. */
export const NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;

/** What a policy may be called; long enough for `kube.NAMESPACE.NAME`. */
export const POLICY_ID_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,399}$/;

/** The identifier of an object in the orchestrator. */
export const EXTERNAL_ID_PATTERN = /^[^\p{Cc}]{1,255}$/u;

/** The identifier of a workload; it is part of paths and of the store's keys. */
export const WORKLOAD_ID_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}$/;

/** What a virtual IP may be called; long enough for `NAMESPACE.SERVICE`. */
export const VIRTUAL_IP_NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/;

/** The key of a label, with its prefix (Kubernetes "Labels and Selectors"). */
export const LABEL_KEY_PATTERN = /^[A-Za-z0-9_]([A-Za-z0-9_./-]{0,314}[A-Za-z0-9_])?$/;

/** The value of a label. */
export const LABEL_VALUE_PATTERN = /^[^\p{Cc}]{0,255}$/u;

/** The name of a port of a segment. */
export const PORT_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** The name of a network device of a host (Linux allows 15 bytes). */
export const INTERFACE_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}$/;

/** Most characters of a policy's description, and of the name of a rule. */
export const POLICY_TEXT_LENGTHS = { description: 2000, ruleName: 400 } as const;

/** IP protocols whose packets begin with ports (IANA). */
export const PROTOCOLS_WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132]);

/** ICMP of each family (IANA). */
export const PROTOCOLS_OF_ICMP: ReadonlySet<number> = new Set([1, 58]);

/** Highest number of an IP protocol, of a port, and of a type or code of ICMP. */
export const HIGHEST = { protocol: 255, port: 65_535, icmp: 255 } as const;

/** What a service or a chain may be called; long enough for `NAMESPACE.NAME`. */
export const SERVICE_NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/;
