import type { Service } from "../model/index.ts";
import { isSamePair } from "./desired-virtual-ip.ts";
import { requirementsOf } from "./label-selector.ts";
import { externalIdOf, namespacedName } from "./object-name.ts";
import type { LabelSelector } from "./objects.ts";
import { type ChosenSegment, chooseSegment, type ObjectProblem } from "./segment-choice.ts";

/** A service as romanad is asked for it; what is absent romanad chooses. */
export type WantedService = Omit<Service, "network" | "addresses"> &
  Partial<Pick<Service, "network" | "addresses">>;

/** What matters of a Service (romana.io/v1). */
export interface ServiceObject extends Omit<WantedService, "tenant" | "segment" | "externalId"> {
  readonly namespace: string;
  readonly uid: string;
  /** One of both is there. */
  readonly segment?: string;
  readonly selector?: LabelSelector;
}

/**
 * The service of an object, or why there is none.
 * @param segments those of its namespace
 * @param known what romanad has now: its network and its addresses cannot change
 */
export function desiredService(
  object: ServiceObject,
  segments: ReadonlyMap<string, ChosenSegment>,
  known: Service | undefined,
): WantedService | ObjectProblem {
  const { namespace, uid, name, segment, selector = {}, ...rest } = object;
  const { network, addresses } = rest;
  if (known !== undefined && network !== undefined && network !== known.network) {
    const message = `its network is "${known.network}" and cannot change; delete it, and make it anew`;
    return { reason: "NetworkFixed", message };
  }
  if (known !== undefined && addresses !== undefined && !isSamePair(addresses, known.addresses)) {
    return { reason: "AddressesFixed", message: "its addresses cannot change; delete it, and make it anew" };
  }
  const choice =
    segment === undefined
      ? ({ by: "labels", requirements: requirementsOf(selector) } as const)
      : ({ by: "name", name: segment } as const);
  const chosen = chooseSegment(choice, segments, known?.segment);
  if ("reason" in chosen) return chosen;
  return {
    ...rest,
    name: namespacedName(namespace, name),
    tenant: namespace,
    segment: chosen.segment,
    externalId: externalIdOf(uid),
  };
}
