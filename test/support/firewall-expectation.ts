import { expect } from "vitest";
import type { Address } from "../../src/net/index.ts";
import { expectReachable, type Party, type Traffic } from "../../src/policy/index.ts";
import { describeProbe, type Probe, type ProbeOutcome } from "./firewall-probes.ts";
import type { FirewallScene, SceneParty } from "./firewall-scene.ts";

/** What arrived is what the evaluator lets pass, and the counters count its reasons for all else. */
export function expectAsJudged(
  scene: FirewallScene,
  probes: readonly Probe[],
  { arrived, drops }: ProbeOutcome,
  traffic: Traffic,
): void {
  const expected: string[] = [];
  const reasons = new Map<string, number>();
  for (const probe of probes) {
    const source = partyOf(scene, probe.from, probe.source);
    const destination = partyOf(scene, probe.to, probe.destination);
    const { verdict, reason } = expectReachable(
      scene.world,
      scene.gatewayServices,
      source,
      destination,
      traffic,
    );
    if (verdict === "accept") expected.push(describeProbe(probe));
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  expect([...arrived].map(describeProbe).sort()).toEqual(expected.sort());
  expect(drops).toEqual(reasons);
}

function partyOf(scene: FirewallScene, { kind, name }: SceneParty, address: Address): Party {
  if (kind !== "host") return { kind, address };
  const own = scene.hosts.find(({ host }) => host.name === name);
  if (own === undefined) throw new Error(`no host ${name}`);
  return { kind, host: own.host, address };
}
