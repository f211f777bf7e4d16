import { type Endpoint, RomanaError } from "../model/index.ts";
import type { Stored } from "../schema/index.ts";
import { notEnforced } from "./attacher.ts";
import type { Follower } from "./follower.ts";
import type { Keeper } from "./keeper.ts";
import type { Reconciler } from "./reconciler.ts";

/** What tells whether this host is ready for an endpoint. */
export interface Readiness {
  readonly follower: Pick<Follower, "connection" | "knowledge" | "until">;
  readonly reconciler: Pick<Reconciler, "inventory" | "isEnforcing">;
  readonly keeper: Pick<Keeper, "failures">;
  /** True while something is known that the kernel does not follow yet. */
  readonly isTopologyDue: () => boolean;
  readonly applyTopology: () => void;
  /** Why the desired state could not be derived. */
  readonly underivable: () => string | undefined;
}

/** How long an attach waits for romanad, and for romanad's news of what it has allocated, in milliseconds. */
const PATIENCE = { romanad: 3_000, news: 5_000 };

/** Waits until romanad can be asked, and has told about this host. @throws RomanaError `unavailable`. */
export async function connected(readiness: Readiness): Promise<void> {
  const { follower, reconciler, applyTopology, underivable } = readiness;
  const isThere = (): boolean => follower.connection.connected && follower.knowledge?.ownHost !== undefined;
  if (await follower.until(isThere, PATIENCE.romanad)) {
    if (reconciler.inventory.host === undefined) applyTopology();
    if (reconciler.inventory.host !== undefined) return;
  }
  const reason = follower.connection.error ?? underivable() ?? "it has not told about this host yet";
  throw new RomanaError(`Cannot attach endpoint: romanad cannot be asked (${reason})`, {
    code: "unavailable",
  });
}

/** Waits until the rules in the kernel know who the endpoint is. @throws RomanaError when they do not in time. */
export async function enforced(readiness: Readiness, endpoint: Stored<Endpoint>): Promise<void> {
  const { follower, reconciler, keeper, isTopologyDue, applyTopology, underivable } = readiness;
  const isKnown = (): boolean => follower.knowledge?.knowsIdentity(endpoint) === true;
  if (!(await follower.until(isKnown, PATIENCE.news))) {
    throw notEnforced(endpoint, "romanad has not told this host about its segment in time");
  }
  if (isTopologyDue()) applyTopology();
  // Rules that could not be derived anew do not know that it acts as another segment.
  const reason = underivable();
  if (endpoint.actsAs !== undefined && reason !== undefined) throw notEnforced(endpoint, reason);
  if (!reconciler.isEnforcing) throw notEnforced(endpoint, keeper.failures.join("; "));
}
