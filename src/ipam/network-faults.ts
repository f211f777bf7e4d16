import { groupIds } from "../addressing/index.ts";
import { type AddressPlan, type Fault, type Group, type Network, plansOf } from "../model/index.ts";
import { formatPrefix, prefixesOverlap } from "../net/index.ts";

/** What is wrong with a network in itself: its plans do not go together, or its groups do not fit them. */
export function networkFaults(network: Network): readonly Fault[] {
  const plans = plansOf(network);
  if (plans.length === 0) return [{ path: "plans", reason: "wants an IPv4 plan, an IPv6 plan or both" }];
  return [
    ...familyFaults(network),
    ...agreementFaults(network),
    ...groupFaults(network.groups, plans, "groups", 0),
  ];
}

/** Why a network cannot stand beside the others: their plans share addresses. */
export function overlapFaults(network: Network, others: readonly Network[]): readonly Fault[] {
  return others.flatMap((other) =>
    plansOf(network).flatMap((plan) =>
      plansOf(other)
        .filter(({ prefix }) => prefixesOverlap(plan.prefix, prefix))
        .map(({ prefix }) => ({
          path: `plans.ipv${plan.family}.prefix`,
          reason: `${formatPrefix(plan.prefix)} overlaps ${formatPrefix(prefix)} of network "${other.name}"`,
        })),
    ),
  );
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
