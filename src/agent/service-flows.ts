import { formatAddress, prefixContains } from "../net/index.ts";
import type { PortRule, ServiceRules } from "../steering/index.ts";
import type { Flow, Kernel } from "../system/kernel.ts";

/** Flows that are deleted in one turn of the event loop. */
const CUTS_PER_TURN = 100;

/** Protocols that services have, by number. */
const PROTOCOLS: ReadonlyMap<number, PortRule["protocol"]> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

/**
 * Cuts the flows to addresses of services that go where no healthy member is. Connection tracking would lead them there for
 * as long as the client sends: now the next packet of UDP goes to another member, and that of TCP is answered with a reset.
 * @param isCurrent false when the rules are not the ones in force any more
 * @returns how many flows were cut
 * @throws RomanaError when the kernel refuses
 */
export async function cutServiceFlows(
  kernel: Pick<Kernel, "walkFlows" | "deleteFlows">,
  rules: ServiceRules,
  isCurrent: () => boolean,
): Promise<number> {
  const ports = new Map([...rules.ports.values()].map((port) => [placeOf(port), port]));
  const lost: Flow[] = [];
  for await (const flows of kernel.walkFlows()) {
    if (!isCurrent()) return 0;
    lost.push(...flows.filter((flow) => isLost(flow, rules, ports)));
  }
  let cut = 0;
  for (let start = 0; start < lost.length && isCurrent(); start += CUTS_PER_TURN) {
    cut += kernel.deleteFlows(lost.slice(start, start + CUTS_PER_TURN));
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  return cut;
}

function isLost(
  { original, reply }: Flow,
  { prefixes }: ServiceRules,
  ports: ReadonlyMap<string, PortRule>,
): boolean {
  const { destination, protocol: number, destinationPort: port } = original;
  if (!prefixes.some((prefix) => prefix.family === destination.family && prefixContains(prefix, destination)))
    return false;
  const protocol = PROTOCOLS.get(number);
  if (protocol === undefined || port === undefined) return false;
  const rule = ports.get(placeOf({ address: destination, protocol, port }));
  return rule?.members.has(formatAddress(reply.source)) !== true;
}

function placeOf({ address, protocol, port }: Pick<PortRule, "address" | "protocol" | "port">): string {
  return `${formatAddress(address)} ${protocol} ${port}`;
}
