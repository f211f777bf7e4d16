import { type Address, type Family, formatAddress } from "../../src/net/index.ts";
import { encodeFrame, encodeUdp } from "../../src/system/packets.ts";
import { type NetworkSocket, openPacketSocket, openSocket, pollSockets } from "../../src/system/sockets.ts";
import { PORTS, SERVICE_ADDRESS, type ServiceParty } from "./service-scene.ts";

/** So long an answer may take, in milliseconds. */
const PATIENCE = 30_000;
/** So long silence has to last until it counts, in milliseconds. */
const SILENCE = 1_000;
/** Flows that are begun before answers are waited for. */
const BURST = 50;

/** Members that answer with their names, over UDP and TCP. */
export class Members {
  readonly #family: Family;
  readonly #members: { readonly name: string; readonly udp: NetworkSocket; readonly tcp: NetworkSocket }[];
  readonly #accepted: { readonly name: string; readonly socket: NetworkSocket }[] = [];
  /** Addresses that datagrams came from, as `MEMBER ADDRESS`. */
  readonly seen = new Set<string>();

  constructor(parties: readonly ServiceParty[], family: Family) {
    this.#family = family;
    this.#members = parties.map(({ name, namespace, addresses }) => {
      const place = { address: ownAddress(addresses, family), port: PORTS.member };
      const [udp, tcp] = [openSocket("udp", family, namespace), openSocket("tcp", family, namespace)];
      udp.bind(place);
      tcp.bind(place);
      tcp.listen();
      return { name, udp, tcp };
    });
  }

  [Symbol.dispose](): void {
    for (const { udp, tcp } of this.#members) for (const socket of [udp, tcp]) socket.close();
    for (const { socket } of this.#accepted) socket.close();
  }

  /**
   * Sends a datagram to the service from each port, and says who answered. Without an answer, as when it was lost or the member is
   * gone, it is sent again.
   */
  ask(namespace: string, source: Address | undefined, ports: readonly number[]): ReadonlyMap<number, string> {
    const answers = new Map<number, string>();
    for (let start = 0; start < ports.length; start += BURST) {
      this.#askSome(namespace, source, ports.slice(start, start + BURST), answers);
    }
    return answers;
  }

  #askSome(
    namespace: string,
    source: Address | undefined,
    ports: readonly number[],
    answers: Map<number, string>,
  ): void {
    const to = { address: SERVICE_ADDRESS[this.#family], port: PORTS.service };
    const clients = ports.map((port) => {
      const socket = openSocket("udp", this.#family, namespace);
      socket.bind({ address: source ?? { family: this.#family, value: 0n }, port });
      return { port, socket };
    });
    const deadline = performance.now() + PATIENCE;
    let waiting = clients;
    try {
      while (waiting.length > 0 && performance.now() < deadline) {
        for (const { socket } of waiting) socket.send(Buffer.from("?"), to);
        const again = performance.now() + SILENCE;
        while (waiting.length > 0 && performance.now() < again) {
          this.serve();
          const ready = pollSockets(
            waiting.map(({ port, socket }) => ({ port, socket, read: true })),
            5,
          );
          for (const { port, socket } of ready) {
            const got = socket.receive();
            if (got.type === "data") answers.set(port, got.bytes.toString());
          }
          waiting = waiting.filter(({ port }) => !answers.has(port));
        }
      }
    } finally {
      for (const { socket } of clients) socket.close();
    }
  }

  /** Connects to the service; `refused` when somebody says no, `silent` when nobody says anything. */
  connect(
    namespace: string,
    source?: Address,
    port: number = PORTS.service,
  ): Connection | "refused" | "silent" {
    const socket = openSocket("tcp", this.#family, namespace);
    if (source !== undefined) socket.bind({ address: source, port: 0 });
    socket.connect({ address: SERVICE_ADDRESS[this.#family], port });
    const connection = new Connection(socket, () => this.serve());
    const outcome = connection.ask();
    if (outcome === "refused" || outcome === "silent") {
      socket.close();
      return outcome;
    }
    return connection;
  }

  /** Answers what has come until now. */
  serve(): void {
    const interests = [
      ...this.#members.flatMap((member) => [
        { kind: "udp", name: member.name, socket: member.udp, read: true } as const,
        { kind: "listen", name: member.name, socket: member.tcp, read: true } as const,
      ]),
      ...this.#accepted.map(({ name, socket }) => ({ kind: "tcp", name, socket, read: true }) as const),
    ];
    for (const { kind, name, socket } of pollSockets(interests, 0)) {
      if (kind === "listen") {
        for (let one = socket.accept(); one !== undefined; one = socket.accept())
          this.#accepted.push({ name, socket: one });
        continue;
      }
      for (let got = socket.receive(); got.type === "data"; got = socket.receive()) {
        if (got.from !== undefined) this.seen.add(`${name} ${formatAddress(got.from.address)}`);
        socket.send(Buffer.from(name), kind === "udp" ? got.from : undefined);
        if (kind === "tcp") break;
      }
    }
  }
}

/** Whether a datagram to a port of the service's address is answered with "port unreachable", or with nothing. */
export function datagram(party: ServiceParty, family: Family, port: number): "refused" | "silent" {
  const socket = openSocket("udp", family, party.namespace);
  try {
    socket.bind({ address: ownAddress(party.addresses, family), port: 0 });
    socket.connect({ address: SERVICE_ADDRESS[family], port });
    const deadline = performance.now() + SILENCE;
    socket.send(Buffer.from("?"));
    while (performance.now() < deadline) {
      for (const one of pollSockets([{ socket, read: true }], 20)) {
        const got = one.socket.receive();
        if (got.type === "error") return "refused";
      }
    }
    return "silent";
  } finally {
    socket.close();
  }
}

/**
 * Sends a datagram to a port of the service's address that nobody serves, from an address that may be somebody else's, and says whether that
 * address's owner hears of it.
 */
export function forge(from: ServiceParty, source: ServiceParty, family: Family): "heard" | "silent" {
  const { wire } = from;
  if (wire === undefined) throw new TypeError(`${from.name} has no device`);
  const ears = openSocket("icmp", family, source.namespace);
  const mouth = openPacketSocket("eth0", from.namespace);
  try {
    const ends = [
      { address: ownAddress(source.addresses, family), port: 4711 },
      { address: SERVICE_ADDRESS[family], port: PORTS.service + 1 },
    ] as const;
    mouth.send(encodeFrame(wire.hostMac, wire.mac, encodeUdp(...ends, Buffer.from("?"))));
    const deadline = performance.now() + SILENCE;
    while (performance.now() < deadline) {
      for (const { socket } of pollSockets([{ socket: ears, read: true }], 20)) {
        const got = socket.receive();
        if (got.type === "data" && isUnreachable(family, got.bytes)) return "heard";
      }
    }
    return "silent";
  } finally {
    ears.close();
    mouth.close();
  }
}

/** Type and code of "port unreachable" (RFC 792, RFC 4443). */
function isUnreachable(family: Family, bytes: Buffer): boolean {
  const message = family === 4 ? bytes.subarray(((bytes[0] ?? 0) & 0xf) * 4) : bytes;
  const [type, code] = message;
  return family === 4 ? type === 3 && code === 3 : type === 1 && code === 4;
}

/** A TCP connection to the service that stays. */
export class Connection {
  readonly #socket: NetworkSocket;
  readonly #serve: () => void;

  constructor(socket: NetworkSocket, serve: () => void) {
    this.#socket = socket;
    this.#serve = serve;
  }

  /** The name of the member at the other end, `refused` when it is cut off, or `silent`. */
  ask(): string {
    const deadline = performance.now() + 3 * SILENCE;
    let isSent = false;
    while (performance.now() < deadline) {
      this.#serve();
      for (const { socket } of pollSockets([{ socket: this.#socket, read: isSent, write: !isSent }], 5)) {
        if (isSent) {
          const got = socket.receive();
          if (got.type === "data") return got.bytes.toString();
          if (got.type === "error" || got.type === "end") return "refused";
        } else {
          if (socket.takeError() !== undefined) return "refused";
          if (socket.send(Buffer.from("?")) !== undefined) return "refused";
          isSent = true;
        }
      }
    }
    return "silent";
  }

  close(): void {
    this.#socket.close();
  }
}

/** The address of an endpoint in a family. */
export function ownAddress(addresses: readonly Address[], family: Family): Address {
  return addresses.find((address) => address.family === family) as Address;
}
