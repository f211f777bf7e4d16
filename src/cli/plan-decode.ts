import {
  codeFaults,
  type Decoded,
  decodeAddress,
  formatSegmentCode,
  gatewayAddress,
  identityTable,
  isAllocatable,
} from "../addressing/index.ts";
import type { Client } from "../client/index.ts";
import { type AddressPlan, invalidInput, type Network, plansOf, type SegmentCode } from "../model/index.ts";
import {
  type Address,
  formatAddress,
  formatPrefix,
  isAddress,
  isSameAddress,
  parseAddress,
} from "../net/index.ts";
import type { Result } from "./command.ts";
import { type Column, renderTable } from "./format.ts";
import { codeOf } from "./plan-encode.ts";
import { planOfFamily } from "./plan-source.ts";
import { shortPrefix } from "./plan-show.ts";
import { listAll } from "./resource.ts";

/** What is known about the users of a network, beyond its plan. */
export interface KnownNames {
  host(groups: readonly number[], id: number): string | undefined;
  tenant(id: number): string | undefined;
  segment(tenant: number, code: SegmentCode): string | undefined;
  /** The codes that the tenant's segments use. */
  codes(tenant: number): readonly SegmentCode[];
}

/** One level of the address. */
interface Row {
  readonly level: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly prefix: string;
}

/**
 * Nothing is known but codes of other widths than the plan's, in use by whichever tenant it is.
 * @throws RomanaError `invalid-input` for text that is no code, or a code that does not fit the network.
 */
export function onlyCodes(network: Network, texts: readonly string[]): KnownNames {
  const codes = texts.map((text) => codeOf("--code", text));
  const faults = plansOf(network).flatMap((plan) => codes.flatMap((code) => codeFaults(plan, code)));
  if (faults.length > 0) {
    throw invalidInput(
      "read the command line",
      faults.map(({ reason }) => ({ path: "--code", reason })),
    );
  }
  return { host: () => undefined, tenant: () => undefined, segment: () => undefined, codes: () => codes };
}

/** The names of hosts, tenants and segments that romanad knows in the network. */
export async function namesOf(client: Client, network: Network): Promise<KnownNames> {
  const hosts = await listAll((query) => client.call("listHosts", { query }));
  const tenants = await listAll((query) => client.call("listTenants", { query }));
  const segments = await listAll((query) => client.call("listAllSegments", { query }));
  const tenantNames = new Map(tenants.map(({ id, name }) => [id, name]));
  const segmentsOf = Map.groupBy(segments, ({ tenant }) => tenant);
  const ofTenant = (id: number) => segmentsOf.get(tenantNames.get(id) ?? "") ?? [];
  return {
    host: (groups, id) => {
      const path = groupNames(network, groups);
      return hosts.find((host) => host.id === id && host.group.join("/") === path?.join("/"))?.name;
    },
    tenant: (id) => tenantNames.get(id),
    segment: (tenant, code) =>
      ofTenant(tenant).find(({ codes }) => codes.some((own) => isSameCode(own, code)))?.name,
    codes: (tenant) => ofTenant(tenant).flatMap(({ codes }) => codes),
  };
}

/**
 * The result of `plan decode`: what each level of the address says.
 * @throws RomanaError `invalid-input` for bad text or an address that is not in the network.
 */
export function decodeText(network: Network, text: string, names: KnownNames): Result {
  const refuse = (reason: string): never => {
    throw invalidInput(`decode address "${text}"`, [{ path: "", reason }]);
  };
  if (!isAddress(text)) return refuse("it is not an IP address");
  const address = parseAddress(text);
  const plan = planOfFamily(network, address.family);
  if (plan === undefined) return refuse(`network "${network.name}" has no IPv${address.family} plan`);
  const decoded = decodeAddress(plan, address, (tenant) => names.codes(tenant));
  if (decoded === undefined) return refuse(`it is not in ${formatPrefix(plan.prefix)}`);
  const rows = rowsOf(network, plan, decoded, names);
  const notes = notesOn(plan, address, decoded);
  const columns: readonly Column<Row>[] = [
    { title: "level", value: ({ level }) => level },
    { title: "id", value: ({ id }) => id, align: "right" },
    ...(rows.some(({ name }) => name !== undefined)
      ? [{ title: "name", value: ({ name }: Row) => name }]
      : []),
    { title: "prefix", value: ({ prefix }) => prefix },
  ];
  return {
    data: {
      address: formatAddress(address),
      network: network.name,
      groups: decoded.groups,
      host: decoded.host,
      tenant: decoded.tenant,
      segment: formatSegmentCode(decoded.code),
      ...(decoded.endpoint !== undefined && { endpoint: decoded.endpoint }),
      levels: rows,
      notes,
    },
    text: (screen) =>
      [renderTable(screen, columns, rows, ""), ...(notes.length > 0 ? [""] : []), ...notes].join("\n"),
  };
}

function rowsOf(network: Network, plan: AddressPlan, decoded: Decoded, names: KnownNames): readonly Row[] {
  const { groups, host, tenant, code } = decoded;
  const known = new Map<string, string | undefined>([
    ["host", names.host(groups, host)],
    ["tenant", names.tenant(tenant)],
    ["segment", names.segment(tenant, code)],
    ...plan.groupLevels.map(({ name }, index): [string, string | undefined] => [
      name,
      groupNames(network, groups.slice(0, index + 1))?.at(-1),
    ]),
  ]);
  return identityTable(plan, decoded).map(({ level, id, prefix }) => ({
    level,
    id,
    name: known.get(level),
    prefix: shortPrefix(prefix),
  }));
}

/** The names of a path of group IDs; undefined when the network has no such group. */
function groupNames(network: Network, ids: readonly number[]): readonly string[] | undefined {
  let groups = network.groups;
  const names: string[] = [];
  for (const id of ids) {
    const found = groups.find((group) => group.id === id);
    if (found === undefined) return undefined;
    names.push(found.name);
    groups = found.groups;
  }
  return names;
}

/** What people would wonder about. */
function notesOn(plan: AddressPlan, address: Address, decoded: Decoded): readonly string[] {
  const { host, tenant, code, endpoint, offset } = decoded;
  const notes: string[] = [];
  if (isSameAddress(gatewayAddress(plan, decoded), address))
    notes.push(`It is the gateway address of host ${host}`);
  else if (plan.numbering === "literal" && tenant === 0) notes.push("Tenant 0 is the infrastructure tenant");
  else if (endpoint === undefined) notes.push("v1 numbering gives this address to no endpoint");
  else if (!isAllocatable(plan, code.extraBits, endpoint)) notes.push(`Endpoint ${endpoint} is reserved`);
  if (offset !== 0n)
    notes.push(`It is ${offset > 0n ? "+" : ""}${offset} from the endpoint's own address, in its block`);
  return notes;
}

function isSameCode(a: SegmentCode, b: SegmentCode): boolean {
  return a.code === b.code && a.extraBits === b.extraBits;
}
