import { type KubernetesProtocol, probeKey } from "../../src/kubernetes/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import { type CellProbe, CellProber, sharedFamilies } from "./cell-prober.ts";
import type { SceneParty } from "./firewall-scene.ts";
import type { TruthFirewall } from "./truth-firewalls.ts";
import type { TruthScene } from "./truth-scene.ts";

/** Who should reach whom, or not. */
export interface TruthCell {
  /** Names of parties of the scene. */
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

/** Holds a firewall on the hosts of a scene against cells, with packets. */
export class TruthJudge {
  readonly #scene: TruthScene;
  readonly #firewall: TruthFirewall;
  readonly #prober: CellProber;

  /** @param patience as {@link CellProber} */
  constructor(scene: TruthScene, firewall: TruthFirewall, patience?: number) {
    this.#scene = scene;
    this.#firewall = firewall;
    this.#prober = new CellProber(patience);
  }

  /** Enforces the world and tries all cells at once. What should have passed and has not is tried once more. */
  judge(world: PolicyWorld, cells: readonly TruthCell[]): Judged {
    for (const own of this.#scene.hosts) this.#firewall.apply(own, this.#scene.input(own, world), world);
    this.#scene.forgetFlows();
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

  readonly #drops = (): number =>
    this.#scene.hosts
      .flatMap((own) => [...this.#firewall.drops(own)])
      .reduce((sum, [reason, packets]) => (reason === NOISY ? sum : sum + packets), 0);

  #probesOf({ from, to, ...cell }: TruthCell): readonly CellProbe[] {
    const [source, destination] = [from, to].map((name) => this.#scene.parties.get(name)) as [
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
