import { formatAddress } from "../net/index.ts";
import type { Flow, FlowAnswer, FlowSide, SideDecision } from "../policy/index.ts";
import { encodeProtocol } from "../schema/index.ts";
import type { Result } from "./command.ts";
import { EXIT } from "./exit.ts";
import { type Column, NOTHING, renderTable, type Screen, type Tone } from "./format.ts";

/** A question with its answer. */
export interface AnsweredFlow {
  readonly flow: Flow;
  readonly answer: FlowAnswer;
}

type Considered = SideDecision["considered"][number];

interface SideRow {
  readonly direction: "egress" | "ingress";
  readonly side: FlowSide | undefined;
}

/** The answers about one question, a family each; the exit code says whether any of them is "denied". */
export function whyResult(from: string, to: string, answers: readonly AnsweredFlow[]): Result {
  const isDenied = answers.some(({ answer }) => answer.verdict === "drop");
  return {
    data: { from, to, answers: answers.map(encodeAnswer) },
    exitCode: isDenied ? EXIT.findings : EXIT.ok,
    text: (screen) => answers.map((answered) => renderAnswer(screen, from, to, answered)).join("\n\n"),
  };
}

/** The answers about many flows, a line each. */
export function batchResult(answers: readonly AnsweredFlow[]): Result {
  const by = (side: FlowSide | undefined): string => (side === undefined ? NOTHING : reasonOf(side.decision));
  const columns: Column<AnsweredFlow>[] = [
    {
      title: "verdict",
      value: ({ answer }) => wordOf(answer.verdict),
      tone: ({ answer }) => toneOf(answer.verdict),
    },
    { title: "source", value: ({ flow }) => formatAddress(flow.source) },
    { title: "destination", value: ({ flow }) => formatAddress(flow.destination) },
    { title: "traffic", value: ({ flow }) => trafficWords(flow) },
    { title: "egress", value: ({ answer }) => by(answer.egress) },
    { title: "ingress", value: ({ answer }) => by(answer.ingress) },
    { title: "egress at", value: ({ answer }) => answer.egress?.host?.name, wide: true },
    { title: "ingress at", value: ({ answer }) => answer.ingress?.host?.name, wide: true },
  ];
  return {
    data: answers.map((answered) => {
      const { flow, verdict, egress, ingress } = encodeAnswer(answered);
      return { ...flow, verdict, egress: withoutConsidered(egress), ingress: withoutConsidered(ingress) };
    }),
    text: (screen) => renderTable(screen, columns, answers, "No flows"),
  };
}

function renderAnswer(screen: Screen, from: string, to: string, { flow, answer }: AnsweredFlow): string {
  const who = `${partyWords(from, flow.source)} to ${partyWords(to, flow.destination)}, ${trafficWords(flow)}`;
  const rows: SideRow[] = [
    { direction: "egress", side: answer.egress },
    { direction: "ingress", side: answer.ingress },
  ];
  const columns: Column<SideRow>[] = [
    { title: "direction", value: ({ direction }) => direction },
    { title: "enforced at", value: ({ side }) => side?.host?.name },
    {
      title: "verdict",
      value: ({ side }) => (side === undefined ? undefined : wordOf(side.decision.verdict)),
      tone: ({ side }) => side && toneOf(side.decision.verdict),
    },
    {
      title: "because",
      value: ({ side }) => (side === undefined ? "nobody enforces anything there" : reasonOf(side.decision)),
    },
  ];
  return [
    `${screen.paint(toneOf(answer.verdict), wordOf(answer.verdict))}: ${who}`,
    "",
    renderTable(screen, columns, rows, ""),
    ...rows.flatMap(({ direction, side }) =>
      side === undefined ? [] : notes(screen, direction, side.decision),
    ),
  ].join("\n");
}

