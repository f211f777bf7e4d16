import { isDeepStrictEqual } from "node:util";
import { desiredService, type WantedService } from "../kubernetes/index.ts";
import type { Service, ServiceDetails } from "../model/index.ts";
import { type CustomService, encodeAddressPair, encodeService } from "../schema/index.ts";
import type { WantedCondition } from "./condition-writer.ts";
import { createObjectHandler } from "./object-handler.ts";
import { CONDITIONS } from "./resources.ts";
import type { Handler } from "./site.ts";

/** Makes a service of its object (romana.io/v1), and tells who is behind it. */
export const settleService: Handler = createObjectHandler<CustomService, WantedService, ServiceDetails>({
  noun: "service",
  informer: ({ cluster }) => cluster.informers.customServices,
  made: ({ mirror }) => mirror.services,
  desired: ({ mirror }, object, known) => desiredService(object, mirror.choiceOf(object.namespace), known),
  create: ({ romanad }, wanted) => romanad.createService(wanted),
  async update({ romanad }, wanted, known) {
    const { network, addresses } = known;
    const complete: Service = { ...wanted, network, addresses };
    if (isDeepStrictEqual(encodeService(complete), encodeService(known))) return undefined;
    return await romanad.updateService(wanted);
  },
  remove: ({ romanad }, name) => romanad.deleteService(name),
  describe: (_, { addresses, ports, segment, healthy, members }) => ({
    ready: readyCondition(segment, healthy, members),
    fields: {
      addresses: encodeAddressPair(addresses),
      ports: ports.map(({ port, protocol }) => `${port}/${protocol}`).join(","),
      segment,
      backends: `${healthy}/${members}`,
      healthy,
      members,
    },
  }),
  onChange({ cluster, ask }, key) {
    ask("health/all");
    const [namespace = "", name = ""] = key.split("/");
    for (const [chain, { value, meta }] of cluster.informers.customChains.objects) {
      const { service, namespace: other = meta.namespace } = value?.to ?? {};
      if (service === name && other === namespace) ask(`chain/${chain}`);
    }
  },
});

function readyCondition(segment: string, healthy: number, members: number): WantedCondition {
  const type = CONDITIONS.ready;
  if (healthy > 0) return { type, status: "True", reason: "Healthy", message: "" };
  const message =
    members === 0
      ? `segment "${segment}" has no pod`
      : `none of the ${members} pods of segment "${segment}" is healthy`;
  return { type, status: "False", reason: members === 0 ? "NoPods" : "Unhealthy", message };
}
