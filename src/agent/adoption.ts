import { formatPrefix } from "../net/index.ts";
import type { AttachmentRecord } from "../schema/index.ts";
import { type Kernel, MAIN_TABLE, ROMANA_PROTOCOL } from "../system/kernel.ts";
import type { Attachments } from "./attachments.ts";
import { desiredEndpoint } from "./desired.ts";
import { deviceName } from "./device-name.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import { tapFault } from "./tap-fault.ts";

/**
 * The attachments of an agent that lost its memory: endpoints that romanad has allocated on this host and that the
 * kernel has a device for. A device of the endpoint's own name is one, and the tap that it says; for another tap, our
 * route to it says which.
 * @param takesRelocated whether endpoints with addresses of other hosts can be here (ADR 0022)
 */
export function adoptAttachments(
  kernel: Kernel,
  knowledge: HostKnowledge,
  attachments: Attachments,
  takesRelocated: boolean,
): readonly AttachmentRecord[] {
  const links = kernel.links();
  const byName = new Map(links.map((link) => [link.name, link]));
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const routes = new Map(
    kernel
      .routes(MAIN_TABLE, ROMANA_PROTOCOL)
      .flatMap(({ destination, device }) =>
        device === undefined ? [] : [[formatPrefix(destination), byIndex.get(device)] as const],
      ),
  );
  return [...knowledge.endpoints].flatMap(([key, { revision, ...endpoint }]): AttachmentRecord[] => {
    const network = knowledge.network(endpoint.network);
    if (network === undefined || attachments.get(key) !== undefined) return [];
    if (!takesRelocated && endpoint.host !== knowledge.host) return [];
    const name = deviceName(endpoint.addresses);
    const { tap } = endpoint;
    const plugged = tap === undefined ? undefined : byName.get(tap.device);
    if (tap && plugged && tapFault(plugged, tap) === undefined && !byName.has(name)) {
      const { name: device, mtu } = plugged;
      const where = { device, mtu, mac: tap.mac, target: { kind: "tap", ...tap } } as const;
      return [{ endpoint, revision, ...where, isAllocatedHere: false, isPlugged: true, isReleasing: false }];
    }
    const [block] = desiredEndpoint(network, endpoint, { name, isOwn: true }, knowledge.ownHost).owns;
    const link = byName.get(name) ?? (block && routes.get(formatPrefix(block)));
    if (link === undefined) return [];
    const { mtu } = link;
    return [{ endpoint, revision, device: link.name, mtu, isAllocatedHere: true, isReleasing: false }];
  });
}
