import { closeSync, openSync, read, writeSync } from "node:fs";
import koffi from "koffi";
import { inNamespace } from "../../src/system/namespace.ts";

/**
 * A guest as a hypervisor runs one, but for the machine: makes a tap in the namespace of a host and one in the namespace of
 * the guest, and carries each frame from one to the other. Both are gone with this process.
 * Arguments: namespace of the host, name of its tap, namespace of the guest, name of its interface.
 */

const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
/** `struct ifreq`: a name of 16 bytes, then the flags. */
const REQUEST = { length: 40, flags: 16 };
const FRAME = 65_536;

const ioctl = koffi.load("libc.so.6").func("int ioctl(int fd, unsigned long request, void *argument)");

/** A tap belongs to the namespace of the thread that opens it. */
function makeTap(namespace: string, name: string): number {
  return inNamespace(namespace, () => {
    const fd = openSync("/dev/net/tun", "r+");
    const request = Buffer.alloc(REQUEST.length);
    request.write(name);
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI, REQUEST.flags);
    if (ioctl(fd, TUNSETIFF, request) === 0) return fd;
    closeSync(fd);
    throw new Error(`cannot make tap ${name}`);
  });
}

function carry(from: number, to: number): void {
  const frame = Buffer.alloc(FRAME);
  const next = (): void => {
    read(from, frame, 0, frame.length, null, (error, length) => {
      // A tap that is down takes nothing, and is asked again by the next frame.
      if (error !== null && error.code !== "EIO") throw error;
      try {
        if (error === null) writeSync(to, frame, 0, length);
      } catch (refusal) {
        if ((refusal as NodeJS.ErrnoException).code !== "EIO") throw refusal;
      }
      next();
    });
  };
  next();
}

const [host = "", tap = "", guest = "", name = ""] = process.argv.slice(2);
const ends = [makeTap(host, tap), makeTap(guest, name)] as const;
carry(ends[0], ends[1]);
carry(ends[1], ends[0]);
process.stdout.write("running\n");
