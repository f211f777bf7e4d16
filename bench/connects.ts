import { parseAddress } from "../src/net/index.ts";
import { ADDRESS_FAMILY } from "../src/system/netlink/constants.ts";
import { encodeSocketAddress } from "../src/system/socket-address.ts";
import { checked, sys } from "../src/system/sys.ts";

/** Ports that connections go to in turn, from the first on. */
const PORTS = 64;

const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_LINGER = 13;
const BACKLOG = 16;

/**
 * `node connects.ts server ADDRESS PORT` accepts and closes; `node connects.ts client ADDRESS PORT SECONDS` prints how
 * many connections a second it made, one after another. Both go through the ports in the same order, so that nobody
 * has to look which one is next.
 */
function main([role, address = "", port, seconds]: readonly string[]): void {
  const where = parseAddress(address);
  const places = Array.from({ length: PORTS }, (_, index) =>
    encodeSocketAddress({ address: where, port: Number(port) + index }, 0),
  );
  const open = (): number =>
    checked(sys.socket(ADDRESS_FAMILY[where.family], SOCK_STREAM, 0), "open a socket");
  if (role === "server") serve(places, open);
  else console.log(connectsPerSecond(places, open, Number(seconds)));
}

function serve(places: readonly Buffer[], open: () => number): never {
  const listeners = places.map((bytes) => {
    const fd = open();
    checked(sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Buffer.from([1, 0, 0, 0]), 4), "set an option");
    checked(sys.bind(fd, bytes, bytes.length), "bind a socket");
    checked(sys.listen(fd, BACKLOG), "listen");
    return fd;
  });
  for (;;) for (const fd of listeners) sys.close(checked(sys.accept4(fd, null, null, 0), "accept"));
}

function connectsPerSecond(places: readonly Buffer[], open: () => number, seconds: number): number {
  // A reset at the end: no port waits for late packets.
  const linger = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  const byte = Buffer.alloc(1);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < seconds * 1000) {
    for (const bytes of places) {
      const fd = open();
      checked(sys.setsockopt(fd, SOL_SOCKET, SO_LINGER, linger, linger.length), "set an option");
      checked(sys.connect(fd, bytes, bytes.length), "connect");
      checked(sys.recv(fd, byte, 1, 0), "receive the end");
      sys.close(fd);
      count++;
    }
  }
  return (count / (performance.now() - start)) * 1000;
}

main(process.argv.slice(2));
