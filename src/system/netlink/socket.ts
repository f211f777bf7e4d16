import { kernelRefused } from "../kernel-refused.ts";
import { checked, lastErrno, sendInBackground, sys } from "../sys.ts";
import { CONTROL, FLAG } from "./constants.ts";
import { type Message, readMessages } from "./reader.ts";
import { type Acknowledgement, readAcknowledgement } from "./reply.ts";
import { MessageWriter } from "./writer.ts";

const AF_NETLINK = 16;
const MSG_DONTWAIT = 0x40;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const ADD_MEMBERSHIP = 1;
const CAP_ACK = 10;
const EXT_ACK = 11;
const GET_STRICT_CHK = 12;

/** Room for many acknowledgements, or for the events of a busy second. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** The kernel puts at most 32 KiB into one datagram of a dump. */
const DATAGRAM_BYTES = 64 * 1024;
/** Several times what tells of one object. */
const BRIEF_BYTES = 8 * 1024;
/** The kernel answers within the call; this only bounds the wait for an answer that does not come. */
const TIMEOUT_SECONDS = 10n;
/** How often a dump that changed under its reader is begun again. */
const DUMP_ATTEMPTS = 10;
/** Messages per system call: enough to make its cost vanish, little enough for any send buffer. */
const BATCH_MESSAGES = 200;

/** Writes one request with this sequence number, without `NLM_F_ACK`, into the writer. */
export type RequestEncoder = (writer: MessageWriter, sequence: number) => void;

/** Options of {@link openNetlink}. */
export interface NetlinkOptions {
  /** Multicast groups to join; the socket is then non-blocking and for {@link NetlinkSocket.drain} only. */
  readonly groups?: readonly number[];
  /** For a few requests about single objects and then closed: nothing is set that only dumps and crowds need. */
  readonly isBrief?: boolean;
}

/** Opens a netlink socket in the network namespace of the calling thread. @throws RomanaError `kernel-refused`. */
export function openNetlink(protocol: number, options: NetlinkOptions = {}): NetlinkSocket {
  const { groups = [], isBrief = false } = options;
  const flags = SOCK_RAW | SOCK_CLOEXEC | (groups.length > 0 ? SOCK_NONBLOCK : 0);
  const fd = checked(sys.socket(AF_NETLINK, flags, protocol), "open a netlink socket");
  try {
    setOption(fd, SOL_NETLINK, EXT_ACK, 1);
    if (!isBrief) configure(fd, groups);
    return new NetlinkSocket(fd, isBrief ? BRIEF_BYTES : DATAGRAM_BYTES);
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

/** The kernel would bind it with the first request, too, but events and ports are asked for before. */
function configure(fd: number, groups: readonly number[]): void {
  setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES);
  setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES);
  setOption(fd, SOL_NETLINK, CAP_ACK, 1);
  setOption(fd, SOL_NETLINK, GET_STRICT_CHK, 1);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(TIMEOUT_SECONDS, 0);
  checked(sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16), "set a netlink timeout");
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  checked(sys.bind(fd, address, address.length), "bind a netlink socket");
  for (const group of groups) setOption(fd, SOL_NETLINK, ADD_MEMBERSHIP, group);
}

function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  checked(sys.setsockopt(fd, level, name, bytes, 4), `set option ${name} of a netlink socket`);
}

/** Port id of a netlink socket: what its messages and the events they cause carry. */
export function portOf(fd: number): number {
  const address = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  checked(sys.getsockname(fd, address, length), "read the address of a netlink socket");
  return address.readUInt32LE(4);
}

/**
 * One netlink socket. The kernel handles a request within the sending call, so everything here is synchronous.
 */
export class NetlinkSocket {
  /** For {@link watchReadable}. */
  readonly fd: number;
  readonly #writer: MessageWriter;
  readonly #received: Buffer;
  #sequence = 0;
  #open = true;

  /** @param capacity bytes of the largest datagram that it receives */
  constructor(fd: number, capacity: number = DATAGRAM_BYTES) {
    this.fd = fd;
    this.#received = Buffer.alloc(capacity);
    this.#writer = new MessageWriter(capacity / 4);
  }

  /** See {@link portOf}; 0 for a brief socket before its first request. */
  get port(): number {
    return portOf(this.fd);
  }

