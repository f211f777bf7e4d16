import { keyOfNamespacedName } from "../kubernetes/index.ts";
import type { Handler, Site } from "./site.ts";

/** How often the health of what is behind services and chains is read while there are some, in milliseconds. */
const PERIOD = 2_000;

/** Reads how many endpoints are healthy, and asks for the services and chains whose status says something else. */
export const settleHealth: Handler = async (site) => {
  const { customServices, customChains } = site.cluster.informers;
  const [services, chains] = [customServices.objects.size > 0, customChains.objects.size > 0];
  await Promise.all([services && readServices(site), chains && readBackends(site)]);
  return services || chains ? PERIOD : undefined;
};

async function readServices({ romanad, mirror, ask }: Site): Promise<void> {
  for (const { name, healthy, members } of await romanad.services()) {
    const known = mirror.services.get(name);
    const key = keyOfNamespacedName(name);
    if (known === undefined || key === undefined) continue;
    if (known.healthy === healthy && known.members === members) continue;
    mirror.services.set(name, { ...known, healthy, members });
    ask(`service/${key}`);
  }
}

async function readBackends({ romanad, mirror, cluster, ask }: Site): Promise<void> {
  if (!mirror.putBackends(await romanad.backends())) return;
  for (const key of cluster.informers.customChains.objects.keys()) ask(`chain/${key}`);
}
