import { serviceAddressFault } from "../ipam/index.ts";
import { type Service, serviceAddresses } from "../model/index.ts";
import { serviceKey } from "./keys.ts";
import type { Problem } from "./problem.ts";
import type { World } from "./world.ts";

/** What is wrong with services: what they name is not there, or their addresses are not of their network. */
export function serviceProblems(world: World): Problem[] {
  return [...world.services].flatMap(([name, service]) => [
    ...renamedProblems(name, service),
    ...missingProblems(world, name, service),
    ...addressProblems(world, name, service),
  ]);
}

function renamedProblems(name: string, service: Service): Problem[] {
  if (name === service.name) return [];
  const message = `The value says "${service.name}", the key says "${name}"`;
  return [{ kind: "unparsable-value", key: serviceKey(name), message }];
}

function missingProblems(world: World, name: string, service: Service): Problem[] {
  const { network, tenant, segment } = service;
  const missing = [
    world.networks.has(network) ? [] : [`network "${network}"`],
    world.segments.has(`${tenant}/${segment}`) ? [] : [`segment "${tenant}/${segment}"`],
  ].flat();
  if (missing.length === 0) return [];
  const message = `Service "${name}" needs ${missing.join(" and ")}, not there`;
  return [{ kind: "dangling-reference", key: serviceKey(name), message }];
}

function addressProblems(world: World, name: string, service: Service): Problem[] {
  const network = world.networks.get(service.network)?.network;
  if (network === undefined) return [];
  return serviceAddresses(service).flatMap((address): Problem[] => {
    const fault = serviceAddressFault(network, address);
    if (fault === undefined) return [];
    return [{ kind: "wrong-address", key: serviceKey(name), message: `Service "${name}": ${fault}` }];
  });
}
