import type { KernelRoute, KernelRule, Link, LinkAddress, Neighbour, ProxyNeighbour } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { decodeLink, encodeGetLink } from "./netlink/link.ts";
import { decodeLinkAddress, encodeGetAddresses } from "./netlink/link-address.ts";
import {
  decodeNeighbour,
  decodeProxyNeighbour,
  encodeGetNeighbours,
  encodeGetProxyNeighbours,
} from "./netlink/neighbour.ts";
import type { Message } from "./netlink/reader.ts";
import { decodeRoute, encodeGetRoutes } from "./netlink/route.ts";
import { decodeRule, encodeGetRules } from "./netlink/rule.ts";
import type { NetlinkSocket, RequestEncoder } from "./netlink/socket.ts";

/** All links. */
export function readLinks(socket: NetlinkSocket): Link[] {
  return dump(socket, "links", encodeGetLink(), decodeLink);
}

/** The link of this name; undefined when there is none. `visit` may see more in the kernel's answer. */
export function readLink(
  socket: NetlinkSocket,
  name: string,
  visit?: (bytes: Buffer, message: Message) => void,
): Link | undefined {
  let link: Link | undefined;
  socket.get(encodeGetLink(name), (bytes, message) => {
    link = decodeLink(bytes, message);
    visit?.(bytes, message);
  });
  return link;
}

/** All addresses of all links. */
export function readAddresses(socket: NetlinkSocket): LinkAddress[] {
  return dump(socket, "addresses", encodeGetAddresses, decodeLinkAddress);
}

/** Routes of both families in a table, of one protocol or (0) all. */
export function readRoutes(socket: NetlinkSocket, table: number, protocol: number): KernelRoute[] {
  return ([4, 6] as const).flatMap((family) =>
    dump(socket, "routes", encodeGetRoutes(family, table, protocol), decodeRoute),
  );
}

/** Routing policy rules of both families that go by the mark alone. */
export function readRules(socket: NetlinkSocket): KernelRule[] {
  return ([4, 6] as const).flatMap((family) => dump(socket, "rules", encodeGetRules(family), decodeRule));
}

/** All neighbours that have an Ethernet address. */
export function readNeighbours(socket: NetlinkSocket): Neighbour[] {
  return ([4, 6] as const).flatMap((family) =>
    dump(socket, "neighbours", encodeGetNeighbours(family), decodeNeighbour),
  );
}

/** All proxied neighbours. */
export function readProxyNeighbours(socket: NetlinkSocket): ProxyNeighbour[] {
  return ([4, 6] as const).flatMap((family) =>
    dump(socket, "proxied neighbours", encodeGetProxyNeighbours(family), decodeProxyNeighbour),
  );
}

function dump<T>(
  socket: NetlinkSocket,
  what: string,
  encode: RequestEncoder,
  decode: (bytes: Buffer, message: Message) => T | undefined,
): T[] {
  let found: T[] = [];
  const answer = socket.dump(
    encode,
    (bytes, message) => {
      const value = decode(bytes, message);
      if (value !== undefined) found.push(value);
    },
    () => {
      found = [];
    },
  );
  // ENOENT: a routing table that nobody ever put a route into.
  if (answer.errno !== undefined && answer.errno !== "ENOENT") {
    throw kernelRefused(`list ${what}`, answer.errno, answer.detail);
  }
  return found;
}
