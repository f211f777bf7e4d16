import type { Chain } from "../model/index.ts";
import type {
  ChangeOptions,
  Created,
  DeleteOptions,
  Deletion,
  ItemPage,
  PageRequest,
  Versioned,
} from "./listing.ts";

/** What a chain shall be; its places are chosen. */
export interface ChainSpec extends Omit<Chain, "network" | "places"> {
  /** May be absent when there is exactly one network. */
  readonly network?: string;
}

/** What may change in a chain; null takes an optional field away. */
export interface ChainPatch extends Partial<Pick<Chain, "from" | "to" | "through" | "direction">> {
  readonly externalId?: string | null;
}

/** Functions that flows pass through, in order. */
export interface Chains {
  /**
   * @throws RomanaError `not-found` (network, tenant, segment, service), `invalid-input` for one that goes through itself
   *   or names a family that its network has not, `conflict` when another one takes the same traffic or has the name,
   *   `pool-exhausted` when there are too few places, `aborted`.
   */
  create(spec: ChainSpec): Promise<Created<Chain>>;
  get(name: string): Promise<Versioned<Chain>>;
  list(page?: PageRequest): Promise<ItemPage<Chain>>;
  update(name: string, patch: ChainPatch, options?: ChangeOptions): Promise<Versioned<Chain>>;
  /** From then on its flows go straight. One whose value is damaged goes, too. */
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
}
