import type {
  LabEndpointStatus,
  LabHostStatus,
  LabProcess,
  LabStatus,
  LabSummary,
  TornDown,
} from "../../lab/index.ts";
import type { Argument, Noun, Result } from "../command.ts";
import { readDocument } from "../documents.ts";
import { EXIT } from "../exit.ts";
import { type Column, count, renderTable, type Screen, type Tone } from "../format.ts";
import { wrongInput } from "../input.ts";
import { encodeMatrix, renderMatrix } from "../matrix.ts";
import { FILE_OPTION } from "../resource.ts";

const LAST_PORT = 65_535;

/** The lab loads the kernel's libraries, which other commands do without. */
async function loadLab(): Promise<typeof import("../../lab/index.ts")> {
  const lab = await import("../../lab/index.ts");
  lab.requireRoot();
  return lab;
}

const LAB: Argument = {
  name: "lab",
  summary: "Name of the lab; may be left out when there is just one",
  optional: true,
  complete: "lab",
};

const STATE_TONES: Readonly<Record<string, Tone>> = {
  up: "good",
  ok: "good",
  starting: "warning",
  unknown: "warning",
  degraded: "bad",
  broken: "bad",
};

/** `romana lab`. */
export const lab: Noun = {
  name: "lab",
  summary: "Several hosts on this machine, as network namespaces with the real programs",
  commands: [
    {
      verb: "up",
      summary: "Bring up the lab that a file describes",
      options: [
        { ...FILE_OPTION, summary: "Description of the lab (YAML or JSON)", required: true },
        { name: "name", value: "NAME", summary: "Another name than the file's, for a second lab of it" },
      ],
      examples: [
        "romana lab up -f examples/topologies/seed.yaml",
        "romana lab up -f examples/topologies/seed.yaml --name second",
      ],
      run: async (input, context) => {
        const name = input.text("name");
        const document = readDocument(input.text("file") as string) as object;
        const { bringUp, readStatus } = await loadLab();
        const topology = await bringUp(name === undefined ? document : { ...document, name }, context);
        return statusResult(await readStatus(topology.name));
      },
    },
    {
      verb: "status",
      summary: "Show the processes, hosts and endpoints of a lab",
      arguments: [LAB],
      examples: ["romana lab status", "romana lab status seed -o json"],
      run: async (input) => {
        const { readStatus, selectLab } = await loadLab();
        return statusResult(await readStatus(selectLab(input.maybeArgument("lab"))));
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the labs of this machine",
      examples: ["romana lab list"],
      run: async () => {
        const { listLabs, summarize } = await loadLab();
        const labs = listLabs().map(summarize);
        return { data: labs, text: (screen) => renderTable(screen, LAB_COLUMNS, labs, "No labs") };
      },
    },
    {
      verb: "exec",
      summary: "Run a command in the namespace of an endpoint, a host or the underlay",
      arguments: [
        { name: "endpoint", summary: 'Name of an endpoint or host, or "underlay"', complete: "lab-endpoint" },
        { name: "command", summary: "The command and its words", many: true },
      ],
      options: [{ name: "lab", value: "LAB", summary: LAB.summary, complete: "lab" }],
      passThrough: true,
      examples: [
        "romana lab exec web-1 -- ping -c 1 10.2.1.17",
        "romana lab exec --lab seed host-1 -- ip route show proto 114",
        "romana lab exec underlay -- tcpdump -ni br0",
      ],
      run: async (input) => {
        const { execute, selectLab } = await loadLab();
        const name = selectLab(input.text("lab"));
        const exitCode = await execute(name, input.argument("endpoint"), input.argumentList("command"));
        return { data: { exitCode }, text: () => "", exitCode };
      },
    },
    {
      verb: "ping",
      summary: "Measure who reaches whom with real packets; exit code 1 when a cell is not as expected",
      arguments: [LAB],
      options: [
        {
          name: "port",
          value: "PORT",
          kind: "integer",
          summary: "Port that TCP and UDP probes go to; 80 when left out",
        },
      ],
      examples: ["romana lab ping", "romana lab ping --port 5432", "romana lab ping seed -o json"],
      run: async (input, context) => {
        const port = input.integer("port");
        if (port !== undefined && (port < 1 || port > LAST_PORT)) {
          throw wrongInput("--port", `${port} is not a port, 1 to ${LAST_PORT}`);
        }
        const { ping, selectLab } = await loadLab();
        const report = await ping(selectLab(input.maybeArgument("lab")), {
          signal: context.signal,
          ...(port !== undefined && { port }),
        });
        return {
          data: encodeMatrix(report),
          exitCode: report.isAsExpected ? EXIT.ok : EXIT.findings,
          text: (screen) => renderMatrix(screen, report),
        };
      },
    },
    {
      verb: "down",
      summary: "Remove a lab with everything that belongs to it, in whatever state it is",
      arguments: [LAB],
      options: [{ name: "all", summary: "Remove all labs" }],
      examples: ["romana lab down seed", "romana lab down --all"],
      run: async (input, context) => {
        const { listLabs, selectLab, tearDown } = await loadLab();
        const name = input.maybeArgument("lab");
        const labs = input.flag("all") ? listLabs() : [name ?? selectLab(undefined)];
        const results: (TornDown & { name: string })[] = [];
        for (const each of labs) {
          context.progress(`lab ${each}: removing`);
          results.push({ name: each, ...(await tearDown(each)) });
        }
        return { data: results, text: () => results.map(describeDown).join("\n") || "No labs" };
      },
    },
  ],
};

const LAB_COLUMNS: readonly Column<LabSummary>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "state", value: ({ state }) => state, tone: ({ state }) => STATE_TONES[state] },
  { title: "hosts", value: ({ hosts }) => hosts, align: "right" },
  { title: "endpoints", value: ({ endpoints }) => endpoints, align: "right" },
];

