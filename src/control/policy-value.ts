import {
  type EndpointSelector,
  EXTERNAL_ID_PATTERN,
  HIGHEST,
  INTERFACE_PATTERN,
  LABEL_KEY_PATTERN,
  LABEL_VALUE_PATTERN,
  type LabelRequirement,
  NAME_PATTERN,
  type NounSelector,
  POLICY_ID_PATTERN,
  POLICY_TEXT_LENGTHS,
  PORT_NAME_PATTERN,
  type Policy,
  type PolicyPeer,
  type PolicyRule,
  type PolicyTarget,
  type PortRange,
  PROTOCOLS_OF_ICMP,
  PROTOCOLS_WITH_PORTS,
  TIERS,
  type TrafficMatch,
} from "../model/index.ts";
import type { Family } from "../net/index.ts";
import {
  integerUpTo,
  listOf,
  type Read,
  readBoolean,
  readFields,
  readPrefix,
  textOf,
  textUpTo,
  wordOf,
} from "./json-value.ts";

const POLICY_FIELDS = new Set([
  "id",
  "description",
  "externalId",
  "tier",
  "order",
  "appliedTo",
  "isolates",
  "rules",
  "established",
] as const);
const RULE_FIELDS = new Set(["name", "direction", "verdict", "peers", "traffic", "stateful"] as const);
const TRAFFIC_FIELDS = new Set(["family", "protocol", "ports", "portName", "icmp"] as const);
const RANGE_FIELDS = new Set(["first", "last"] as const);
const ICMP_FIELDS = new Set(["type", "code"] as const);
const KIND_FIELDS = new Set(["kind"] as const);
const ENDPOINTS_FIELDS = new Set(["kind", "tenant", "segment"] as const);
const PREFIX_FIELDS = new Set(["kind", "prefix"] as const);
const PREFIX_PEER_FIELDS = new Set(["kind", "prefix", "except"] as const);
const MACHINE_FIELDS = new Set(["kind", "interfaces", "addresses"] as const);
const HOSTS_FIELDS = new Set(["kind", "requirements"] as const);
const NAME_FIELDS = new Set(["by", "name"] as const);
const ID_FIELDS = new Set(["by", "id"] as const);
const EXTERNAL_ID_FIELDS = new Set(["by", "externalId"] as const);
const LABELS_FIELDS = new Set(["by", "requirements"] as const);
const REQUIREMENT_FIELDS = new Set(["key", "operator", "values"] as const);

const readId = textOf(POLICY_ID_PATTERN);
const readDescription = textUpTo(POLICY_TEXT_LENGTHS.description);
const readRuleName = textUpTo(POLICY_TEXT_LENGTHS.ruleName);
const readName = textOf(NAME_PATTERN);
const readExternalId = textOf(EXTERNAL_ID_PATTERN);
const readPortName = textOf(PORT_NAME_PATTERN);
const readNumber = integerUpTo(Number.MAX_SAFE_INTEGER);
const readProtocol = integerUpTo(HIGHEST.protocol);
const readPort = integerUpTo(HIGHEST.port);
const readIcmp = integerUpTo(HIGHEST.icmp);
const readTier = wordOf(TIERS);
const readDirection = wordOf(["ingress", "egress"]);
const readVerdict = wordOf(["accept", "drop", "pass", "log"]);
const readEstablished = wordOf(["cut", "keep"]);
const readOperator = wordOf(["In", "NotIn", "Exists", "DoesNotExist"]);
const readLabelKey = textOf(LABEL_KEY_PATTERN);
const readLabelValues = listOf(textOf(LABEL_VALUE_PATTERN));
const readRequirements = listOf(readRequirement);
const readInterfaces = listOf(textOf(INTERFACE_PATTERN));
const readPrefixes = listOf(readPrefix);
const readDirections = listOf(readDirection, 2);
const readPeers = listOf(readPeer);
const readTraffics = listOf(readTraffic);
const readRules = listOf(readRule);

/** Reads the targets of a policy. @throws Error of any kind when they are damaged. */
export const readTargets: Read<PolicyTarget[]> = listOf(readTarget);

/**
 * Reads a policy as it is stored. Every field is looked at, because who enforces it takes all of them at their word, and
 * because a field that is not known may be a condition. @throws Error of any kind when it is damaged.
 */
export function readPolicy(value: unknown): Policy {
  const fields = readFields(value, POLICY_FIELDS);
  return {
    id: readId(fields.id),
    ...(fields.description !== undefined && { description: readDescription(fields.description) }),
    ...(fields.externalId !== undefined && { externalId: readExternalId(fields.externalId) }),
    tier: readTier(fields.tier),
    order: readNumber(fields.order),
    appliedTo: readTargets(fields.appliedTo),
    isolates: readDirections(fields.isolates),
    rules: readRules(fields.rules),
    established: readEstablished(fields.established),
  };
}

