/** The addresses of a cluster's machines and of its services, outside of everything that Romana's examples use. */
export const UNDERLAY = {
  ipv4: {
    prefix: "172.18.0.0/24",
    control: "172.18.0.1",
    node: (number: number) => `172.18.0.${10 + number}`,
  },
  ipv6: { prefix: "fd18::/64", control: "fd18::1", node: (number: number) => `fd18::${10 + number}` },
} as const;

/** Prefixes of service addresses. */
export const SERVICE_PREFIXES = { ipv4: "172.20.0.0/16", ipv6: "fd20::/112" } as const;

/** The service address of the API server: the first of the prefix. */
export const API_SERVICE = "172.20.0.1";

/** Port of the API server. */
export const API_PORT = 6443;

/** Lines for `ip -batch` that make the control machine the place where all links of nodes meet. */
export function bridgeLines(): readonly string[] {
  return [
    "link add br0 type bridge",
    "link set br0 up",
    `addr add ${UNDERLAY.ipv4.control}/24 dev br0`,
    `addr add ${UNDERLAY.ipv6.control}/64 dev br0 nodad`,
  ];
}

/** Lines for `ip -batch` on the control machine that join a node to it. */
export function linkLines(number: number, pid: number): readonly string[] {
  return [
    `link add node${number} type veth peer name eth0 netns ${pid}`,
    `link set node${number} master br0 up`,
  ];
}

/**
 * Lines for `ip -batch` on a node. It has no default route, which would hide that a route is missing; service addresses need
 * some route until they are translated.
 */
export function nodeLines(number: number): readonly string[] {
  const { ipv4, ipv6 } = UNDERLAY;
  return [
    "link set eth0 up",
    `addr add ${ipv4.node(number)}/24 dev eth0`,
    `addr add ${ipv6.node(number)}/64 dev eth0 nodad`,
    `route add ${SERVICE_PREFIXES.ipv4} via ${ipv4.control} dev eth0`,
    `route add ${SERVICE_PREFIXES.ipv6} via ${ipv6.control} dev eth0`,
  ];
}
