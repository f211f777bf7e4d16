import { RomanaError } from "../model/index.ts";
import { type NftCommand, NftSyntaxError, parseNftText, type TableObject } from "./fake-nft-text.ts";
import { formatKey, normalElement } from "./fake-set-elements.ts";
import type { SetChange } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";

/** A chain, set, map or counter. */
interface FakeObject {
  readonly kind: TableObject["kind"];
  readonly name: string;
  readonly lines: string[];
  readonly elements: Set<string>;
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
    const tables = structuredClone(this.#tables);
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

  list(name: string): string | undefined {
    const table = this.#tables.get(name);
    if (table === undefined) return undefined;
    const blocks = [...table].map(([key, { lines, elements }]) => {
      const shown = chainHead(lines);
      if (elements.size > 0) shown.push(`elements = { ${[...elements].sort().join(", ")} }`);
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

  /** @throws RomanaError `kernel-refused` with `ENOENT` when a table or set is not there, and nothing has changed. */
  changeSets(changes: readonly SetChange[]): ReadonlySet<string> {
    const tables = structuredClone(this.#tables);
    const real = changes.filter(({ add, remove }) => add.length + remove.length > 0);
    for (const { table, set, add, remove } of real) {
      const object = findSet(tables.get(table), set);
      if (object === undefined) throw kernelRefused(`change sets "${table} ${set}"`, "ENOENT");
      const text = (key: Uint8Array): string => {
        const known = formatKey(key, setType(object), this.#links());
        if (known === undefined) throw kernelRefused(`change sets "${table} ${set}"`, "EINVAL");
        return known;
      };
      for (const key of remove) object.elements.delete(text(key));
      for (const key of add) object.elements.add(text(key));
    }
    this.#tables = tables;
    if (real.length > 0) this.#generation++;
    return new Set(real.map(({ table }) => table));
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
      for (const object of command.objects) this.#add(grown, object);
      return undefined;
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
        const elements = command.elements.map((text) => this.#normal(set, text));
        if (command.verb === "delete" && !elements.every((text) => set.elements.has(text))) return NO_SUCH;
        for (const text of elements) {
          if (command.verb === "add") set.elements.add(text);
          else set.elements.delete(text);
        }
        return undefined;
      }
    }
  }

  /** Adds an object, or its elements and rules to the one that is there. */
  #add(table: FakeTable, object: TableObject): undefined {
    const key = `${object.kind} ${object.name}`;
    const counted = COUNTED.exec(object.lines.join(" "));
    const known = table.get(key);
    const { kind, name } = object;
    const lines = object.lines.filter((line) => !COUNTED.test(line));
    const target: FakeObject = known ?? {
      kind,
      name,
      lines,
      elements: new Set(),
      packets: Number(counted?.[1] ?? 0),
      bytes: Number(counted?.[2] ?? 0),
    };
    if (known !== undefined && kind === "chain") {
      known.lines.push(...lines.filter((line) => !isDeclaration(line)));
    }
    for (const element of object.elements) target.elements.add(this.#normal(target, element));
    table.set(key, target);
  }

  #normal(set: FakeObject, element: string): string {
    return normalElement(element, setType(set), this.#links());
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

/** The types of the key, such as `iface_index . ipv4_addr`. */
function setType(set: FakeObject): string {
  const line = set.lines.find((text) => text.startsWith("type ")) ?? "type ";
  return (line.slice("type ".length).split(" : ")[0] as string).trim();
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
    for (const line of chain.lines) {
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
