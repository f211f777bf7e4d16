import { keyOfNamespacedName } from "../kubernetes/index.ts";
import type { Handler } from "./site.ts";

/** How often the health of what is behind services is read while there are some, in milliseconds. */
const PERIOD = 2_000;

/** Reads how many endpoints of services are healthy, and asks for the services whose status says something else. */
export const settleHealth: Handler = async ({ cluster, mirror, romanad, ask }) => {
  if (cluster.informers.customServices.objects.size === 0) return undefined;
  for (const { name, healthy, members } of await romanad.services()) {
    const known = mirror.services.get(name);
    const key = keyOfNamespacedName(name);
    if (known === undefined || key === undefined) continue;
    if (known.healthy === healthy && known.members === members) continue;
    mirror.services.set(name, { ...known, healthy, members });
    ask(`service/${key}`);
  }
  return PERIOD;
};
