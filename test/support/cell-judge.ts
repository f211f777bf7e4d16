import { type KubernetesProtocol, probeKey } from "../../src/kubernetes/index.ts";
import { type CellProbe, CellProber, sharedFamilies } from "./cell-prober.ts";
import type { SceneParty } from "./firewall-scene.ts";

/** Who should reach whom, or not. */
export interface TruthCell {
  /** Names of parties. */
  readonly from: string;
  readonly to: string;
  readonly protocol: KubernetesProtocol;
  readonly port: number;
  readonly allowed: boolean;
}

/** What packets saw. */
export interface Judged {
  /** Flows tried: each cell in each family. */
  readonly flows: number;
  /** Sentences about what was not as it should be. */
  readonly wrong: readonly string[];
}

/** Counter that also counts what interfaces say by themselves, such as reports of multicast listeners. */
const NOISY = "multicast";

/** Sum of what rules have dropped, by reason, but for what nobody has asked for. */
export function probesDropped(drops: Iterable<readonly [reason: string, packets: number]>): number {
  return [...drops].reduce((sum, [reason, packets]) => (reason === NOISY ? sum : sum + packets), 0);
}

/** Tries cells with packets: what is not allowed has to be silent, and dropped by rules. */
export class CellJudge {
  readonly #parties: ReadonlyMap<string, SceneParty>;
  readonly #drops: () => number;
  readonly #prober: CellProber;

  /**
   * @param drops packets that the rules of all hosts have dropped so far, see {@link probesDropped}
   * @param patience as {@link CellProber}
   */
  constructor(parties: ReadonlyMap<string, SceneParty>, drops: () => number, patience?: number) {
    this.#parties = parties;
    this.#drops = drops;
    this.#prober = new CellProber(patience);
  }

  /** Tries all cells at once. What should have passed and has not is tried once more. */
  judge(cells: readonly TruthCell[]): Judged {
    const probes = cells.flatMap((cell) => this.#probesOf(cell));
    const first = this.#prober.probe(probes, this.#drops);
    const missing = probes.filter(
      (probe) => probe.allowed && !first.passed.has(probe) && !first.refused.has(probe),
    );
    const second = missing.length === 0 ? undefined : this.#prober.probe(missing, this.#drops);
    const silent = probes.filter((probe) => !first.passed.has(probe) && !first.refused.has(probe)).length;
    const wrong = probes.flatMap((probe) => {
      if (first.refused.has(probe) || second?.refused.has(probe)) return [describe(probe, "is refused")];
      if (!probe.allowed) return first.passed.has(probe) ? [describe(probe, "passes")] : [];
      return first.passed.has(probe) || second?.passed.has(probe) ? [] : [describe(probe, "is lost")];
    });
    const isLost = missing.length === 0 && first.dropped < silent;
    return {
      flows: probes.length,
      wrong: [
        ...wrong,
        ...(isLost ? [`${silent} are silent, but rules dropped ${first.dropped} packets`] : []),
        ...this.#prober.takeRejections(),
      ],
    };
  }

  close(): void {
    this.#prober.close();
  }

  #probesOf({ from, to, ...cell }: TruthCell): readonly CellProbe[] {
    const [source, destination] = [from, to].map((name) => this.#parties.get(name)) as [
      SceneParty,
      SceneParty,
    ];
    return sharedFamilies(source, destination).map((family) => ({
      ...cell,
      from: source,
      to: destination,
      family,
    }));
  }
}

function describe(probe: CellProbe, what: string): string {
  return `${probe.from.name} -> ${probe.to.name} ${probeKey(probe)} ${what} over IPv${probe.family}`;
}
