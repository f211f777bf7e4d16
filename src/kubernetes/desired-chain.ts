import type { Chain, ChainEnd, ChainFunction } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import { externalIdOf, namespacedName } from "./object-name.ts";
import { type ChosenSegment, chooseSegment, type ObjectProblem } from "./segment-choice.ts";

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
 * @param segmentsOf those of a namespace
 * @param known what romanad has now: its network cannot change
 */
export function desiredChain(
  object: ChainObject,
  segmentsOf: (namespace: string) => ReadonlyMap<string, ChosenSegment>,
  known: Chain | undefined,
): WantedChain | ObjectProblem {
  const { namespace, name, uid, network, from, to, through, direction } = object;
  if (known !== undefined && network !== undefined && network !== known.network) {
    const message = `its network is "${known.network}" and cannot change; delete it, and make it anew`;
    return { reason: "NetworkFixed", message };
  }
  const isSender = from.segment === undefined ? from.namespace === namespace : isOf(namespace, from);
  if (!isSender && !isOf(namespace, to)) {
    const message = `neither who sends nor who receives is of namespace "${namespace}"`;
    return { reason: "NotOurs", message };
  }
  const problems: ObjectProblem[] = [];
  const resolve = (tenant: string, segment: string, before: object | undefined): SegmentEnd => {
    const earlier = before !== undefined && "segment" in before ? String(before.segment) : undefined;
    const chosen = chooseSegment({ by: "name", name: segment }, segmentsOf(tenant), earlier);
    if ("segment" in chosen) return { tenant, segment: chosen.segment };
    problems.push(chosen);
    return { tenant, segment };
  };
  const wanted: WantedChain = {
    name: namespacedName(namespace, name),
    ...(network !== undefined && { network }),
    from: fromOf(object, (tenant, segment) => resolve(tenant, segment, known?.from)),
    to: toOf(object, (tenant, segment) => resolve(tenant, segment, known?.to)),
    through: through.map((each, index) => ({
      ...each,
      ...resolve(namespace, each.segment, known?.through[index]),
    })),
    direction,
    externalId: externalIdOf(uid),
  };
  return problems[0] ?? wanted;
}

interface SegmentEnd {
  readonly tenant: string;
  readonly segment: string;
}

type Resolve = (tenant: string, segment: string) => SegmentEnd;

function isOf(namespace: string, { namespace: other = namespace }: { readonly namespace?: string }): boolean {
  return other === namespace;
}

function fromOf({ namespace, from }: ChainObject, resolve: Resolve): ChainEnd {
  const tenant = from.namespace ?? namespace;
  if (from.segment !== undefined) return { kind: "segment", ...resolve(tenant, from.segment) };
  if (from.namespace !== undefined) return { kind: "tenant", tenant };
  return from.cidr === undefined ? { kind: "any" } : { kind: "cidr", prefix: from.cidr };
}

function toOf({ namespace, to }: ChainObject, resolve: Resolve): Chain["to"] {
  const { namespace: tenant = namespace, segment, service = "" } = to;
  return segment === undefined
    ? { kind: "service", service: namespacedName(tenant, service) }
    : { kind: "segment", ...resolve(tenant, segment) };
}
