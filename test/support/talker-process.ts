import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** Runs inside a network namespace: listens, connects and talks as the lines of its standard input say. */

interface Order {
  readonly id: number;
  readonly listen?: number;
  readonly pour?: number;
  readonly connect?: { readonly address: string; readonly port: number };
  readonly ask?: number;
  readonly patience: number;
}

const connections = new Map<number, Socket>();

function answer(id: number, result: string): void {
  process.stdout.write(`${JSON.stringify({ id, result })}\n`);
}

function listen(id: number, port: number): void {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(port, "::", () => answer(id, "listening"));
}

/** Sends without being asked. */
function pour(id: number, port: number): void {
  const server = createServer((socket) => {
    const timer = setInterval(() => socket.write("."), 20);
    socket.on("error", () => {});
    socket.on("close", () => clearInterval(timer));
  });
  server.listen(port, "::", () => answer(id, "listening"));
}

function open(id: number, { address, port }: NonNullable<Order["connect"]>, patience: number): void {
  const socket = connect({ host: address, port });
  let isSettled = false;
  const settle = (result: string): void => {
    if (isSettled) return;
    isSettled = true;
    if (result !== "connected") socket.destroy();
    answer(id, result);
  };
  socket.once("connect", () => settle("connected"));
  socket.on("error", () => settle("refused"));
  setTimeout(() => settle("silent"), patience);
  // What nobody asked for is read, too.
  socket.resume();
  connections.set(id, socket);
}

/** Sends a byte and waits for its echo, or for anything else. */
function ask(id: number, socket: Socket | undefined, patience: number): void {
  const finish = (result: string): void => {
    clearTimeout(timer);
    socket?.off("data", heard);
    answer(id, result);
  };
  const heard = (): void => finish("answered");
  const timer = setTimeout(() => finish("silent"), patience);
  socket?.on("data", heard);
  socket?.write("?");
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line) as Order;
  if (order.listen !== undefined) listen(order.id, order.listen);
  if (order.pour !== undefined) pour(order.id, order.pour);
  if (order.connect !== undefined) open(order.id, order.connect, order.patience);
  if (order.ask !== undefined) ask(order.id, connections.get(order.ask), order.patience);
});
