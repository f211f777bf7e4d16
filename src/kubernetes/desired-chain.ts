import type { Chain, ChainEnd, ChainFunction } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import type { ObjectProblem } from "./desired-service.ts";
import { externalIdOf, namespacedName } from "./object-name.ts";

/** A chain as romanad is asked for it; what is absent romanad chooses. */
export type WantedChain = Omit<Chain, "network" | "places"> & Partial<Pick<Chain, "network">>;

/** What matters of a Chain (romana.io/v1). Without a namespace segments and services are of its own. */
export interface ChainObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly network?: string;
  /** A segment, all of a namespace, a prefix, or anybody. */
  readonly from: {
    readonly segment?: string;
    readonly namespace?: string;
    readonly cidr?: Prefix;
    readonly any?: true;
  };
  /** A segment or a service. */
  readonly to: { readonly segment?: string; readonly service?: string; readonly namespace?: string };
  readonly through: readonly Omit<ChainFunction, "tenant">[];
  readonly direction: Chain["direction"];
}

/**
 * The chain of an object, or why there is none. A chain takes only traffic of its own namespace: one of its ends must be there.
 * @param known what romanad has now: its network cannot change
 */
export function desiredChain(object: ChainObject, known: Chain | undefined): WantedChain | ObjectProblem {
  const { namespace, name, uid, network, to, through, direction } = object;
  if (known !== undefined && network !== undefined && network !== known.network) {
    const message = `its network is "${known.network}" and cannot change; delete it, and make it anew`;
    return { reason: "NetworkFixed", message };
  }
  const from = fromOf(object);
  const isSender = "tenant" in from && from.tenant === namespace;
  if (!isSender && (to.namespace ?? namespace) !== namespace) {
    const message = `neither who sends nor who receives is of namespace "${namespace}"`;
    return { reason: "NotOurs", message };
  }
  return {
    name: namespacedName(namespace, name),
    ...(network !== undefined && { network }),
    from,
    to: toOf(object),
    through: through.map((each) => ({ ...each, tenant: namespace })),
    direction,
    externalId: externalIdOf(uid),
  };
}

function fromOf({ namespace, from }: ChainObject): ChainEnd {
  const tenant = from.namespace ?? namespace;
  if (from.segment !== undefined) return { kind: "segment", tenant, segment: from.segment };
  if (from.namespace !== undefined) return { kind: "tenant", tenant };
  return from.cidr === undefined ? { kind: "any" } : { kind: "cidr", prefix: from.cidr };
}

function toOf({
  namespace,
  to: { namespace: tenant = namespace, segment, service = "" },
}: ChainObject): Chain["to"] {
  return segment === undefined
    ? { kind: "service", service: namespacedName(tenant, service) }
    : { kind: "segment", tenant, segment };
}
