import type { CounterValue, deviceChanges, FirewallInput, FirewallScope } from "../firewall/index.ts";
import type { DesiredText } from "../schema/index.ts";

/** Endpoints' devices that come and go. */
export type DeviceChange = Parameters<typeof deviceChanges>[1];

/** The texts that the kernel's rules are made of, by title. */
export type RulesText = Pick<DesiredText, "table" | "ipset" | "iptables" | "ip6tables">;

/** Makes the rules of the kernel the desired ones, with one of the kernel's ways to have rules. */
export interface RulesKeeper {
  /** What messages call the rules. */
  readonly item: string;
  /**
   * Looks at the kernel's rules and mends them if `mayRepair` says so.
   * @throws RomanaError when the kernel refuses, or they cannot be said; the rules are then as they were.
   */
  keep(desired: FirewallInput, mayRepair: () => boolean): void;
  /**
   * Makes the rules that were kept last the desired ones without a look at the kernel; both have the same devices.
   * False when that is not enough. For when nobody else has changed the rules.
   * @throws RomanaError as {@link keep}.
   */
  advance(desired: FirewallInput): boolean;
  /** Somebody may have changed the rules. */
  distrust(): void;
  /**
   * Binds and unbinds endpoints' devices.
   * @param desired all rules with these changes, for who cannot change less
   * @throws RomanaError as {@link keep}.
   */
  changeDevices(scope: FirewallScope, change: DeviceChange, desired: () => FirewallInput): void;
  /** True while rules are there that keep unbound endpoints apart, though perhaps not the desired ones. */
  isThere(): boolean;
  /** Dropped packets by reason. */
  counters(): ReadonlyMap<string, CounterValue>;
  /** Reads what rules of policies have decided, perhaps in several turns of the event loop. @throws RomanaError */
  sample(): Promise<void>;
  /** Policies are going to change: reads what could not be told afterwards. @throws RomanaError */
  sampleBeforeChange(): void;
  /** The desired rules for people. */
  text(desired: FirewallInput): RulesText;
}
