import {
  createTable,
  deviceChanges,
  type FirewallInput,
  type FirewallScope,
  renderTable,
} from "../firewall/index.ts";
import type { Kernel } from "../system/kernel.ts";
import type { RuleCounters } from "./rule-counters.ts";
import type { DeviceChange, RulesKeeper, RulesText } from "./rules-keeper.ts";
import { SetCounters } from "./set-counters.ts";
import type { HostTable, TableKeeper } from "./table-keeper.ts";

/** Rules as one nftables table: devices and most changes of policies are elements of its sets. */
export class NftKeeper implements RulesKeeper {
  readonly item: string;
  readonly #kernel: Kernel;
  readonly #keeper: TableKeeper;
  readonly #name: string;
  readonly #sets: SetCounters;
  /** The table that was last made, without endpoints; undefined when the kernel has to be looked at. */
  #inForce: HostTable | undefined;

  /**
   * @param name of the table
   * @param counters where to what rules of policies count goes
   */
  constructor(kernel: Kernel, keeper: TableKeeper, name: string, counters: RuleCounters) {
    this.#kernel = kernel;
    this.#keeper = keeper;
    this.#name = name;
    this.#sets = new SetCounters(kernel, name, counters);
    this.item = `table ${name}`;
  }

  keep(desired: FirewallInput, mayRepair: () => boolean): void {
    this.#inForce = undefined;
    let isLeft = false;
    this.#keeper.keep(hostTable(desired), () => {
      isLeft = !mayRepair();
      return !isLeft;
    });
    if (isLeft) return;
    this.#inForce = withoutDevices(desired);
    this.#sets.follow(desired.policyRules);
  }

  advance(desired: FirewallInput): boolean {
    const before = this.#inForce;
    this.#inForce = undefined;
    if (before === undefined) return false;
    const after = withoutDevices(desired);
    if (!this.#keeper.advance(before, after)) return false;
    this.#inForce = after;
    this.#sets.follow(desired.policyRules);
    return true;
  }

  distrust(): void {
    this.#inForce = undefined;
  }

  changeDevices(scope: FirewallScope, change: DeviceChange): void {
    this.#kernel.changeSets(deviceChanges(scope, change));
  }

  isThere(): boolean {
    return this.#kernel.listTableShape(this.#name) !== undefined;
  }

  counters(): ReturnType<RulesKeeper["counters"]> {
    return this.#kernel.counters(this.#name);
  }

  sample(): Promise<void> {
    return this.#sets.sample();
  }

  sampleBeforeChange(): void {
    this.#sets.sampleBeforeChange();
  }

  text(desired: FirewallInput): RulesText {
    return { table: renderTable(createTable(desired)) };
  }
}

/** Endpoints come and go by elements of their own: they are the same in both of two such tables. */
function withoutDevices(desired: FirewallInput): HostTable {
  return hostTable({ ...desired, devices: [] });
}

function hostTable(desired: FirewallInput): HostTable {
  const { policyRules } = desired;
  return { table: createTable(desired), ...(policyRules && { policyRules }) };
}
