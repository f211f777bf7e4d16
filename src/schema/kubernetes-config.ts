import { z } from "zod";
import { firstAddress, lastAddress, parseAddress, parsePrefix } from "../net/index.ts";
import { decodeWith, oneOf, patterned, strict, textOf } from "./decode.ts";
import { labelKeySchema, namespaceNameSchema, objectNameSchema } from "./kubernetes-object.ts";
import { listenSchema } from "./romanad-config.ts";

const pathSchema = patterned(/^\/[^\0]*[^\0/]$/, "an absolute path");

const leaseSchema = strict({
  namespace: namespaceNameSchema.exactOptional(),
  name: objectNameSchema.default("romana-kubernetes"),
  seconds: z.int().min(3).max(300).default(10),
});

/** `PREFIX` or `FIRST-LAST`, as the addresses from the first to the last. */
const addressRangeSchema = textOf(
  (text) => {
    const [from = "", to, ...more] = text.split("-");
    if (to === undefined) {
      const prefix = parsePrefix(text);
      return { first: firstAddress(prefix), last: lastAddress(prefix) };
    }
    const [first, last] = [parseAddress(from), parseAddress(to)];
    if (more.length > 0 || first.family !== last.family || last.value < first.value) {
      throw new SyntaxError(`"${text}" is not FIRST-LAST of one family`);
    }
    return { first, last };
  },
  {
    description: "A prefix, or the first and the last address.",
    examples: ["192.0.2.192/28", "192.0.2.10-192.0.2.19"],
  },
);

/** Everything that romana-kubernetes can be told; every key has a default. */
export const kubernetesConfigSchema = strict({
  server: z
    .string()
    .min(1)
    .default("unix:///run/romana/romanad.sock")
    .meta({ description: "Where romanad is: unix:///PATH or http://HOST:PORT." }),
  kubeconfig: pathSchema.exactOptional().meta({
    description: "File that says where the API server is and who we are; absent: the pod's service account.",
  }),
  listen: listenSchema.nullable().prefault("127.0.0.1:9602").meta({
    description: "TCP address of `/healthz`, `/readyz` and `/metrics`; null for none.",
  }),
  lease: leaseSchema.prefault({ name: "romana-kubernetes", seconds: 10 }).meta({
    description:
      "The Lease by which one of several leads: `namespace` (the pod's own, else kube-system), `name`, and after how many `seconds` (10) of silence another takes over.",
  }),
  topologyLabels: z.array(labelKeySchema).max(8).default([]).meta({
    description:
      "Labels of nodes that name a host's group, from the first level down; none in a flat network.",
  }),
  ignoredLabels: z.array(labelKeySchema).max(100).default([]).meta({
    description:
      "Labels of pods that make no segments, besides the well-known ones of controllers; one that a policy selects by counts nevertheless.",
  }),
  segmentGrace: z.number().min(0).max(86_400).default(60).meta({
    description: "Seconds after which a segment that no pod needs is deleted.",
  }),
  virtualIpPools: z.array(addressRangeSchema).max(100).prefault([]).meta({
    description:
      "Where services of `loadBalancerClass: romana.io/vip` get their addresses: prefixes, or `FIRST-LAST`, in a subnet of the nodes; none: such services get none.",
  }),
  resyncInterval: z.number().min(1).max(86_400).default(300).meta({
    description: "Seconds between two comparisons of everything in romanad with everything in the cluster.",
  }),
  logLevel: oneOf(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .meta({ description: "What is logged." }),
});

/** What romana-kubernetes was told, with the defaults. */
export type KubernetesConfig = z.output<typeof kubernetesConfigSchema>;

/**
 * Reads the configuration of romana-kubernetes; `what` starts the message: `Cannot <what>: …`.
 * @throws RomanaError `invalid-input` with all faults.
 */
export function decodeKubernetesConfig(value: unknown, what: string): KubernetesConfig {
  return decodeWith(kubernetesConfigSchema, what, value);
}
