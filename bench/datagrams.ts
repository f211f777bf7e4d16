import { type Address } from "../src/net/index.ts";
import { type NetworkSocket, openSocket } from "../src/system/sockets.ts";

const FAMILIES = [4, 6] as const;

type Pair = Readonly<Record<(typeof FAMILIES)[number], NetworkSocket>>;

/**
 * UDP of both families in a namespace. What is sent leaves from other ports than the one that is listened to: an answer
 * to what was sent is allowed for other reasons than something new.
 */
export class Datagrams {
  readonly #port: number;
  readonly #sender: Pair;
  readonly #listener: Pair;

  constructor(namespace: string, port: number) {
    const open = (): Pair => ({ 4: openSocket("udp", 4, namespace), 6: openSocket("udp", 6, namespace) });
    this.#port = port;
    this.#sender = open();
    this.#listener = open();
    for (const family of FAMILIES) this.#listener[family].bind({ address: { family, value: 0n }, port });
  }

  /** Sends a text to the same port elsewhere; a failure is as if it were lost. */
  send(address: Address, text: string): void {
    this.#sender[address.family].send(Buffer.from(text), { address, port: this.#port });
  }

  /** All texts that have arrived since the last call. */
  take(): readonly string[] {
    return FAMILIES.flatMap((family) => {
      const texts: string[] = [];
      for (;;) {
        const found = this.#listener[family].receive();
        if (found.type !== "data") return texts;
        texts.push(found.bytes.toString());
      }
    });
  }

  close(): void {
    for (const family of FAMILIES) {
      this.#sender[family].close();
      this.#listener[family].close();
    }
  }
}
