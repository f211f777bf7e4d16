import { RomanaError } from "../model/index.ts";
import { type NftCommand, NftSyntaxError, parseNftText, type TableObject } from "./fake-nft-text.ts";
import { FakeSet } from "./fake-set.ts";
import type { SetChange, SetElement, SetElementCounter } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";

/** A chain, set, map or counter. */
interface FakeObject {
  readonly kind: TableObject["kind"];
  readonly name: string;
  readonly lines: string[];
  /** Of sets and maps; others have none. */
  readonly elements: FakeSet;
  packets: number;
  bytes: number;
}

/** Objects by `kind name`, in order of creation. Sets and maps share their names. */
type FakeTable = Map<string, FakeObject>;

const NO_SUCH = "No such file or directory";
const EXISTS = "File exists";
const COUNTED = /^packets ([0-9]+) bytes ([0-9]+)$/;

/** nftables in memory: tables as text in normal form, changed by one transaction at a time. */
export class FakeNftables {
  #tables = new Map<string, FakeTable>();
  #generation = 1;
  readonly #links: () => ReadonlyMap<string, number>;

  /** @param links indexes of the host's links by name, for keys that hold them */
  constructor(links: () => ReadonlyMap<string, number>) {
    this.#links = links;
  }

  /**
   * Runs text as one transaction and returns the names of the tables that it touched.
   * @throws RomanaError `command-failed`, and nothing has changed.
   */
  run(text: string): ReadonlySet<string> {
    const commands = parse(text);
    const tables = this.#clone();
    const touched = new Set<string>();
    for (const command of commands) {
      const reason = this.#execute(tables, command);
      if (reason !== undefined) throw commandFailed(reason, describe(command));
      if (command.noun !== "ruleset") touched.add(command.table);
      else for (const name of this.#tables.keys()) touched.add(name);
    }
    for (const [name, table] of tables) {
      const missing = missingReference(table);
      if (missing !== undefined) throw commandFailed(NO_SUCH, `"${missing}" in table "${name}"`);
    }
    this.#tables = tables;
    this.#generation++;
    return touched;
  }

  get generation(): number {
    return this.#generation;
  }

  list(name: string, isTerse: boolean): string | undefined {
    const table = this.#tables.get(name);
    if (table === undefined) return undefined;
    const blocks = [...table].map(([key, { lines, elements }]) => {
      const shown = chainHead(lines);
      if (elements.size > 0 && !isTerse) shown.push(`elements = { ${elements.texts().join(", ")} }`);
      return [`\t${key} {`, ...shown.map((line) => `\t\t${line}`), "\t}\n"].join("\n");
    });
    return `table inet ${name} {\n${blocks.join("\n")}}\n`;
  }

  counters(name: string): Map<string, { packets: number; bytes: number }> {
    const objects = [...(this.#tables.get(name)?.values() ?? [])].filter(({ kind }) => kind === "counter");
    return new Map(objects.map((object) => [object.name, { packets: object.packets, bytes: object.bytes }]));
  }

  /** Adds to a named counter, as packets would. @throws RangeError when there is none of this name. */
  count(table: string, counter: string, packets: number, bytes: number): void {
    const object = this.#tables.get(table)?.get(`counter ${counter}`);
    if (object === undefined) throw new RangeError(`table "${table}" has no counter "${counter}"`);
    object.packets += packets;
    object.bytes += bytes;
  }

  /** As {@link Kernel.changeSets}; returns the names of the tables that it touched. */
  changeSets(changes: readonly SetChange[]): ReadonlySet<string> {
    const tables = this.#clone();
    const real = changes.filter(({ add, remove }) => add.length + remove.length > 0);
    for (const { table, set, add, remove } of real) {
      const object = findSet(tables.get(table), set);
      if (object === undefined) throw kernelRefused(`change set "${table} ${set}"`, "ENOENT");
      const refused =
        object.elements.remove(remove.map(asElement)) ?? object.elements.add(add.map(asElement));
      if (refused !== undefined) {
        const key = Buffer.from(refused.element.key).toString("hex");
        throw kernelRefused(`change element ${key} of set "${table} ${set}"`, refused.errno);
      }
    }
    this.#tables = tables;
    if (real.length > 0) this.#generation++;
    return new Set(real.map(({ table }) => table));
  }

  setCounters(table: string, set: string): readonly SetElementCounter[] {
    return findSet(this.#tables.get(table), set)?.elements.counters() ?? [];
  }

  /** Adds to the counter of an element, as packets would. @throws RangeError when it is not there. */
  countElement(
    table: string,
    set: string,
    element: Uint8Array | SetElement,
    packets: number,
    bytes: number,
  ): void {
    const found = findSet(this.#tables.get(table), set)?.elements.count(asElement(element), packets, bytes);
    if (found !== true) throw new RangeError(`set "${table} ${set}" has no such element`);
  }

  #clone(): Map<string, FakeTable> {
    const object = (known: FakeObject): FakeObject => ({
      ...known,
      lines: [...known.lines],
      elements: known.elements.clone(),
    });
    return new Map(
      [...this.#tables].map(([name, table]) => [
        name,
        new Map([...table].map(([key, known]) => [key, object(known)])),
      ]),
    );
  }

  /** Carries out one command; returns why it cannot. */
  #execute(tables: Map<string, FakeTable>, command: NftCommand): string | undefined {
    if (command.noun === "ruleset") {
      tables.clear();
      return undefined;
    }
    const table = tables.get(command.table);
    if (command.noun === "table" && (command.verb === "add" || command.verb === "create")) {
      if (command.verb === "create" && table !== undefined) return EXISTS;
      const grown = table ?? new Map<string, FakeObject>();
      tables.set(command.table, grown);
      return this.#addAll(grown, command.objects);
    }
    if (table === undefined) return NO_SUCH;
    switch (command.noun) {
      case "table":
        if (command.verb === "delete") tables.delete(command.table);
        else for (const object of table.values()) flushRules(object);
        return undefined;
      case "object": {
        if (command.verb === "add") return this.#add(table, command.object);
        const key = `${command.kind} ${command.name}`;
        const object = table.get(key);
        if (object === undefined) return NO_SUCH;
        if (command.verb === "delete") table.delete(key);
        else if (object.kind === "chain") flushRules(object);
        else object.elements.clear();
        return undefined;
      }
      case "rule": {
        const chain = table.get(`chain ${command.chain}`);
        chain?.lines.push(command.rule);
        return chain === undefined ? NO_SUCH : undefined;
      }
      case "element": {
        const set = findSet(table, command.set);
        if (set === undefined) return NO_SUCH;
        const { elements } = set;
        if (command.verb === "delete") return reasonOf(elements.removeTexts(command.elements));
        return reasonOf(elements.addTexts(command.elements));
      }
    }
  }

  #addAll(table: FakeTable, objects: readonly TableObject[]): string | undefined {
    for (const object of objects) {
      const reason = this.#add(table, object);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  /** Adds an object, or its elements and rules to the one that is there; returns why it cannot. */
  #add(table: FakeTable, object: TableObject): string | undefined {
    const key = `${object.kind} ${object.name}`;
    const counted = COUNTED.exec(object.lines.join(" "));
    const known = table.get(key);
    const { kind, name } = object;
    const lines = object.lines.filter((line) => !COUNTED.test(line));
    const target: FakeObject = known ?? {
      kind,
      name,
      lines,
      elements: new FakeSet(lines, this.#links),
      packets: Number(counted?.[1] ?? 0),
      bytes: Number(counted?.[2] ?? 0),
    };
    if (known !== undefined && kind === "chain") {
      known.lines.push(...lines.filter((line) => !isDeclaration(line)));
    }
    table.set(key, target);
    return reasonOf(target.elements.addTexts(object.elements));
  }
}

function parse(text: string): readonly NftCommand[] {
  try {
    return parseNftText(text);
  } catch (error) {
    if (error instanceof NftSyntaxError) throw commandFailed("syntax error", error.source, error.line);
    throw error;
  }
}

function findSet(table: FakeTable | undefined, name: string): FakeObject | undefined {
  return table?.get(`set ${name}`) ?? table?.get(`map ${name}`);
}

function asElement(element: Uint8Array | SetElement): SetElement {
  return element instanceof Uint8Array ? { key: element } : element;
}

/** nft's words for an error number. */
function reasonOf(errno: string | undefined): string | undefined {
  if (errno === undefined) return undefined;
  return errno === "ENOENT" ? NO_SUCH : EXISTS;
}

function isDeclaration(line: string): boolean {
  return /^(?:type |policy |comment )/.test(line);
}

/** The lines with type and policy of a chain on one, as nft prints them. */
function chainHead(lines: readonly string[]): string[] {
  const [type, policy, ...rules] = lines;
  if (type === undefined || !policy?.startsWith("policy ")) return [...lines];
  return [`${type}; ${policy};`, ...rules];
}

function flushRules(object: FakeObject): void {
  if (object.kind !== "chain") return;
  object.lines.splice(0, object.lines.length, ...object.lines.filter(isDeclaration));
}

/** The first set, chain or counter that a rule names and the table does not have. */
function missingReference(table: FakeTable): string | undefined {
  for (const chain of table.values()) {
    if (chain.kind !== "chain") continue;
    for (const whole of chain.lines) {
      const line = whole.replace(/\bprefix "[^"]*"/, "");
      for (const [, set] of line.matchAll(/@([A-Za-z_][\w-]*)(?![\w,-])/g)) {
        if (findSet(table, set as string) === undefined) return set;
      }
      const chainName = /\b(?:jump|goto) ([\w-]+)/.exec(line)?.[1];
      if (chainName !== undefined && !table.has(`chain ${chainName}`)) return chainName;
      const counter = /\bcounter name "?([\w-]+)"?/.exec(line)?.[1];
      if (counter !== undefined && !table.has(`counter ${counter}`)) return counter;
    }
  }
  return undefined;
}

function describe(command: NftCommand): string {
  return command.noun === "ruleset"
    ? "flush ruleset"
    : `${command.verb} ${command.noun} in table "${command.table}"`;
}

function commandFailed(reason: string, source: string, line?: number): RomanaError {
  const where = line === undefined ? "" : `line ${line}: `;
  return new RomanaError(`Cannot run nft text: ${where}${reason}: ${source}`, {
    code: "command-failed",
    argv: ["nft", "-f", "-"],
    status: 1,
    stderr: `Error: ${reason}\n${source}\n`,
  });
}
