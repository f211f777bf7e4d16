import { RomanaError } from "../model/index.ts";
import type { SetChange, SetElement, SetElementCounter } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { NftContext } from "./libnftables.ts";
import { NETLINK_NETFILTER } from "./netlink/constants.ts";
import {
  decodeCounter,
  decodeGeneration,
  encodeGetCounters,
  encodeGetGeneration,
  encodeGetTable,
} from "./netlink/nftables.ts";
import {
  type DumpedElement,
  decodeElements,
  decodeSetLayout,
  type ElementChange,
  elementAtOffset,
  encodeElementBatch,
  encodeGetElements,
  encodeGetSet,
  joinBounds,
  type SetLayout,
  type SetName,
  splitElementChanges,
} from "./netlink/set-elements.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";

/** How often a set is read again whose dump was not whole. */
const DUMP_ATTEMPTS = 10;

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

  listTable(name: string, isTerse: boolean): string | undefined {
    const answer = this.#socket.get(encodeGetTable(name), () => {});
    if (answer.errno === "ENOENT") return undefined;
    if (answer.errno !== undefined) throw kernelRefused(`list table "${name}"`, answer.errno, answer.detail);
    const result = this.#context.query(`list table inet ${name}`, isTerse);
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
    const wanted = changes
      .filter(({ add, remove }) => add.length + remove.length > 0)
      .map(({ family = "inet", table, set, add, remove }): WantedChange => {
        const name = { family, table, set };
        return { name, layout: this.#layoutOf(name), add: add.map(asElement), remove: remove.map(asElement) };
      });
    if (wanted.length === 0) return;
    for (const { name, layout, add, remove } of wanted) {
      const range = layout === "keys" ? [...add, ...remove].find(isRange) : undefined;
      if (range !== undefined) throw kernelRefused(changing(name, range), "EINVAL", "the set has no ranges");
    }
    // Deleting an absent element fails the whole transaction, so what goes is first made sure to be there; of ranges
    // only when it turns out to be needed, since an absent one may overlap another.
    let failure = this.#transact(wanted, ["keys"]);
    if (failure?.errno === "ENOENT") failure = this.#transact(wanted, ["keys", "ranges", "bounds"]);
    if (failure !== undefined) throw kernelRefused(failure.operation, failure.errno, failure.detail);
  }

  setCounters(name: SetName): readonly SetElementCounter[] {
    const layout = this.#findLayout(name);
    if (layout === undefined) return [];
    // While the kernel enlarges a hash table, a dump tells some elements twice and as many not at all.
    for (let attempt = 1; ; attempt++) {
      const dumped = this.#dump(name);
      const elements = layout === "bounds" ? joinBounds(dumped) : dumped;
      const counters = new Map(elements.map((element) => [hex(element.key), asCounter(element)]));
      if (counters.size === elements.length || attempt === DUMP_ATTEMPTS) return [...counters.values()];
    }
  }

  #dump(name: SetName): readonly DumpedElement[] {
    let elements: DumpedElement[] = [];
    const answer = this.#socket.dump(
      encodeGetElements(name),
      (bytes, message) => {
        elements.push(...decodeElements(bytes, message));
      },
      () => {
        elements = [];
      },
    );
    if (answer.errno !== undefined && answer.errno !== "ENOENT") {
      throw kernelRefused(`list set "${name.table} ${name.set}"`, answer.errno, answer.detail);
    }
    return elements;
  }

  #layoutOf(name: SetName): SetLayout {
    const layout = this.#findLayout(name);
    if (layout === undefined) throw kernelRefused(changing(name), "ENOENT");
    return layout;
  }

  /** Undefined when the set is not there. */
  #findLayout(name: SetName): SetLayout | undefined {
    let layout: SetLayout | undefined;
    const answer = this.#socket.get(encodeGetSet(name), (bytes, message) => {
      layout = decodeSetLayout(bytes, message);
    });
    if (answer.errno === undefined || answer.errno === "ENOENT") return layout;
    throw kernelRefused(`look at set "${name.table} ${name.set}"`, answer.errno, answer.detail);
  }

  /**
   * Runs the changes as one transaction and returns why the kernel refused it.
   * @param ensured layouts of the sets where what is removed is first added
   */
  #transact(
    wanted: readonly WantedChange[],
    ensured: readonly SetLayout[],
  ): { operation: string; errno: string; detail?: string | undefined } | undefined {
    const messages = splitElementChanges(
      wanted.flatMap(({ name, layout, add, remove }): ElementChange[] => [
        { ...name, layout, type: "add", elements: ensured.includes(layout) ? remove : [] },
        { ...name, layout, type: "delete", elements: remove },
        { ...name, layout, type: "add", elements: add },
      ]),
    );
    const { errno, detail, offset = 0, position = 0 } = this.#socket.transact(encodeElementBatch(messages));
    if (errno === undefined) return undefined;
    const message = messages[position - 1];
    const operation =
      message === undefined ? "change sets" : changing(message, elementAtOffset(message, offset));
    return { operation, errno, detail };
  }

  close(): void {
    ownPorts.delete(this.#context.port);
    ownPorts.delete(this.#socket.port);
    this.#context.close();
    this.#socket.close();
  }
}

/** A {@link SetChange} whose set was looked up. */
interface WantedChange {
  readonly name: SetName;
  readonly layout: SetLayout;
  readonly add: readonly SetElement[];
  readonly remove: readonly SetElement[];
}

function asElement(element: Uint8Array | SetElement): SetElement {
  return element instanceof Uint8Array ? { key: element } : element;
}

function isRange({ key, keyEnd = key }: SetElement): boolean {
  return Buffer.compare(key, keyEnd) !== 0;
}

/** A dump gives every element of a concatenation an end. */
function asCounter({ key, keyEnd, packets, bytes }: DumpedElement): SetElementCounter {
  if (keyEnd === undefined || !isRange({ key, keyEnd })) return { key, packets, bytes };
  return { key, keyEnd, packets, bytes };
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}

/** What was being done when the kernel refused it, with the raw keys of the element. */
function changing({ table, set }: Omit<SetName, "family">, element?: SetElement): string {
  if (element === undefined) return `change set "${table} ${set}"`;
  const end = element.keyEnd === undefined ? "" : `-${hex(element.keyEnd)}`;
  return `change element ${hex(element.key)}${end} of set "${table} ${set}"`;
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
