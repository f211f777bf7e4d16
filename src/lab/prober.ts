import { hasCode, RomanaError } from "../model/index.ts";
import { type Address, type Family, isSameAddress } from "../net/index.ts";
import { decodeEchoReply, encodeEchoRequest } from "../system/packets.ts";
import {
  type Interest,
  type NetworkSocket,
  openSocket,
  pollSockets,
  type SocketKind,
} from "../system/sockets.ts";
import type { Observation, Outcome, Probe, Station } from "./probe.ts";
import { throwIfAborted } from "./programs.ts";

/** How probes are run. */
export interface ProberOptions {
  /** How long silence has to last until it counts, in milliseconds; default 1000. */
  readonly patience?: number;
  readonly signal: AbortSignal;
}

const DEFAULT_PATIENCE = 1000;

/** Tries of a probe that should be answered; busy machines lose or delay packets. One that should not has one. */
const TRIES = 3;

/** Probes under way at a time; each TCP probe holds a socket or two. */
const MAX_UNDERWAY = 6000;

/** Longest wait for sockets, in milliseconds, so that an interrupt is noticed. */
const POLL_TIME = 50;

const FAMILIES = [4, 6] as const satisfies readonly Family[];

const ANY: Readonly<Record<Family, Address>> = { 4: { family: 4, value: 0n }, 6: { family: 6, value: 0n } };

/** What fits into the identifier and the sequence number of an echo. */
const LOW_BITS = 0xffff;

/** Bytes of the numbers that payloads are made of. */
const NUMBER_BYTES = 4;

/** Errors by which a peer says that the packet arrived and nobody wants it. */
const REFUSALS: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET"]);

/** A probe that is under way. */
interface Underway<P> {
  readonly index: number;
  readonly probe: P;
  readonly started: number;
  /** When the current try started. */
  tried: number;
  tries: number;
  /** The connection of a TCP probe. */
  socket?: NetworkSocket | undefined;
  isConnected: boolean;
}

/** Sockets of one station and family. */
interface Port {
  readonly station: number;
  readonly family: Family;
  /** Sends UDP and receives answers. */
  readonly udp: NetworkSocket;
  readonly icmp: NetworkSocket;
  /** Answer probes; absent when the station serves nobody. */
  readonly tcpServer?: NetworkSocket;
  readonly udpServer?: NetworkSocket;
}

/**
 * Runs all probes at once, in this process: sockets inside every namespace, one loop over all of them. Servers
 * say who they are, so that an answer from the wrong place is noticed. `nonce` must differ from run to run: what
 * connection tracking remembers of an earlier run must not let this one through.
 */