  /** Sends one request and returns the kernel's answer. */
  request(encode: RequestEncoder): Acknowledgement {
    return this.requestAll([encode])[0] ?? {};
  }

  /**
   * Sends the requests in order, many per system call, and returns the failures by position. Only the last
   * request of each call asks for an answer: the kernel reports failures unasked.
   */
  requestAll(encoders: readonly RequestEncoder[]): Acknowledgement[] {
    const failures: Acknowledgement[] = [];
    for (let start = 0; start < encoders.length; start += BATCH_MESSAGES) {
      const first = this.#writeAll(encoders.slice(start, start + BATCH_MESSAGES));
      this.#send();
      this.#receiveFailures(first).forEach((failure, index) => {
        failures[start + index] = failure;
      });
    }
    return failures;
  }

  /**
   * As {@link requestAll} on another thread, for what makes the kernel wait. Nothing else may be sent before the
   * promise is settled.
   * @param encoders as many as one system call takes ({@link BATCH_MESSAGES})
   * @param visit called with the answer to a question among the requests
   * @returns undefined when the socket was closed meanwhile
   */
  async requestAllInBackground(
    encoders: readonly RequestEncoder[],
    visit?: (bytes: Buffer, message: Message) => void,
  ): Promise<Acknowledgement[] | undefined> {
    const first = this.#writeAll(encoders);
    const sent = await sendInBackground(this.fd, this.#writer.bytes);
    if (!this.#open) return undefined;
    // The reason stayed on the other thread: trying again here tells it, or succeeds.
    if (sent < 0) this.#send();
    return this.#receiveFailures(first, visit);
  }

  /**
   * Sends messages that belong together (an nfnetlink batch) and returns the first failure, if any, with the position
   * of its message.
   * @param visit called with what the kernel tells besides
   */
  transact(
    encode: (writer: MessageWriter, nextSequence: () => number) => void,
    visit: (bytes: Buffer, message: Message) => void,
  ): Acknowledgement & { readonly position?: number } {
    const first = this.#sequence + 1;
    let failure: Acknowledgement & { position?: number } = {};
    this.#writer.reset();
    encode(this.#writer, () => ++this.#sequence);
    this.#send();
    this.#receiveUntil((message) => {
      if (message.type !== CONTROL.ERROR) visit(this.#received, message);
      if (message.type !== CONTROL.ERROR || message.sequence < first) return false;
      const answer = readAcknowledgement(this.#received, message);
      if (answer.errno !== undefined) failure = { ...answer, position: message.sequence - first };
      return true;
    });
    this.drain((bytes, message) => {
      if (message.type !== CONTROL.ERROR) visit(bytes, message);
    });
    return failure;
  }

  /**
   * Sends a dump request and calls back for each message of the answer, in this call. A dump that the kernel
   * marks as interrupted by a change is read again from the start; `restart` is called before.
   * @returns the kernel's refusal, such as `ENOENT`, or an empty answer.
   */
  dump(
    encode: RequestEncoder,
    visit: (bytes: Buffer, message: Message) => void,
    restart: () => void,
  ): Acknowledgement {
    for (let attempt = 1; ; attempt++) {
      const { answer, interrupted } = this.#dumpOnce(encode, visit);
      if (!interrupted || attempt === DUMP_ATTEMPTS) return answer;
      restart();
    }
  }

  #dumpOnce(
    encode: RequestEncoder,
    visit: (bytes: Buffer, message: Message) => void,
  ): { answer: Acknowledgement; interrupted: boolean } {
    let answer: Acknowledgement = {};
    let interrupted = false;
    this.#writer.reset();
    encode(this.#writer, ++this.#sequence);
    this.#writer.addFlags(FLAG.DUMP);
    this.#send();
    this.#receiveUntil((message) => {
      if (message.sequence !== this.#sequence) return false;
      if ((message.flags & FLAG.DUMP_INTERRUPTED) !== 0) interrupted = true;
      if (message.type === CONTROL.ERROR || message.type === CONTROL.DONE) {
        answer = readAcknowledgement(this.#received, message);
        return true;
      }
      visit(this.#received, message);
      return false;
    });
    return { answer, interrupted: interrupted || answer.errno === "EINTR" };
  }

  /**
   * Sends a dump request, on another thread, and reads a datagram of the answer with each step; the kernel goes on when it is
   * read. Nothing else may be sent before the end. @returns the kernel's refusal, or an empty answer
   */
  async *walk(
    encode: RequestEncoder,
    visit: (bytes: Buffer, message: Message) => void,
  ): AsyncGenerator<void, Acknowledgement, undefined> {
    this.#writer.reset();
    encode(this.#writer, ++this.#sequence);
    this.#writer.addFlags(FLAG.DUMP);
    const sent = await sendInBackground(this.fd, this.#writer.bytes);
    // The reason stayed on the other thread: trying again here tells it, or succeeds.
    if (sent < 0) this.#send();
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== this.#sequence) continue;
        if (message.type === CONTROL.ERROR || message.type === CONTROL.DONE) {
          return readAcknowledgement(this.#received, message);
        }
        visit(this.#received, message);
      }
      yield;
    }
  }

  /** Sends a request for one object and returns whether the visitor was called for it. */
  get(encode: RequestEncoder, visit: (bytes: Buffer, message: Message) => void): Acknowledgement {
    let answer: Acknowledgement = {};
    this.#writer.reset();
    encode(this.#writer, ++this.#sequence);
    this.#send();
    this.#receiveUntil((message) => {
      if (message.sequence !== this.#sequence) return false;
      if (message.type === CONTROL.ERROR) answer = readAcknowledgement(this.#received, message);
      else visit(this.#received, message);
      return true;
    });
    return answer;
  }

  /**
   * Reads what is there without waiting.
   * @param limit datagrams after which it leaves the rest for later
   * @returns "overrun" when the kernel had to drop something before, "more" at the limit.
   */
  drain(
    visit: (bytes: Buffer, message: Message) => void,
    limit = Number.POSITIVE_INFINITY,
  ): "empty" | "overrun" | "more" {
    for (let count = 0; count < limit; count++) {
      if (!this.#open) return "empty";
      const length = sys.recv(this.fd, this.#received, this.#received.length, MSG_DONTWAIT);
      if (length < 0) {
        const errno = lastErrno();
        if (errno === "EINTR") continue;
        if (errno === "EAGAIN") return "empty";
        if (errno === "ENOBUFS") return "overrun";
        throw kernelRefused("receive netlink events", errno);
      }
      for (const message of readMessages(this.#received, length)) visit(this.#received, message);
    }
    return "more";
  }

  close(): void {
    if (this.#open) sys.close(this.fd);
    this.#open = false;
  }

  /** Writes requests of which the last asks for an answer; returns the sequence number of the first. */
  #writeAll(encoders: readonly RequestEncoder[]): number {
    const first = this.#sequence + 1;
    this.#writer.reset();
    for (const encode of encoders) encode(this.#writer, ++this.#sequence);
    this.#writer.addFlags(FLAG.ACK);
    return first;
  }

  /** Receives the answers to the requests from a sequence number on; failures by position. */
  #receiveFailures(first: number, visit?: (bytes: Buffer, message: Message) => void): Acknowledgement[] {
    const failures: Acknowledgement[] = [];
    this.#receiveUntil((message) => {
      if (message.sequence < first) return false;
      if (message.type !== CONTROL.ERROR) {
        visit?.(this.#received, message);
        return false;
      }
      const answer = readAcknowledgement(this.#received, message);
      if (answer.errno !== undefined) failures[message.sequence - first] = answer;
      return message.sequence === this.#sequence;
    });
    return failures;
  }

  #send(): void {
    // The number may be another file's by now.
    if (!this.#open) throw kernelRefused("send a netlink request", "EBADF");
    const { bytes } = this.#writer;
    for (;;) {
      const sent = sys.send(this.fd, bytes, bytes.length, 0);
      if (sent >= 0) return;
      const errno = lastErrno();
      if (errno !== "EINTR") throw kernelRefused("send a netlink request", errno);
    }
  }

  /** Receives until the visitor says that the answer is complete. */
  #receiveUntil(visit: (message: Message) => boolean): void {
    for (;;) for (const message of this.#receive()) if (visit(message)) return;
  }

  /** The messages of the next datagram. */
  #receive(): Iterable<Message> {
    for (;;) {
      const length = sys.recv(this.fd, this.#received, this.#received.length, 0);
      if (length >= 0) return readMessages(this.#received, length);
      const errno = lastErrno();
      if (errno !== "EINTR") throw kernelRefused("receive a netlink answer", errno);
    }
  }
}
