import {
  type KnownPolicy,
  ORDER_BEFORE_ALL,
  POLICY_ID_PATTERN,
  type PolicyRule,
  type PolicyTarget,
} from "../model/index.ts";
import { decodePolicyRecord } from "./policy-record.ts";
import { readTargets } from "./policy-value.ts";

const TARGETS_KEY = '"appliedTo":';

/**
 * A policy by the value of its key. When that cannot be read: what it said before, when that is known; else whom it applies
 * to, when that much can be read, with a rule that drops all of their traffic. Undefined for an ID that no policy can have.
 */
export function knownPolicy(
  id: string,
  value: string,
  before: KnownPolicy | undefined,
): KnownPolicy | undefined {
  try {
    return decodePolicyRecord(id, value);
  } catch {
    if (!POLICY_ID_PATTERN.test(id)) return undefined;
    const isKnown = before !== undefined && (before.damage ?? "earlier-version") === "earlier-version";
    return isKnown ? { ...before, damage: "earlier-version" } : standIn(id, targetsIn(value));
  }
}

/**
 * Stands in front of all others, wherever the policy stood. It drops what the policy may have dropped and what it may have
 * accepted, so that it is never wider.
 */
function standIn(id: string, targets: readonly PolicyTarget[] | undefined): KnownPolicy {
  const rules = (["ingress", "egress"] as const).map(
    (direction): PolicyRule => ({
      direction,
      verdict: "drop",
      peers: [{ kind: "any" }, { kind: "host" }],
      traffic: [{}],
      stateful: true,
    }),
  );
  return {
    id,
    tier: "admin",
    order: ORDER_BEFORE_ALL,
    appliedTo: targets ?? [],
    isolates: [],
    rules: targets === undefined ? [] : rules,
    established: "cut",
    damage: targets === undefined ? "nothing" : "targets-only",
  };
}

/** The targets, when they alone can be read in what is left of a value. */
function targetsIn(value: string): readonly PolicyTarget[] | undefined {
  const start = value.indexOf(TARGETS_KEY) + TARGETS_KEY.length;
  if (start < TARGETS_KEY.length) return undefined;
  try {
    return readTargets(JSON.parse(value.slice(start, endOfList(value, start))));
  } catch {
    return undefined;
  }
}

/** Where a list of JSON that begins at `start` is over; brackets inside text do not count. */
function endOfList(value: string, start: number): number {
  let depth = 0;
  let isText = false;
  for (let index = start; index < value.length; index++) {
    const character = value[index];
    if (isText && character === "\\") index++;
    else if (character === '"') isText = !isText;
    else if (!isText && character === "[") depth++;
    else if (!isText && character === "]" && --depth === 0) return index + 1;
  }
  return value.length;
}
