import { type Address, formatAddress, isSameAddress } from "../net/index.ts";
import type { Link } from "./kernel.ts";
import {
  decodeAdvertisedTarget,
  decodeArpSender,
  encodeArpRequest,
  encodeSolicitationProbe,
  encodeUnsolicitedAdvertisement,
} from "./packets.ts";
import { type NetworkSocket, openAdvertisementSocket, openPacketSocket } from "./sockets.ts";
import { waitReadable } from "./sys.ts";

/** Who is on a link besides us. */
export interface LinkNeighbours {
  /**
   * Who on the link has the address, as text: a MAC address, or what it answered with; undefined when nobody answers within 0.3 s.
   * @throws RomanaError `kernel-refused` when the link is gone.
   */
  whoHas(link: Link, address: Address): Promise<string | undefined>;
  /** Tells everybody on the link that the address is here. @throws RomanaError `kernel-refused`. */
  announce(link: Link, address: Address): void;
}

/** Probes are sent so often, with so many milliseconds behind each to wait for an answer. */
const PROBES = 3;
const PROBE_WAIT = 100;

/** The {@link LinkNeighbours} of a network namespace, by ARP (RFC 5227) and neighbour discovery (RFC 4862). */
export function createLinkNeighbours(namespace?: string): LinkNeighbours {
  return {
    async whoHas(link, address) {
      const probe = probeFrame(link, address);
      const sender = openPacketSocket(link.name, namespace, "arp");
      const receiver = address.family === 4 ? sender : openAdvertisementSocket(namespace);
      try {
        for (let sent = 0; sent < PROBES; sent++) {
          sender.send(probe);
          const found = await answerWithin(PROBE_WAIT, receiver, link, address);
          if (found !== undefined) return found;
        }
        return undefined;
      } finally {
        sender.close();
        if (receiver !== sender) receiver.close();
      }
    },
    announce(link, address) {
      const { mac = "" } = link;
      const socket = openPacketSocket(link.name, namespace, "arp");
      try {
        socket.send(
          address.family === 4
            ? encodeArpRequest("announcement", address, mac)
            : encodeUnsolicitedAdvertisement(address, mac),
        );
      } finally {
        socket.close();
      }
    },
  };
}

function probeFrame({ mac = "" }: Link, address: Address): Buffer {
  return address.family === 4
    ? encodeArpRequest("probe", address, mac)
    : encodeSolicitationProbe(address, mac);
}

/** Somebody who says within so many milliseconds that the address is theirs. */
async function answerWithin(
  milliseconds: number,
  receiver: NetworkSocket,
  link: Link,
  address: Address,
): Promise<string | undefined> {
  const end = performance.now() + milliseconds;
  for (;;) {
    for (let received = receiver.receive(); received.type === "data"; received = receiver.receive()) {
      const { bytes, from } = received;
      const owner = address.family === 4 ? arpOwner(bytes, link, address) : ndOwner(bytes, address);
      if (owner === "") return from === undefined ? "somebody" : formatAddress(from.address);
      if (owner !== undefined) return owner;
    }
    const left = end - performance.now();
    if (left <= 0) return undefined;
    const wait = waitReadable([receiver.fd]);
    const timer = setTimeout(() => {
      wait.cancel();
    }, left);
    await wait.done;
    clearTimeout(timer);
  }
}

function arpOwner(frame: Buffer, link: Link, address: Address): string | undefined {
  const sender = decodeArpSender(frame);
  const isOther = sender !== undefined && sender.mac !== link.mac && isSameAddress(sender.address, address);
  return isOther ? sender.mac : undefined;
}

/** Empty when the advertisement does not say its MAC address. */
function ndOwner(message: Buffer, address: Address): string | undefined {
  const target = decodeAdvertisedTarget(message);
  if (target === undefined || !isSameAddress(target, address)) return undefined;
  const hasMac = message.length >= 32 && message[24] === 2 && message[25] === 1;
  return hasMac
    ? message
        .subarray(26, 32)
        .toString("hex")
        .replace(/(..)(?!$)/g, "$1:")
    : "";
}
