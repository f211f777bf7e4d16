import type { HostKnowledge } from "./host-knowledge.ts";
import type { SteeringPart } from "./steering.ts";

/** Stands in for chains on a host without nftables: they are not enforced there, and that is told. */
export class ChainRefuser implements SteeringPart {
  readonly #onProblems: () => void;
  #names: readonly string[] = [];

  /** @param onProblems told when {@link problems} may be others */
  constructor(onProblems: () => void) {
    this.#onProblems = onProblems;
  }

  follow({ chains }: Pick<HostKnowledge, "chains">): void {
    const before = this.#names.join();
    this.#names = chains.map(({ name }) => name).toSorted();
    if (before !== this.#names.join()) this.#onProblems();
  }

  notice(): void {
    // It has nothing in the kernel.
  }

  look(): void {
    // It has nothing in the kernel.
  }

  get problems(): readonly string[] {
    if (this.#names.length === 0) return [];
    return [`Chains are not enforced on this host, whose firewall is iptables: ${this.#names.join(", ")}`];
  }

  close(): void {
    this.#names = [];
  }
}
