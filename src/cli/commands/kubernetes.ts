import { randomBytes, randomInt } from "node:crypto";
import type { Client } from "../../client/index.ts";
import type { Kube, ProbeAnswer, RomanadPod, StepResult } from "../../selftest/index.ts";
import { renderClusterStatus } from "../cluster-status-text.ts";
import type { Context, Input, Noun, Option, Result } from "../command.ts";
import { EXIT } from "../exit.ts";
import { type Column, count, renderTable, type Screen, type Tone } from "../format.ts";
import { wrongInput } from "../input.ts";

const DEFAULT_PREFIX = "romana-check";
const DEFAULT_TIMEOUT = 120;
const LAST_PORT = 65_535;

/** Ports of nodes that are neither well known nor usually given to services or connections. */
const NODE_PORTS = { first: 20_000, last: 29_999 };

const KUBECONFIG: Option = {
  name: "kubeconfig",
  value: "FILE",
  summary: "How to reach the cluster; default $KUBECONFIG, ~/.kube/config, or the pod's own account",
  complete: "file",
};

const PREFIX = /^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/;

/** `romana kubernetes`. */
export const kubernetes: Noun = {
  name: "kubernetes",
  summary: "A Kubernetes cluster: whether Romana does in it what it should",
  connection: "romanad",
  commands: [
    {
      verb: "check",
      summary:
        "Test nodes, addresses, connectivity and policies with pods; exit code 1 when something is wrong",
      options: [
        KUBECONFIG,
        {
          name: "image",
          value: "NAME",
          summary: "Image of the pods, with this package; default: romanad's, or this release's",
        },
        {
          name: "namespace",
          value: "PREFIX",
          summary: `What the name of the namespace begins with; default ${DEFAULT_PREFIX}`,
        },
        {
          name: "timeout",
          value: "SECONDS",
          kind: "integer",
          summary: `How long pods may take until they are ready; default ${DEFAULT_TIMEOUT}`,
        },
        { name: "keep", summary: "Leave the namespace and its pods where they are" },
      ],
      examples: [
        "romana kubernetes check",
        "romana kubernetes check --kubeconfig admin.conf --keep",
        "romana kubernetes check --kubeconfig admin.conf --server http://10.0.0.5:9600",
        "romana kubernetes check --image registry.example/romana:0.1.0 -o json",
      ],
      run: async (input, context) => {
        const prefix = input.text("namespace") ?? DEFAULT_PREFIX;
        if (!PREFIX.test(prefix)) {
          throw wrongInput("--namespace", `"${prefix}" is not 1 to 50 lower-case letters, digits and "-"`);
        }
        const { testCluster } = await import("../../selftest/index.ts");
        const { sleep } = await import("../../client/index.ts");
        return withCluster(input, context, async ({ kube, client, pod }) => {
          const steps = await testCluster({
            kube,
            client,
            image: input.text("image") ?? pod?.image ?? `docker.io/library/romana:${context.version}`,
            namespace: `${prefix}-${randomBytes(3).toString("hex")}`,
            nodePort: randomInt(NODE_PORTS.first, NODE_PORTS.last + 1),
            timeout: (input.integer("timeout") ?? DEFAULT_TIMEOUT) * 1000,
            keep: input.flag("keep"),
            signal: context.signal,
            progress: (line) => context.progress(line),
            sleep,
            now: () => performance.now(),
          });
          return checkResult(steps);
        });
      },
    },
    {
      verb: "status",
      summary:
        "Show how nodes, agents, controllers and policies are; exit code 1 when there is something to look at",
      options: [KUBECONFIG],
      examples: [
        "romana kubernetes status",
        "romana kubernetes status -o wide",
        "romana kubernetes status --kubeconfig admin.conf -o json",
      ],
      run: async (input, context) => {
        const { readClusterStatus } = await import("../../selftest/index.ts");
        return withCluster(input, context, async ({ client }) => {
          const now = Date.now();
          const status = await readClusterStatus(input.text("kubeconfig"), client, now);
          return {
            data: status,
            exitCode: status.ok ? EXIT.ok : EXIT.findings,
            text: (screen) => renderClusterStatus(screen, status, now),
          };
        });
      },
    },
    {
      verb: "probe",
      summary: "Connect to HOST:PORT and show who answers; what check runs in its pods",
      arguments: [{ name: "target", summary: "HOST:PORT", many: true }],
      examples: ["romana kubernetes probe 10.16.65.1:8080 [fd00:10:0:100:1:1:0:1]:8080"],
      run: async (input) => {
        const { probeAll } = await import("../../selftest/index.ts");
        const answers = await probeAll(input.argumentList("target"));
        return {
          data: answers,
          text: (screen) => renderTable(screen, ANSWER_COLUMNS, answers, "No targets"),
        };
      },
    },
    {
      verb: "probe-server",
      summary: "Tell a name to whoever connects, until it is interrupted; what the pods of check do",
      options: [
        { name: "name", value: "NAME", summary: "The name", required: true },
        { name: "port", value: "PORT", kind: "integer", summary: "TCP port to listen on", required: true },
      ],
      examples: ["romana kubernetes probe-server --name server-1 --port 8080"],
      run: async (input, { signal }) => {
        const port = input.integer("port") as number;
        if (port < 1 || port > LAST_PORT)
          throw wrongInput("--port", `${port} is not a port, 1 to ${LAST_PORT}`);
        const { serveName } = await import("../../selftest/index.ts");
        const server = await serveName(input.text("name") as string, port, signal);
        await new Promise((resolve) => server.once("close", resolve));
        return { data: { port }, text: () => "" };
      },
    },
  ],
};

