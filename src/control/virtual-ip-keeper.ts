import { hasCode, notFound, RomanaError, type VirtualIp, virtualIpAddresses } from "../model/index.ts";
import type { Context } from "./context.ts";
import type { Mirror } from "./feed.ts";
import type { Heartbeat, HeartbeatAnswer } from "./heartbeat.ts";
import { PREFIX, virtualIpAddressKey, virtualIpKey } from "./keys.ts";
import { Lookout } from "./lookout.ts";
import type { Clock, VirtualIpMove } from "./options.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import { type LeaseAction, type LeaseWorld, VirtualIpLeases } from "./virtual-ip-leases.ts";
import { encodeVirtualIpRecord } from "./virtual-ip-record.ts";

/** What a {@link VirtualIpKeeper} works with. */
export interface VirtualIpKeeperOptions {
  readonly clock: Clock;
  /** Asked for when something is to be done: it is made after the keeper. */
  readonly context: () => Context;
  readonly onMove: (move: VirtualIpMove) => void;
  readonly onTrouble: (error: unknown) => void;
}

/** Time between two looks at who is silent, in milliseconds. */
const LOOK_EVERY = 200;

/** Takes heartbeats, and writes down who holds what. It follows the store to know when there is something to do. */
export class VirtualIpKeeper implements Mirror {
  /** Moves since the start. */
  moves = 0;
  readonly #options: VirtualIpKeeperOptions;
  readonly #leases: VirtualIpLeases;
  readonly #lookout: Lookout;

  constructor(options: VirtualIpKeeperOptions) {
    this.#options = options;
    const { clock } = options;
    this.#lookout = new Lookout({ clock, every: LOOK_EVERY, look: (isHeldUp) => this.#look(isHeldUp) });
    this.#leases = new VirtualIpLeases(this.#lookout.now());
  }

  /** @throws RomanaError `not-found` for a host that is not there, `aborted` when a later heartbeat came first. */
  beat(host: string, heartbeat: Heartbeat): HeartbeatAnswer {
    const world = this.#world();
    if (world.host(host) === undefined) throw notFound("host", host);
    const answer = this.#leases.beat(host, heartbeat, world, this.#lookout.now());
    if (answer === undefined) {
      throw new RomanaError(`Cannot take heartbeat of host "${host}": a later one came before it`, {
        code: "aborted",
      });
    }
    if (answer.hasFreed) this.#act();
    return answer;
  }

  /** How a virtual IP is. */
  stateOf(virtualIp: VirtualIp): ReturnType<VirtualIpLeases["stateOf"]> {
    return this.#leases.stateOf(virtualIp, this.#world(), this.#lookout.now());
  }

  apply(key: string, value: string | undefined): void {
    if (key.startsWith(PREFIX.host) && value === undefined)
      this.#leases.forget(key.slice(PREFIX.host.length));
    if (key.startsWith(PREFIX.virtualIp)) this.#lookout.start();
  }

  clear(): void {
    // What was heard of hosts does not come from the store.
  }

  /** Looks no more. */
  close(): void {
    this.#lookout.close();
  }

  #world(): LeaseWorld {
    const { catalog } = this.#options.context();
    return {
      virtualIps: Array.from(catalog.virtualIps.values(), ({ record }) => record),
      host: (name) => catalog.hosts.get(name)?.record.host,
      hosts: () => Array.from(catalog.hosts.values(), ({ record }) => record.host),
    };
  }

  /** False when there is nothing to look at any more. */
  #look(isHeldUp: boolean): boolean {
    if (!isHeldUp) this.#act();
    return this.#options.context().catalog.virtualIps.size > 0;
  }

  #act(): void {
    for (const action of this.#leases.decide(this.#world(), this.#lookout.now())) {
      this.#leases.begin(action);
      void this.#write(action);
    }
  }

  async #write(action: LeaseAction): Promise<void> {
    const { onMove, onTrouble, context } = this.#options;
    let isDone = false;
    try {
      isDone = await writeAction(context(), action);
    } catch (error) {
      // It is tried again with the next look.
      if (!hasCode(error, "unavailable")) onTrouble(error);
    }
    this.#leases.end(action, isDone, this.#lookout.now());
    if (!isDone || action.type !== "move") return;
    this.moves += 1;
    const { type: _, ...move } = action;
    onMove(move);
  }
}

/** False when the virtual IP has changed meanwhile. */
async function writeAction(context: Context, action: LeaseAction): Promise<boolean> {
  const { name } = action;
  const known = context.catalog.virtualIps.get(name);
  if (known === undefined) return false;
  const key = virtualIpKey(name);
  const writes =
    action.type === "remove"
      ? [
          remove(key),
          ...virtualIpAddresses(known.record).map((address) => remove(virtualIpAddressKey(address))),
        ]
      : [put(key, encodeVirtualIpRecord({ ...known.record, holder: action.to, since: context.now() }))];
  return (await commit(context, [unchanged(key, known.revision)], writes)) !== LOST;
}
