import type { Endpoint } from "../model/index.ts";
import { Health } from "./health.ts";
import type { Prober } from "./health-prober.ts";
import { Heart } from "./heart.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import type { Romanad } from "./romanad.ts";
import { VirtualIpHolder, type VirtualIpHolderOptions } from "./virtual-ip-holder.ts";

/** What a {@link Pulse} works with. */
export interface PulseOptions extends Omit<VirtualIpHolderOptions, "heart"> {
  readonly romanad: Pick<Romanad, "beat">;
  readonly probe: Prober;
  /** Another one for each life of the agent. */
  readonly life: string;
  /** The endpoints that are attached on this host. */
  readonly attached: () => readonly Endpoint[];
}

/** All that romanad has to hear of again and again: virtual IPs, and the health of endpoints. */
export class Pulse {
  readonly virtualIps: VirtualIpHolder;
  readonly health: Health;
  readonly #heart: Heart;

  constructor(options: PulseOptions) {
    const heart = new Heart({ ...options, voices: () => [this.virtualIps, this.health] });
    this.#heart = heart;
    this.virtualIps = new VirtualIpHolder({ ...options, heart });
    this.health = new Health({ ...options, heart });
  }

  /** Takes in what romanad has told in this life, and what is attached now. */
  follow(knowledge: HostKnowledge): void {
    // Health first: the heartbeat for a virtual IP must not say that nobody is healthy.
    this.health.follow(knowledge);
    this.virtualIps.follow(knowledge.virtualIps, knowledge.ownHost);
  }

  /** Says no more; virtual IPs in the kernel end by themselves. */
  close(): void {
    this.#heart.close();
    this.virtualIps.close();
    this.health.close();
  }
}