interface Reached {
  readonly kube: Kube;
  readonly client: Client;
  /** The pod of romanad that the client speaks with, when no server was named. */
  readonly pod: RomanadPod | undefined;
}

/** Reaches the cluster, and romanad where the command line says, or else in its pod, through the API server. */
async function withCluster<T>(
  input: Input,
  context: Context,
  action: (reached: Reached) => Promise<T>,
): Promise<T> {
  const { openKube, openTunnel } = await import("../../selftest/index.ts");
  const { createClient, parseServer } = await import("../../client/index.ts");
  const kube = openKube(input.text("kubeconfig"));
  const isNamed = (input.text("server") ?? context.env["ROMANA_SERVER"] ?? "") !== "";
  const pod = isNamed ? undefined : await kube.romanadPod();
  const tunnel = pod && (await openTunnel(kube, pod));
  const own = tunnel && createClient({ server: parseServer(tunnel.server), retries: 1 });
  try {
    return await action({ kube, client: own ?? (await context.client()), pod });
  } finally {
    await own?.close();
    tunnel?.close();
  }
}

const TONES: Readonly<Record<StepResult["result"], Tone>> = { ok: "good", failed: "bad", skipped: "warning" };

const STEP_COLUMNS: readonly Column<StepResult>[] = [
  { title: "step", value: ({ name }) => name },
  { title: "result", value: ({ result }) => result, tone: ({ result }) => TONES[result] },
  { title: "time", value: ({ elapsed }) => `${(elapsed / 1000).toFixed(1)} s`, align: "right" },
  { title: "detail", value: ({ detail }) => detail },
];

const ANSWER_COLUMNS: readonly Column<ProbeAnswer>[] = [
  { title: "target", value: ({ target }) => target },
  { title: "answer", value: ({ answer }) => answer },
  { title: "error", value: ({ error }) => error },
];

function checkResult(steps: readonly StepResult[]): Result {
  const failed = steps.filter(({ result }) => result === "failed");
  return {
    data: { ok: failed.length === 0, steps },
    exitCode: failed.length === 0 ? EXIT.ok : EXIT.findings,
    text: (screen) => renderCheck(screen, steps, failed),
  };
}

function renderCheck(screen: Screen, steps: readonly StepResult[], failed: readonly StepResult[]): string {
  const found = failed.flatMap(({ name, findings }) => [
    "",
    screen.paint("strong", `${name}:`),
    ...findings.flatMap(({ reason, advice }) => [`  ${reason}`, `    ${screen.paint("faint", advice)}`]),
  ]);
  const sentence =
    failed.length === 0
      ? screen.paint("good", "Everything that was tested is as it should be.")
      : screen.paint("bad", `${count(failed.length, "step")} failed.`);
  return [renderTable(screen, STEP_COLUMNS, steps, "No steps"), ...found, "", sentence].join("\n");
}
