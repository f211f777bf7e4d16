import { createKubernetesWorld, type Decide, podKey, probeMatrix } from "../../kubernetes/index.ts";
import type { PolicyWorld } from "../../policy/index.ts";
import { decodeKubernetesWorld } from "../../schema/index.ts";
import type { Command, Result } from "../command.ts";
import { readDocument } from "../documents.ts";
import { wrongInput } from "../input.ts";
import { POLICY_ENGINES } from "../policy-engines.ts";
import { matrixResult } from "../policy-matrix.ts";

const DEFAULT_ENGINE = "evaluator";

/** `romana policy matrix`: who reaches whom in a cluster that a file describes. It needs no romanad. */
export const policyMatrix: Command = {
  verb: "matrix",
  summary: "Show who reaches whom in a Kubernetes cluster that a file describes",
  options: [
    {
      name: "world",
      value: "FILE",
      summary: "Namespaces, pods, nodes, network policies and probes of the cluster",
      required: true,
      complete: "file",
    },
    {
      name: "engine",
      value: "ENGINE",
      choices: Object.keys(POLICY_ENGINES),
      summary: `What to ask; ${DEFAULT_ENGINE} when absent`,
    },
  ],
  examples: [
    "romana policy matrix --world examples/kubernetes/world.yaml",
    "romana policy matrix --world examples/kubernetes/world.yaml -o wide",
    "romana policy matrix --world examples/kubernetes/world.yaml --engine evaluator -o json",
  ],
  run: (input) => matrixOf(readDocument(input.text("world") as string), input.text("engine")),
};

/** The matrix of a document. @throws RomanaError `invalid-input` with every fault of the document. */
export function matrixOf(document: unknown, engine = DEFAULT_ENGINE): Result {
  const cluster = decodeKubernetesWorld(document);
  const { world, problems } = createKubernetesWorld(cluster);
  const decide = engineNamed(engine)(world);
  const matrices = cluster.probes.map((probe) => probeMatrix(decide, cluster.pods, probe));
  return matrixResult({ order: cluster.pods.map(podKey), matrices, problems });
}

function engineNamed(engine: string): (world: PolicyWorld) => Decide {
  const create = Object.hasOwn(POLICY_ENGINES, engine) ? POLICY_ENGINES[engine] : undefined;
  if (create === undefined) throw wrongInput("--engine", `there is no engine "${engine}"`);
  return create;
}
