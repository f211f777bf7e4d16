import type { Family } from "../net/index.ts";
import { errnoName } from "./errno.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { inNamespace } from "./namespace.ts";
import { ADDRESS_FAMILY } from "./netlink/constants.ts";
import {
  decodeSocketAddress,
  encodeSocketAddress,
  SOCKET_ADDRESS_BYTES,
  type SocketAddress,
} from "./socket-address.ts";
import { checked, lastErrno, sys } from "./sys.ts";

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
const POLLOUT = 4;
const POLLFD_BYTES = 8;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 3;
const ETH_P_ARP = 0x0806;
const ICMPV6_FILTER = 1;
const NEIGHBOUR_ADVERTISEMENT = 136;
/** The largest datagram, or frame. */
const RECEIVE_BYTES = 65_536;
const BACKLOG = 1024;

/** Socket type and protocol; `icmp` is raw and stands for ICMPv6 too, `sctp` is raw and knows no associations. */
const KINDS: Record<SocketKind, { readonly type: number; readonly protocol: Record<Family, number> }> = {
  tcp: { type: 1, protocol: { 4: 6, 6: 6 } },
  udp: { type: 2, protocol: { 4: 17, 6: 17 } },
  icmp: { type: SOCK_RAW, protocol: { 4: 1, 6: 58 } },
  sctp: { type: SOCK_RAW, protocol: { 4: 132, 6: 132 } },
};

/** What a socket speaks. IPv4 sockets for `icmp` and `sctp` receive packets with their IP header, IPv6 ones without. */
export type SocketKind = "tcp" | "udp" | "icmp" | "sctp";

/** What {@link NetworkSocket.receive} found. */
export type Received =
  | { readonly type: "data"; readonly bytes: Buffer; readonly from: SocketAddress | undefined }
  /** Nothing yet. */
  | { readonly type: "nothing" }
  /** The other side has closed the connection. */
  | { readonly type: "end" }
  /** Name of the error number, such as `ECONNREFUSED`. */
  | { readonly type: "error"; readonly errno: string };

/**
 * A socket that never blocks. What the network answers is returned as the name of an error number (undefined: none);
 * only misuse throws.
 */
export class NetworkSocket {
  readonly fd: number;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** @throws RomanaError `kernel-refused`, such as `EADDRINUSE` or `EADDRNOTAVAIL`. */
  bind(address: SocketAddress, link = 0): void {
    const bytes = encodeSocketAddress(address, link);
    checked(sys.bind(this.fd, bytes, bytes.length), "bind a socket");
  }

  listen(): void {
    checked(sys.listen(this.fd, BACKLOG), "listen on a socket");
  }

  /** Starts to connect; once writable, {@link takeError} tells how it went. */
  connect(address: SocketAddress, link = 0): string | undefined {
    const bytes = encodeSocketAddress(address, link);
    if (sys.connect(this.fd, bytes, bytes.length) === 0) return undefined;
    const errno = lastErrno();
    return errno === "EINPROGRESS" ? undefined : errno;
  }

