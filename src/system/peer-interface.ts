import { readAddresses, readLink, readRoutes } from "./inventory.ts";
import { MAIN_TABLE, type PeerInterface } from "./kernel.ts";
import { inNamespace } from "./namespace.ts";
import { NETLINK_ROUTE } from "./netlink/constants.ts";
import { openNetlink } from "./netlink/socket.ts";

/** See `peerInterface()` of the kernel. @throws RomanaError `not-found` when the namespace is gone. */
export function readPeerInterface(namespace: string, name: string): PeerInterface | undefined {
  const socket = inNamespace(namespace, () => openNetlink(NETLINK_ROUTE));
  try {
    const link = readLink(socket, name);
    if (link === undefined) return undefined;
    return {
      link,
      addresses: readAddresses(socket).filter((address) => address.link === link.index),
      routes: readRoutes(socket, MAIN_TABLE, 0).filter(({ device }) => device === link.index),
    };
  } finally {
    socket.close();
  }
}
