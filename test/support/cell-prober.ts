import type { KubernetesProtocol } from "../../src/kubernetes/index.ts";
import { type Address, type Family, formatAddress } from "../../src/net/index.ts";
import { type Interest, type NetworkSocket, openSocket, pollSockets } from "../../src/system/sockets.ts";
import type { SceneParty } from "./firewall-scene.ts";
import { FAMILIES } from "./firewall-topology.ts";
import { decodeSctpInit, encodeSctpInit } from "./sctp-init.ts";

/** One packet that begins a flow, and whether it should get there. */
export interface CellProbe {
  readonly from: SceneParty;
  readonly to: SceneParty;
  readonly family: Family;
  readonly protocol: KubernetesProtocol;
  readonly port: number;
  readonly allowed: boolean;
}

/** What came of probes. */
export interface RoundOutcome {
  /** Answered; SCTP, which this kernel may not speak, arrived. */
  readonly passed: ReadonlySet<CellProbe>;
  /** Connections that somebody refused, where silence is the only other answer. */
  readonly refused: ReadonlySet<CellProbe>;
  /** Packets that the rules dropped meanwhile. */
  readonly dropped: number;
}

/** Longest time until every packet has either arrived or been counted as dropped, in milliseconds; TCP tries twice. */
const DEFAULT_PATIENCE = 1500;
const POLL_TIME = 2;
const DESTINATION_UNREACHABLE: Readonly<Record<Family, number>> = { 4: 3, 6: 1 };
const PORT_OF_SCTP_CLIENTS = 40_000;

/**
 * Servers and clients of all parties of a scene in this process: sockets inside every namespace that stay open over many
 * rounds, and one loop over all of them. It needs no time to find out that something is silent: every packet that does
 * not arrive has to be in the counters of dropped ones.
 */
export class CellProber {
  readonly #servers = new Map<string, NetworkSocket>();
  readonly #udpClients = new Map<string, NetworkSocket>();
  readonly #sctp = new Map<string, NetworkSocket>();
  readonly #icmp = new Map<string, NetworkSocket>();
  readonly #patience: number;
  /** What makes packets of one round different from those of all others. */
  #round = 0;

  constructor(patience = DEFAULT_PATIENCE) {
    this.#patience = patience;
  }

  /** Sends all probes at once and waits until it is known of each what has become of it. */
  probe(probes: readonly CellProbe[], drops: () => number): RoundOutcome {
    this.#round = (this.#round + 1) & 0x7fff;
    for (const probe of probes) this.#open(probe);
    const before = drops();
    const round = new Round(probes, this.#round, this.#udpClients, this.#sctp);
    try {
      round.send();
      const deadline = performance.now() + this.#patience;
      for (;;) {
        this.#serve(round);
        const isComplete = round.isComplete();
        const isOver = performance.now() > deadline;
        const dropped = isComplete || isOver ? drops() - before : 0;
        if (isOver || (isComplete && dropped >= round.missing())) {
          return { passed: round.passed, refused: round.refused, dropped };
        }
      }
    } finally {
      round.close();
      this.#serve(round);
    }
  }

  /** Where messages that something is unreachable have come to since this was last asked: nobody may send any. */
  takeRejections(): readonly string[] {
    return [...this.#icmp].flatMap(([place, socket]) => {
      const family = place.includes(":") ? 6 : 4;
      return received(socket)
        .map(({ bytes }) => (family === 4 ? bytes.subarray(((bytes[0] ?? 0) & 0xf) * 4) : bytes))
        .filter(([type]) => type === DESTINATION_UNREACHABLE[family])
        .map(([type, code]) => `${place} received ICMP type ${type} code ${code}`);
    });
  }

