import koffi from "koffi";
import { errnoName } from "./errno.ts";
import { kernelRefused } from "./kernel-refused.ts";

/**
 * The system calls that Romana makes by itself, each exactly as in its manual page: the result, or -1 with the
 * reason in {@link lastErrno}. Synchronous, on the calling thread: network namespaces belong to threads.
 */
export interface Sys {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: Uint8Array | null, length: Uint8Array | null, flags: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): number;
  recv(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  recvfrom(
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: Uint8Array,
  ): number;
  poll(fds: Uint8Array, count: number, timeout: number): number;
  open(path: string, flags: number, mode: number): number;
  openat(directory: number, path: string, flags: number): number;
  close(fd: number): number;
  write(fd: number, bytes: Uint8Array, length: number): number;
  memfd_create(name: string, flags: number): number;
  if_nametoindex(name: string): number;
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  mount(source: string, target: string, type: string, flags: number, data: null): number;
  umount2(target: string, flags: number): number;
}

const libc = koffi.load("libc.so.6");
const send = libc.func("int64_t send(int fd, const void *bytes, size_t length, int flags)");

/** libc of this process. (`int64_t` stands for `ssize_t`, which koffi does not know.) */
export const sys: Sys = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, uint32_t length)"),
  connect: libc.func("int connect(int fd, const void *address, uint32_t length)"),
  listen: libc.func("int listen(int fd, int backlog)"),
  accept4: libc.func("int accept4(int fd, void *address, void *length, int flags)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *length)"),
  getsockopt: libc.func("int getsockopt(int fd, int level, int name, void *value, void *length)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)"),
  send,
  sendto: libc.func(
    "int64_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)",
  ),
  recv: libc.func("int64_t recv(int fd, void *bytes, size_t length, int flags)"),
  recvfrom: libc.func(
    "int64_t recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *addressLength)",
  ),
  poll: libc.func("int poll(void *fds, unsigned long count, int timeout)"),
  open: libc.func("int open(const char *path, int flags, uint32_t mode)"),
  openat: libc.func("int openat(int directory, const char *path, int flags)"),
  close: libc.func("int close(int fd)"),
  write: libc.func("int64_t write(int fd, const void *bytes, size_t length)"),
  memfd_create: libc.func("int memfd_create(const char *name, uint32_t flags)"),
  if_nametoindex: libc.func("uint32_t if_nametoindex(const char *name)"),
  setns: libc.func("int setns(int fd, int type)"),
  unshare: libc.func("int unshare(int flags)"),
  mount: libc.func(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)",
  ),
  umount2: libc.func("int umount2(const char *target, int flags)"),
};

/** Name of the error of the last failed call of {@link sys} on this thread, such as `ENOENT`. */
export function lastErrno(): string {
  return errnoName(koffi.errno());
}

/** The result of a system call. @throws RomanaError `kernel-refused` when it is -1. */
export function checked(result: number, operation: string): number {
  if (result < 0) throw kernelRefused(operation, lastErrno());
  return result;
}

/**
 * `send` on a thread of libuv's pool, for a call in which the kernel takes its time. The bytes must stay as they are
 * until the promise is settled. @returns the result, -1 without a reason
 */
export function sendInBackground(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    send.async(fd, bytes, bytes.length, 0, (error: Error | null, sent: number) => {
      if (error === null) resolve(sent);
      else reject(error);
    });
  });
}

/** A wait for the first of several descriptors to become readable. */
export interface ReadableWait {
  /** Resolves when one is readable, or when cancelled. */
  readonly done: Promise<void>;
  /** Ends the wait at once. The descriptors may be closed after it. */
  cancel(): void;
}

/**
 * Waits in the event loop, through libuv's own poll: no thread blocks, so nothing has to be woken up before the
 * process can end, and the wait itself does not keep it alive.
 */
export function waitReadable(fds: readonly number[]): ReadableWait {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = true;
  const end = (): void => {
    if (!waiting) return;
    waiting = false;
    for (const handle of handles) handle.close();
    // libuv calls back outside of any callback scope of Node's; an immediate opens one, for what awaits this.
    setImmediate(resolve);
  };
  const handles = fds.map((fd) => {
    const handle = koffi.node.poll(fd, { readable: true }, end);
    handle.unref();
    return handle;
  });
  return { done: promise, cancel: end };
}
