import { CHAIN_LIMITS, type Chain, type Fault, type Network } from "../model/index.ts";
import type { SegmentEnd } from "../policy/index.ts";

/**
 * What is wrong with a chain in itself: functions of which there are none, too many, or one twice, a way through
 * itself, nobody to take traffic of, a family that its network has not. `target`: the segment that it leads to.
 */
export function chainFaults(
  { from, through }: Pick<Chain, "from" | "through">,
  network: Network,
  target: SegmentEnd,
): Fault[] {
  const faults: Fault[] = [];
  if (through.length < 1 || through.length > CHAIN_LIMITS.functions) {
    faults.push({
      path: "through",
      reason: `has ${through.length} functions, not 1 to ${CHAIN_LIMITS.functions}`,
    });
  }
  const seen = new Set<string>();
  for (const [index, step] of through.entries()) {
    const title = `${step.tenant}/${step.segment}`;
    const path = `through.${index}`;
    if (seen.has(title))
      faults.push({ path, reason: `"${title}" is there twice: nobody could tell what it has passed` });
    seen.add(title);
    if (isSame(step, target))
      faults.push({ path, reason: `"${title}" is where the chain leads to; it cannot go through itself` });
    if (from.kind === "segment" && isSame(step, from))
      faults.push({ path, reason: `"${title}" is where the chain begins; it cannot go through itself` });
  }
  if (from.kind === "segment" && isSame(from, target)) {
    const reason = `"${from.tenant}/${from.segment}" is where the chain leads to; what stays within a segment goes straight`;
    faults.push({ path: "from", reason });
  }
  if (from.kind === "cidr" && network.plans[`ipv${from.prefix.family}`] === undefined) {
    const reason = `network "${network.name}" has no IPv${from.prefix.family}`;
    faults.push({ path: "from.cidr", reason });
  }
  return faults;
}

function isSame(
  a: { readonly tenant: string; readonly segment: string },
  b: { readonly tenant: string; readonly segment: string },
): boolean {
  return a.tenant === b.tenant && a.segment === b.segment;
}
