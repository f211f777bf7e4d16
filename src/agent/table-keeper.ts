import { type PolicyRules, renderTable, type Table } from "../firewall/index.ts";
import type { Kernel } from "../system/kernel.ts";
import { elementChanges, elementsOf, fingerprint, listElements, rawChange } from "./listing.ts";

/** How the kernel prints a table of ours: by that it is known again, also after a restart. */
export interface TableReference {
  /** Fingerprint of the rendered table without elements. */
  readonly rendered: string;
  /** Fingerprint of its listing without elements. */
  readonly listed: string;
}

/** What it takes to make the kernel's table the desired one. */
export type TableFinding = "equal" | "elements" | "replace";

/** A table with the policies whose sets it has. */
export interface HostTable {
  readonly table: Table;
  readonly policyRules?: PolicyRules;
}

/** How often a table is replaced in a row while others change rules at the same moment. */
const ATTEMPTS = 3;

/** Makes the kernel's table equal to the desired one: elements one by one, anything else in one transaction. */
export class TableKeeper {
  readonly #kernel: Kernel;
  readonly #remember: (reference: TableReference) => void;
  readonly #beforeReplace: () => void;
  #reference: TableReference | undefined;

  /**
   * @param remember told when the reference changes, so that a later life need not replace the table
   * @param beforeReplace told before counters of elements are lost with the table
   */
  constructor(
    kernel: Kernel,
    reference: TableReference | undefined,
    remember: (reference: TableReference) => void,
    beforeReplace: () => void = () => {},
  ) {
    this.#kernel = kernel;
    this.#reference = reference;
    this.#remember = remember;
    this.#beforeReplace = beforeReplace;
  }

  /**
   * Looks at the kernel's table and mends it if `mayRepair` says so.
   * @throws RomanaError when the kernel refuses; the table is then as it was.
   */
  keep({ table, policyRules }: HostTable, mayRepair: () => boolean): TableFinding {
    const rendered = fingerprint(shapeOf(table));
    const changes = this.#changes(table, rendered);
    if (changes !== undefined && changes.length === 0) {
      policyRules?.takeDifferences();
      return "equal";
    }
    const finding = changes === undefined ? "replace" : "elements";
    if (!mayRepair()) return finding;
    if (changes === undefined) this.#replace(table, rendered);
    else this.#kernel.changeSets(changes);
    policyRules?.takeDifferences();
    return finding;
  }

  /**
   * Makes one desired table of another without a look at the kernel, by elements alone. False when chains or sets
   * differ. For when nobody else has changed the table.
   * @throws RomanaError when the kernel refuses; the table is then as it was.
   */
  advance(before: HostTable, after: HostTable): boolean {
    if (before.policyRules !== after.policyRules) return false;
    if (shapeOf(before.table) !== shapeOf(after.table)) return false;
    const { name } = after.table;
    const changes = [
      ...elementChanges(name, withoutPolicies(after.table), elementsOf(withoutPolicies(before.table))),
      ...(after.policyRules?.takeDifferences() ?? []).map((change) => rawChange(name, change)),
    ];
    if (changes.length > 0) this.#kernel.changeSets(changes);
    return true;
  }

  #changes(desired: Table, rendered: string): ReturnType<typeof elementChanges> | undefined {
    if (this.#reference?.rendered !== rendered) return undefined;
    const shape = this.#kernel.listTableShape(desired.name);
    if (shape === undefined || fingerprint(shape) !== this.#reference.listed) return undefined;
    return elementChanges(desired.name, desired.sets, listElements(this.#kernel, desired));
  }

  /** Without a listing that is surely of our own table, the next look replaces it again. */
  #replace(desired: Table, rendered: string): void {
    this.#reference = undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const shape = this.#replaceOnce(desired);
      if (shape === undefined) continue;
      this.#reference = { rendered, listed: fingerprint(shape) };
      this.#remember(this.#reference);
      return;
    }
  }

  /** Replaces the table and returns its shape; undefined when somebody changed rules before it was read. */
  #replaceOnce(desired: Table): string | undefined {
    const kernel = this.#kernel;
    this.#beforeReplace();
    const text = renderTable(desired, kernel.counters(desired.name));
    const before = kernel.rulesetGeneration();
    kernel.runNft(text);
    const shape = kernel.listTableShape(desired.name);
    return kernel.rulesetGeneration() === before + 1 ? shape : undefined;
  }
}

/** The rendered table without elements. */
function shapeOf(table: Table): string {
  return renderTable({
    ...table,
    sets: table.sets.map(({ name, comment, key, hasRanges, hasCounters }) => ({
      name,
      comment,
      key,
      ...(hasRanges && { hasRanges }),
      ...(hasCounters && { hasCounters }),
      elements: [],
    })),
  });
}

/** The sets whose elements do not come from policies: those tell by themselves what has changed. */
function withoutPolicies({ sets }: Table): Table["sets"] {
  return sets.filter(({ hasCounters }) => hasCounters !== true);
}
