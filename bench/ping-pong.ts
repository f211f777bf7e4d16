import { parseAddress } from "../src/net/index.ts";
import { ADDRESS_FAMILY } from "../src/system/netlink/constants.ts";
import { encodeSocketAddress } from "../src/system/socket-address.ts";
import { checked, sys } from "../src/system/sys.ts";

/** Bytes that go there and back. */
const BYTES = 64;
const WARMUP = 2_000;

const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_WAITALL = 0x100;

/**
 * `node ping-pong.ts server ADDRESS PORT` answers; `node ping-pong.ts client ADDRESS PORT SECONDS` prints the median of
 * its round trips in microseconds. Blocking calls of the kernel and nothing else: no event loop is measured.
 */
function main([role, address = "", port, seconds]: readonly string[]): void {
  const where = { address: parseAddress(address), port: Number(port) };
  const bytes = encodeSocketAddress(where, 0);
  const fd = checked(sys.socket(ADDRESS_FAMILY[where.address.family], SOCK_STREAM, 0), "open a socket");
  if (role === "server") {
    setOption(fd, SOL_SOCKET, SO_REUSEADDR);
    checked(sys.bind(fd, bytes, bytes.length), "bind a socket");
    checked(sys.listen(fd, 1), "listen");
    for (;;) answer(checked(sys.accept4(fd, null, null, 0), "accept a connection"));
  }
  checked(sys.connect(fd, bytes, bytes.length), "connect");
  console.log(median(fd, Number(seconds)));
}

function answer(fd: number): void {
  setOption(fd, IPPROTO_TCP, TCP_NODELAY);
  const ball = Buffer.alloc(BYTES);
  while (sys.recv(fd, ball, BYTES, MSG_WAITALL) === BYTES) checked(sys.send(fd, ball, BYTES, 0), "send");
  sys.close(fd);
}

function median(fd: number, seconds: number): number {
  setOption(fd, IPPROTO_TCP, TCP_NODELAY);
  const ball = Buffer.alloc(BYTES);
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  for (let trips = 0; ; trips++) {
    const start = performance.now();
    if (start > end) break;
    checked(sys.send(fd, ball, BYTES, 0), "send");
    checked(sys.recv(fd, ball, BYTES, MSG_WAITALL), "receive");
    if (trips >= WARMUP) times.push(performance.now() - start);
  }
  const sorted = Float64Array.from(times).sort();
  return 1000 * (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN);
}

function setOption(fd: number, level: number, name: number): void {
  checked(sys.setsockopt(fd, level, name, Buffer.from([1, 0, 0, 0]), 4), "set an option of a socket");
}

main(process.argv.slice(2));