  /** The next connection that came in; undefined when there is none. */
  accept(): NetworkSocket | undefined {
    const fd = sys.accept4(this.fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return new NetworkSocket(fd);
    const errno = lastErrno();
    if (["EAGAIN", "ECONNABORTED", "EINTR"].includes(errno)) return undefined;
    throw kernelRefused("accept a connection", errno);
  }

  /** Sends to the given address, or to the connected one. A packet socket sends whole frames. */
  send(bytes: Uint8Array, to?: SocketAddress, link = 0): string | undefined {
    const address = to && encodeSocketAddress(to, link);
    const sent =
      address === undefined
        ? sys.send(this.fd, bytes, bytes.length, MSG_NOSIGNAL)
        : sys.sendto(this.fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length);
    return sent < 0 ? lastErrno() : undefined;
  }

  receive(): Received {
    const from = Buffer.alloc(SOCKET_ADDRESS_BYTES);
    const fromLength = Buffer.from([SOCKET_ADDRESS_BYTES, 0, 0, 0]);
    const length = sys.recvfrom(this.fd, RECEIVED, RECEIVE_BYTES, 0, from, fromLength);
    if (length > 0) {
      const bytes = Buffer.from(RECEIVED.subarray(0, length));
      return { type: "data", bytes, from: decodeSocketAddress(from) };
    }
    if (length === 0) return { type: "end" };
    const errno = lastErrno();
    return errno === "EAGAIN" || errno === "EINTR" ? { type: "nothing" } : { type: "error", errno };
  }

  /** The error that waits on the socket, such as that of a connection that failed; it is then forgotten. */
  takeError(): string | undefined {
    const number = this.#option(SO_ERROR);
    return number === 0 ? undefined : errnoName(number);
  }

  /** Its own address, with the port that the kernel has chosen. */
  localAddress(): SocketAddress {
    const bytes = Buffer.alloc(SOCKET_ADDRESS_BYTES);
    const length = Buffer.from([SOCKET_ADDRESS_BYTES, 0, 0, 0]);
    checked(sys.getsockname(this.fd, bytes, length), "read the address of a socket");
    const address = decodeSocketAddress(bytes);
    if (address === undefined) throw kernelRefused("read the address of a socket", "EAFNOSUPPORT");
    return address;
  }

  close(): void {
    if (this.#open) sys.close(this.fd);
    this.#open = false;
  }

  #option(name: number): number {
    const value = Buffer.alloc(4);
    const length = Buffer.from([4, 0, 0, 0]);
    checked(sys.getsockopt(this.fd, SOL_SOCKET, name, value, length), "read an option of a socket");
    return value.readInt32LE();
  }
}

const RECEIVED = Buffer.alloc(RECEIVE_BYTES);

/**
 * Opens a socket in a network namespace, or in the thread's own without a path; it stays there whoever uses it.
 * @throws RomanaError `not-found` when the namespace is gone.
 */
export function openSocket(kind: SocketKind, family: Family, namespace?: string): NetworkSocket {
  const { type, protocol } = KINDS[kind];
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = within(namespace, () =>
    checked(sys.socket(ADDRESS_FAMILY[family], type | flags, protocol[family]), `open a socket for ${kind}`),
  );
  if (type !== SOCK_RAW) {
    setFlag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (family === 6) setFlag(fd, SOL_IPV6, IPV6_V6ONLY);
  }
  return new NetworkSocket(fd);
}

/**
 * Opens a socket that sends and receives whole Ethernet frames on one device, past routing and firewall.
 * @param received which frames it gets
 * @throws RomanaError `not-found` when the namespace is gone, `kernel-refused` (`ENODEV`) when the device is.
 */
export function openPacketSocket(
  device: string,
  namespace?: string,
  received: "all" | "arp" = "all",
): NetworkSocket {
  return within(namespace, () => {
    const index = sys.if_nametoindex(device);
    if (index === 0) throw kernelRefused(`open device "${device}"`, lastErrno());
    // Without a protocol nothing arrives before the socket is bound to its device.
    const fd = checked(
      sys.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
      "open a packet socket",
    );
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(received === "arp" ? ETH_P_ARP : ETH_P_ALL, 2);
    address.writeInt32LE(index, 4);
    checked(sys.bind(fd, address, address.length), `listen on device "${device}"`);
    return new NetworkSocket(fd);
  });
}

/** Opens an `icmp` socket of IPv6 that receives neighbour advertisements only (RFC 3542, section 3.2). */
export function openAdvertisementSocket(namespace?: string): NetworkSocket {
  const socket = openSocket("icmp", 6, namespace);
  // A bit that is set blocks its type.
  const filter = Buffer.alloc(32, 0xff);
  const word = NEIGHBOUR_ADVERTISEMENT >> 5;
  filter.writeUInt32LE(~(1 << (NEIGHBOUR_ADVERTISEMENT & 31)) >>> 0, word * 4);
  checked(
    sys.setsockopt(socket.fd, KINDS.icmp.protocol[6], ICMPV6_FILTER, filter, filter.length),
    "set an option of a socket",
  );
  return socket;
}

/** What to wait for on a socket. */
export interface Interest {
  readonly socket: NetworkSocket;
  readonly read?: boolean;
  readonly write?: boolean;
}

/**
 * Waits, blocking the thread, until something can be done on one of the sockets or the time is over.
 * @param timeout milliseconds; 0 only looks
 * @returns the interests in which something can be done; an error counts as everything asked for
 */
export function pollSockets<T extends Interest>(interests: readonly T[], timeout: number): readonly T[] {
  const fds = Buffer.alloc(interests.length * POLLFD_BYTES);
  for (const [index, { socket, read, write }] of interests.entries()) {
    fds.writeInt32LE(socket.fd, index * POLLFD_BYTES);
    fds.writeInt16LE((read ? POLLIN : 0) | (write ? POLLOUT : 0), index * POLLFD_BYTES + 4);
  }
  const ready = sys.poll(fds, interests.length, timeout);
  if (ready < 0) {
    const errno = lastErrno();
    if (errno === "EINTR") return [];
    throw kernelRefused("wait for sockets", errno);
  }
  return interests.filter((_, index) => fds.readInt16LE(index * POLLFD_BYTES + 6) !== 0);
}

function within<T>(namespace: string | undefined, run: () => T): T {
  return namespace === undefined ? run() : inNamespace(namespace, run);
}

function setFlag(fd: number, level: number, name: number): void {
  checked(sys.setsockopt(fd, level, name, Buffer.from([1, 0, 0, 0]), 4), "set an option of a socket");
}
