import { externalIdOf, isMadeForObject, namespacedName, type ObjectProblem } from "../kubernetes/index.ts";
import { hasCode } from "../model/index.ts";
import { type WantedCondition, writeConditions } from "./condition-writer.ts";
import type { Cached, Informer } from "./informer.ts";
import { deleting } from "./mirror.ts";
import { CONDITIONS } from "./resources.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/** Something that has just changed is looked at again after so many milliseconds. */
const LOOK_AGAIN = 3_000;
/** What romanad has refused is tried again after so many milliseconds: others may have made room. */
const ASK_AGAIN = 30_000;
/** Errors of romanad that are about what the object says. */
const REFUSALS = ["invalid-input", "not-found", "conflict", "pool-exhausted", "in-use"] as const;

/** What romanad has of an object. */
interface Made {
  readonly name: string;
  readonly externalId?: string;
}

/** How objects of a namespace become something in romanad that is called `NAMESPACE.NAME`. */
export interface ObjectKind<T, W, M extends Made> {
  /** In lower case. */
  readonly noun: string;
  readonly informer: (site: Site) => Informer<T>;
  /** What romanad has, by name. */
  readonly made: (site: Site) => Map<string, M>;
  readonly desired: (site: Site, object: T, known: M | undefined) => W | ObjectProblem;
  readonly create: (site: Site, wanted: W) => Promise<M>;
  /** What it becomes; undefined when it is as wanted. */
  readonly update: (site: Site, wanted: W, known: M) => Promise<M | undefined>;
  readonly remove: (site: Site, name: string) => Promise<void>;
  /** What the status says of what romanad has. */
  readonly describe: (site: Site, made: M) => { readonly ready: WantedCondition; readonly fields: object };
  /** Told after something was made or removed. */
  readonly onChange?: (site: Site, key: string) => void;
}

/**
 * Makes in romanad what objects of a kind say, keeps it so, and removes it with its object. What was made for no object is left alone.
 * An object that cannot be read or honoured any more leaves what it said before.
 */
export function createObjectHandler<T, W extends object, M extends Made>(kind: ObjectKind<T, W, M>): Handler {
  /** What romanad has said of keys that it has refused. */
  const refused = new Map<string, string>();
  return async (site, key) => {
    const informer = kind.informer(site);
    const cached = informer.objects.get(key);
    const [namespace = "", objectName = ""] = key.split("/");
    const name = namespacedName(namespace, objectName);
    if (cached === undefined) {
      refused.delete(key);
      const known = kind.made(site).get(name);
      if (known === undefined || !isMadeForObject(known)) return undefined;
      if (!informer.isComplete) return LOOK_AGAIN;
      return (await removeUnused(kind, site, key, name)) ? undefined : LOOK_AGAIN;
    }
    const subject = subjectOf(informer, cached);
    const problem = await make(kind, site, key, name, cached);
    if (problem !== undefined) site.events.warn(subject, problem.reason, problem.message);
    // Perhaps somebody else has changed what we believe of romanad; once is enough to find out.
    if (problem?.reason !== REFUSED) refused.delete(key);
    else if (refused.get(key) !== problem.message) {
      refused.set(key, problem.message);
      site.surprise();
    }
    const made = kind.made(site).get(name);
    const { ready, fields } =
      made?.externalId === externalIdOf(cached.meta.uid)
        ? kind.describe(site, made)
        : { ready: NOT_MADE, fields: {} };
    const accepted: WantedCondition = {
      type: CONDITIONS.accepted,
      ...(problem === undefined ? ACCEPTED : { status: "False", ...problem }),
    };
    await writeConditions(site, subject, cached.conditions, [accepted, ready], {
      known: cached.fields,
      wanted: { ...fields },
    });
    return problem === undefined ? undefined : ASK_AGAIN;
  };
}

const REFUSED = "Refused";
const ACCEPTED = { status: "True", reason: "InUse", message: "" } as const;
const NOT_MADE: WantedCondition = {
  type: CONDITIONS.ready,
  status: "False",
  reason: "NotAccepted",
  message: "",
};

/** Makes it as the object says; why that is not possible. */
async function make<T, W extends object, M extends Made>(
  kind: ObjectKind<T, W, M>,
  site: Site,
  key: string,
  name: string,
  { meta, value, fault }: Cached<T>,
): Promise<ObjectProblem | undefined> {
  const made = kind.made(site);
  const before = made.get(name);
  if (before !== undefined && !isMadeForObject(before)) {
    const message = `${kind.noun} "${name}" of romanad was not made for an object, and is left as it is`;
    return { reason: "SomebodyElses", message };
  }
  try {
    // An earlier object of the same name.
    if (before !== undefined && before.externalId !== externalIdOf(meta.uid)) {
      await deleting(kind.remove(site, name));
      made.delete(name);
    }
    if (fault !== undefined || value === undefined) return { reason: "Unreadable", message: fault ?? "" };
    const { namespace = "" } = meta;
    if (!hasTenant(site, namespace)) {
      return { reason: "NoTenant", message: `there is no tenant that was made for namespace "${namespace}"` };
    }
    const known = made.get(name);
    const wanted = kind.desired(site, value, known);
    if (isProblem(wanted)) return wanted;
    const now =
      known === undefined ? await kind.create(site, wanted) : await kind.update(site, wanted, known);
    if (now === undefined) return undefined;
    made.set(name, now);
  } catch (error) {
    if (!REFUSALS.some((code) => hasCode(error, code))) throw error;
    return { reason: REFUSED, message: (error as Error).message };
  }
  kind.onChange?.(site, key);
  return undefined;
}

function hasTenant({ cluster, mirror }: Site, namespace: string): boolean {
  const cached = cluster.informers.namespaces.objects.get(namespace);
  return cached !== undefined && mirror.tenants.get(namespace)?.externalId === cached.meta.uid;
}

function isProblem<W extends object>(wanted: W | ObjectProblem): wanted is ObjectProblem {
  return "reason" in wanted;
}

/** False while something else in romanad needs it. */
async function removeUnused<T, W, M extends Made>(
  kind: ObjectKind<T, W, M>,
  site: Site,
  key: string,
  name: string,
): Promise<boolean> {
  try {
    await deleting(kind.remove(site, name));
  } catch (error) {
    if (hasCode(error, "in-use")) return false;
    throw error;
  }
  kind.made(site).delete(name);
  kind.onChange?.(site, key);
  return true;
}
