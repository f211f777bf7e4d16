import koffi from "koffi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sys } from "../sys.ts";
import { type Message, readMessages } from "./reader.ts";
import { NetlinkSocket, type RequestEncoder } from "./socket.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const ERROR = 2;
const DONE = 3;
const MULTI = 2;
const INTERRUPTED = 0x10;

const socketpair = koffi
  .load("libc.so.6")
  .func("int socketpair(int domain, int type, int protocol, void *fds)");

/** The kernel's side of the socket: answers are put there before they are asked for. */
describe("NetlinkSocket", () => {
  let socket: NetlinkSocket;
  let kernel: number;

  beforeEach(() => {
    const fds = Buffer.alloc(8);
    expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds)).toBe(0);
    socket = new NetlinkSocket(fds.readInt32LE(0));
    kernel = fds.readInt32LE(4);
  });
  afterEach(() => {
    socket.close();
    sys.close(kernel);
  });

  const answer = (...messages: Buffer[]): void => {
    const bytes = Buffer.concat(messages);
    expect(sys.send(kernel, bytes, bytes.length, 0)).toBe(bytes.length);
  };
  /** Requests that have come in, as `sequence flags`. */
  const requests = (): string[] => {
    const bytes = Buffer.alloc(65_536);
    const length = sys.recv(kernel, bytes, bytes.length, 0);
    return [...readMessages(bytes, length)].map(({ sequence, flags }) => `${sequence} ${flags.toString(16)}`);
  };

  test("asks for one answer per batch, and takes failures that come unasked", () => {
    answer(error(2, -17), error(3, 0));
    expect(socket.requestAll([request, request, request])).toEqual([undefined, { errno: "EEXIST" }]);
    expect(requests()).toEqual(["1 1", "2 1", "3 5"]);
  });
  test("takes the failure of the last request as its answer", () => {
    answer(error(1, -17));
    answer(error(2, -3));
    expect(socket.requestAll([request, request])).toEqual([{ errno: "EEXIST" }, { errno: "ESRCH" }]);
  });
  test("sends 200 requests at a time and keeps positions", () => {
    answer(error(200, 0));
    answer(error(201, -17), error(202, 0));
    const failures = socket.requestAll(Array.from({ length: 202 }, () => request));
    expect(failures.length).toBe(201);
    expect(failures[200]).toEqual({ errno: "EEXIST" });
    expect([requests().length, requests().length]).toEqual([200, 2]);
  });
  test("does not take a late answer for its own", () => {
    answer(error(1, 0));
    expect(socket.request(request)).toEqual({});
    answer(error(1, -17), error(2, 0));
    expect(socket.request(request)).toEqual({});
  });
  test("sends nothing for nothing", () => {
    expect(socket.requestAll([])).toEqual([]);
  });

  const dumped = (attempts: number[]): { found: number[]; restarts: number; errno: string | undefined } => {
    const found: number[] = [];
    let restarts = 0;
    const { errno } = socket.dump(
      request,
      (bytes, { start }) => found.push(bytes.readUInt32LE(start)),
      () => {
        restarts++;
        found.length = 0;
      },
    );
    expect(attempts.map(() => requests())).toEqual(attempts.map((sequence) => [`${sequence} 301`]));
    return { found, restarts, errno };
  };

  test("reads a dump over several datagrams, past messages that are not of it", () => {
    answer(item(1, 10), item(7, 66), item(1, 11));
    answer(item(1, 12), done(1, 0));
    expect(dumped([1])).toEqual({ found: [10, 11, 12], restarts: 0, errno: undefined });
  });
  test.each([
    ["a message", item(1, 66, INTERRUPTED), done(1, 0)],
    ["the end", item(1, 66), done(1, 0, INTERRUPTED)],
    ["an error", item(1, 66), done(1, -4)],
  ])("begins a dump again when %s says that it was interrupted", (_, first, second) => {
    answer(first, second);
    answer(item(2, 10), done(2, 0));
    expect(dumped([1, 2])).toEqual({ found: [10], restarts: 1, errno: undefined });
  });
  test("takes what it has when a dump never comes through", () => {
    const attempts = Array.from({ length: 10 }, (_, index) => index + 1);
    for (const sequence of attempts) answer(item(sequence, sequence, INTERRUPTED), done(sequence, 0));
    expect(dumped(attempts)).toEqual({ found: [10], restarts: 9, errno: undefined });
  });
  test("returns the kernel's refusal of a dump", () => {
    answer(error(1, -2));
    expect(dumped([1])).toEqual({ found: [], restarts: 0, errno: "ENOENT" });
  });

  test("gets one object or the refusal", () => {
    const found: number[] = [];
    const get = (): object =>
      socket.get(request, (bytes, { start }) => found.push(bytes.readUInt32LE(start)));
    answer(item(1, 10));
    answer(error(2, -2));
    expect([get(), get(), found]).toEqual([{}, { errno: "ENOENT" }, [10]]);
  });
  test("returns the first failure of a transaction and forgets the others, and shows what else is told", () => {
    const told: number[] = [];
    const batch = (): object =>
      socket.transact(
        (writer, next) => {
          request(writer, next());
          request(writer, next());
        },
        (bytes, { start }) => told.push(bytes.readUInt32LE(start)),
      );
    answer(error(1, -2));
    answer(error(2, -17));
    answer(error(2, 0));
    expect(batch()).toEqual({ errno: "ENOENT", position: 0 });
    answer(item(3, 10), error(4, 0));
    answer(item(4, 11));
    expect([batch(), told]).toEqual([{}, [10, 11]]);
    answer(error(6, -17));
    expect(batch()).toEqual({ errno: "EEXIST", position: 1 });
  });
  test("requests in the background end with the answer, or without one when closed", async () => {
    answer(error(1, -19));
    expect(await socket.requestAllInBackground([request])).toEqual([{ errno: "ENODEV" }]);
    const late = socket.requestAllInBackground([request]);
    socket.close();
    expect(await late).toBeUndefined();
  });
  test("is not used after it was closed", () => {
    socket.close();
    expect(() => socket.request(request)).toThrow("Cannot send a netlink request: EBADF");
    expect(socket.drain(() => {})).toBe("empty");
  });
  test("leaves the rest for later at a limit", () => {
    const seen: number[] = [];
    const drain = (): string => socket.drain((_, { sequence }) => seen.push(sequence), 2);
    for (const sequence of [1, 2, 3]) answer(error(sequence, 0));
    expect([drain(), seen.length, drain(), seen]).toEqual(["more", 2, "empty", [1, 2, 3]]);
  });
  test("drains all that is there and does not wait", () => {
    const seen: Message["sequence"][] = [];
    answer(item(1, 0), item(2, 0));
    answer(item(3, 0));
    expect(socket.drain((_, { sequence }) => seen.push(sequence))).toBe("empty");
    expect(seen).toEqual([1, 2, 3]);
  });
});

const request: RequestEncoder = (writer, sequence) => {
  writer.beginMessage(16, 1, sequence);
  writer.endMessage();
};

function message(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, payload]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function error(sequence: number, code: number): Buffer {
  return message(ERROR, 0, sequence, Buffer.concat([number(code), Buffer.alloc(16)]));
}

function done(sequence: number, code: number, flags = 0): Buffer {
  return message(DONE, MULTI | flags, sequence, number(code));
}

function item(sequence: number, value: number, flags = 0): Buffer {
  return message(16, MULTI | flags, sequence, number(value));
}
