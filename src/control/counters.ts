import type { AllCounters, DropTally, HostCounters, PolicyCounters, Tally } from "../model/index.ts";
import type { Store } from "../store/index.ts";
import { PREFIX } from "./keys.ts";

/** Reports that are read in one turn of the event loop: each may have a thousand rules. */
const PAGE = 50;

/** Sums what all hosts have reported of their rules, by policy and rule; only of one policy if one is given. */
export async function sumCounters(store: Store, only?: string): Promise<AllCounters> {
  const sums = new Sums(only);
  for (let after: string | undefined; ; ) {
    const page = await store.list(PREFIX.status, { limit: PAGE, ...(after !== undefined && { after }) });
    for (const { value } of page.entries) sums.add(countersOf(value));
    after = page.entries.at(-1)?.key;
    if (!page.more) return sums.total();
  }
}

/** The counters of a stored report; undefined where it has none or is damaged. */
function countersOf(text: string): HostCounters | undefined {
  try {
    return (JSON.parse(text) as { counters?: HostCounters }).counters;
  } catch {
    return undefined;
  }
}

class Sums {
  readonly #only: string | undefined;
  #hosts = 0;
  #omitted = 0;
  readonly #policies = new Map<string, Map<number | undefined, Tally>>();
  readonly #drops = new Map<string, Tally>();

  constructor(only: string | undefined) {
    this.#only = only;
  }

  add(counters: HostCounters | undefined): void {
    if (counters === undefined) return;
    this.#hosts += 1;
    this.#omitted += counters.omitted;
    for (const { policy, rule, ...tally } of counters.rules) {
      if (this.#only !== undefined && policy !== this.#only) continue;
      const rules = this.#policies.get(policy) ?? new Map<number | undefined, Tally>();
      addTo(rules, rule, tally);
      this.#policies.set(policy, rules);
    }
    for (const { reason, ...tally } of counters.drops) addTo(this.#drops, reason, tally);
  }

  total(): AllCounters {
    const policies = [...this.#policies].map(
      ([policy, rules]): PolicyCounters => ({
        policy,
        rules: [...rules]
          .map(([rule, tally]) => ({ ...(rule !== undefined && { rule }), ...tally }))
          .sort((a, b) => (a.rule ?? -1) - (b.rule ?? -1)),
      }),
    );
    return {
      hosts: this.#hosts,
      omitted: this.#omitted,
      policies: policies.sort((a, b) => (a.policy < b.policy ? -1 : 1)),
      drops: [...this.#drops].map(([reason, tally]): DropTally => ({ reason, ...tally })),
    };
  }
}

function addTo<K>(map: Map<K, Tally>, key: K, { packets, bytes }: Tally): void {
  const before = map.get(key);
  map.set(key, { packets: packets + (before?.packets ?? 0), bytes: bytes + (before?.bytes ?? 0) });
}