function readRule(value: unknown): PolicyRule {
  const fields = readFields(value, RULE_FIELDS);
  return {
    ...(fields.name !== undefined && { name: readRuleName(fields.name) }),
    direction: readDirection(fields.direction),
    verdict: readVerdict(fields.verdict),
    peers: readPeers(fields.peers),
    traffic: readTraffics(fields.traffic),
    stateful: readBoolean(fields.stateful),
  };
}

function readTraffic(value: unknown): TrafficMatch {
  const { family, protocol, ports, portName, icmp } = readFields(value, TRAFFIC_FIELDS);
  const number = protocol === undefined ? -1 : readProtocol(protocol);
  const parts = [ports, portName, icmp].filter((part) => part !== undefined).length;
  const isWrongPort = (ports ?? portName) !== undefined && !PROTOCOLS_WITH_PORTS.has(number);
  const isWrongIcmp = icmp !== undefined && !PROTOCOLS_OF_ICMP.has(number);
  if (parts > 1 || isWrongPort || isWrongIcmp) {
    throw new SyntaxError(`${JSON.stringify(value)} is no traffic of one protocol`);
  }
  return {
    ...(family !== undefined && { family: readFamily(family) }),
    ...(protocol !== undefined && { protocol: number }),
    ...(ports !== undefined && { ports: readRange(ports) }),
    ...(portName !== undefined && { portName: readPortName(portName) }),
    ...(icmp !== undefined && { icmp: readIcmpMatch(icmp) }),
  };
}

function readFamily(value: unknown): Family {
  if (value !== 4 && value !== 6) throw new SyntaxError(`${JSON.stringify(value)} is no family`);
  return value;
}

function readRange(value: unknown): PortRange {
  const fields = readFields(value, RANGE_FIELDS);
  const range = { first: readPort(fields.first), last: readPort(fields.last) };
  if (range.first > range.last) throw new SyntaxError(`${JSON.stringify(value)} ends before it begins`);
  return range;
}

function readIcmpMatch(value: unknown): NonNullable<TrafficMatch["icmp"]> {
  const { type, code } = readFields(value, ICMP_FIELDS);
  return { type: readIcmp(type), ...(code !== undefined && { code: readIcmp(code) }) };
}

function readTarget(value: unknown): PolicyTarget {
  switch (kindOf(value, "kind")) {
    case "endpoints":
      return readEndpoints(value);
    case "prefix":
      return { kind: "prefix", prefix: readPrefix(readFields(value, PREFIX_FIELDS).prefix) };
    case "host":
      readFields(value, KIND_FIELDS);
      return { kind: "host" };
    case "machine": {
      const { interfaces, addresses } = readFields(value, MACHINE_FIELDS);
      return {
        kind: "machine",
        ...(interfaces !== undefined && { interfaces: readInterfaces(interfaces) }),
        ...(addresses !== undefined && { addresses: readPrefixes(addresses) }),
      };
    }
    default:
      throw new SyntaxError(`${JSON.stringify(value)} is no target`);
  }
}

function readPeer(value: unknown): PolicyPeer {
  const kind = kindOf(value, "kind");
  switch (kind) {
    case "any":
    case "local":
    case "host":
      readFields(value, KIND_FIELDS);
      return { kind };
    case "hosts":
      return { kind, requirements: readRequirements(readFields(value, HOSTS_FIELDS).requirements) };
    case "prefix": {
      const { prefix, except } = readFields(value, PREFIX_PEER_FIELDS);
      return { kind, prefix: readPrefix(prefix), except: readPrefixes(except) };
    }
    case "endpoints":
      return readEndpoints(value);
    default:
      throw new SyntaxError(`${JSON.stringify(value)} is no peer`);
  }
}

function readEndpoints(value: unknown): EndpointSelector {
  const { tenant, segment } = readFields(value, ENDPOINTS_FIELDS);
  return {
    kind: "endpoints",
    ...(tenant !== undefined && { tenant: readSelector(tenant) }),
    ...(segment !== undefined && { segment: readSelector(segment) }),
  };
}

function readSelector(value: unknown): NounSelector {
  const by = kindOf(value, "by");
  switch (by) {
    case "name":
      return { by, name: readName(readFields(value, NAME_FIELDS).name) };
    case "id":
      return { by, id: readNumber(readFields(value, ID_FIELDS).id) };
    case "external-id":
      return { by, externalId: readExternalId(readFields(value, EXTERNAL_ID_FIELDS).externalId) };
    case "labels":
      return { by, requirements: readRequirements(readFields(value, LABELS_FIELDS).requirements) };
    default:
      throw new SyntaxError(`${JSON.stringify(value)} selects nobody`);
  }
}

function readRequirement(value: unknown): LabelRequirement {
  const fields = readFields(value, REQUIREMENT_FIELDS);
  const operator = readOperator(fields.operator);
  const values = readLabelValues(fields.values);
  if ((operator === "In" || operator === "NotIn") !== values.length > 0) {
    throw new SyntaxError(`${JSON.stringify(value)} has the wrong number of values`);
  }
  return { key: readLabelKey(fields.key), operator, values };
}

/** The word that says what an object is. */
function kindOf(value: unknown, key: "kind" | "by"): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
