import { CHAIN_LIMITS, type Chain } from "../model/index.ts";
import { type ChainWorld, chainsOverlap, chainTarget } from "../policy/index.ts";
import { chainFaults } from "./chain-faults.ts";
import { placesOf, placesWanted } from "./chain-places.ts";
import { chainKey } from "./keys.ts";
import type { Problem } from "./problem.ts";
import type { World } from "./world.ts";

/**
 * What is wrong with chains in themselves and with each other. Nothing is mended: a chain that goes away would let
 * traffic pass that it was to inspect.
 */
export function chainProblems(world: World): Problem[] {
  const chainWorld: ChainWorld = {
    networks: Array.from(world.networks.values(), ({ network }) => network),
    hosts: [],
    tenants: Array.from(world.tenants.values(), ({ tenant }) => tenant),
    segments: Array.from(world.segments.values(), ({ segment }) => segment),
    services: [...world.services.values()],
  };
  const chains = [...world.chains.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...[...world.chains].flatMap(([name, chain]) => ownProblems(world, chainWorld, name, chain)),
    ...chains.flatMap((chain, index) => pairProblems(chainWorld, chain, chains.slice(0, index))),
  ];
}

function ownProblems(world: World, chainWorld: ChainWorld, name: string, chain: Chain): Problem[] {
  const key = chainKey(name);
  const problems: Problem[] = [];
  if (name !== chain.name) {
    const message = `The value says "${chain.name}", the key says "${name}"`;
    problems.push({ kind: "unparsable-value", key, message });
  }
  const missing = missingOf(world, chain);
  if (missing.length > 0) {
    const message = `Chain "${name}" needs ${missing.join(" and ")}, not there`;
    problems.push({ kind: "dangling-reference", key, message });
  }
  const network = world.networks.get(chain.network)?.network;
  const target = chainTarget(chainWorld.services, chain);
  if (network !== undefined && target !== undefined) {
    for (const { reason } of chainFaults(chain, network, target)) {
      problems.push({ kind: "wrong-chain", key, message: `Chain "${name}": ${reason}` });
    }
  }
  const places = placesOf(chain.places);
  const isWrong =
    places.length !== placesWanted(chain) ||
    new Set(places).size !== places.length ||
    places.some((place) => place < 1 || place > CHAIN_LIMITS.places);
  if (isWrong) {
    const message = `Chain "${name}" has places ${places.join(", ")}, which do not fit its functions`;
    problems.push({ kind: "wrong-chain", key, message });
  }
  return problems;
}

/** What a chain names and is not there. */
function missingOf(world: World, { network, from, to, through }: Chain): string[] {
  const missing = new Set<string>();
  if (!world.networks.has(network)) missing.add(`network "${network}"`);
  if (from.kind === "tenant" && !world.tenants.has(from.tenant)) missing.add(`tenant "${from.tenant}"`);
  if (to.kind === "service" && !world.services.has(to.service)) missing.add(`service "${to.service}"`);
  for (const part of [from, to, ...through]) {
    if (!("segment" in part)) continue;
    const title = `${part.tenant}/${part.segment}`;
    if (!world.segments.has(title)) missing.add(`segment "${title}"`);
  }
  return [...missing];
}

function pairProblems(world: ChainWorld, chain: Chain, before: readonly Chain[]): Problem[] {
  const key = chainKey(chain.name);
  return before.flatMap((other) => {
    const problems: Problem[] = [];
    if (chainsOverlap(world, chain, other)) {
      const message = `Chains "${other.name}" and "${chain.name}" take some of the same traffic; the first one gets it`;
      problems.push({ kind: "wrong-chain", key, message });
    }
    const shared = placesOf(chain.places).filter((place) => placesOf(other.places).includes(place));
    if (shared.length > 0) {
      const message = `Chains "${other.name}" and "${chain.name}" both have place ${shared.join(", ")}`;
      problems.push({ kind: "wrong-chain", key, message });
    }
    return problems;
  });
}
