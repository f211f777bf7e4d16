import { RomanaError } from "../model/index.ts";
import type { SetChange } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { NftContext } from "./libnftables.ts";
import { NETLINK_NETFILTER } from "./netlink/constants.ts";
import {
  decodeCounter,
  decodeGeneration,
  type ElementChange,
  encodeElementBatch,
  encodeGetCounters,
  encodeGetGeneration,
  encodeGetTable,
} from "./netlink/nftables.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";

/** Ports of all sockets through which this process changes nftables, in whatever namespace. */
const ownPorts = new Set<number>();

/** True when a change that carries this port id was made by this process. */
export function isOwnPort(port: number): boolean {
  return ownPorts.has(port);
}

/**
 * nftables of one network namespace: text through libnftables, elements through a raw nfnetlink batch, which is
 * ten times faster because it needs no look at the rest of the table.
 */
export class Nftables {
  readonly #context: NftContext;
  readonly #socket: NetlinkSocket;

  /** Opens everything in the network namespace of the calling thread. @throws RomanaError `unsupported`. */
  constructor() {
    this.#context = new NftContext();
    this.#socket = openNetlink(NETLINK_NETFILTER);
    // The library's socket gets its port id with its first request.
    this.#context.query("list tables");
    ownPorts.add(this.#context.port).add(this.#socket.port);
  }

  run(text: string): void {
    const result = this.#context.run(text);
    if (!result.ok) throw commandFailed(result.errors);
  }

  listTable(name: string): string | undefined {
    const answer = this.#socket.get(encodeGetTable(name), () => {});
    if (answer.errno === "ENOENT") return undefined;
    if (answer.errno !== undefined) throw kernelRefused(`list table "${name}"`, answer.errno, answer.detail);
    const result = this.#context.query(`list table inet ${name}`);
    if (!result.ok) throw commandFailed(result.errors);
    return result.output;
  }

  generation(): number {
    let generation: number | undefined;
    const answer = this.#socket.get(encodeGetGeneration, (bytes, message) => {
      generation = decodeGeneration(bytes, message);
    });
    if (generation !== undefined) return generation;
    throw kernelRefused("ask for the generation of the ruleset", answer.errno ?? "ENODATA", answer.detail);
  }

  counters(table: string): Map<string, { packets: number; bytes: number }> {
    const counters = new Map<string, { packets: number; bytes: number }>();
    const answer = this.#socket.dump(
      encodeGetCounters(table),
      (bytes, message) => {
        const { name, ...counted } = decodeCounter(bytes, message);
        counters.set(name, counted);
      },
      () => counters.clear(),
    );
    if (answer.errno !== undefined && answer.errno !== "ENOENT") {
      throw kernelRefused(`list counters of table "${table}"`, answer.errno, answer.detail);
    }
    return counters;
  }

  changeSets(changes: readonly SetChange[]): void {
    // Deleting an absent element fails the whole transaction, so what goes is first made sure to be there.
    const parts = changes
      .flatMap(({ table, set, add, remove }): ElementChange[] => [
        { type: "add", table, set, keys: remove },
        { type: "delete", table, set, keys: remove },
        { type: "add", table, set, keys: add },
      ])
      .filter(({ keys }) => keys.length > 0);
    if (parts.length === 0) return;
    const answer = this.#socket.transact(encodeElementBatch(parts));
    if (answer.errno === undefined) return;
    const sets = changes.map(({ table, set }) => `"${table} ${set}"`).join(", ");
    throw kernelRefused(`change sets ${sets}`, answer.errno, answer.detail);
  }

  close(): void {
    ownPorts.delete(this.#context.port);
    ownPorts.delete(this.#socket.port);
    this.#context.close();
    this.#socket.close();
  }
}

/** The first message of nft with the line it is about; the error keeps all of them. */
function commandFailed(errors: string): RomanaError {
  const match = /^(?:(\d+):\S+ )?Error: (.*)\n(.*)$/m.exec(errors);
  const [, line, reason = errors.trim(), source = ""] = match ?? [];
  const where = line === undefined ? "" : `line ${line}: `;
  const quoted = source.trim() === "" ? "" : `: ${source.trim()}`;
  return new RomanaError(`Cannot run nft text: ${where}${reason}${quoted}`, {
    code: "command-failed",
    argv: ["nft", "-f", "-"],
    status: 1,
    stderr: errors,
  });
}
