import type { Relocation } from "../model/index.ts";
import { type Address, formatAddress } from "../net/index.ts";
import {
  type Flow,
  type FlowAnswer,
  type FlowSide,
  relocationOf,
  type SideDecision,
  type World,
} from "../policy/index.ts";
import { encodeProtocol } from "../schema/index.ts";
import type { Result } from "./command.ts";
import { EXIT } from "./exit.ts";
import { type Column, count, NOTHING, renderTable, type Screen, type Tone } from "./format.ts";
import { isCut, type PassedChain, type ServedFlow } from "./why-steering.ts";

/** A question with its answer. */
export interface AnsweredFlow {
  readonly flow: Flow;
  readonly answer: FlowAnswer;
}

/** A question with where its flow goes and what it passes. */
export interface SteeredFlow {
  readonly flow: Flow;
  /** When it goes to the address of a service. */
  readonly served?: ServedFlow;
  /** Of each endpoint that it may go to. */
  readonly answers: readonly AnsweredFlow[];
  readonly there?: PassedChain;
  readonly back?: PassedChain;
}

/** An address that is on another host than it says. */
export interface Move {
  readonly address: Address;
  readonly relocation: Relocation;
}

type Considered = SideDecision["considered"][number];

interface SideRow {
  readonly direction: "egress" | "ingress";
  readonly side: FlowSide | undefined;
}

/** The addresses of flows that are elsewhere, each once. */
export function movesOf(world: World, flows: readonly Flow[]): readonly Move[] {
  const addresses = flows.flatMap(({ source, destination }) => [source, destination]);
  const distinct = new Map(addresses.map((address) => [formatAddress(address), address]));
  return [...distinct.values()].flatMap((address): Move[] => {
    const relocation = relocationOf(world, address);
    return relocation === undefined ? [] : [{ address, relocation }];
  });
}

/** The answers about one question, a family each; the exit code says whether any of them is "denied". */
export function whyResult(
  from: string,
  to: string,
  flows: readonly SteeredFlow[],
  moves: readonly Move[],
): Result {
  return {
    data: {
      from,
      to,
      answers: flows.flatMap(({ answers, served, there, back }) =>
        answers.map((answered) => ({
          ...encodeAnswer(answered),
          ...([there, back].some(isCutChain) && { verdict: wordOf("drop") }),
          ...(served && { service: served.service.name }),
          ...(there && { chain: there }),
          ...(back && { chainBack: back }),
        })),
      ),
      ...refusals(flows),
      ...(moves.length > 0 && {
        relocated: moves.map(({ address, relocation: { host, locatedOn } }) => ({
          address: formatAddress(address),
          host,
          locatedOn,
        })),
      }),
    },
    exitCode: flows.some(isDenied) ? EXIT.findings : EXIT.ok,
    text: (screen) =>
      [...flows.map((flow) => renderSteered(screen, from, to, flow)), ...moves.map(moveWords)].join("\n\n"),
  };
}

function moveWords({ address, relocation }: Move): string {
  const { host, locatedOn } = relocation;
  return `${formatAddress(address)} is on host ${locatedOn}, although its bits say ${host}: every host has a route for it alone`;
}

function isDenied({ answers, there, back }: SteeredFlow): boolean {
  const isDropped = answers.some(({ answer }) => answer.verdict === "drop");
  return answers.length === 0 || isDropped || [there, back].some(isCutChain);
}

function isCutChain(chain: PassedChain | undefined): boolean {
  return chain !== undefined && isCut(chain);
}

/** Flows that nobody takes, as services refuse them. */
function refusals(flows: readonly SteeredFlow[]): { refused?: readonly object[] } {
  const refused = flows.flatMap(({ flow, served, answers }) =>
    served === undefined || answers.length > 0
      ? []
      : [{ service: served.service.name, ...encodeFlow(flow), reason: refusalOf(served) }],
  );
  return refused.length === 0 ? {} : { refused };
}

function renderSteered(screen: Screen, from: string, to: string, steered: SteeredFlow): string {
  const { served, answers, there, back } = steered;
  const chains = [
    ...(there === undefined ? [] : ["", chainWords("Passes", there), ...backWords(there, back)]),
    ...(there === undefined && back !== undefined ? ["", chainWords("What goes back passes", back)] : []),
  ];
  const [only] = answers;
  if (served === undefined && only !== undefined)
    return [renderAnswer(screen, headline(screen, from, to, steered), only), ...chains].join("\n");
  const head = headline(screen, from, to, steered);
  if (served === undefined || only === undefined)
    return [head, "", served === undefined ? "" : refusalOf(served)].join("\n");
  const { tenant, segment } = served.service;
  const goes = `Goes to one of ${count(answers.length, "endpoint")} of ${tenant}/${segment}:`;
  return [head, "", goes, renderTable(screen, BATCH_COLUMNS, answers, ""), ...chains].join("\n");
}

function headline(screen: Screen, from: string, to: string, steered: SteeredFlow): string {
  const { source, destination } = steered.flow;
  const verdict = isDenied(steered) ? "drop" : "accept";
  const who = `${partyWords(from, source)} to ${partyWords(to, destination)}, ${trafficWords(steered.flow)}`;
  return `${screen.paint(toneOf(verdict), wordOf(verdict))}: ${who}`;
}

/** Why a service takes no such flow. */
function refusalOf({ service, port }: ServedFlow): string {
  if (port === undefined) return `Service "${service.name}" has no such port: refused`;
  if (typeof port.targetPort === "string")
    return `Service "${service.name}" has no healthy endpoint, or its segment no port "${port.targetPort}": refused`;
  return `Service "${service.name}" has no healthy endpoint: refused`;
}

function chainWords(start: string, { name, way, functions }: PassedChain): string {
  const steps = functions.map(
    ({ tenant, segment, fail, healthy }) =>
      `${tenant}/${segment} (${healthy > 0 ? `${healthy} healthy` : `none healthy: ${fail === "open" ? "passes without it" : "dropped"}`})`,
  );
  const order = way === "forward" ? "" : ", in the reverse order";
  return `${start} chain "${name}"${order}: ${steps.join(", then ")}`;
}

function backWords(there: PassedChain, back: PassedChain | undefined): readonly string[] {
  if (back === undefined) return ["What goes back goes straight"];
  if (back.name !== there.name) return [chainWords("What goes back passes", back)];
  return ["What goes back passes the same endpoints the other way round"];
}

const BATCH_COLUMNS: readonly Column<AnsweredFlow>[] = [
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

function by(side: FlowSide | undefined): string {
  return side === undefined ? NOTHING : reasonOf(side.decision);
}

/** The answers about many flows, a line each. */
export function batchResult(answers: readonly AnsweredFlow[]): Result {
  return {
    data: answers.map((answered) => {
      const { flow, verdict, egress, ingress } = encodeAnswer(answered);
      return { ...flow, verdict, egress: withoutConsidered(egress), ingress: withoutConsidered(ingress) };
    }),
    text: (screen) => renderTable(screen, BATCH_COLUMNS, answers, "No flows"),
  };
}

function renderAnswer(screen: Screen, head: string, { answer }: AnsweredFlow): string {
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
    head,
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
  return {
    verdict: wordOf(answer.verdict),
    flow: encodeFlow(flow),
    egress: encodeSide(answer.egress),
    ingress: encodeSide(answer.ingress),
  };
}

function encodeFlow({ source, destination, protocol, port, icmp }: Flow) {
  return {
    source: formatAddress(source),
    destination: formatAddress(destination),
    protocol: encodeProtocol(protocol),
    ...(port !== undefined && { port }),
    ...(icmp !== undefined && { icmp }),
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
