import { RomanaError } from "../model/index.ts";
import type { SetChange, SetElement, SetElementCounter } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { NftContext } from "./libnftables.ts";
import { NETLINK_NETFILTER } from "./netlink/constants.ts";
import {
  decodeCounter,
  decodeGeneration,
  decodeNftablesEvent,
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
/** How often a change is made again before which others changed the ruleset. */
const CHANGE_ATTEMPTS = 10;

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
  /** Sets as they were at a generation of the ruleset: the kernel refuses a change that was made for another. */
  #known: KnownSets | undefined;

  /** Opens everything in the network namespace of the calling thread. @throws RomanaError `unsupported`. */
  constructor() {
    this.#context = new NftContext();
    this.#socket = openNetlink(NETLINK_NETFILTER);
    // The library's socket gets its port id with its first request.
    this.#context.query("list tables");
    ownPorts.add(this.#context.port).add(this.#socket.port);
  }

  run(text: string): void {
    this.#known = undefined;
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
    const some = changes.filter(({ add, remove }) => add.length + remove.length > 0);
    if (some.length === 0) return;
    let failure = this.#change(some);
    for (let attempt = 1; failure?.errno === "ERESTART" && attempt < CHANGE_ATTEMPTS; attempt++) {
      failure = this.#change(some);
    }
    if (failure !== undefined) throw kernelRefused(failure.operation, failure.errno, failure.detail);
  }

  #change(changes: readonly SetChange[]): Failure | undefined {
    this.#known ??= { generation: this.generation(), layouts: new Map() };
    const { layouts } = this.#known;
    const wanted = changes.map(({ family = "inet", table, set, add, remove }): WantedChange => {
      const elements = { add: add.map(asElement), remove: remove.map(asElement) };
      const range = [...elements.add, ...elements.remove].find(isRange);
      const layout = this.#layoutOf({ family, table, set }, layouts, range);
      return { family, table, set, layout, ...elements };
    });
    // Deleting an absent element fails the whole transaction, so what goes is first made sure to be there; of ranges
    // only when it turns out to be needed, since an absent one may overlap another.
    let failure = this.#transact(wanted, ["keys"], this.#known);
    if (failure?.errno === "ENOENT") {
      failure = this.#transact(wanted, ["keys", "ranges", "bounds"], this.#known);
    }
    if (failure !== undefined) this.#known = undefined;
    return failure;
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

  /** From what is known; a set that is not, or that shall take a range for the first time, is looked up. */
  #layoutOf(name: SetName, known: Map<string, SetLayout>, range: SetElement | undefined): SetLayout {
    const key = `${name.family} ${name.table} ${name.set}`;
    const before = known.get(key);
    if (before !== undefined && (range === undefined || before !== "keys")) return before;
    const layout = this.#findLayout(name);
    if (layout === undefined) throw kernelRefused(changing(name), "ENOENT");
    if (range !== undefined && layout === "keys") {
      throw kernelRefused(changing(name, range), "EINVAL", "the set has no ranges");
    }
    known.set(key, layout);
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
   * @param known is refused with `ERESTART` when its generation has passed; follows what this transaction makes of it
   */
  #transact(
    wanted: readonly WantedChange[],
    ensured: readonly SetLayout[],
    known: KnownSets,
  ): Failure | undefined {
    const messages = splitElementChanges(
      wanted.flatMap(({ add, remove, ...set }): ElementChange[] => [
        { ...set, type: "add", elements: ensured.includes(set.layout) ? remove : [] },
        { ...set, type: "delete", elements: remove },
        { ...set, type: "add", elements: add },
      ]),
    );
    const batch = encodeElementBatch(messages, known.generation);
    const answer = this.#socket.transact(batch, (bytes, told) => {
      if (decodeNftablesEvent(bytes, told)?.type !== "commit") return;
      known.generation = decodeGeneration(bytes, told) ?? known.generation;
    });
    const { errno, detail, offset = 0, position = 0 } = answer;
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

/** Layouts of sets by their names, and the generation of the ruleset that they are of. */
interface KnownSets {
  generation: number;
  readonly layouts: Map<string, SetLayout>;
}

/** Why the kernel refused something. */
interface Failure {
  readonly operation: string;
  readonly errno: string;
  readonly detail?: string | undefined;
}

/** A {@link SetChange} whose set was looked up. */
interface WantedChange extends SetName {
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
