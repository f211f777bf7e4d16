import { renderTable, type Table } from "../firewall/index.ts";
import type { Kernel } from "../system/kernel.ts";
import { elementChanges, elementsOf, fingerprint, type IndexOf, readListing } from "./listing.ts";

/** How the kernel prints a table of ours: by that it is known again, also after a restart. */
export interface TableReference {
  /** Fingerprint of the rendered table without elements. */
  readonly rendered: string;
  /** Fingerprint of its listing without elements. */
  readonly listed: string;
}

/** What it takes to make the kernel's table the desired one. */
export type TableFinding = "equal" | "elements" | "replace";

/** How often a table is replaced in a row while others change rules at the same moment. */
const ATTEMPTS = 3;

/** Makes the kernel's table equal to the desired one: elements one by one, anything else in one transaction. */
export class TableKeeper {
  readonly #kernel: Kernel;
  readonly #remember: (reference: TableReference) => void;
  #reference: TableReference | undefined;

  /** @param remember told when the reference changes, so that a later life need not replace the table */
  constructor(
    kernel: Kernel,
    reference: TableReference | undefined,
    remember: (reference: TableReference) => void,
  ) {
    this.#kernel = kernel;
    this.#reference = reference;
    this.#remember = remember;
  }

  /**
   * Looks at the kernel's table and mends it if `mayRepair` says so.
   * @param indexOf index of a device that the listing names
   * @throws RomanaError when the kernel refuses; the table is then as it was.
   */
  keep(desired: Table, indexOf: IndexOf, mayRepair: () => boolean): TableFinding {
    const rendered = fingerprint(renderTable(withoutElements(desired)));
    const changes = this.#changes(desired, rendered, indexOf);
    if (changes !== undefined && changes.length === 0) return "equal";
    const finding = changes === undefined ? "replace" : "elements";
    if (!mayRepair()) return finding;
    if (changes === undefined) this.#replace(desired, rendered);
    else this.#kernel.changeSets(changes);
    return finding;
  }

  /**
   * Makes one desired table of another without a look at the kernel, by elements alone. False when chains or sets
   * differ. For when nobody else has changed the table.
   * @throws RomanaError when the kernel refuses; the table is then as it was.
   */
  advance(before: Table, after: Table): boolean {
    if (renderTable(withoutElements(before)) !== renderTable(withoutElements(after))) return false;
    const changes = elementChanges(after, elementsOf(before));
    if (changes === undefined) return false;
    if (changes.length > 0) this.#kernel.changeSets(changes);
    return true;
  }

  #changes(desired: Table, rendered: string, indexOf: IndexOf): ReturnType<typeof elementChanges> {
    if (this.#reference?.rendered !== rendered) return undefined;
    const text = this.#kernel.listTable(desired.name);
    if (text === undefined) return undefined;
    const listing = readListing(text, indexOf);
    if (fingerprint(listing.shape) !== this.#reference.listed) return undefined;
    return elementChanges(desired, listing.sets);
  }

  /** Without a listing that is surely of our own table, the next look replaces it again. */
  #replace(desired: Table, rendered: string): void {
    this.#reference = undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const text = this.#replaceOnce(desired);
      if (text === undefined) continue;
      this.#reference = { rendered, listed: fingerprint(readListing(text, () => undefined).shape) };
      this.#remember(this.#reference);
      return;
    }
  }

  /** Replaces the table and returns its listing; undefined when somebody changed rules before it was read. */
  #replaceOnce(desired: Table): string | undefined {
    const kernel = this.#kernel;
    const text = renderTable(desired, kernel.counters(desired.name));
    const before = kernel.rulesetGeneration();
    kernel.runNft(text);
    const listing = kernel.listTable(desired.name);
    return kernel.rulesetGeneration() === before + 1 ? listing : undefined;
  }
}

function withoutElements(table: Table): Table {
  return { ...table, sets: table.sets.map((set) => ({ ...set, elements: [] })) };
}