const PROCESS_COLUMNS: readonly Column<LabProcess>[] = [
  { title: "process", value: ({ name }) => name },
  { title: "pid", value: ({ pid }) => pid, align: "right" },
  { title: "memory", value: ({ memory }) => `${Math.round(memory / 1024 ** 2)} MiB`, align: "right" },
];

const HOST_COLUMNS: readonly Column<LabHostStatus>[] = [
  { title: "host", value: ({ name }) => name },
  { title: "state", value: ({ state }) => state, tone: ({ state }) => STATE_TONES[state] },
  { title: "underlay", value: ({ underlay }) => [underlay.ipv4, underlay.ipv6].join(", ") },
  { title: "problems", value: ({ problems }) => problems.join("; ") },
  { title: "namespace", value: ({ namespace }) => namespace, wide: true },
];

const ENDPOINT_COLUMNS: readonly Column<LabEndpointStatus>[] = [
  { title: "endpoint", value: ({ name }) => name },
  { title: "host", value: ({ host }) => host },
  { title: "tenant", value: ({ tenant }) => tenant },
  { title: "segment", value: ({ segment }) => segment },
  { title: "IPv4", value: ({ ipv4 }) => ipv4 },
  { title: "IPv6", value: ({ ipv6 }) => ipv6 },
  { title: "namespace", value: ({ namespace }) => namespace, wide: true },
];

function statusResult(status: LabStatus): Result {
  return {
    data: status,
    exitCode: status.state === "up" ? EXIT.ok : EXIT.findings,
    text: (screen) =>
      [
        headline(screen, status),
        renderTable(screen, PROCESS_COLUMNS, status.processes, "No processes"),
        renderTable(screen, HOST_COLUMNS, status.hosts, "No hosts"),
        renderTable(screen, ENDPOINT_COLUMNS, status.endpoints, "No endpoints"),
      ].join("\n\n"),
  };
}

function headline(screen: Screen, { name, state, server }: LabStatus): string {
  const painted = screen.paint(STATE_TONES[state] ?? "warning", state);
  return `lab ${name} is ${painted}; romana --server ${server}`;
}

function describeDown({ name, found, processes, namespaces }: TornDown & { name: string }): string {
  if (!found) return `lab ${name} is not there`;
  return `lab ${name} removed: ${count(processes, "process", "processes")}, ${count(namespaces, "namespace")}`;
}
