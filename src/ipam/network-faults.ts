import { groupIds } from "../addressing/index.ts";
import { type AddressPlan, type Fault, type Group, type Network, plansOf } from "../model/index.ts";
import { formatPrefix, type Prefix, prefixesOverlap } from "../net/index.ts";
import { servicePrefixFault } from "./service-addresses.ts";

/** What is wrong with a network in itself: its plans do not go together, or its groups do not fit them. */
export function networkFaults(network: Network): readonly Fault[] {
  const plans = plansOf(network);
  if (plans.length === 0) return [{ path: "plans", reason: "wants an IPv4 plan, an IPv6 plan or both" }];
  return [
    ...familyFaults(network),
    ...agreementFaults(network),
    ...groupFaults(network.groups, plans, "groups", 0),
    ...servicesFaults(network),
  ];
}

/** Why a network cannot stand beside the others: their plans or service prefixes share addresses. */
export function overlapFaults(network: Network, others: readonly Network[]): readonly Fault[] {
  const own = [...planPrefixes(network), ...servicePrefixes(network)];
  return others.flatMap((other) =>
    own.flatMap(({ path, prefix }) =>
      [...planPrefixes(other), ...servicePrefixes(other)]
        .filter((theirs) => prefixesOverlap(prefix, theirs.prefix))
        .map((theirs) => ({
          path,
          reason: `${formatPrefix(prefix)} overlaps ${theirs.what}${formatPrefix(theirs.prefix)} of network "${other.name}"`,
        })),
    ),
  );
}

/** A prefix that a network takes, and where its document has it. */
interface TakenPrefix {
  readonly path: string;
  readonly prefix: Prefix;
  /** Stands before it in a sentence. */
  readonly what: string;
}

function planPrefixes(network: Network): readonly TakenPrefix[] {
  return plansOf(network).map(({ family, prefix }) => ({
    path: `plans.ipv${family}.prefix`,
    prefix,
    what: "",
  }));
}

function servicePrefixes({ services }: Network): readonly TakenPrefix[] {
  return ([4, 6] as const).flatMap((family) => {
    const prefix = services?.[`ipv${family}`];
    return prefix === undefined
      ? []
      : [{ path: `services.ipv${family}`, prefix, what: "the service prefix " }];
  });
}

/** Service prefixes lie outside of the plans: then no address of a service reads as an identity. */
function servicesFaults(network: Network): Fault[] {
  return servicePrefixes(network).flatMap(({ path, prefix }) => {
    const reason = servicePrefixFault(prefix, path === "services.ipv4" ? 4 : 6);
    if (reason !== undefined) return [{ path, reason }];
    return planPrefixes(network)
      .filter((plan) => prefixesOverlap(plan.prefix, prefix))
      .map((plan) => ({
        path,
        reason: `${formatPrefix(prefix)} overlaps the plan of ${formatPrefix(plan.prefix)}`,
      }));
  });
}

function familyFaults({ plans }: Network): Fault[] {
  const pairs: [AddressPlan | undefined, 4 | 6][] = [
    [plans.ipv4, 4],
    [plans.ipv6, 6],
  ];
  return pairs
    .filter(([plan, family]) => plan !== undefined && plan.family !== family)
    .map(([plan, family]) => ({
      path: `plans.ipv${family}.prefix`,
      reason: `${formatPrefix((plan as AddressPlan).prefix)} is not a prefix of IPv${family}`,
    }));
}

/** Both plans give the same IDs to the same things, so they must count them alike. */
function agreementFaults({ plans: { ipv4, ipv6 } }: Network): Fault[] {
  if (ipv4 === undefined || ipv6 === undefined) return [];
  const faults: Fault[] = [];
  if (ipv4.numbering !== ipv6.numbering) {
    const reason = `${ipv6.numbering} numbering, but the IPv4 plan has ${ipv4.numbering} numbering`;
    faults.push({ path: "plans.ipv6.numbering", reason });
  }
  const levels = (plan: AddressPlan): string => plan.groupLevels.map(({ name }) => name).join("/") || "none";
  if (levels(ipv4) !== levels(ipv6)) {
    const reason = `group levels ${levels(ipv6)}, but the IPv4 plan has ${levels(ipv4)}`;
    faults.push({ path: "plans.ipv6.groupLevels", reason });
  }
  return faults;
}

function groupFaults(
  groups: readonly Group[],
  plans: readonly AddressPlan[],
  path: string,
  level: number,
): Fault[] {
  const depth = Math.min(...plans.map((plan) => plan.groupLevels.length));
  if (groups.length > 0 && level >= depth) {
    return [{ path, reason: `groups at level ${level + 1}, but the plans have ${depth} group levels` }];
  }
  const names = new Set<string>();
  const ids = new Set<number>();
  return groups.flatMap((group, index) => {
    const here = `${path}.${index}`;
    const faults = groupIdFaults(group, plans, here, level);
    if (names.has(group.name))
      faults.push({ path: `${here}.name`, reason: `"${group.name}" is there twice` });
    if (ids.has(group.id)) faults.push({ path: `${here}.id`, reason: `ID ${group.id} is there twice` });
    names.add(group.name);
    ids.add(group.id);
    return [...faults, ...groupFaults(group.groups, plans, `${here}.groups`, level + 1)];
  });
}

function groupIdFaults(group: Group, plans: readonly AddressPlan[], path: string, level: number): Fault[] {
  const { ipv4, ipv6 } = group.router;
  const faults: Fault[] = [];
  if (ipv4 !== undefined && ipv4.family !== 4)
    faults.push({ path: `${path}.router.ipv4`, reason: "is not IPv4" });
  if (ipv6 !== undefined && ipv6.family !== 6)
    faults.push({ path: `${path}.router.ipv6`, reason: "is not IPv6" });
  const last = Math.min(...plans.map((plan) => groupIds(plan, level).last));
  if (!Number.isInteger(group.id) || group.id < 0 || group.id > last) {
    faults.push({ path: `${path}.id`, reason: `ID ${group.id} is not in 0..${last}` });
  }
  return faults;
}
