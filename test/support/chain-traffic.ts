import { type Address, formatAddress } from "../../src/net/index.ts";
import { decodeEchoReply, encodeEchoRequest } from "../../src/system/packets.ts";
import { type NetworkSocket, openSocket, pollSockets } from "../../src/system/sockets.ts";
import type { SceneParty } from "./firewall-scene.ts";

/** Ways to ask for an answer. */
export const WAYS = ["tcp", "udp", "icmp"] as const;

/** A protocol of {@link WAYS}. */
export type Way = (typeof WAYS)[number];

/** How long silence has to last until it counts, and how long an answer may take, in milliseconds. */
const PATIENCE = { silence: 700, answer: 30_000 } as const;
const PORT = 7100;
/** Too large for one packet: only the first of its fragments has ports. */
const DATAGRAM = Buffer.alloc(3_000, "?");
const ECHO_ID = 0x4348;

/** What came of a question, with the address that it came from as the one who was asked saw it. */
export interface Exchange {
  readonly outcome: "answered" | "silent" | "refused";
  readonly seenFrom?: string;
}

/**
 * Asks once and expects an answer: it has time.
 * @param server who listens, if not who is asked
 */
export function ask(
  way: Way,
  from: SceneParty,
  to: SceneParty,
  family: 4 | 6,
  port = PORT,
  server = to,
): Exchange {
  return exchange(way, from, to, family, { port, server, patience: PATIENCE.answer });
}

/** Asks once and expects none. */
export function askInVain(way: Way, from: SceneParty, to: SceneParty, family: 4 | 6): Exchange {
  return exchange(way, from, to, family, { port: PORT, server: to, patience: PATIENCE.silence });
}

function exchange(
  way: Way,
  from: SceneParty,
  to: SceneParty,
  family: 4 | 6,
  { port, server: listening, patience }: { port: number; server: SceneParty; patience: number },
): Exchange {
  const destination = addressOf(to, family);
  const deadline = performance.now() + patience;
  const sockets: NetworkSocket[] = [];
  const open = (kind: Way, party: SceneParty, bound: number): NetworkSocket => {
    const socket = openSocket(kind, family, party.namespace);
    sockets.push(socket);
    socket.bind({ address: addressOf(party, family), port: bound });
    return socket;
  };
  try {
    if (way === "tcp") {
      const listener = open("tcp", listening, port);
      listener.listen();
      return talkTcp(open("tcp", from, 0), listener, { address: destination, port }, deadline, sockets);
    }
    if (way === "icmp") {
      const socket = open("icmp", from, 0);
      socket.send(encodeEchoRequest(family, ECHO_ID, 1), { address: destination, port: 0 });
      while (performance.now() < deadline) {
        if (pollSockets([{ socket, read: true }], 20).length === 0) continue;
        const got = socket.receive();
        if (got.type === "data" && decodeEchoReply(family, got.bytes)?.id === ECHO_ID)
          return { outcome: "answered" };
      }
      return { outcome: "silent" };
    }
    const server = open("udp", listening, port);
    const client = open("udp", from, 0);
    client.send(DATAGRAM, { address: destination, port });
    let seenFrom: string | undefined;
    while (performance.now() < deadline) {
      for (const { socket } of pollSockets(
        [
          { socket: server, read: true },
          { socket: client, read: true },
        ],
        20,
      )) {
        const got = socket.receive();
        if (got.type === "error") return { outcome: "refused" };
        if (got.type !== "data" || got.from === undefined) continue;
        if (socket === client) return { outcome: "answered", ...(seenFrom !== undefined && { seenFrom }) };
        seenFrom = formatAddress(got.from.address);
        server.send(got.bytes, got.from);
      }
    }
    return { outcome: "silent", ...(seenFrom !== undefined && { seenFrom }) };
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** Connects, sends both ways, and closes properly, so that every kind of segment goes by. */
function talkTcp(
  client: NetworkSocket,
  listener: NetworkSocket,
  to: { readonly address: Address; readonly port: number },
  deadline: number,
  sockets: NetworkSocket[],
): Exchange {
  client.connect(to);
  let server: NetworkSocket | undefined;
  let isSent = false;
  while (performance.now() < deadline) {
    const ready = pollSockets(
      [
        { socket: listener, read: true },
        { socket: client, read: isSent, write: !isSent },
        ...(server === undefined ? [] : [{ socket: server, read: true }]),
      ],
      20,
    );
    for (const { socket } of ready) {
      if (socket === listener) {
        server = listener.accept();
        if (server !== undefined) sockets.push(server);
      } else if (socket === server) {
        const got = server.receive();
        if (got.type === "data") server.send(got.bytes);
      } else if (isSent) {
        const got = client.receive();
        if (got.type === "error") return { outcome: "refused" };
        if (got.type === "data") return { outcome: "answered" };
      } else {
        const errno = client.takeError();
        if (errno !== undefined) return { outcome: "refused" };
        client.send(Buffer.alloc(4000, "?"));
        isSent = true;
      }
    }
  }
  return { outcome: "silent" };
}

/** The address of a party in a family. */
export function addressOf({ addresses }: SceneParty, family: 4 | 6): Address {
  return addresses.find((address) => address.family === family) as Address;
}
