import type { Fabric } from "../model/index.ts";
import type {
  ChangeOptions,
  Created,
  DeleteOptions,
  Deletion,
  ItemPage,
  PageRequest,
  Versioned,
} from "./listing.ts";

/** The routers around the hosts: documents that are written as a whole. */
export interface Fabrics {
  /**
   * Makes it, or puts it in place of the one of its name.
   * @throws RomanaError `invalid-input` with every fault of it, beside the networks, the hosts and other fabrics, too;
   *   `revision-mismatch`, `not-found` for an expected revision of one that is not there.
   */
  put(fabric: Fabric, options?: ChangeOptions): Promise<Created<Fabric>>;
  get(name: string): Promise<Versioned<Fabric>>;
  list(page?: PageRequest): Promise<ItemPage<Fabric>>;
  /** Agents then stop the routing daemons that they keep. One whose value is damaged goes, too. */
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
}
