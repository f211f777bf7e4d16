import { isDeepStrictEqual } from "node:util";
import { hasCode, type Network } from "../model/index.ts";
import { encodeNetwork } from "../schema/index.ts";
import { type WantedCondition, writeConditions } from "./condition-writer.ts";
import type { Cached } from "./informer.ts";
import { deleting } from "./mirror.ts";
import { CONDITIONS } from "./resources.ts";
import { tenantsWithoutCodes } from "./settle-segment.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/** Most namespaces that a condition names. */
const MAX_NAMED = 5;

/**
 * Makes a network of its object and keeps its groups and its service prefixes as the object says. With the object it goes only when nobody has an
 * address of it; plans never change.
 */
export const settleNetwork: Handler = async (site, name) => {
  const { cluster, events } = site;
  const { customNetworks } = cluster.informers;
  const cached = customNetworks.objects.get(name);
  if (cached === undefined) {
    await removeNetwork(site, name);
    return undefined;
  }
  const subject = subjectOf(customNetworks, cached);
  const accepted = await accept(site, name, cached);
  if (accepted.status === "False") events.warn(subject, accepted.reason, accepted.message);
  await writeConditions(site, subject, cached.conditions, [accepted, codesCondition(site)]);
  return undefined;
};

/** Networks have no mark of who made them: this is only asked for when the object has just gone. */
async function removeNetwork({ mirror, romanad }: Site, name: string): Promise<void> {
  try {
    await deleting(romanad.deleteNetwork(name));
    mirror.networks.delete(name);
  } catch (error) {
    if (!hasCode(error, "in-use")) throw error;
  }
}

async function accept(
  { mirror, romanad, cluster, ask }: Site,
  name: string,
  { value: network, fault }: Cached<Network>,
): Promise<WantedCondition> {
  const type = CONDITIONS.accepted;
  const refused = (reason: string, message: string): WantedCondition => ({
    type,
    status: "False",
    reason,
    message,
  });
  if (fault !== undefined || network === undefined) return refused("Unreadable", fault ?? "");
  const known = mirror.networks.get(name);
  try {
    if (known === undefined) mirror.networks.set(name, await romanad.createNetwork(network));
    else if (!isDeepStrictEqual(plansOf(known), plansOf(network))) {
      return refused("PlanFixed", "the plans of a network are in every address and cannot change");
    } else if (!isDeepStrictEqual(encodeNetwork(known), encodeNetwork(network))) {
      mirror.networks.set(name, await romanad.updateNetwork(network));
      for (const key of cluster.work()) if (key.startsWith("service/")) ask(key);
    }
  } catch (error) {
    if (!hasCode(error, "invalid-input") && !hasCode(error, "in-use")) throw error;
    return refused("Refused", error.message);
  }
  return { type, status: "True", reason: "InUse", message: "" };
}

function plansOf(network: Network): unknown {
  return encodeNetwork(network).plans;
}

function codesCondition(site: Site): WantedCondition {
  const type = CONDITIONS.codes;
  const tenants = tenantsWithoutCodes(site);
  if (tenants.length === 0) return { type, status: "True", reason: "Available", message: "" };
  const named = tenants.slice(0, MAX_NAMED).join(", ");
  const more = tenants.length > MAX_NAMED ? ` and ${tenants.length - MAX_NAMED} more` : "";
  const message = `new classes of pods find no code in namespaces ${named}${more}; their pods are born in other segments and act as their own`;
  return { type, status: "False", reason: "Exhausted", message };
}
