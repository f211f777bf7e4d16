import { type AddressPlan, type Fault, invalidInput } from "../model/index.ts";
import { codeFaults } from "./codes.ts";
import {
  endpointIds,
  groupIds,
  type HostPosition,
  hostIds,
  type Identity,
  type IdRange,
  tenantIds,
} from "./layout.ts";

/** The tenant that owns the host's own addresses (design, section 2); it can be encoded but never allocated. */
const INFRASTRUCTURE_TENANT = 0;

/** Why a group path (IDs from the first level down, not necessarily to the last) does not fit the plan. */
export function groupFaults(plan: AddressPlan, ids: readonly number[]): readonly Fault[] {
  if (ids.length > plan.groupLevels.length) {
    return [{ path: "groups", reason: `${ids.length} group IDs for ${levelsOf(plan)}` }];
  }
  return ids.flatMap((id, index) => {
    const name = plan.groupLevels[index]?.name as string;
    return idFaults(name, id, groupIds(plan, index));
  });
}

/** Why the position of a host does not fit the plan; empty when it does. */
export function positionFaults(plan: AddressPlan, position: HostPosition): readonly Fault[] {
  const host = idFaults("host", position.host, hostIds(plan));
  if (position.groups.length < plan.groupLevels.length) {
    const reason = `${position.groups.length} group IDs for ${levelsOf(plan)}`;
    return [{ path: "groups", reason }, ...host];
  }
  return position.groups.length === 0 ? host : [...groupFaults(plan, position.groups), ...host];
}

/** Why the tenant ID does not fit the plan; empty when it does. The infrastructure tenant 0 fits. */
export function tenantFaults(plan: AddressPlan, tenant: number): readonly Fault[] {
  return idFaults("tenant", tenant, { first: INFRASTRUCTURE_TENANT, last: tenantIds(plan).last });
}

/** All that does not fit the plan in an identity; empty when it can be encoded. */
export function identityFaults(plan: AddressPlan, identity: Identity): readonly Fault[] {
  const { tenant, code, endpoint } = identity;
  const codes = codeFaults(plan, code);
  return [
    ...positionFaults(plan, identity),
    ...tenantFaults(plan, tenant),
    ...codes,
    ...(codes.length > 0 ? [] : idFaults("endpoint", endpoint, endpointIds(plan, code.extraBits))),
  ];
}

/** @throws RomanaError `invalid-input` when there is any fault: an ID never spills into its neighbour. */
export function refuse(what: string, faults: readonly Fault[]): void {
  if (faults.length > 0) throw invalidInput(what, faults);
}

function idFaults(path: string, id: number, { first, last }: IdRange): readonly Fault[] {
  if (Number.isInteger(id) && id >= first && id <= last) return [];
  return [{ path, reason: `ID ${id} is not in ${first}..${last}` }];
}

function levelsOf(plan: AddressPlan): string {
  if (plan.groupLevels.length === 0) return "a plan without group levels";
  return `the group levels ${plan.groupLevels.map((level) => level.name).join("/")}`;
}
