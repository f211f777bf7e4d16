import type { Host, Policy, PolicyTarget } from "../model/index.ts";
import type { Address, Family, Prefix } from "../net/index.ts";
import { directionAsks } from "./ask-order.ts";
import { answerFlow, type FlowAnswer, type FlowParty, type FlowSettings } from "./explain-flow.ts";
import type { Flow } from "./flow.ts";
import { createFlowFilter } from "./flow-filter.ts";
import { type Participant, participantOf } from "./participant.ts";
import { type Place, placeOf } from "./place.ts";
import { PrefixSet } from "./prefix-set.ts";
import { isEndpointTarget } from "./target.ts";
import type { PolicyWorld } from "./world.ts";
import { WorldIndex } from "./world-index.ts";

/** Answers flow after flow; the interface is the one of the settings unless it is given. */
export type FlowJudge = (flow: Flow, interfaceName?: string) => FlowAnswer;

/** The machine that asks, which knows all of its addresses, not only those of the underlay. */
export interface OwnMachine {
  readonly host: Host;
  /** True for each address of its own, also on interfaces that Romana knows nothing of. */
  has(address: Address): boolean;
}

/** Most addresses that are remembered; then it starts anew. */
const MOST_ADDRESSES = 1_000_000;

/** What policies ask of all subjects of one kind. */
type Asks = Pick<FlowParty, "egress" | "ingress">;

/**
 * A judge of many flows: it answers as `explainFlow` does, but for what was considered, which names only policies that
 * are about the subject, and nothing where that is left out. It remembers addresses, and which policies are about subjects of their kind. The world must
 * not change under it.
 */
export function createFlowJudge(
  world: PolicyWorld,
  settings: FlowSettings = {},
  own?: OwnMachine,
): FlowJudge {
  const index = new WorldIndex(world);
  const asksOf = createAsksOf(world, index);
  const known: Record<Family, Map<bigint, FlowParty>> = { 4: new Map(), 6: new Map() };
  const partyAt = (address: Address): FlowParty => {
    const cache = known[address.family];
    let found = cache.get(address.value);
    if (found === undefined) {
      const part = index.partFor(address);
      const { isGateway, ...elsewhere } = placeOf(part, address);
      const place: Place = own?.has(address)
        ? { kind: "machine", host: own.host, isGateway }
        : { ...elsewhere, isGateway };
      const participant = participantOf(part, address);
      found = { place, participant, ...asksOf(place, participant) };
      if (cache.size >= MOST_ADDRESSES) cache.clear();
      cache.set(address.value, found);
    }
    return found;
  };
  const filter = settings.isBrief === true ? createFlowFilter(world.policies) : undefined;
  return (flow, interfaceName) => {
    const here = interfaceName === undefined ? settings : { ...settings, interfaceName };
    const source = partyAt(flow.source);
    const destination = partyAt(flow.destination);
    if (filter === undefined) return answerFlow(flow, source, destination, here);
    const egress = filter(source.egress, destination.participant, flow);
    const ingress = filter(destination.ingress, source.participant, flow);
    return answerFlow(flow, { ...source, egress }, { ...destination, ingress }, here);
  };
}

/** Which policies are about a subject; asked once for all that no target tells apart. */
function createAsksOf(
  world: PolicyWorld,
  index: WorldIndex,
): (place: Place, participant: Participant) => Asks {
  const prefixes = new PrefixSet(
    targetPrefixes(world.policies).map((prefix, number) => [prefix, number] as const),
  );
  const ofKind = new Map<string, Asks>();
  const find = (place: Place, participant: Participant): Asks => {
    const isAbout = (target: PolicyTarget): boolean =>
      place.kind === "machine"
        ? target.kind === "host" || target.kind === "machine"
        : isEndpointTarget(target, participant);
    const policies = index
      .policiesFor(participant.owner?.tenant)
      .filter(({ appliedTo }) => appliedTo.some(isAbout));
    return { egress: directionAsks(policies, "egress"), ingress: directionAsks(policies, "ingress") };
  };
  return (place, participant) => {
    const { owner, address } = participant;
    const names = [owner !== undefined, owner?.tenant?.name ?? null, owner?.segment?.name ?? null];
    const kind = JSON.stringify([place.kind === "machine", ...names, prefixes.holding(address)]);
    let found = ofKind.get(kind);
    if (found === undefined) {
      found = find(place, participant);
      ofKind.set(kind, found);
    }
    return found;
  };
}

function targetPrefixes(policies: readonly Policy[]): readonly Prefix[] {
  return policies.flatMap(({ appliedTo }) =>
    appliedTo.flatMap((target) => (target.kind === "prefix" ? [target.prefix] : [])),
  );
}