function notes(
  screen: Screen,
  direction: string,
  { considered, logged, stateful }: SideDecision,
): readonly string[] {
  const elsewhere = considered.filter(({ outcome }) => outcome === "target");
  const shown = screen.wide ? considered : considered.filter(({ outcome }) => outcome !== "target");
  const columns: Column<Considered>[] = [
    { title: "policy", value: ({ policy }) => policy },
    { title: "tier", value: ({ tier }) => tier },
    { title: "rule", value: (one) => (one.outcome === "target" ? undefined : ruleWords(one)) },
    { title: "verdict", value: (one) => (one.outcome === "target" ? undefined : one.verdict) },
    { title: "outcome", value: ({ outcome }) => OUTCOMES[outcome] },
  ];
  const table =
    shown.length === 0 ? [] : ["", `Considered for ${direction}:`, renderTable(screen, columns, shown, "")];
  const others = elsewhere.length > 0 && !screen.wide;
  return [
    ...table,
    ...(others
      ? [
          "",
          `Not about this ${direction === "egress" ? "source" : "destination"}: ${elsewhere.length} more (-o wide lists them)`,
        ]
      : []),
    ...(logged.length === 0
      ? []
      : ["", `Logged by ${logged.map((one) => `${one.policy} ${ruleWords(one)}`).join(", ")}`]),
    ...(stateful ? [] : ["", `The rule for ${direction} is not stateful: answers need a rule of their own`]),
  ];
}

const OUTCOMES: Readonly<Record<Considered["outcome"], string>> = {
  matched: "matches",
  target: "is not about it",
  peer: "names other peers",
  traffic: "is about other traffic",
};

function reasonOf({ decidedBy }: SideDecision): string {
  switch (decidedBy.kind) {
    case "rule":
      return `${decidedBy.policy} ${ruleWords(decidedBy)}`;
    case "same-tenant":
      return "both are of the same tenant";
    case "same-segment":
      return "both are of the same segment";
    case "isolated":
      if (decidedBy.by === "policies")
        return `isolated by ${decidedBy.policies.join(", ")}; no rule accepts it`;
      if (decidedBy.by === "tenant") return "isolated by its tenant; no rule accepts it";
      return "nobody knows whose address it is; no rule accepts it";
    case "own-host":
      return "comes from its own host";
    case "open":
      return "nothing isolates it";
    case "safety-net":
      return "no policy takes this from a machine";
    case "gateway-service":
      return "the gateway offers it";
    case "to-host":
      return "the host offers no such thing to its endpoints";
    default:
      return decidedBy satisfies never;
  }
}

function ruleWords({ rule, ruleName }: { readonly rule: number; readonly ruleName?: string }): string {
  return `rules[${rule}]${ruleName === undefined ? "" : ` "${ruleName}"`}`;
}

function partyWords(text: string, address: Flow["source"]): string {
  const own = formatAddress(address);
  return text === own ? own : `${text} (${own})`;
}

function trafficWords({ protocol, port, icmp }: Flow): string {
  const word = encodeProtocol(protocol);
  const name = typeof word === "string" ? word : `protocol ${word}`;
  if (icmp !== undefined) return `${name} type ${icmp.type} code ${icmp.code}`;
  return port === undefined ? name : `${name} ${port}`;
}

function wordOf(verdict: FlowAnswer["verdict"]): string {
  return verdict === "accept" ? "allowed" : "denied";
}

function toneOf(verdict: FlowAnswer["verdict"]): Tone {
  return verdict === "accept" ? "good" : "bad";
}

function encodeAnswer({ flow, answer }: AnsweredFlow) {
  const { source, destination, protocol, port, icmp } = flow;
  return {
    verdict: wordOf(answer.verdict),
    flow: {
      source: formatAddress(source),
      destination: formatAddress(destination),
      protocol: encodeProtocol(protocol),
      ...(port !== undefined && { port }),
      ...(icmp !== undefined && { icmp }),
    },
    egress: encodeSide(answer.egress),
    ingress: encodeSide(answer.ingress),
  };
}

function encodeSide(side: FlowSide | undefined) {
  if (side === undefined) return null;
  const { verdict, stateful, decidedBy, logged, considered } = side.decision;
  return {
    host: side.host?.name ?? null,
    verdict: wordOf(verdict),
    because: reasonOf(side.decision),
    decidedBy,
    stateful,
    logged,
    considered,
  };
}

function withoutConsidered(side: ReturnType<typeof encodeSide>) {
  if (side === null) return null;
  const { considered: _, ...rest } = side;
  return rest;
}
