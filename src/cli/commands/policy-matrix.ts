import { createKubernetesWorld, type Decide, podKey, probeKey, probeMatrix } from "../../kubernetes/index.ts";
import { PROTOCOLS_WITH_PORTS } from "../../model/index.ts";
import type { PolicyWorld } from "../../policy/index.ts";
import { decodeKubernetesWorld, parseProtocol } from "../../schema/index.ts";
import type { Command, Input, Result } from "../command.ts";
import { readDocument } from "../documents.ts";
import { wrongInput } from "../input.ts";
import { POLICY_ENGINES } from "../policy-engines.ts";
import { matrixResult } from "../policy-matrix.ts";
import { segmentMatrix } from "../segment-matrix.ts";
import { readState, readWorld, STATE_OPTION } from "../state-source.ts";
import { readTraffic } from "../why-traffic.ts";

const DEFAULT_ENGINE = "evaluator";
const DEFAULT_PORT = "80";

/** `romana policy matrix`: who reaches whom, among segments or in a Kubernetes cluster that a file describes. */
export const policyMatrix: Command = {
  verb: "matrix",
  summary: "Show who reaches whom: segments, or the pods of a Kubernetes cluster that a file describes",
  options: [
    { name: "protocol", value: "PROTOCOL", summary: "tcp (when left out), udp, sctp, icmp, or a number" },
    { name: "port", value: "PORT", summary: "Destination port; 80 when left out" },
    { name: "tenant", value: "TENANT", summary: "Only segments of this tenant", complete: "tenant" },
    STATE_OPTION,
    {
      name: "world",
      value: "FILE",
      summary: "A Kubernetes cluster instead: namespaces, pods, nodes, network policies and probes",
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
    "romana policy matrix --port 5432",
    "romana policy matrix --tenant shop --protocol icmp",
    "romana policy matrix --state examples/states/shop.yaml --port 5432 -o json",
    "romana policy matrix --world examples/kubernetes/world.yaml",
    "romana policy matrix --world examples/kubernetes/world.yaml -o wide",
    "romana policy matrix --world examples/kubernetes/world.yaml --engine evaluator -o json",
  ],
  run: async (input, context) => {
    const file = input.text("world");
    if (file !== undefined) return matrixOf(readDocument(file), input.text("engine"));
    const state = input.text("state");
    const world = state === undefined ? await readWorld(await context.client()) : readState(state);
    return segmentsOf(input, world);
  },
};

function segmentsOf(input: Input, world: PolicyWorld): Result {
  const protocol = input.text("protocol") ?? "tcp";
  const hasPort = PROTOCOLS_WITH_PORTS.has(parseProtocol(protocol) ?? -1);
  const port = input.text("port") ?? (hasPort ? DEFAULT_PORT : undefined);
  const traffic = readTraffic({ protocol, port });
  const title = `${protocol.toUpperCase()}${port === undefined ? "" : `/${port}`}`;
  const decide = engineNamed(input.text("engine") ?? DEFAULT_ENGINE)(world);
  const { order, matrix } = segmentMatrix(world, decide, traffic, title, input.text("tenant"));
  return matrixResult({ order, matrices: [matrix], problems: [] });
}

/** The matrix of a document. @throws RomanaError `invalid-input` with every fault of the document. */
export function matrixOf(document: unknown, engine = DEFAULT_ENGINE): Result {
  const cluster = decodeKubernetesWorld(document);
  const { world, problems } = createKubernetesWorld(cluster);
  const decide = engineNamed(engine)(world);
  const matrices = cluster.probes.map((probe) => ({
    title: probeKey(probe),
    ...probeMatrix(decide, cluster.pods, probe),
  }));
  return matrixResult({ order: cluster.pods.map(podKey), matrices, problems });
}

function engineNamed(engine: string): (world: PolicyWorld) => Decide {
  const create = Object.hasOwn(POLICY_ENGINES, engine) ? POLICY_ENGINES[engine] : undefined;
  if (create === undefined) throw wrongInput("--engine", `there is no engine "${engine}"`);
  return create;
}
