import type { PacketLogEvent } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { NETLINK_NETFILTER } from "./netlink/constants.ts";
import { decodeLoggedPacket, encodeBindLog, type LogSettings } from "./netlink/packet-log.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";
import { type ReadableWait, waitReadable } from "./sys.ts";

/** Enough for all headers; 64 such packets fill half a datagram, and nobody waits longer than 10 ms for his. */
const SETTINGS: LogSettings = { copyBytes: 128, threshold: 64, bufferBytes: 32 * 1024, timeout: 1 };
/** Datagrams read in one turn of the event loop: some thousand packets, whatever the flood. */
const DATAGRAMS_PER_TURN = 32;

/**
 * The packets of one log group (`log group N` of nftables, `NFLOG` of iptables) in a network namespace, from
 * construction until closed. They wait in the kernel's buffer until the iteration asks for them.
 */
export class PacketLog implements AsyncIterable<PacketLogEvent> {
  readonly #socket: NetlinkSocket;
  /** Number of the next packet if none is lost. */
  #next = 0;
  #wait: ReadableWait | undefined;
  #closed = false;

  /** Binds the group in the network namespace of the calling thread. @throws RomanaError `kernel-refused`. */
  constructor(group: number) {
    this.#socket = openNetlink(NETLINK_NETFILTER);
    const { errno, detail } = this.#socket.request(encodeBindLog(group, SETTINGS));
    if (errno === undefined) return;
    this.#socket.close();
    // The kernel's answer when another socket has the group; without the right to bind one, none could be opened.
    const reason = errno === "EPERM" ? "EBUSY" : errno;
    throw kernelRefused(`listen to log group "${group}"`, reason, detail);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PacketLogEvent, void, undefined> {
    try {
      while (!this.#closed) {
        for (const event of this.#drain()) {
          yield event;
          if (this.#closed) return;
        }
        // Also with more to read: others get their turn of the event loop.
        this.#wait = waitReadable([this.#socket.fd]);
        await this.#wait.done;
      }
    } finally {
      this.close();
    }
  }

  /** Ends the iteration at once; the kernel then gives the group to whoever asks. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wait?.cancel();
    this.#socket.close();
  }

  #drain(): PacketLogEvent[] {
    const events: PacketLogEvent[] = [];
    const end = this.#socket.drain((bytes, message) => {
      const found = decodeLoggedPacket(bytes, message);
      if (found === undefined) return;
      const lost = (found.number - this.#next) >>> 0;
      if (lost > 0) events.push({ type: "lost", packets: lost });
      this.#next = (found.number + 1) >>> 0;
      events.push(found.packet);
    }, DATAGRAMS_PER_TURN);
    if (end === "overrun") events.push({ type: "lost" });
    return events;
  }
}
