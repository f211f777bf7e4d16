import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import {
  type Endpoint,
  type HealthCheck,
  type Host,
  hasCode,
  type Network,
  type Segment,
  type SegmentBackends,
  type SegmentUse,
  segmentPlaceText,
  segmentUses,
} from "../model/index.ts";
import type { HeartbeatJson } from "../schema/index.ts";
import { HealthProber, type HealthTarget, type Prober } from "./health-prober.ts";
import type { Heart, HeartVoice } from "./heart.ts";
import { endpointKey, type HostKnowledge } from "./host-knowledge.ts";
import type { Timers } from "./timers.ts";

/** What a {@link Health} works with. */
export interface HealthOptions {
  readonly probe: Prober;
  readonly timers: Timers;
  readonly heart: Pick<Heart, "soon">;
  /** The endpoints that are attached on this host. */
  readonly attached: () => readonly Endpoint[];
}

const TCP = 6;

/**
 * Tells romanad which endpoints of this host pass the checks of services and chains, at once when that changes. Before the first
 * probe it tells what romanad has said last, so that an agent that was started anew takes nobody out.
 */
export class Health implements HeartVoice {
  readonly #options: HealthOptions;
  readonly #prober: HealthProber;
  /** Flows are steered to endpoints of this host. */
  #isUsed = false;
  /** Healthy endpoints as romanad has heard of them, and as the heartbeat under way tells. */
  #heard = "";
  #telling = "";
  readonly hasNews = false;
  readonly pace = undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
    const { probe, timers, heart } = options;
    this.#prober = new HealthProber({
      probe,
      timers,
      onChange: () => {
        heart.soon();
      },
    });
  }

  /** Takes in what is known and what is attached now. */
  follow(knowledge: HostKnowledge): void {
    const wasUsed = this.#isUsed;
    const uses = segmentUses(knowledge.services, knowledge.chains);
    const known: KnownToHealth = {
      ownHost: knowledge.ownHost,
      networkOf: (name) => knowledge.network(name),
      segments: uses.size === 0 ? [] : knowledge.segments,
      backends: uses.size === 0 ? [] : knowledge.backends,
    };
    const attached = uses.size === 0 ? [] : this.#options.attached();
    const used = attached.flatMap((endpoint) => {
      const use = uses.get(segmentPlaceText(placeOf(endpoint)));
      return use === undefined ? [] : [{ endpoint, use }];
    });
    this.#isUsed = used.length > 0;
    this.#prober.follow(used.flatMap(({ endpoint, use }) => healthTarget(known, endpoint, use) ?? []));
    if (this.#isUsed && !wasUsed) this.#options.heart.soon();
  }

  prepare(): boolean {
    // Nobody is here any more: that is told once.
    return this.#isUsed || this.#heard !== this.#prober.healthy.join();
  }

  words(): Partial<HeartbeatJson> {
    const { healthy } = this.#prober;
    this.#telling = healthy.join();
    return { healthy: [...healthy] };
  }

  heard(): void {
    this.#heard = this.#telling;
  }

  rest(): void {}

  /** Looks no more. */
  close(): void {
    this.#prober.close();
  }
}

/** What targets follow from. */
interface KnownToHealth {
  readonly ownHost: Host | undefined;
  readonly networkOf: (name: string) => Network | undefined;
  readonly segments: readonly Segment[];
  readonly backends: readonly SegmentBackends[];
}

/** What is to be looked at of an endpoint; undefined where there is no check, or no way to it. */
function healthTarget(
  { ownHost, networkOf, segments, backends }: KnownToHealth,
  endpoint: Endpoint,
  { checks }: SegmentUse,
): HealthTarget | undefined {
  const network = networkOf(endpoint.network);
  const address = endpoint.addresses.ipv4 ?? endpoint.addresses.ipv6;
  if (checks.length === 0 || ownHost === undefined || network === undefined || address === undefined)
    return undefined;
  const plan = address.family === 4 ? network.plans.ipv4 : network.plans.ipv6;
  if (plan === undefined) return undefined;
  const place = placeOf(endpoint);
  const segment = segments.find(({ tenant, name }) => tenant === place.tenant && name === place.segment);
  const key = endpointKey(endpoint);
  try {
    return {
      key,
      address,
      source: gatewayAddress(plan, hostPosition(network, ownHost)),
      checks: checks.map((check) => withPort(check, segment)),
      wasHealthy: () => {
        const record = backends.find((one) => segmentPlaceText(one) === segmentPlaceText(place));
        return record?.backends.some((backend) => endpointKey(backend) === key) ?? false;
      },
    };
  } catch (error) {
    // A host without a place in the network reaches nobody in it.
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
}

/** The check with the number of its port, where that is known. */
function withPort(
  { port, ...check }: HealthCheck,
  segment: Segment | undefined,
): HealthTarget["checks"][number] {
  const number =
    typeof port === "number"
      ? port
      : segment?.ports?.find(({ name, protocol }) => name === port && protocol === TCP)?.port;
  return number === undefined ? check : { ...check, port: number };
}

function placeOf({ network, tenant, segment, actsAs }: Endpoint): Parameters<typeof segmentPlaceText>[0] {
  return { network, tenant, segment: actsAs ?? segment };
}
