import { createSocket, type Socket as Datagrams } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Flow, FlowOrder } from "./flow-meter.ts";

/**
 * Runs inside a network namespace: echoes what comes, and sends along flows to others until it is told to stop. Each UDP flow
 * is one of connection tracking from its first packet to its last; TCP bytes count when their echo is there.
 */

/** Ports of UDP and TCP that all meters serve. */
const [UDP_PORT = 0, TCP_PORT = 0] = process.argv.slice(2).map(Number);
/** Milliseconds between two packets of a flow. */
const INTERVAL = 50;
/** Milliseconds between two new connections to somebody. */
const NEW_INTERVAL = 250;
/** Milliseconds that what is under way may still take when flows stop. */
const PATIENCE = 10_000;

interface Meter {
  sent: number;
  received: number;
  stop(): void;
}

/** Datagrams have numbers, so that none counts twice. */
function meterUdp(address: string): Meter {
  const socket: Datagrams = createSocket(address.includes(":") ? "udp6" : "udp4");
  const heard = new Set<number>();
  const packet = Buffer.alloc(64);
  const meter: Meter = { sent: 0, received: 0, stop: () => clearInterval(timer) };
  socket.on("message", (message) => {
    heard.add(message.readUInt32BE());
    meter.received = heard.size;
  });
  // Told by the count of what came back.
  socket.on("error", () => {});
  const timer = setInterval(() => {
    packet.writeUInt32BE(meter.sent++);
    socket.send(Buffer.from(packet), UDP_PORT, address);
  }, INTERVAL);
  return meter;
}

function meterTcp(address: string): Meter {
  const socket = connect({ host: address, port: TCP_PORT });
  const meter: Meter = { sent: 0, received: 0, stop: () => clearInterval(timer) };
  socket.on("data", (data) => {
    meter.received += data.length;
  });
  socket.on("error", () => {});
  const timer = setInterval(() => {
    meter.sent++;
    socket.write(".");
  }, INTERVAL);
  return meter;
}

/** A connection of its own for each packet. */
function meterNew(address: string): Meter {
  const meter: Meter = { sent: 0, received: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    meter.sent++;
    const socket = connect({ host: address, port: TCP_PORT });
    socket.on("error", () => {});
    socket.on("connect", () => socket.write("."));
    socket.once("data", () => {
      meter.received++;
      socket.destroy();
    });
  }, NEW_INTERVAL);
  return meter;
}

const KINDS = { udp: meterUdp, tcp: meterTcp, new: meterNew } as const;
const counted = { datagrams: 0, connections: 0 };
const meters: { readonly flow: Flow; readonly meter: Meter }[] = [];

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function serve(): void {
  const udp = createSocket({ type: "udp6" });
  udp.on("message", (message, { address, port }) => {
    counted.datagrams++;
    udp.send(message, port, address);
  });
  const tcp = createServer((socket) => {
    counted.connections++;
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  udp.bind(UDP_PORT, () => tcp.listen(TCP_PORT, "::", () => say({ serving: true })));
}

function stop(): void {
  for (const { meter } of meters) meter.stop();
  const deadline = performance.now() + PATIENCE;
  const look = setInterval(() => {
    const isAllThere = meters.every(({ flow, meter }) => flow.silent || meter.received === meter.sent);
    if (!isAllThere && performance.now() < deadline) return;
    clearInterval(look);
    const results = meters.map(({ flow, meter: { sent, received } }) => ({ ...flow, sent, received }));
    say({ results, counted });
  }, INTERVAL);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line) as FlowOrder;
  if (order.kind === "stop") stop();
  else for (const flow of order.flows) meters.push({ flow, meter: KINDS[flow.protocol](flow.address) });
});
serve();
