import type { PolicyWorld } from "../../src/policy/index.ts";
import { CellJudge, type Judged, probesDropped, type TruthCell } from "./cell-judge.ts";
import type { TruthFirewall } from "./truth-firewalls.ts";
import type { TruthScene } from "./truth-scene.ts";

/** Holds a firewall on the hosts of a scene against cells, with packets. */
export class TruthJudge {
  readonly #scene: TruthScene;
  readonly #firewall: TruthFirewall;
  readonly #judge: CellJudge;

  /** @param patience as {@link CellJudge} */
  constructor(scene: TruthScene, firewall: TruthFirewall, patience?: number) {
    this.#scene = scene;
    this.#firewall = firewall;
    const drops = (): number => probesDropped(scene.hosts.flatMap((own) => [...firewall.drops(own)]));
    this.#judge = new CellJudge(scene.parties, drops, patience);
  }

  /** Enforces the world and tries all cells, as {@link CellJudge.judge}. */
  judge(world: PolicyWorld, cells: readonly TruthCell[]): Judged {
    for (const own of this.#scene.hosts) this.#firewall.apply(own, this.#scene.input(own, world), world);
    this.#scene.forgetFlows();
    return this.#judge.judge(cells);
  }

  close(): void {
    this.#judge.close();
  }
}
