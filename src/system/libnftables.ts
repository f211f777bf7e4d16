import { readdirSync } from "node:fs";
import koffi, { type LibraryHandle } from "koffi";
import { RomanaError } from "../model/index.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { NETLINK_NETFILTER } from "./netlink/constants.ts";
import { portOf } from "./netlink/socket.ts";
import { checked, sys } from "./sys.ts";

/** `NFT_CTX_OUTPUT_STATELESS`: no counters, as `nft -s`. */
const STATELESS = 4;
/** `NFT_CTX_OUTPUT_TERSE`: no elements of named sets, as `nft -t`. */
const TERSE = 1 << 11;
const MFD_CLOEXEC = 1;
const SOL_SOCKET = 1;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const AF_NETLINK = 16;

/** The functions of libnftables that are used, as in its manual page. */
interface Libnftables {
  nft_ctx_new(flags: number): bigint;
  nft_ctx_free(context: bigint): void;
  nft_ctx_output_set_flags(context: bigint, flags: number): void;
  nft_ctx_buffer_output(context: bigint): number;
  nft_ctx_buffer_error(context: bigint): number;
  nft_ctx_get_output_buffer(context: bigint): string;
  nft_ctx_get_error_buffer(context: bigint): string;
  nft_run_cmd_from_buffer(context: bigint, text: string): number;
  nft_run_cmd_from_filename(context: bigint, path: string): number;
}

let loaded: Libnftables | undefined;

function load(): Libnftables {
  if (loaded !== undefined) return loaded;
  let library: LibraryHandle;
  try {
    library = koffi.load("libnftables.so.1");
  } catch (cause) {
    throw new RomanaError(
      "Cannot load libnftables.so.1: install the package nftables",
      { code: "unsupported" },
      { cause },
    );
  }
  loaded = {
    nft_ctx_new: library.func("void *nft_ctx_new(uint32_t flags)"),
    nft_ctx_free: library.func("void nft_ctx_free(void *context)"),
    nft_ctx_output_set_flags: library.func("void nft_ctx_output_set_flags(void *context, uint32_t flags)"),
    nft_ctx_buffer_output: library.func("int nft_ctx_buffer_output(void *context)"),
    nft_ctx_buffer_error: library.func("int nft_ctx_buffer_error(void *context)"),
    nft_ctx_get_output_buffer: library.func("const char *nft_ctx_get_output_buffer(void *context)"),
    nft_ctx_get_error_buffer: library.func("const char *nft_ctx_get_error_buffer(void *context)"),
    nft_run_cmd_from_buffer: library.func("int nft_run_cmd_from_buffer(void *context, const char *text)"),
    nft_run_cmd_from_filename: library.func("int nft_run_cmd_from_filename(void *context, const char *path)"),
  };
  return loaded;
}

/** What one run of nft printed. */
export interface NftResult {
  readonly ok: boolean;
  readonly output: string;
  readonly errors: string;
}

/** nft inside this process: the same parser and the same messages as the command, without a child process. */
export class NftContext {
  readonly #library = load();
  readonly #context: bigint;
  readonly #socket: number | undefined;

  /** Opens the library in the network namespace of the calling thread. @throws RomanaError `unsupported` without it. */
  constructor() {
    const before = new Set(netfilterSockets());
    this.#context = this.#library.nft_ctx_new(0);
    this.#socket = netfilterSockets().find((fd) => !before.has(fd));
    this.#library.nft_ctx_output_set_flags(this.#context, STATELESS);
    if (
      this.#library.nft_ctx_buffer_output(this.#context) !== 0 ||
      this.#library.nft_ctx_buffer_error(this.#context) !== 0
    ) {
      throw kernelRefused("set up libnftables", "ENOMEM");
    }
  }

  /** Runs the text as one transaction: all of it, or nothing. */
  run(text: string): NftResult {
    // From memory the library names the wrong line in its messages; from a file it names the right one.
    const file = checked(sys.memfd_create("nft", MFD_CLOEXEC), "make room for nft text");
    try {
      const bytes = Buffer.from(text);
      if (checked(sys.write(file, bytes, bytes.length), "write nft text") !== bytes.length) {
        throw kernelRefused("write nft text", "ENOSPC");
      }
      const path = `/proc/self/fd/${file}`;
      const result = this.#result(this.#library.nft_run_cmd_from_filename(this.#context, path));
      return { ...result, errors: result.errors.replaceAll(`${path}:`, "") };
    } finally {
      sys.close(file);
    }
  }

  /** Runs a command that only reads; `isTerse`: what it prints is without the elements of named sets. */
  query(command: string, isTerse = false): NftResult {
    this.#library.nft_ctx_output_set_flags(this.#context, isTerse ? STATELESS | TERSE : STATELESS);
    return this.#result(this.#library.nft_run_cmd_from_buffer(this.#context, command));
  }

  #result(status: number): NftResult {
    return {
      ok: status === 0,
      output: this.#library.nft_ctx_get_output_buffer(this.#context),
      errors: this.#library.nft_ctx_get_error_buffer(this.#context),
    };
  }

  /** Port id of the library's own netlink socket, which the events of its changes carry; 0 before the first run. */
  get port(): number {
    return this.#socket === undefined ? 0 : portOf(this.#socket);
  }

  close(): void {
    this.#library.nft_ctx_free(this.#context);
  }
}

/** Descriptors of the nftables sockets of this process: the library tells nobody which one is its own. */
function netfilterSockets(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter(
      (fd) =>
        socketOption(fd, SO_DOMAIN) === AF_NETLINK && socketOption(fd, SO_PROTOCOL) === NETLINK_NETFILTER,
    );
}

/** A number of `SOL_SOCKET`; undefined when the descriptor is no socket. */
function socketOption(fd: number, name: number): number | undefined {
  const value = Buffer.alloc(4);
  const length = Buffer.from([4, 0, 0, 0]);
  return sys.getsockopt(fd, SOL_SOCKET, name, value, length) < 0 ? undefined : value.readInt32LE();
}