export async function runProbes<P extends Probe>(
  probes: readonly P[],
  nonce: number,
  { patience = DEFAULT_PATIENCE, signal }: ProberOptions,
): Promise<readonly (P & Outcome)[]> {
  const prober = new Prober(probes, nonce >>> 0, patience);
  try {
    while (prober.isBusy) {
      throwIfAborted(signal);
      prober.turn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return prober.results();
  } finally {
    prober.close();
  }
}

/** The state of one run. Owns its sockets. */
class Prober<P extends Probe> {
  readonly #probes: readonly P[];
  readonly #nonce: number;
  readonly #patience: number;
  readonly #stations: readonly Station[];
  readonly #ports = new Map<string, Port>();
  readonly #underway = new Map<number, Underway<P>>();
  /** ICMP probes by sequence number, which has 16 bits: more than are under way at a time. */
  readonly #echoes = new Map<number, Underway<P>>();
  readonly #results: (P & Outcome)[] = [];
  #next = 0;

  constructor(probes: readonly P[], nonce: number, patience: number) {
    this.#probes = probes;
    this.#nonce = nonce;
    this.#patience = patience;
    this.#stations = [...new Set(probes.flatMap(({ from, to }) => [from, to]))];
    const wanted = new Map(probes.flatMap(({ to, port }) => (port === undefined ? [] : [[to, port]])));
    try {
      for (const [index, station] of this.#stations.entries()) {
        for (const family of FAMILIES) {
          this.#ports.set(`${index} ${family}`, openPort(index, family, station, wanted.get(station)));
        }
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get isBusy(): boolean {
    return this.#next < this.#probes.length || this.#underway.size > 0;
  }

  results(): readonly (P & Outcome)[] {
    return this.#results;
  }

  /** Starts what may start, waits for sockets, reads what they have, and gives up on what is too old. */
  turn(): void {
    while (this.#next < this.#probes.length && this.#underway.size < MAX_UNDERWAY) this.#start(this.#next++);
    const handlers = new Map<Interest, () => void>();
    for (const port of this.#ports.values()) {
      handlers.set({ socket: port.udp, read: true }, () => this.#readDatagrams(port));
      handlers.set({ socket: port.icmp, read: true }, () => this.#readEchoes(port));
      const { tcpServer, udpServer } = port;
      if (tcpServer) handlers.set({ socket: tcpServer, read: true }, () => serveTcp(tcpServer, port.station));
      if (udpServer) handlers.set({ socket: udpServer, read: true }, () => serveUdp(udpServer, port.station));
    }
    for (const entry of this.#underway.values()) {
      const { socket, isConnected } = entry;
      if (socket === undefined) continue;
      handlers.set({ socket, read: isConnected, write: !isConnected }, () => this.#readConnection(entry));
    }
    for (const ready of pollSockets([...handlers.keys()], POLL_TIME)) handlers.get(ready)?.();
    this.#giveUp();
  }

  close(): void {
    for (const { udp, icmp, tcpServer, udpServer } of this.#ports.values()) {
      for (const socket of [udp, icmp, tcpServer, udpServer]) socket?.close();
    }
    for (const { socket } of this.#underway.values()) socket?.close();
  }

  #start(index: number): void {
    const now = performance.now();
    const probe = this.#probes[index] as P;
    const entry: Underway<P> = { index, probe, started: now, tried: now, tries: 0, isConnected: false };
    this.#underway.set(index, entry);
    this.#try(entry);
  }

  #try(entry: Underway<P>): void {
    entry.tries += 1;
    entry.tried = performance.now();
    const { from, to, protocol, address } = entry.probe;
    const port = this.#portOf(from, address.family);
    let errno: string | undefined;
    if (protocol === "icmp") {
      const packet = encodeEchoRequest(address.family, this.#nonce & LOW_BITS, entry.index & LOW_BITS);
      this.#echoes.set(entry.index & LOW_BITS, entry);
      errno = port.icmp.send(packet, { address, port: 0 });
    } else if (protocol === "udp") {
      errno = port.udp.send(numbers(this.#nonce, entry.index), {
        address,
        port: this.#serverPort(to, address.family, "udp"),
      });
    } else {
      entry.socket?.close();
      entry.isConnected = false;
      entry.socket = openSocket("tcp", address.family, from.namespace);
      errno = entry.socket.connect({ address, port: this.#serverPort(to, address.family, "tcp") });
    }
    // A full queue is not an answer; the next try comes.
    if (errno !== undefined && errno !== "EAGAIN" && errno !== "ENOBUFS")
      this.#finish(entry, meaningOf(errno));
  }

  #readConnection(entry: Underway<P>): void {
    const { socket, probe } = entry;
    if (socket === undefined) return;
    if (!entry.isConnected) {
      const errno = socket.takeError();
      if (errno !== undefined) return this.#finish(entry, meaningOf(errno));
      entry.isConnected = true;
    }
    const received = socket.receive();
    if (received.type === "nothing") return;
    if (received.type === "error") return this.#finish(entry, meaningOf(received.errno));
    if (received.type === "end" || received.bytes.length < NUMBER_BYTES)
      return this.#finish(entry, "misrouted");
    const isRight = this.#stations[received.bytes.readUInt32BE(0)] === probe.to;
    this.#finish(entry, isRight ? "answered" : "misrouted");
  }

  #readDatagrams({ udp }: Port): void {
    for (let received = udp.receive(); received.type !== "nothing"; received = udp.receive()) {
      // An unconnected socket hears of no refusal; other errors are not about one probe.
      if (received.type !== "data" || received.bytes.length < 3 * NUMBER_BYTES) continue;
      const entry = this.#entryOf(received.bytes);
      if (entry === undefined) continue;
      const isRight = this.#stations[received.bytes.readUInt32BE(2 * NUMBER_BYTES)] === entry.probe.to;
      this.#finish(entry, isRight ? "answered" : "misrouted");
    }
  }

  #readEchoes({ icmp, family }: Port): void {
    for (let received = icmp.receive(); received.type !== "nothing"; received = icmp.receive()) {
      if (received.type !== "data") continue;
      const reply = decodeEchoReply(family, received.bytes);
      const entry = reply?.id === (this.#nonce & LOW_BITS) ? this.#echoes.get(reply.sequence) : undefined;
      if (entry === undefined) continue;
      const isRight =
        received.from !== undefined && isSameAddress(received.from.address, entry.probe.address);
      this.#finish(entry, isRight ? "answered" : "misrouted");
    }
  }

  /** The probe that an answer is about; undefined for answers to others, to earlier runs, or too late. */
  #entryOf(payload: Buffer): Underway<P> | undefined {
    if (payload.length < 2 * NUMBER_BYTES || payload.readUInt32BE(0) !== this.#nonce) return undefined;
    return this.#underway.get(payload.readUInt32BE(NUMBER_BYTES));
  }

  #giveUp(): void {
    const now = performance.now();
    for (const entry of this.#underway.values()) {
      if (now - entry.tried < this.#patience) continue;
      const tries = entry.probe.expected.verdict === "accept" ? TRIES : 1;
      if (entry.tries < tries) this.#try(entry);
      else this.#finish(entry, "silent");
    }
  }

  #finish(entry: Underway<P>, observed: Observation): void {
    if (!this.#underway.delete(entry.index)) return;
    entry.socket?.close();
    this.#results.push({ ...entry.probe, observed, elapsed: performance.now() - entry.started });
  }

  #portOf(station: Station, family: Family): Port {
    return this.#ports.get(`${this.#stations.indexOf(station)} ${family}`) as Port;
  }

  #serverPort(station: Station, family: Family, kind: "tcp" | "udp"): number {
    const { tcpServer, udpServer } = this.#portOf(station, family);
    const server = kind === "tcp" ? tcpServer : udpServer;
    if (server === undefined) throw new TypeError(`station "${station.name}" answers no ${kind} probes`);
    return server.localAddress().port;
  }
}

/** @throws RomanaError `conflict` when something else in the namespace has the port. */
function openPort(
  station: number,
  family: Family,
  { name, namespace, serves }: Station,
  port: number | undefined,
): Port {
  const opened: NetworkSocket[] = [];
  const open = (kind: SocketKind, isServer = false): NetworkSocket => {
    const socket = openSocket(kind, family, namespace);
    opened.push(socket);
    if (isServer) socket.bind({ address: ANY[family], port: port ?? 0 });
    if (isServer && kind === "tcp") socket.listen();
    return socket;
  };
  try {
    const client = { station, family, udp: open("udp"), icmp: open("icmp") };
    return serves ? { ...client, tcpServer: open("tcp", true), udpServer: open("udp", true) } : client;
  } catch (error) {
    for (const socket of opened) socket.close();
    throw hasCode(error, "kernel-refused") && error.failure.errno === "EADDRINUSE"
      ? portTaken(name, port ?? 0, error)
      : error;
  }
}

function portTaken(station: string, port: number, cause: Error): RomanaError {
  const reason = `another program listens on port ${port} in "${station}"; probe another port`;
  return new RomanaError(
    `Cannot answer probes: ${reason}`,
    { code: "conflict", noun: "port", name: String(port) },
    { cause },
  );
}

/** Tells everybody who connects who answers. */
function serveTcp(server: NetworkSocket, station: number): void {
  for (let socket = server.accept(); socket !== undefined; socket = server.accept()) {
    socket.send(numbers(station));
    socket.close();
  }
}

/** Sends everybody their datagram back, and who answers. */
function serveUdp(server: NetworkSocket, station: number): void {
  for (let received = server.receive(); received.type !== "nothing"; received = server.receive()) {
    if (received.type !== "data" || received.from === undefined) continue;
    server.send(Buffer.concat([received.bytes, numbers(station)]), received.from);
  }
}

function meaningOf(errno: string): Observation {
  return REFUSALS.has(errno) ? "refused" : "unreachable";
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * NUMBER_BYTES);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * NUMBER_BYTES);
  return bytes;
}
