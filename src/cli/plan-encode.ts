import {
  encodeAddress,
  endpointPrefix,
  groupPrefix,
  type HostPosition,
  hostPosition,
  hostPrefix,
  parseSegmentCode,
  segmentPrefix,
  tenantPrefix,
} from "../addressing/index.ts";
import { type AddressPlan, type Network, plansOf, type SegmentCode } from "../model/index.ts";
import { formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import type { Input, Option, Result } from "./command.ts";
import { wrongInput } from "./input.ts";
import { byFamily } from "./plan-source.ts";
import { groupPath } from "./words.ts";

/** The options that name the levels of an address. */
export const LEVEL_OPTIONS: readonly Option[] = [
  { name: "group", value: "PATH", summary: "Names or IDs of its groups, such as zone-a/rack-3 or 0/3" },
  { name: "host", value: "NUMBER", kind: "integer", summary: "ID of the host" },
  { name: "tenant", value: "NUMBER", kind: "integer", summary: "ID of the tenant" },
  { name: "segment", value: "CODE", summary: "Code of the segment, such as 5, or 5+2 with two more bits" },
  { name: "endpoint", value: "NUMBER", kind: "integer", summary: "ID of the endpoint" },
];

/** The levels that were given, from the first one down. */
interface Levels {
  readonly groups: readonly number[];
  readonly host?: number;
  readonly tenant?: number;
  readonly code?: SegmentCode;
  readonly endpoint?: number;
}

/** The result of `plan encode`: the address of an endpoint, or the prefix of the levels that are given. */
export function encodeLevels(network: Network, input: Input): Result {
  const levels = levelsOf(network, input);
  const plans = plansOf(network);
  if (levels.endpoint === undefined) {
    return {
      data: { prefixes: byFamily(network, (plan) => formatPrefix(prefixAt(plan, levels))) },
      text: () => plans.map((plan) => formatPrefix(prefixAt(plan, levels))).join("\n"),
    };
  }
  const identity = {
    groups: levels.groups,
    host: levels.host as number,
    tenant: levels.tenant as number,
    code: levels.code as SegmentCode,
    endpoint: levels.endpoint,
  };
  const address = (plan: AddressPlan): string => formatAddress(encodeAddress(plan, identity));
  const block = (plan: AddressPlan): string => formatPrefix(endpointPrefix(plan, identity));
  return {
    data: { addresses: byFamily(network, address), blocks: byFamily(network, block) },
    text: ({ wide }) =>
      plans.map((plan) => (wide ? `${address(plan)}  ${block(plan)}` : address(plan))).join("\n"),
  };
}

/** @throws RomanaError `invalid-input` when a level is left out above one that is given. */
function levelsOf(network: Network, input: Input): Levels {
  const names = ["host", "tenant", "segment", "endpoint"];
  const given = names.map((name) => input.text(name) !== undefined);
  const deepest = given.lastIndexOf(true);
  const missing = given.findIndex((present, index) => !present && index < deepest);
  if (missing >= 0) throw wrongInput(`--${names[missing]}`, `is missing beside --${names[deepest]}`);
  const path = groupPath(input.text("group"));
  if (deepest < 0 && path.length === 0) throw wrongInput("--host", "is missing: no level is given");
  const [host, tenant, endpoint] = ["host", "tenant", "endpoint"].map((name) => input.integer(name));
  const segment = input.text("segment");
  return {
    groups: groupIdsOf(network, path),
    ...(host !== undefined && { host }),
    ...(tenant !== undefined && { tenant }),
    ...(segment !== undefined && { code: codeOf("--segment", segment) }),
    ...(endpoint !== undefined && { endpoint }),
  };
}

/** The code of an option. @throws RomanaError `invalid-input`. */
export function codeOf(option: string, text: string): SegmentCode {
  try {
    return parseSegmentCode(text);
  } catch (error) {
    throw wrongInput(option, (error as SyntaxError).message);
  }
}

/** Digits are IDs; names are looked up in the groups of the network. */
function groupIdsOf(network: Network, path: readonly string[]): readonly number[] {
  if (path.every((part) => /^(0|[1-9][0-9]{0,9})$/.test(part))) return path.map(Number);
  return hostPosition(network, { name: "", id: 0, group: path, underlay: {} }).groups;
}

function prefixAt(plan: AddressPlan, { groups, host, tenant, code }: Levels): Prefix {
  if (host === undefined) return groupPrefix(plan, groups);
  const position: HostPosition = { groups, host };
  if (tenant === undefined) return hostPrefix(plan, position);
  return code === undefined
    ? tenantPrefix(plan, position, tenant)
    : segmentPrefix(plan, position, tenant, code);
}
