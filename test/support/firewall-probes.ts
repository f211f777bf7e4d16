import type { Address } from "../../src/net/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import { decodeEchoReply, encodeEchoRequest } from "../../src/system/packets.ts";
import { type NetworkSocket, openSocket, pollSockets } from "../../src/system/sockets.ts";
import type { FirewallScene, SceneParty } from "./firewall-scene.ts";

/** One way to try: from an address of a party to an address of another. */
export interface Probe {
  readonly from: SceneParty;
  readonly source: Address;
  readonly to: SceneParty;
  readonly destination: Address;
}

/** What came of probes: those that arrived, and how many packets the tables dropped, by reason. */
export interface ProbeOutcome {
  readonly arrived: ReadonlySet<Probe>;
  readonly drops: ReadonlyMap<string, number>;
}

/** Port that probes go to. */
export const PROBE_PORT = 7000;

/** Counters that also count what interfaces say by themselves, such as reports of multicast listeners. */
const NOISY = "multicast";

const TIMEOUT_MS = 5_000;

/** Every party to every other one, over each family that both have; what no endpoint takes part in is left out. */
export function allPairs(parties: readonly SceneParty[]): readonly Probe[] {
  return parties.flatMap((from) =>
    parties
      .filter((to) => to !== from && [from, to].some(({ kind }) => kind === "endpoint"))
      .flatMap((to) =>
        from.addresses.flatMap((source) =>
          to.addresses
            .filter(({ family }) => family === source.family)
            .map((destination) => ({ from, source, to, destination })),
        ),
      ),
  );
}

/** Text of a probe for messages. */
export function describeProbe({ from, source, to, destination }: Probe): string {
  return `${from.name} (${formatAddress(source)}) to ${to.name} (${formatAddress(destination)})`;
}

/** One datagram for each probe, until each has arrived or was counted as dropped. */
export function probeUdp(scene: FirewallScene, probes: readonly Probe[]): ProbeOutcome {
  using sockets = new Sockets();
  const listeners = listenersOf(probes, (to, address) => sockets.bound("udp", to, address, PROBE_PORT));
  return settle(scene, probes, () => {
    for (const [index, { from, source, destination }] of probes.entries()) {
      const socket = sockets.bound("udp", from, source, 0);
      socket.send(Buffer.from(`${index}`), { address: destination, port: PROBE_PORT });
    }
    return (arrived) => {
      for (const { socket } of pollSockets(
        listeners.map((socket) => ({ socket, read: true })),
        10,
      )) {
        for (let got = socket.receive(); got.type === "data"; got = socket.receive()) {
          arrived.add(probes[Number(got.bytes.toString())] as Probe);
        }
      }
    };
  });
}

/** One connection for each probe. */
export function probeTcp(scene: FirewallScene, probes: readonly Probe[]): ProbeOutcome {
  using sockets = new Sockets();
  for (const listener of listenersOf(probes, (to, address) =>
    sockets.bound("tcp", to, address, PROBE_PORT),
  )) {
    listener.listen();
  }
  return settle(scene, probes, () => {
    const pending = probes.map((probe) => {
      const socket = sockets.bound("tcp", probe.from, probe.source, 0);
      socket.connect({ address: probe.destination, port: PROBE_PORT });
      return { socket, write: true, probe };
    });
    return (arrived) => {
      const open = pending.filter(({ probe }) => !arrived.has(probe));
      for (const { socket, probe } of pollSockets(open, 10)) {
        if (socket.takeError() === undefined) arrived.add(probe);
      }
    };
  });
}

/** One echo request for each probe; the answer must come back. */
export function probeEcho(scene: FirewallScene, probes: readonly Probe[]): ProbeOutcome {
  using sockets = new Sockets();
  return settle(scene, probes, () => {
    const pending = probes.map((probe, index) => {
      const socket = sockets.bound("icmp", probe.from, probe.source, 0);
      socket.send(encodeEchoRequest(probe.source.family, ECHO_ID, index), {
        address: probe.destination,
        port: 0,
      });
      return { socket, read: true, index, probe };
    });
    return (arrived) => {
      for (const { socket, index, probe } of pollSockets(pending, 10)) {
        for (let got = socket.receive(); got.type === "data"; got = socket.receive()) {
          const reply = decodeEchoReply(probe.source.family, got.bytes);
          if (reply?.id === ECHO_ID && reply.sequence === index) arrived.add(probe);
        }
      }
    };
  });
}

const ECHO_ID = 0x4657;

function listenersOf(
  probes: readonly Probe[],
  open: (to: SceneParty, address: Address) => NetworkSocket,
): readonly NetworkSocket[] {
  const targets = new Map(
    probes.map(({ to, destination }) => [`${to.name} ${formatAddress(destination)}`, { to, destination }]),
  );
  return [...targets.values()].map(({ to, destination }) => open(to, destination));
}

/** Sends, then collects until everything has either arrived or been dropped by a table. */
function settle(
  scene: FirewallScene,
  probes: readonly Probe[],
  send: () => (arrived: Set<Probe>) => void,
): ProbeOutcome {
  const before = scene.drops();
  const collect = send();
  const arrived = new Set<Probe>();
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    collect(arrived);
    const drops = difference(scene.drops(), before);
    const dropped = [...drops.values()].reduce((sum, count) => sum + count, 0);
    if (arrived.size + dropped >= probes.length || performance.now() > deadline) return { arrived, drops };
  }
}

function difference(
  now: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map(
    [...now]
      .filter(([name, count]) => name !== NOISY && count > (before.get(name) ?? 0))
      .map(([name, count]) => [name, count - (before.get(name) ?? 0)]),
  );
}

/** Sockets that are closed together. */
class Sockets {
  readonly #sockets: NetworkSocket[] = [];

  bound(kind: "udp" | "tcp" | "icmp", party: SceneParty, address: Address, port: number): NetworkSocket {
    const socket = openSocket(kind, address.family, party.namespace);
    this.#sockets.push(socket);
    socket.bind({ address, port });
    return socket;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }
}
