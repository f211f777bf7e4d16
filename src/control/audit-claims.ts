import { serviceAddresses, virtualIpAddresses } from "../model/index.ts";
import type { Context } from "./context.ts";
import {
  hostAddressKey,
  hostIdKey,
  PREFIX,
  segmentCodeKey,
  serviceAddressKey,
  tenantIdKey,
  tenantKey,
  virtualIpAddressKey,
} from "./keys.ts";
import { type Problem, rewrite } from "./problem.ts";
import { finishCounting } from "./quota.ts";
import { encodeTenantRecord } from "./records.ts";
import { isRest, isRestOver } from "./rest.ts";
import { commit, LOST, put, unchanged } from "./settle.ts";
import type { NounKeys, World } from "./world.ts";

const CLAIM_PREFIXES = [
  PREFIX.hostId,
  PREFIX.hostAddress,
  PREFIX.tenantId,
  PREFIX.segmentCode,
  PREFIX.virtualIpAddress,
  PREFIX.serviceAddress,
];

/** Which key claims an ID, an address or a code for which name; several names when it is used twice. */
function wantedClaims(world: World): Map<string, string[]> {
  const wanted = new Map<string, string[]>();
  const want = (key: string, name: string): void => {
    const names = wanted.get(key);
    if (names === undefined) wanted.set(key, [name]);
    else names.push(name);
  };
  for (const [name, { host }] of world.hosts) {
    want(hostIdKey(host.group, host.id), name);
    for (const address of [host.underlay.ipv4, host.underlay.ipv6]) {
      if (address !== undefined) want(hostAddressKey(address), name);
    }
  }
  for (const [name, virtualIp] of world.virtualIps) {
    for (const address of virtualIpAddresses(virtualIp)) want(virtualIpAddressKey(address), name);
  }
  for (const [name, service] of world.services) {
    for (const address of serviceAddresses(service)) want(serviceAddressKey(address), name);
  }
  for (const [name, { tenant }] of world.tenants) want(tenantIdKey(tenant.id), name);
  for (const { segment } of world.segments.values()) {
    for (const code of segment.codes) want(segmentCodeKey(segment.tenant, code), segment.name);
  }
  return wanted;
}

/** Claims against those that they claim for, both ways. */
export function claimProblems(context: Context, world: World, keys: NounKeys): Problem[] {
  const wanted = wantedClaims(world);
  const problems: Problem[] = [];
  for (const [key, names] of wanted) {
    const [name = "", ...others] = names;
    if (others.length > 0) {
      const list = names.map((each) => `"${each}"`).join(", ");
      problems.push({
        kind: "wrong-claim",
        key,
        message: `It is used by all of ${list}; change all but one`,
      });
      continue;
    }
    const claim = keys.get(key);
    if (claim?.value === name) continue;
    const kind = claim === undefined ? "missing-claim" : "wrong-claim";
    const message =
      claim === undefined
        ? `"${name}" has it, but no key claims it`
        : `"${name}" has it, but the key says ${claim.value}`;
    problems.push({ kind, key, message, repair: rewrite(context, keys, key, name, `claimed for "${name}"`) });
  }
  for (const [key, { value }] of keys) {
    if (wanted.has(key) || !CLAIM_PREFIXES.some((prefix) => key.startsWith(prefix))) continue;
    if (isRest(value)) continue;
    const message = `It is claimed for "${value}", which does not have it`;
    problems.push({
      kind: "wrong-claim",
      key,
      message,
      repair: rewrite(context, keys, key, undefined, "deleted"),
    });
  }
  return problems;
}

/** Claims that rest and whose rest is over. */
export function restedClaims(keys: NounKeys, now: number): string[] {
  return [...keys].flatMap(([key, { value }]) =>
    CLAIM_PREFIXES.some((prefix) => key.startsWith(prefix)) && isRestOver(value, now) ? [key] : [],
  );
}

/** Counts of tenants with a quota against the endpoints that were counted. */
export function usageProblems(
  context: Context,
  world: World,
  keys: NounKeys,
  counts: ReadonlyMap<string, number>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, { tenant, counting, deleting }] of world.tenants) {
    if (tenant.quota === undefined || counting === true) continue;
    const key = PREFIX.tenantUsage + name;
    const said = keys.get(key)?.value;
    const count = counts.get(name) ?? 0;
    if (said === String(count)) continue;
    const message = `Tenant "${name}" has ${count} endpoints, but the count says ${said ?? "nothing"}`;
    const repair = async (): Promise<string | undefined> => {
      const revision = keys.get(tenantKey(name))?.revision ?? 0;
      const record = encodeTenantRecord({ tenant, counting: true, ...(deleting && { deleting }) });
      const marked = await commit(
        context,
        [unchanged(tenantKey(name), revision)],
        [put(tenantKey(name), record)],
      );
      if (marked === LOST) return undefined;
      await finishCounting(context, name);
      return "counted anew";
    };
    problems.push({ kind: "wrong-usage", key, message, repair });
  }
  for (const key of keys.keys()) {
    if (!key.startsWith(PREFIX.tenantUsage)) continue;
    if (world.tenants.get(key.slice(PREFIX.tenantUsage.length))?.tenant.quota !== undefined) continue;
    const message = "It counts the endpoints of a tenant that has no quota";
    problems.push({
      kind: "wrong-usage",
      key,
      message,
      repair: rewrite(context, keys, key, undefined, "deleted"),
    });
  }
  return problems;
}
