import type { Address, Family } from "../net/index.ts";
import { decodeEchoReply, encodeEchoRequest } from "./packets.ts";
import { type NetworkSocket, openSocket } from "./sockets.ts";
import { type ReadableWait, waitReadable } from "./sys.ts";

/** Highest number of an echo request. */
const HIGHEST = 0xffff;

/** Echo requests that wait for their answers, by number. */
type Waiting = Map<number, () => void>;

/** Asks addresses for an echo (RFC 792, RFC 4443): one raw socket for all that is asked from one address at a time. */
export class EchoAsker {
  readonly #id: number;
  readonly #waiting: Waiting = new Map();
  readonly #readers = new Map<string, Reader>();
  #number = 0;

  /** @param id number of the asker, 0 to 65535; others on this machine may ask, too */
  constructor(id: number) {
    this.#id = id;
  }

  /**
   * True when the address answers within so many milliseconds.
   * @throws RomanaError `kernel-refused`, such as when the source is no address of this machine.
   */
  async ask(address: Address, source: Address, timeout: number): Promise<boolean> {
    const reader = this.#readerOf(source);
    const number = this.#next();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      resolve(false);
    }, timeout);
    this.#waiting.set(number, () => {
      resolve(true);
    });
    try {
      const errno = reader.send(address, encodeEchoRequest(address.family, this.#id, number));
      return errno === undefined && (await promise);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(number);
    }
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  #next(): number {
    do this.#number = this.#number === HIGHEST ? 0 : this.#number + 1;
    while (this.#waiting.has(this.#number));
    return this.#number;
  }

  #readerOf(source: Address): Reader {
    const key = `${source.family} ${source.value}`;
    const known = this.#readers.get(key);
    if (known !== undefined) return known;
    const reader = new Reader(source, (number) => this.#waiting.get(number)?.(), this.#id);
    this.#readers.set(key, reader);
    return reader;
  }
}

/** A socket that is read for as long as it is open. */
class Reader {
  readonly #socket: NetworkSocket;
  readonly #family: Family;
  #wait: ReadableWait | undefined;
  #isClosed = false;

  constructor(source: Address, onAnswer: (number: number) => void, id: number) {
    this.#family = source.family;
    this.#socket = openSocket("icmp", source.family);
    try {
      this.#socket.bind({ address: source, port: 0 });
    } catch (error) {
      this.#socket.close();
      throw error;
    }
    void this.#read(onAnswer, id);
  }

  send(address: Address, message: Buffer): string | undefined {
    return this.#socket.send(message, { address, port: 0 });
  }

  close(): void {
    this.#isClosed = true;
    this.#wait?.cancel();
  }

  async #read(onAnswer: (number: number) => void, id: number): Promise<void> {
    while (!this.#isClosed) {
      this.#wait = waitReadable([this.#socket.fd]);
      await this.#wait.done;
      for (let got = this.#socket.receive(); got.type === "data"; got = this.#socket.receive()) {
        const reply = decodeEchoReply(this.#family, got.bytes);
        if (reply?.id === id) onAnswer(reply.sequence);
      }
    }
    this.#socket.close();
  }
}
