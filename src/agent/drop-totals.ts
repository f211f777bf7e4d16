import type { CounterValue } from "../firewall/index.ts";
import type { SavedRules } from "../firewall/iptables/index.ts";
import type { Family } from "../net/index.ts";

type Saved = Readonly<Record<Family, Pick<SavedRules, "drops">>>;

const FAMILIES: readonly Family[] = [4, 6];

/**
 * Dropped packets of both families by reason. Chains that are replaced shall count on from where they were, but
 * `ip6tables-nft-restore` 1.8.9 lets them begin at zero: what is lost so is added here.
 */
export class DropTotals {
  /** What the kernel said last, by family and reason. */
  readonly #last = new Map<string, CounterValue>();
  readonly #lost = new Map<string, CounterValue>();

  /** What was dropped as long as this is known, by reason. */
  get totals(): ReadonlyMap<string, CounterValue> {
    const totals = new Map<string, CounterValue>();
    for (const [key, value] of [...this.#last, ...this.#lost]) add(totals, key.slice(1), value);
    return totals;
  }

  /** Takes in what the kernel says. */
  see(saved: Saved): void {
    for (const family of FAMILIES) {
      for (const [reason, value] of saved[family].drops) this.#last.set(`${family}${reason}`, value);
    }
  }

  /** Takes in what the kernel says of chains that have just been replaced. */
  startFrom(saved: Saved): void {
    for (const [key, before] of this.#last) {
      const drops = saved[key.startsWith("4") ? 4 : 6].drops;
      const { packets, bytes } = drops.get(key.slice(1)) ?? { packets: 0, bytes: 0 };
      if (packets >= before.packets) continue;
      add(this.#lost, key, { packets: before.packets - packets, bytes: before.bytes - bytes });
      this.#last.set(key, { packets, bytes });
    }
    this.see(saved);
  }
}

function add(totals: Map<string, CounterValue>, key: string, { packets, bytes }: CounterValue): void {
  const before = totals.get(key);
  totals.set(key, { packets: packets + (before?.packets ?? 0), bytes: bytes + (before?.bytes ?? 0) });
}