  close(): void {
    for (const sockets of [this.#servers, this.#udpClients, this.#sctp, this.#icmp]) {
      for (const socket of sockets.values()) socket.close();
    }
  }

  /** Opens what the probe needs and is not open yet. */
  #open({ from, to, family, protocol, port }: CellProbe): void {
    const open = (
      map: Map<string, NetworkSocket>,
      key: string,
      kind: "tcp" | "udp" | "icmp" | "sctp",
      party: SceneParty,
      bound: number,
    ): void => {
      if (map.has(key)) return;
      const socket = openSocket(kind, family, party.namespace);
      map.set(key, socket);
      socket.bind({ address: addressOf(party, family), port: bound });
      if (kind === "tcp") socket.listen();
    };
    open(this.#icmp, placeOf(from, family), "icmp", from, 0);
    if (protocol === "SCTP") {
      for (const party of [from, to]) open(this.#sctp, placeOf(party, family), "sctp", party, 0);
      return;
    }
    if (protocol === "UDP") open(this.#udpClients, placeOf(from, family), "udp", from, 0);
    const kind = protocol === "TCP" ? "tcp" : "udp";
    open(this.#servers, `${kind} ${port} ${placeOf(to, family)}`, kind, to, port);
  }

  /** Answers, and reads answers, until there is nothing for a moment. */
  #serve(round: Round): void {
    const handlers = new Map<Interest, () => void>();
    for (const [name, socket] of this.#servers) {
      handlers.set({ socket, read: true }, () => (name.startsWith("tcp") ? accept(socket) : echo(socket)));
    }
    for (const socket of this.#udpClients.values()) {
      handlers.set({ socket, read: true }, () => {
        for (const { bytes } of received(socket)) round.takeDatagram(bytes);
      });
    }
    for (const [place, socket] of this.#sctp) {
      handlers.set({ socket, read: true }, () => {
        for (const { bytes } of received(socket)) round.takeInit(place, bytes);
      });
    }
    for (const { socket, probe } of round.connecting()) {
      handlers.set({ socket, write: true }, () => round.takeConnection(probe, socket));
    }
    for (;;) {
      const ready = pollSockets([...handlers.keys()], POLL_TIME);
      for (const interest of ready) {
        handlers.get(interest)?.();
        if (interest.write === true) handlers.delete(interest);
      }
      if (ready.length === 0) return;
    }
  }
}

/** The probes of one round and what is known of them. */
class Round {
  readonly passed = new Set<CellProbe>();
  readonly refused = new Set<CellProbe>();
  readonly #probes: readonly CellProbe[];
  readonly #number: number;
  readonly #udp: ReadonlyMap<string, NetworkSocket>;
  readonly #sctp: ReadonlyMap<string, NetworkSocket>;
  readonly #connections = new Map<CellProbe, NetworkSocket>();

  constructor(
    probes: readonly CellProbe[],
    number: number,
    udp: ReadonlyMap<string, NetworkSocket>,
    sctp: ReadonlyMap<string, NetworkSocket>,
  ) {
    this.#probes = probes;
    this.#number = number;
    this.#udp = udp;
    this.#sctp = sctp;
  }

  /** True when everything that should pass has passed, or was refused. */
  isComplete(): boolean {
    return this.#probes.every((probe) => !probe.allowed || this.passed.has(probe) || this.refused.has(probe));
  }

  /** How many have neither passed nor been refused. */
  missing(): number {
    return this.#probes.length - this.passed.size - this.refused.size;
  }

  send(): void {
    for (const [index, { from, to, family, protocol, port }] of this.#probes.entries()) {
      const address = addressOf(to, family);
      const tag = this.#tagOf(index);
      if (protocol === "TCP") this.#connect(this.#probes[index] as CellProbe);
      if (protocol === "UDP") {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(tag);
        this.#udp.get(placeOf(from, family))?.send(bytes, { address, port });
      }
      if (protocol === "SCTP") {
        const sourcePort = PORT_OF_SCTP_CLIENTS + (this.#number & 0x3fff);
        const init = encodeSctpInit({ sourcePort, destinationPort: port, tag });
        this.#sctp.get(placeOf(from, family))?.send(init, { address, port: 0 });
      }
    }
  }

  *connecting(): Generator<{ readonly probe: CellProbe; readonly socket: NetworkSocket }> {
    for (const [probe, socket] of this.#connections) {
      if (!this.passed.has(probe) && !this.refused.has(probe)) yield { probe, socket };
    }
  }

  takeConnection(probe: CellProbe, socket: NetworkSocket): void {
    if (socket.takeError() === undefined) this.passed.add(probe);
    else this.refused.add(probe);
  }

  takeDatagram(bytes: Buffer): void {
    const probe = bytes.length === 4 ? this.#probeOf(bytes.readUInt32BE(0)) : undefined;
    if (probe?.protocol === "UDP") this.passed.add(probe);
  }

  takeInit(place: string, bytes: Buffer): void {
    const family = place.includes(":") ? 6 : 4;
    const init = decodeSctpInit(family, bytes);
    const probe = init && this.#probeOf(init.tag);
    if (probe?.protocol !== "SCTP" || init?.destinationPort !== probe.port) return;
    if (placeOf(probe.to, probe.family) === place) this.passed.add(probe);
  }

  close(): void {
    for (const socket of this.#connections.values()) socket.close();
    this.#connections.clear();
  }

  #connect(probe: CellProbe): void {
    const socket = openSocket("tcp", probe.family, probe.from.namespace);
    this.#connections.set(probe, socket);
    const address = addressOf(probe.to, probe.family);
    if (socket.connect({ address, port: probe.port }) !== undefined) this.refused.add(probe);
  }

  /** Never 0, and of no other round. */
  #tagOf(index: number): number {
    return (((this.#number + 1) << 16) | index) >>> 0;
  }

  #probeOf(tag: number): CellProbe | undefined {
    return tag >>> 16 === this.#number + 1 ? this.#probes[tag & 0xffff] : undefined;
  }
}

/** A party's address of a family. */
export function addressOf({ name, addresses }: SceneParty, family: Family): Address {
  const address = addresses.find((candidate) => candidate.family === family);
  if (address === undefined) throw new TypeError(`${name} has no IPv${family} address`);
  return address;
}

/** Families in which both have an address. */
export function sharedFamilies(from: SceneParty, to: SceneParty): readonly Family[] {
  return FAMILIES.filter((family) =>
    [from, to].every(({ addresses }) => addresses.some((address) => address.family === family)),
  );
}

function placeOf(party: SceneParty, family: Family): string {
  return `${party.name} ${formatAddress(addressOf(party, family))}`;
}

function received(socket: NetworkSocket): readonly { readonly bytes: Buffer }[] {
  const all: { readonly bytes: Buffer }[] = [];
  for (let got = socket.receive(); got.type !== "nothing"; got = socket.receive()) {
    if (got.type === "data") all.push(got);
  }
  return all;
}

function accept(server: NetworkSocket): void {
  for (let socket = server.accept(); socket !== undefined; socket = server.accept()) socket.close();
}

function echo(server: NetworkSocket): void {
  for (let got = server.receive(); got.type !== "nothing"; got = server.receive()) {
    if (got.type === "data" && got.from !== undefined) server.send(got.bytes, got.from);
  }
}
